//! Servers that are gone, slow, full, or say no and then yes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::site::{Kind, Site};
use super::{Output, laid_down};

pub(super) fn files(content: &str) -> Output {
    (0..5)
        .map(|number| (format!("f{number}.yaml"), format!("{content}: {number}\n").into_bytes()))
        .collect()
}

/// Writes, and returns how that ended and what was said.
pub(super) fn writes(site: &Site, output: &Output) -> (ExitStatus, String) {
    let folder = tempfile::tempdir_in(site.own.path()).unwrap();
    let ended = site.writer(1, &laid_down(folder.path(), output)).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!said.contains("not-a-secret"), "{said}");
    (ended.status, said)
}

pub(super) fn holds(site: &Site, output: &Output) {
    assert_eq!(site.found().get(&1), Some(output));
    site.is_sound();
}

/// Takes connections, and does with each what it is told: the number of those before, the connection, the port to go on to.
pub(super) fn in_between(
    port: u16,
    then: impl Fn(usize, TcpStream, u16) + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let (then, count) = (Arc::new(then), AtomicUsize::new(0));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (then, before) = (then.clone(), count.fetch_add(1, Ordering::Relaxed));
            thread::spawn(move || then(before, stream.unwrap(), port));
        }
    });
    own
}

/// Passes on what comes, in pieces, with a wait before each; counts the bytes.
pub(super) fn pass_on(stream: &TcpStream, port: u16, wait: Duration, passed: &Arc<AtomicU64>) {
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        let passed = Arc::clone(passed);
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok(read) = from.read(&mut buffer) {
                passed.fetch_add(read as u64, Ordering::Relaxed);
                thread::sleep(wait);
                if read == 0 || to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            _ = to.shutdown(Shutdown::Write);
        })
    };
    let there = pass(stream.try_clone().unwrap(), server.try_clone().unwrap());
    let back = pass(server, stream.try_clone().unwrap());
    _ = there.join();
    _ = back.join();
}

#[test]
#[ignore = "needs versitygw: tests/stores/run"]
fn a_server_that_is_slow_is_written_to() {
    for kind in [Kind::Git, Kind::S3] {
        let storage = tempfile::tempdir().unwrap();
        let mut site = Site::new(kind, storage.path());
        let port = in_between(site.port(), |_, stream, port| {
            pass_on(&stream, port, Duration::from_millis(20), &Arc::default());
        });
        site.goes_by(port);
        let (status, said) = writes(&site, &files("slow"));
        assert!(status.success(), "{kind:?}: {said}");
        holds(&site, &files("slow"));
    }
}

#[test]
#[ignore = "needs versitygw: tests/stores/run"]
fn a_server_that_breaks_connections_off_is_told_or_asked_again_and_mended() {
    for kind in [Kind::Git, Kind::S3] {
        let storage = tempfile::tempdir().unwrap();
        let mut site = Site::new(kind, storage.path());
        assert!(writes(&site, &files("before")).0.success());
        let port = in_between(site.port(), |before, stream, port| {
            // Some of the first connections end in the middle.
            match before % 2 == 0 && before < 10 {
                true => {
                    let mut head = [0; 300];
                    _ = (&stream).read(&mut head);
                    _ = stream.shutdown(Shutdown::Both);
                }
                false => pass_on(&stream, port, Duration::ZERO, &Arc::default()),
            }
        });
        site.goes_by(port);
        let mut tries = 0;
        while !writes(&site, &files("after")).0.success() {
            tries += 1;
            assert!(tries < 12, "{kind:?}");
        }
        holds(&site, &files("after"));
    }
}

#[test]
#[ignore = "needs versitygw: tests/stores/run"]
fn a_server_that_was_gone_is_written_to_when_it_is_back() {
    let storage = tempfile::tempdir().unwrap();
    let mut site = Site::new(Kind::S3, storage.path());
    assert!(writes(&site, &files("before")).0.success());
    site.gateway.as_mut().unwrap().kill();
    let (status, said) = writes(&site, &files("after"));
    assert!(!status.success() && said.contains("it cannot be reached"), "{said}");
    site.starts_again();
    holds(&site, &files("before"));
    assert!(writes(&site, &files("after")).0.success());
    holds(&site, &files("after"));
}

#[test]
fn a_repository_that_asks_who_we_are_and_then_lets_us_in_is_written_to() {
    let storage = tempfile::tempdir().unwrap();
    let site = Site::new(Kind::Git, storage.path());
    for of in ["/info/refs?service=git-upload-pack", "POST /r.git/git-receive-pack"] {
        site.https.as_ref().unwrap().answer(of, 1, 401, &[("www-authenticate", "Basic")], "");
        let content = files(of.split('/').next_back().unwrap());
        let mut tries = 0;
        loop {
            let (status, said) = writes(&site, &content);
            if status.success() {
                break;
            }
            assert!(said.contains("the credentials are refused"), "{said}");
            tries += 1;
            assert!(tries < 3, "{said}");
        }
        holds(&site, &content);
    }
}

#[test]
#[ignore = "needs versitygw: tests/stores/run"]
fn a_bucket_that_says_no_and_then_yes_is_written_to() {
    let storage = tempfile::tempdir().unwrap();
    let mut site = Site::new(Kind::S3, storage.path());
    let port = in_between(site.port(), |before, mut stream, port| match before {
        0 => {
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
        _ => pass_on(&stream, port, Duration::ZERO, &Arc::default()),
    });
    site.goes_by(port);
    let (status, said) = writes(&site, &files("no"));
    assert!(!status.success() && said.contains("the credentials are refused: 401"), "{said}");
    assert!(writes(&site, &files("yes")).0.success());
    holds(&site, &files("yes"));
}

/// A disk of so many KiB, until it is dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path, size: &str) -> Self {
        mount(at, &["-t", "tmpfs", "-o", size, "tmpfs"]);
        Self(at)
    }

    fn grow(&self, size: &str) {
        mount(self.0, &["-o", &format!("remount,{size}")]);
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

fn mount(at: &Path, arguments: &[&str]) {
    let done = Command::new("mount").args(arguments).arg(at).output().unwrap();
    assert!(done.status.success(), "mount: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "needs root and versitygw: tests/stores/run"]
fn a_server_whose_disk_is_full_is_told_and_written_to_when_there_is_room() {
    for kind in [Kind::Git, Kind::S3] {
        let storage = tempfile::tempdir().unwrap();
        let disk = Disk::mount(storage.path(), "size=1m");
        let site = Site::new(kind, storage.path());
        assert!(writes(&site, &files("before")).0.success());
        // What no compression makes small.
        let mut random = super::Random(7);
        let noise: Vec<u8> = (0..3 << 20).map(|_| random.below(256) as u8).collect();
        let big: Output = [("big".to_owned(), noise), ("small".to_owned(), b"x".to_vec())].into();
        let (status, said) = writes(&site, &big);
        // Its own words, and nothing that says whose fault it is but the disk's: whoever asks again later may succeed.
        assert_eq!(status.code(), Some(5), "{kind:?}: {said}");
        assert!(said.contains("No space left on device") || kind == Kind::S3, "{kind:?}: {said}");
        println!("{kind:?}: {said}");
        site.is_sound();
        disk.grow("size=64m");
        let (status, said) = writes(&site, &big);
        assert!(status.success(), "{kind:?}: {said}");
        holds(&site, &big);
        drop(site);
    }
}
