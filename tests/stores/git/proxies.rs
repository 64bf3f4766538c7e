//! Proxies of the environment. It is read once in a process, so each test runs itself again in one of its own.

use std::env;
use std::process::Command;

use bookend::exit::chain;
use bookend::store::credentials::Credentials;
use bookend::store::git::transport::Settings;

use super::{Https, Scratch, blocking};
use crate::remotes::proxy::Proxy;
use crate::remotes::repository::Repository;

/// Runs one of the tests below in an environment with these variables and no other proxy, and returns what it says.
fn again(test: &str, variables: &[(&str, String)], ca: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ca).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", test]).env("CHILD_CA", &file);
    for name in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    let output =
        command.envs(variables.iter().map(|(name, value)| (name, value))).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// What a test says of a fetch in a process of its own.
#[test]
#[ignore = "run by the tests below"]
fn in_a_process_of_its_own() {
    let Ok(url) = env::var("CHILD_URL") else { return };
    let ca = std::fs::read(env::var("CHILD_CA").unwrap()).unwrap();
    blocking(move || {
        let settings = Settings { authorities: Some(ca), ..Settings::default() };
        let scratch = Scratch::new(&url, Credentials::Ambient, settings);
        match scratch.fetch() {
            Ok(_) => println!("fetched"),
            Err(failed) => println!("failed: {}", chain(&failed.cause.unwrap())),
        }
    });
}

fn fetched(https: &Https, host: &str, variables: &[(&str, String)]) -> String {
    let url = format!("https://{host}:{}/one.git", https.server.port);
    let mut all = vec![("CHILD_URL", url)];
    all.extend(variables.iter().cloned());
    let ca = https.settings.authorities.clone().unwrap();
    again("git::proxies::in_a_process_of_its_own", &all, &ca)
}

#[test]
fn a_proxy_of_the_environment_is_used_and_its_password_not_told() {
    let https = Https::start();
    Repository::with_commit(https.root.path().join("one.git"));
    // `u:hunter2`
    let proxy = Proxy::start(Some("Basic dTpodW50ZXIy"));
    let good = format!("http://u:hunter2@127.0.0.1:{}", proxy.port);
    let said = fetched(&https, "localhost", &[("HTTPS_PROXY", good.clone())]);
    assert!(said.contains("fetched"), "{said}");
    let requests = proxy.requests();
    assert!(
        requests[0].starts_with(&format!("CONNECT localhost:{} ", https.server.port)),
        "{requests:?}"
    );

    let wrong = format!("http://u:hunter3@127.0.0.1:{}", proxy.port);
    let said = fetched(&https, "localhost", &[("HTTPS_PROXY", wrong)]);
    assert!(said.contains("failed: the credentials are refused: the proxy"), "{said}");
    assert!(!said.contains("hunter"), "{said}");

    let before = proxy.requests().len();
    let around = [("HTTPS_PROXY", good), ("NO_PROXY", "localhost".to_owned())];
    let said = fetched(&https, "localhost", &around);
    assert!(said.contains("fetched"), "{said}");
    assert_eq!(proxy.requests().len(), before, "it went around");
}

#[test]
fn a_proxy_that_is_not_there_is_told_without_its_password() {
    let https = Https::start();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = format!("http://u:hunter2@127.0.0.1:{gone}");
    let said = fetched(&https, "localhost", &[("HTTPS_PROXY", gone)]);
    assert!(said.contains("failed: it cannot be reached"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(https.server.seen().is_empty(), "nothing goes around a proxy that fails");
}

#[test]
fn a_name_that_only_the_proxy_knows_is_left_to_it() {
    let https = Https::start();
    Repository::with_commit(https.root.path().join("one.git"));
    let proxy = Proxy::start(None);
    let variables = [("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port))];
    // The certificate is for `localhost`: it is checked through a proxy as well.
    let said = fetched(&https, "git.invalid", &variables);
    assert!(said.contains("failed: it is not to be trusted"), "{said}");
    assert_eq!(proxy.requests().len(), 1);
}
