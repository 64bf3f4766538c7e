//! The binary for 64-bit ARM works, in an emulator where this machine is none.

use std::fs;
use std::process::{Command, Output};

use crate::STEPS;
use crate::archive::folder;
use crate::pod::{ENVIRONMENT, Pod, arguments};

/// Runs the binary with the folders of a pod.
fn run(pod: &Pod, words: &[&str]) -> Output {
    let binary = folder("arm64").join("bookend");
    let mut command = if cfg!(target_arch = "aarch64") {
        Command::new(binary)
    } else {
        let mut command = Command::new("qemu-aarch64-static");
        command.arg(binary);
        command
    };
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).envs(ENVIRONMENT);
    command.env("BOOKEND_POD_ROOT", pod.path("root")).env("BOOKEND_CLUSTER", pod.path("cluster"));
    command.args(words).output().expect("qemu-user-static is installed")
}

#[test]
#[ignore = "needs the images and qemu-user-static: tests/images/run"]
fn it_says_its_version_and_does_each_step() {
    for step in STEPS {
        let pod = Pod::new();
        // The paths of a container, below a root of our own.
        let links = [
            ("kratix/input", "input"),
            ("work-creator-files/input", "output"),
            ("work-creator-files/metadata", "metadata"),
            ("work-creator-files/kratix-system", "system"),
        ];
        for (link, folder) in links {
            let link = pod.path("root").join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(pod.path(folder), link).unwrap();
        }
        let version = run(&pod, &["--version"]);
        assert_eq!(version.stdout, format!("bookend {}\n", env!("CARGO_PKG_VERSION")).as_bytes());

        let done = run(&pod, &[&[step], arguments(step)].concat());
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{step}: {errors}");
        pod.expect_done(step);
    }
}
