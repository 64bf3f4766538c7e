//! `bookend reconcile` where there is no API server: how it begins and ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// The program, with a kubeconfig for a server that is not there.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let kubeconfig = folder.join("config");
    let server = "{server: 'http://127.0.0.1:1'}";
    let text = format!(
        "clusters: [{{name: c, cluster: {server}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{}}}}]\ncurrent-context: c\n"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command
        .args(["reconcile", "--adapter-image", "example.com/adapter:1"])
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null());
    command
}

fn ends(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    let Output { status, stderr, .. } = program(folder.path(), arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_folder_is_no_place_to_reconcile() {
    let (code, text) = ends(&["--cluster", "somewhere", "--listen", "none"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("needs an API server") && text.contains("bookend run"), "{text}");
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = ends(&["--alone", "--listen", &address]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn without_a_server_it_waits_and_says_so_and_ends_well_when_asked() {
    let folder = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let mut process = program(folder.path(), &["--listen", &listen])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    while !ask(port, "/healthz").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < end, "it does not answer");
        thread::sleep(Duration::from_millis(20));
    }
    let ready = ask(port, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("promises.platform.kratix.io are not known yet"), "{ready}");
    assert!(ask(port, "/metrics").contains("\nbookend_leader 0\n"));
    kill(Pid::from_raw(i32::try_from(process.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

fn ask(port: u16, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    let mut answer = String::new();
    let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let _ = stream.read_to_string(&mut answer);
    answer
}
