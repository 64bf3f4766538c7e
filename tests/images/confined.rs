//! A step needs no user of its own, no capability and no place to write but where its result goes.

use std::os::unix::fs::chown;

use crate::STEPS;
use crate::pod::Pod;

/// What a strict platform sets. Without `read-only-tmpfs=false` podman would give places to write.
pub(crate) const CONFINED: [&str; 6] = [
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
];

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn an_arbitrary_user_in_group_0_does_each_step() {
    for step in STEPS {
        let pod = Pod::new();
        // As OpenShift does it: a number from the namespace's range, and folders that group 0 may write.
        pod.allow(0o770);
        let group = pod.path("cluster");
        chown(group, Some(0), Some(0)).unwrap();
        pod.container(step).flags(&["--user", "1000730000:0"]).run().expect(0);
        pod.expect_done(step);
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_user_and_group_that_nobody_knows_does_each_step() {
    for step in STEPS {
        let pod = Pod::new();
        pod.container(step).flags(&["--user", "12345:54321"]).run().expect(0);
        pod.expect_done(step);
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn each_step_is_done_read_only_without_capabilities_and_new_privileges() {
    for step in STEPS {
        let pod = Pod::new();
        pod.container(step).flags(&CONFINED).run().expect(0);
        pod.expect_done(step);
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn an_arbitrary_user_is_confined_too() {
    for step in STEPS {
        let pod = Pod::new();
        pod.container(step).flags(&CONFINED).flags(&["--user", "1000730000:0"]).run().expect(0);
        pod.expect_done(step);
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_folder_that_the_user_may_not_write_is_named() {
    let pod = Pod::new();
    pod.allow(0o755);
    let ended = pod.container("reader").run().expect(3);
    assert!(ended.errors.contains("`/kratix/input/object.yaml`"), "{}", ended.errors);
    assert!(ended.errors.contains("Permission denied"), "{}", ended.errors);
}
