//! Every image starts its own step, and any other under any name.

use crate::STEPS;
use crate::container::Container;
use crate::pod::{Pod, arguments};

/// What a step is called in the arguments that Kratix gives.
const CALLED: [(&str, &str); 3] =
    [("reader", "reader"), ("writer", "work-creator"), ("status", "update-status")];

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn each_image_prints_the_help_of_its_step() {
    for step in STEPS {
        let ended = Container::of(step).arguments(&["--help"]).run().expect(0);
        let usage = format!("Usage: pipeline-adapter {step} [OPTIONS]");
        assert!(ended.out.contains(&usage), "{step}: {}", ended.out);
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn each_image_prints_its_version() {
    for step in STEPS {
        let ended = Container::of(step).arguments(&["--version"]).run().expect(0);
        assert_eq!(ended.out.trim_end(), format!("bookend-{step} {}", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn each_image_does_its_step() {
    for step in STEPS {
        let pod = Pod::new();
        pod.container(step).run().expect(0);
        pod.expect_done(step);
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn every_image_does_every_step_when_called_as_kratix_calls_it() {
    for image in STEPS {
        for (step, called) in CALLED {
            let pod = Pod::new();
            let container = pod.container_without(image, &[]).entry_point("/bin/pipeline-adapter");
            container.arguments(&[called]).arguments(arguments(step)).run().expect(0);
            pod.expect_done(step);
        }
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn every_name_is_there_and_starts_what_it_says() {
    let plain = [("bookend", ""), ("pipeline-adapter", "")];
    for (name, command) in plain.iter().chain(&bookend::cli::argv0::NAMES) {
        let link = format!("/bin/{name}");
        let container = Container::of("status").entry_point(&link);
        let ended = container.arguments(&["--help"]).run().expect(0);
        let usage = ended.out.lines().find(|line| line.starts_with("Usage: ")).unwrap_or_default();
        assert!(usage.contains(&format!(" {command}")), "{link}: {usage}");
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_wrong_argument_is_exit_code_2_and_named() {
    for step in STEPS {
        let ended = Container::of(step).arguments(&["--objekt-name=orders"]).run().expect(2);
        let expect = "error: unexpected argument '--objekt-name' found\n";
        assert!(ended.errors.starts_with(expect), "{step}: {}", ended.errors);
    }
}
