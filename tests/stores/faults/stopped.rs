//! Writers that are asked to stop while a slow server takes what they write.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bookend::cluster::Reads as _;
use bookend::cluster::folder::FolderCluster;
use bookend::contract::{Object, kinds, labels};

use super::servers::{files, holds, in_between, pass_on, writes};
use super::site::{Kind, Site};
use super::{Output, Random, laid_down};
use crate::remotes::wait_for;

/// What docs/writing.md says, and time for a machine with other work.
const ENDS_WITHIN: Duration = Duration::from_secs(13 + 5);

/// A file that no compression makes small, and a few others.
fn big(bytes: usize) -> Output {
    let mut random = Random(7);
    let mut output = files("after");
    let noise = (0..bytes / 8).flat_map(|_| random.below(u64::MAX).to_le_bytes()).collect();
    output.insert("big".to_owned(), noise);
    output
}

/// Who waits for the one Lease and who holds it.
fn lease(cluster: &Path) -> (Option<String>, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = FolderCluster::new(cluster);
    let listed = runtime.block_on(cluster.list(&kinds::LEASE, Some("sys"), &[])).unwrap();
    let [one] = &listed[..] else { panic!("{listed:?}") };
    let holder = Object::text_at(one, &["spec", "holderIdentity"]).map(str::to_owned);
    (holder.filter(|holder| !holder.is_empty()), one.annotation(labels::WAITING).map(str::to_owned))
}

/// Stops a writer once so many bytes have come by; each piece of 2 KiB takes so long. Returns what it has said.
fn is_stopped(site: &mut Site, output: &Output, wait: Duration, after: u64) -> String {
    let (port, passed) = (site.port(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&passed);
    site.goes_by(in_between(port, move |_, stream, port| pass_on(&stream, port, wait, &counted)));
    let folder = tempfile::tempdir_in(site.own.path()).unwrap();
    let (cluster, log) = (folder.path().join("cluster"), folder.path().join("log"));
    let mut writer = site.writer(1, &laid_down(folder.path(), output));
    writer.args(["--lease-namespace", "sys", "--cluster"]).arg(&cluster);
    let mut writer = writer.stderr(File::create(&log).unwrap()).spawn().unwrap();
    wait_for("the writer to be in the middle", || passed.load(Ordering::Relaxed) > after);
    assert!(lease(&cluster).0.is_some(), "it is its turn");
    assert!(Command::new("kill").arg(writer.id().to_string()).status().unwrap().success());
    let asked = Instant::now();
    let code = writer.wait().unwrap().code();
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!(code, Some(143), "{said}");
    assert!(asked.elapsed() < ENDS_WITHIN, "{:?}", asked.elapsed());
    assert_eq!(lease(&cluster), (None, None), "the next one may go");
    site.goes_by(port);
    said
}

#[test]
#[ignore = "takes a while: tests/stores/run"]
fn a_push_that_is_stopped_is_not_there_and_the_next_write_is() {
    let storage = tempfile::tempdir().unwrap();
    let mut site = Site::new(Kind::Git, storage.path());
    assert!(writes(&site, &files("before")).0.success());
    // 200 s at this pace: it cannot come to its end.
    let output = big(4 << 20);
    let said = is_stopped(&mut site, &output, Duration::from_millis(100), 100_000);
    assert!(said.contains("stopped before the end"), "{said}");
    holds(&site, &files("before"));
    assert_eq!(site.commits(), 2);
    let (status, said) = writes(&site, &output);
    assert!(status.success(), "{said}");
    holds(&site, &output);
}

#[test]
#[ignore = "needs versitygw: tests/stores/run"]
fn an_upload_that_is_stopped_leaves_whole_files_and_the_next_write_mends_the_rest() {
    let storage = tempfile::tempdir().unwrap();
    let mut site = Site::new(Kind::S3, storage.path());
    let before = files("before");
    assert!(writes(&site, &before).0.success());
    // Two parts of 5 MiB are on their way; those after them are not begun.
    let output = big(12 << 20);
    let said = is_stopped(&mut site, &output, Duration::from_micros(300), 500_000);
    assert!(said.contains("stopped before it was done"), "{said}");
    let found = site.found().remove(&1).unwrap();
    assert!(!found.contains_key("big"), "not all of its parts were sent");
    for (name, content) in &found {
        let whole = [before.get(name), output.get(name)];
        assert!(whole.contains(&Some(content)), "{name} is neither the old nor the new one");
    }
    let uploads = site.gateway.as_ref().unwrap().begun_uploads("bucket");
    assert_eq!(uploads, 0, "what was sent of it is given up");
    let (status, said) = writes(&site, &output);
    assert!(status.success(), "{said}");
    holds(&site, &output);
}
