//! What is written, and what is not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bookend::core::placement::{Change, Content, Edit};
use bookend::store::Store as _;
use bookend::store::bucket::{BucketOptions, BucketStore};

use super::{address, at, file, folder, keys, made, open, options};
use crate::remotes::certificates::Authority;
use crate::remotes::s3::{Gateway, KEY, KEY_ID, Options};
use crate::store_body::{Traits, behaves_like_a_store};

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_bucket_is_a_store() {
    for other_tags in [false, true] {
        let files = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(files.path(), &Options { other_tags, ..Options::default() });
        gateway.bucket("bucket");
        let traits = Traits { folders: false, versions: false, atomic: false };
        behaves_like_a_store(traits, |name| open(&gateway, &format!("bucket/{name}"))).await;
        assert_eq!(gateway.begun_uploads("bucket"), 0);
    }
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn over_tls_with_an_authority_of_ones_own() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let certified = authority.certify("localhost", false);
    let gateway = Gateway::start(
        files.path(),
        &Options { certified: Some(&certified), ..Options::default() },
    );
    gateway.bucket("bucket");
    let text = format!("s3://bucket/r?endpoint={}", gateway.endpoint());
    let authorities = Some(authority.pem().into_bytes());
    let options = BucketOptions { authorities, ..options() };
    let store = BucketStore::open(&address(&text), &keys(KEY_ID, KEY), &options).unwrap();
    store.check().await.unwrap();
    assert_eq!(gateway.objects("bucket"), [], "a check leaves nothing");
    assert_eq!(gateway.begun_uploads("bucket"), 0, "a check leaves nothing");
    made(&store, &folder("g", vec![file("g/a b", "1")])).await;
    assert_eq!(gateway.objects("bucket"), [("r/g/a b".to_owned(), b"1".to_vec())]);
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_big_file_goes_in_parts_and_is_not_sent_again() {
    let files = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(files.path(), &Options::default());
    gateway.bucket("bucket");
    let content: Vec<u8> = (0..3_u32 << 20).flat_map(u32::to_le_bytes).collect();
    let output = tempfile::tempdir().unwrap();
    fs::write(output.path().join("big"), &content).unwrap();
    let big = Content::Disk {
        root: Arc::new(output.path().to_owned()),
        path: "big".into(),
        bytes: content.len() as u64,
    };
    let mut big_file = file("g/big", "");
    big_file.content = big;
    let change = folder("g", vec![big_file, file("g/held", &content)]);
    let store = open(&gateway, "bucket");
    let first = made(&store, &change).await;
    assert_eq!((first.written, first.bytes), (2, 2 * content.len() as u64));
    for (key, found) in gateway.objects("bucket") {
        assert!(found == content, "{key}");
    }
    assert_eq!(gateway.begun_uploads("bucket"), 0);
    let again = made(&open(&gateway, "bucket"), &change).await;
    assert_eq!((again.written, again.unchanged, &again.version), (0, 2, &first.version));
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn ten_thousand_objects_are_listed_by_the_page_and_deleted_by_the_thousand() {
    let files = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(files.path(), &Options::default());
    gateway.bucket("bucket");
    let root = gateway.root().join("bucket");
    for number in 0..10_000 {
        let path = root.join(format!("r/g/{:03}/f{number:05}", number % 100));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    fs::create_dir(root.join("r/gg")).unwrap();
    fs::write(root.join("r/gg/sibling"), "x").unwrap();
    let store = open(&gateway, "bucket/r");
    let found = store.list(&at("g")).await.unwrap().files;
    assert_eq!(found.len(), 10_000);
    assert!(found.is_sorted_by(|a, b| a.at < b.at));
    let applied = made(&store, &folder("g", vec![file("g/000/f00000", "x")])).await;
    assert_eq!((applied.written, applied.deleted, applied.unchanged), (0, 9_999, 1));
    let left: Vec<String> = gateway.objects("bucket").into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["r/g/000/f00000", "r/gg/sibling"]);
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_folder_that_a_console_made_is_no_file() {
    let files = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(files.path(), &Options::default());
    gateway.bucket("bucket");
    let store = open(&gateway, "bucket");
    // An object whose key ends with `/`: the server lists folders that are empty as such.
    fs::create_dir_all(gateway.root().join("bucket/g/empty")).unwrap();
    let change = folder("g", vec![file("g/a", "1")]);
    made(&store, &change).await;
    let again = made(&store, &change).await;
    assert_eq!((again.written, again.deleted, again.unchanged), (0, 0, 1));
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_bucket_with_versions_gets_none_for_nothing() {
    let files = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(files.path(), &Options { versions: true, ..Options::default() });
    gateway.bucket("bucket");
    let store = open(&gateway, "bucket");
    let change = folder("g", vec![file("g/a", "1"), file("g/b", "2")]);
    let first = made(&store, &change).await;
    assert_eq!(made(&store, &change).await.version, first.version);
    let other = made(&store, &folder("g", vec![file("g/a", "1")])).await;
    assert_eq!((other.deleted, other.unchanged), (1, 1));
    assert_ne!(other.version, first.version);
}

/// Passes on all that comes, and does something before the first delete.
fn before_the_first_delete(server: u16, then: impl Fn() + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let then = Arc::new((AtomicBool::new(true), then));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, then) = (client.unwrap(), then.clone());
            let mut server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut back, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut back, &mut to));
            thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    if buffer.starts_with(b"DELETE ") && then.0.swap(false, Ordering::SeqCst) {
                        (then.1)();
                    }
                    server.write_all(&buffer[..read]).unwrap();
                }
            });
        }
    });
    port
}

fn part(of: &str, text: Option<&str>) -> Change {
    let content = text.map(|text| vec![Content::Bytes(text.as_bytes().into())]);
    let edits = vec![Edit::Part { at: at("all.yaml"), of: of.to_owned(), content }];
    Change { edits, ..Change::default() }
}

#[tokio::test]
#[ignore = "needs versitygw: tests/stores/run"]
async fn a_file_of_many_is_not_deleted_when_somebody_has_written_into_it_meanwhile() {
    let files = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(files.path(), &Options::default());
    gateway.bucket("bucket");
    let other = Arc::new(open(&gateway, "bucket"));
    made(&other, &part("a", Some("kind: A"))).await;
    let port = before_the_first_delete(gateway.port, {
        let other = other.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // It has read what is about to be deleted.
            runtime.unwrap().block_on(made(&other, &part("b", Some("kind: B"))));
        }
    });
    let text = format!("s3://bucket?endpoint=localhost:{port}&insecure=true");
    let store = BucketStore::open(&address(&text), &keys(KEY_ID, KEY), &options()).unwrap();
    let applied = made(&store, &part("a", None)).await;
    assert_eq!((applied.attempts, applied.written, applied.deleted), (2, 1, 0));
    let all = [("all.yaml".to_owned(), b"# bookend part: b\n---\nkind: B\n".to_vec())];
    assert_eq!(gateway.objects("bucket"), all);
    assert_eq!(made(&store, &part("b", None)).await.deleted, 1);
    assert_eq!(gateway.objects("bucket"), []);
}
