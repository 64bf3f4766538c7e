//! The command itself: exit codes, what goes to which stream, and being stopped.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::support::{Case, pipeline, resource};

fn command(case: &Case, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", case.dir.path().join("tmp"));
    command.arg("run").args(arguments).current_dir(case.dir.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    fs::create_dir(case.dir.path().join("tmp")).unwrap();
    command
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

#[track_caller]
fn leaves_nothing(case: &Case) {
    let left: Vec<_> = fs::read_dir(case.dir.path().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_failing_stage_is_exit_code_6_with_report_and_reason() {
    needs_namespaces!();
    let case = resource(&pipeline("p", "echo so sorry >&2; exit 3"));
    let Output { status, stdout, stderr } =
        command(&case, &["promise.yaml", "request.yaml"]).output().unwrap();
    assert_eq!(status.code(), Some(6));
    assert!(text(&stdout).contains("pipeline p: failed\n  stage  exit code 3"));
    let expect = "error: stage `stage` of pipeline `p` ended with exit code 3\n  caused by: its output:\n    so sorry\n";
    assert_eq!(text(&stderr), expect);
    leaves_nothing(&case);
}

#[test]
fn the_promise_may_come_from_stdin_and_the_result_be_json() {
    needs_namespaces!();
    let case = resource(&pipeline("p", "echo x > /kratix/output/x"));
    let mut command = command(&case, &["-", "request.yaml", "-o", "json"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let promise = fs::read(case.dir.path().join("promise.yaml")).unwrap();
    child.stdin.take().unwrap().write_all(&promise).unwrap();
    let output = child.wait_with_output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["ending"]["result"], "done");
    assert_eq!(document["works"][0]["groups"][0]["files"][0]["bytes"], 2);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_run_can_write_into_a_store_but_not_when_a_stage_has_failed() {
    needs_namespaces!();
    let case = resource(&pipeline("p", "echo x > /kratix/output/x"));
    let arguments = ["promise.yaml", "request.yaml", "--to", "dir:store"];
    let output = command(&case, &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.ends_with("files: 1 written, 0 deleted, 0 unchanged in dir:store\n"), "{told}");
    let requests = case.dir.path().join("store/resources");
    let found = walkdir::WalkDir::new(&requests).into_iter().map(Result::unwrap);
    let files: Vec<_> = found.filter(|entry| entry.file_type().is_file()).collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].path().ends_with("p/5058f/x"), "{:?}", files[0].path());
    leaves_nothing(&case);

    let case = resource(&pipeline("p", "echo x > /kratix/output/x; exit 1"));
    let output = command(&case, &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(!case.dir.path().join("store").exists());
}

#[test]
fn verbose_shows_lines_as_they_come() {
    needs_namespaces!();
    let case = resource(&pipeline("p", "echo one; echo two >&2"));
    let output = command(&case, &["-v", "promise.yaml", "request.yaml"]).output().unwrap();
    let lines: Vec<_> = text(&output.stderr).lines().filter(|line| line.contains(" | ")).collect();
    assert_eq!(lines, ["stage | one", "stage | two"]);
}

#[test]
fn a_stopped_run_ends_its_stages_and_cleans_up() {
    needs_namespaces!();
    for signal in ["TERM", "INT", "HUP"] {
        // Who is started with `nohup` shall not be stopped by it, and passes that on to us.
        if signal != "HUP" || !hangup_is_ignored() {
            check_stop(signal);
        }
    }
}

fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

fn check_stop(signal: &str) {
    let script = "echo $$ > /kratix/output/pid; touch ROOT/ready; while :; do sleep 0.01; done";
    let mut case = resource("");
    let root = case.dir.path().to_str().unwrap().to_owned();
    let script =
        script.replace("ROOT", &root).replace("/kratix/output/pid", &format!("{root}/pid"));
    case = with_pipeline(case, &pipeline("p", &script));
    let mut child = command(&case, &["promise.yaml", "request.yaml"]).spawn().unwrap();
    wait_for(&case.dir.path().join("ready"), &mut child);
    let pid = fs::read_to_string(case.dir.path().join("pid")).unwrap();
    let kill =
        Command::new("kill").args(["-s", signal]).arg(child.id().to_string()).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists());
    leaves_nothing(&case);
}

fn with_pipeline(case: Case, pipeline: &str) -> Case {
    let path = case.dir.path().join("promise.yaml");
    let promise = fs::read_to_string(&path).unwrap();
    fs::write(path, promise + pipeline).unwrap();
    case
}

fn wait_for(path: &Path, child: &mut Child) {
    let begin = Instant::now();
    while !path.exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the stage did not start");
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        std::thread::yield_now();
    }
}
