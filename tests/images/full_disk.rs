//! A disk that is full or cannot be written to: exit code 3 with the path, and nothing left half written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::STEPS;
use crate::pod::{CLUSTER, Pod, arguments};

/// Where each step writes: folder of the pod, and its path in the container.
fn written_to(step: &str) -> (&'static str, &'static str) {
    match step {
        "reader" => ("input", "/kratix/input"),
        _ => ("cluster", CLUSTER),
    }
}

/// The file that a step writes, or the start of its name.
fn written(step: &str) -> &'static str {
    match step {
        "reader" => "`/kratix/input/object.yaml`",
        "writer" => "`/cluster/team-a/works.platform.kratix.io",
        _ => "`/cluster/team-a/databases.example.org/orders.yaml`",
    }
}

/// A disk of a few pages, in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, kibibytes: u32) -> Self {
        let size = format!("size={kibibytes}k,mode=0777");
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status().unwrap();
        assert!(done.success(), "mount needs root: {}", at.display());
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Else the folder around it could not be removed; a failure shows there.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != ".lock") {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_full_disk_is_exit_code_3_with_the_path() {
    for step in STEPS {
        let pod = Pod::with_object_of(40_000);
        // What no compression makes small.
        let noise: String = (0_u32..20_000).map(|n| format!("{:08x}", noise(n))).collect();
        fs::write(pod.path("output/noise.txt"), noise).unwrap();
        let folder = pod.path(written_to(step).0);
        let _disk = SmallDisk::mount(&folder, 64);
        match step {
            "reader" => fs::write(folder.join("taken"), vec![b'x'; 40_000]).unwrap(),
            "status" => pod.write_object(&folder, 40_000),
            _ => {}
        }
        pod.allow(0o777);
        let before = files(&folder);

        let ended = pod.container(step).run().expect(3);

        assert!(ended.errors.contains(written(step)), "{step}: {}", ended.errors);
        assert!(ended.errors.contains("No space left on device"), "{step}: {}", ended.errors);
        let paths = |files: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
            files.iter().map(|(path, _)| path.clone()).collect()
        };
        let after = files(&folder);
        assert_eq!(paths(&before), paths(&after), "{step}");
        assert!(before == after, "{step} changed a file");
    }
}

/// Bits that look random, the same on every run (SplitMix64's last steps).
fn noise(number: u32) -> u32 {
    let mut bits = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits >> 32) as u32
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn an_output_that_cannot_be_written_to_is_exit_code_3_with_the_path() {
    for step in STEPS {
        let pod = Pod::new();
        let (folder, at) = written_to(step);
        let container =
            pod.container_without(step, &[folder]).mount_read_only(&pod.path(folder), at);
        let ended = container.arguments(arguments(step)).run().expect(3);
        assert!(ended.errors.contains(&format!("`{at}")), "{step}: {}", ended.errors);
        assert!(ended.errors.contains("Read-only file system"), "{step}: {}", ended.errors);
    }
}
