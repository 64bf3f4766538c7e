//! The three Dockerfiles differ only where they must.

use std::fs;
use std::path::Path;

const STEPS: [&str; 3] = ["reader", "writer", "status"];

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn dockerfile(step: &str) -> String {
    text(&format!("Dockerfile.{step}"))
}

#[test]
fn they_differ_in_the_name_of_the_step_only() {
    let generic = |step: &str| {
        dockerfile(step)
            .replace(&format!("`{step}`"), "`STEP`")
            .replace(&format!("Dockerfile.{step}"), "Dockerfile.STEP")
            .replace(&format!("\"{step}\"]"), "\"STEP\"]")
    };
    assert_eq!(generic("reader"), generic("writer"));
    assert_eq!(generic("reader"), generic("status"));
}

#[test]
fn each_is_from_scratch_without_root_and_starts_its_step() {
    for step in STEPS {
        let text = dockerfile(step);
        let last_stage = text.rsplit("\nFROM ").next().unwrap();
        assert!(last_stage.starts_with("scratch\n"), "{step}: {last_stage}");
        assert!(last_stage.contains("\nUSER 65532:65532\n"), "{step}");
        let entry_point = format!("ENTRYPOINT [\"/bin/pipeline-adapter\", \"{step}\"]\n");
        assert!(last_stage.ends_with(&entry_point), "{step}");
    }
}

#[test]
fn the_layout_script_makes_every_name_that_the_binary_answers_to() {
    let script = text("images/rootfs");
    for (name, _) in bookend::cli::argv0::NAMES {
        assert!(script.contains(&format!(" {name}")), "images/rootfs makes no link `{name}`");
    }
}

#[test]
fn flags_of_the_static_binary_do_not_reach_procedural_macros() {
    // With `--target`, even of this machine's own kind, they are for the product only: procedural macros are shared
    // objects and cannot be linked at a fixed address.
    assert!(text(".cargo/config.toml").contains("relocation-model=static"));
    let script = text("images/binary");
    let build = script.lines().find(|line| line.starts_with("cargo build")).unwrap();
    assert!(build.contains(" --target "), "{build}");
    for step in STEPS {
        assert!(!dockerfile(step).contains("cargo build"), "{step}: images/binary builds");
    }
}

#[test]
fn the_build_sees_what_it_needs() {
    let ignored = text(".dockerignore");
    let rules: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*");
    for needed in [
        ".cargo",
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "images/binary",
        "images/no-unwind.ld",
        "images/rootfs",
        "images/prebuilt",
    ] {
        assert!(rules.contains(&format!("!{needed}").as_str()), "{needed}");
    }
}

#[test]
fn versions_are_those_of_the_other_files() {
    let toolchain = text("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")).unwrap();
    let minor = channel.rsplit_once('.').unwrap().0;
    let ci = text(".ci/run");
    let auditable =
        ci.split_whitespace().find(|word| word.starts_with("cargo-auditable@")).unwrap();
    for step in STEPS {
        let text = dockerfile(step);
        let version = format!("\nARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&version), "{step}: {version}");
        assert!(text.contains(&format!("/rust:{minor}-alpine ")), "{step}: {minor}");
        assert!(text.contains(&format!(" {auditable}\n")), "{step}: {auditable}");
    }
}
