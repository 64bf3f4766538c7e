//! Servers that say no, or nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use bookend::store::bucket::{BucketOptions, BucketStore, Timeouts};
use bookend::store::{Store as _, Trouble};

use super::{address, file, folder, keys, made, open, options, trouble};
use crate::remotes::certificates::Authority;
use crate::remotes::s3::{Gateway, KEY, KEY_ID, Options};

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_wrong_key_and_a_wrong_bucket_are_told_by_the_servers_own_code() {
    let files = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(files.path(), &Options::default());
    gateway.bucket("bucket");
    for (bucket, key_id, key, expect) in [
        ("bucket", "AKIDUNKNOWN", KEY, "credentials are refused: 404 XAdminUserNotFound"),
        ("bucket", KEY_ID, "wrong", "credentials are refused: 403 SignatureDoesNotMatch"),
        ("absent", KEY_ID, KEY, "there is no bucket `absent`"),
    ] {
        let text = format!("s3://{bucket}?endpoint={}&insecure=true", gateway.endpoint());
        let store = BucketStore::open(&address(&text), &keys(key_id, key), &options()).unwrap();
        let checked = store.check().await.unwrap_err();
        for trouble in [checked.trouble, trouble(&store).await] {
            let said = trouble.to_string();
            assert!(said.contains(expect), "{said}");
            assert!(!format!("{trouble:?}").contains(key), "{trouble:?}");
            assert!(!trouble.may_pass());
        }
    }
    assert_eq!(gateway.objects("bucket"), []);
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn who_is_not_to_be_trusted_is_not_asked() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    for (name, is_old, trusted) in
        [("localhost", false, false), ("localhost", true, true), ("other", false, true)]
    {
        let certified = authority.certify(name, is_old);
        let options_of_server = Options { certified: Some(&certified), ..Options::default() };
        let gateway = Gateway::start(files.path(), &options_of_server);
        gateway.bucket("bucket");
        let text = format!("s3://bucket?endpoint={}", gateway.endpoint());
        let authority = if trusted { authority.pem() } else { Authority::new().pem() };
        let options = BucketOptions { authorities: Some(authority.into_bytes()), ..options() };
        let store = BucketStore::open(&address(&text), &keys(KEY_ID, KEY), &options).unwrap();
        let trouble = trouble(&store).await;
        assert!(matches!(trouble, Trouble::Untrusted(_)), "{trouble:?}");
    }
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_server_that_is_gone_is_told_and_the_next_try_mends_what_is_missing() {
    let files = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(files.path(), &Options::default());
    gateway.bucket("bucket");
    let store = open(&gateway, "bucket");
    let change = folder("g", vec![file("g/a", "1"), file("g/b", "1")]);
    made(&store, &change).await;
    let port = gateway.port;
    gateway.kill();
    let gone = trouble(&store).await;
    assert!(matches!(gone, Trouble::Unreachable(_)), "{gone:?}");
    assert!(gone.may_pass());
    drop(gateway);
    let gateway = Gateway::start(files.path(), &Options { port: Some(port), ..Options::default() });
    assert_eq!(made(&store, &change).await.unchanged, 2);
    drop(gateway);
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_no_longer_than_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Takes what comes, and says nothing.
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || stream.unwrap().read_to_end(&mut Vec::new()));
        }
    });
    let timeouts =
        Timeouts { request: Duration::from_millis(100), retries_max: 1, ..Timeouts::default() };
    let text = format!("s3://bucket?endpoint=localhost:{port}&insecure=true");
    let options = BucketOptions { timeouts, ..BucketOptions::default() };
    let store = BucketStore::open(&address(&text), &keys(KEY_ID, KEY), &options).unwrap();
    let trouble = trouble(&store).await;
    assert!(matches!(trouble, Trouble::Late(limit) if limit == timeouts.request), "{trouble:?}");
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is_asked_again_no_sooner() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, asked) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 503 Slow Down\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            _ = stream.write_all(answer.as_bytes());
            told.send(Instant::now()).unwrap();
        }
    });
    let text = format!("s3://bucket?endpoint=localhost:{port}&insecure=true");
    let store = BucketStore::open(&address(&text), &keys(KEY_ID, KEY), &options()).unwrap();
    let trouble = trouble(&store).await;
    assert!(trouble.may_pass(), "{trouble:?}");
    let asked: Vec<Instant> = asked.try_iter().collect();
    assert_eq!(asked.len(), 2, "once, and once again");
    // Without that it would be a tenth of a second.
    assert!(asked[1] - asked[0] > Duration::from_millis(900), "{:?}", asked[1] - asked[0]);
}
