//! A stage written with the original's own client library runs on what we write, and we read what it writes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the case with a request made from its own and `more` of a spec.
fn run(more: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let request =
        std::fs::read_to_string(Path::new(ROOT).join("fixtures/sdk/request.yaml")).unwrap();
    let path = dir.path().join("request.yaml");
    std::fs::write(&path, format!("{request}{more}")).unwrap();
    // The interpreter that has the library: BOOKEND_PYTHON, set by .ci/run, else the first on PATH.
    let python = std::env::var_os("BOOKEND_PYTHON").unwrap_or_else(|| "python3".into());
    let bin = Path::new(&python).parent().unwrap_or(Path::new("")).to_owned();
    let path_variable = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(bin)
        .filter(|bin| !bin.as_os_str().is_empty())
        .chain(std::env::split_paths(&path_variable));
    Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["run", "fixtures/sdk/promise.yaml"])
        .arg(&path)
        .args(["-o", "json"])
        .current_dir(ROOT)
        .env("PATH", std::env::join_paths(paths).unwrap())
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs python3 with kratix-sdk, which .ci/run installs"]
fn kratix_sdk_reads_our_object_and_we_read_its_files() {
    let report = report(&run(""));
    let request: Value = {
        let bytes = std::fs::read(Path::new(ROOT).join("fixtures/sdk/request.yaml")).unwrap();
        bookend::files::yaml::parse(&bytes).unwrap().into_json().unwrap()
    };
    let status = &report["status"];
    assert_eq!(status["message"], "made with the sdk");
    assert_eq!(status["count"], json!(9_007_199_254_740_993_u64));
    for (key, value) in status["odd"].as_object().unwrap() {
        assert_eq!(value, &request["spec"][key], "{key} came back as it was sent");
    }
    let groups = report["works"][0]["groups"].as_array().unwrap();
    let labels: Vec<&Value> = groups.iter().map(|group| &group["labels"]).collect();
    assert_eq!(labels, [&json!({"on": "yes", "n": "1"}), &json!({"zone": "internal"})]);
}

#[test]
#[ignore = "needs python3 with kratix-sdk, which .ci/run installs"]
fn kratix_sdk_can_ask_for_a_retry() {
    let report = report(&run("  wait: true\n"));
    let entry = &report["status"]["kratix"]["workflows"]["pipelines"][0];
    assert_eq!(entry["phase"], "Suspended");
    assert_eq!(entry["message"], "not yet");
    assert_eq!(entry["attempts"], 1);
    assert!(entry["nextRetryAt"].is_string());
}
