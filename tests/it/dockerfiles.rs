//! The three Dockerfiles differ only where they must.

use std::fs;

const STEPS: [&str; 3] = ["reader", "writer", "status"];

fn dockerfile(step: &str) -> String {
    fs::read_to_string(format!("{}/Dockerfile.{step}", env!("CARGO_MANIFEST_DIR"))).unwrap()
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
    let script = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/images/rootfs")).unwrap();
    for (name, _) in bookend::cli::argv0::NAMES {
        assert!(script.contains(&format!(" {name}")), "images/rootfs makes no link `{name}`");
    }
}

#[test]
fn flags_of_the_static_binary_do_not_reach_procedural_macros() {
    let config =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.cargo/config.toml")).unwrap();
    assert!(config.contains("relocation-model=static"), "else `--target` is not needed: {config}");
    for step in STEPS {
        let text = dockerfile(step);
        let build = text.lines().find(|line| line.contains("cargo build")).unwrap();
        assert!(build.contains(" --target "), "{step}: {build}");
    }
}

#[test]
fn the_build_sees_what_it_needs() {
    let ignored =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.dockerignore")).unwrap();
    for needed in [".cargo", "Cargo.toml", "Cargo.lock", "src", "images"] {
        assert!(!ignored.lines().any(|line| line.trim_matches('/') == needed), "{needed}");
    }
}
