//! Log lines as JSON.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::api::Api;
use super::pod::{CANARY, Pod, READER, STATUS, TRACE, WRITER, object, traceparent};

/// Returns the lines of a step on this server.
fn lines(pod: &Pod, arguments: &[&str], level: &str) -> (Option<i32>, Vec<Map<String, Value>>) {
    let mut command = pod.command(arguments);
    command.env("BOOKEND_LOG_FORMAT", "json").env("BOOKEND_LOG", level);
    command.env("KRATIX_TRACE_PARENT", traceparent());
    let ran = pod.run(&mut command);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    (ran.code, ran.errors.lines().map(parse).collect())
}

fn step(api: Api, arguments: &[&str], level: &str) -> (Option<i32>, Vec<Map<String, Value>>) {
    lines(&Pod::new(&api.start().0), arguments, level)
}

fn api() -> Api {
    Api { object: object(&traceparent()), ..Api::default() }
}

/// Writes lines without what all lines of a step have; times are 0.
fn told(lines: &[Map<String, Value>]) -> String {
    let mut text = String::new();
    for line in lines {
        let mut line = line.clone();
        for common in ["step", "promise", "pipeline", "kind", "name", "trace_id"] {
            line.remove(common);
        }
        for time in ["duration_ms", "waited_ms"] {
            if let Some(time) = line.get_mut(time) {
                *time = 0.into();
            }
        }
        text += &format!("{}\n", Value::Object(line));
    }
    text
}

#[test]
fn every_effect_is_one_line_with_the_names_of_the_document() {
    let (code, reader) = step(api(), READER, "info");
    assert_eq!(code, Some(0));
    let bytes = reader[1]["bytes"].as_u64().unwrap();
    assert!(bytes > 100);
    assert_eq!(
        told(&reader),
        format!(
            r#"{{"dry_run":false,"level":"info","message":"read the object","namespace":"team-a","object":"databases.example.org team-a/orders"}}
{{"bytes":{bytes},"level":"info","message":"wrote the file","namespace":"team-a","path":"POD/kratix/input/object.yaml"}}
{{"duration_ms":0,"exit_code":0,"level":"info","message":"ended","namespace":"team-a","requests":1,"waited_ms":0}}
"#
        )
    );
    let (_, writer) = step(api(), WRITER, "info");
    let (work, bytes) = (&writer[0]["work"], &writer[0]["bytes"]);
    assert_eq!(
        told(&writer),
        format!(
            r#"{{"bytes":{bytes},"files":1,"groups":1,"level":"info","message":"created the work","namespace":"team-a","work":{work}}}
{{"duration_ms":0,"exit_code":0,"level":"info","message":"ended","requests":2,"waited_ms":0}}
"#
        )
    );
    let (_, status) = step(api(), STATUS, "info");
    assert_eq!(
        told(&status),
        r#"{"ending":"completed","level":"info","message":"wrote the status","namespace":"team-a","object":"databases.example.org team-a/orders"}
{"duration_ms":0,"exit_code":0,"level":"info","message":"ended","namespace":"team-a","requests":2,"waited_ms":0}
"#
    );
}

#[test]
fn a_suspension_is_a_line_for_the_status_and_one_for_the_label() {
    let pod = Pod::new(&api().start().0);
    pod.metadata("workflow-control.yaml", "suspend: true\n");
    let (code, status) = lines(&pod, STATUS, "info");
    assert_eq!(code, Some(0), "{status:?}");
    assert_eq!(
        told(&status),
        r#"{"ending":"suspended","level":"info","message":"wrote the status","namespace":"team-a","object":"databases.example.org team-a/orders"}
{"label":"kratix.io/workflow-suspended","level":"info","message":"set the label","namespace":"team-a","object":"databases.example.org team-a/orders"}
{"duration_ms":0,"exit_code":0,"level":"info","message":"ended","namespace":"team-a","requests":3,"waited_ms":0}
"#
    );
    let (_, writer) = lines(&pod, WRITER, "info");
    assert_eq!(writer.len(), 2);
    assert_eq!(writer[0]["message"], "the pipeline stops the workflow here: no work is written");
}

#[test]
fn every_line_says_the_step_what_it_is_about_and_its_trace() {
    for (arguments, expect) in [
        (READER, vec![("step", "reader"), ("kind", "Database"), ("name", "orders")]),
        (WRITER, vec![("step", "writer"), ("promise", "database"), ("pipeline", "p")]),
        (STATUS, vec![("step", "status"), ("namespace", "team-a"), ("pipeline", "p")]),
    ] {
        let (_, lines) = step(api(), arguments, "info");
        for (name, value) in expect.into_iter().chain([("trace_id", TRACE)]) {
            assert!(lines.iter().all(|line| line[name] == value), "{name}: {lines:?}");
        }
    }
    // A trace that is not one is not told.
    let api = Api { object: object("garbage"), ..Api::default() };
    let (_, lines) = step(api, READER, "info");
    assert!(lines.iter().all(|line| !line.contains_key("trace_id")), "{lines:?}");
}

#[test]
fn a_server_that_is_late_and_a_conflict_are_told_with_the_time_they_took() {
    let (code, lines) = step(Api { late: 2.into(), ..api() }, READER, "debug");
    assert_eq!(code, Some(0));
    let retries: Vec<_> = lines.iter().filter(|line| line.contains_key("verb")).collect();
    assert_eq!(retries.len(), 2, "{lines:?}");
    assert_eq!((&retries[0]["level"], &retries[1]["level"]), (&"warn".into(), &"debug".into()));
    let ended = lines.last().unwrap();
    assert_eq!(ended["requests"], 3);
    assert!(ended["waited_ms"].as_u64() >= Some(100), "{ended:?}");

    for (arguments, requests) in [(STATUS, 4), (WRITER, 4)] {
        let (code, lines) = step(Api { conflicts: 1.into(), ..api() }, arguments, "debug");
        assert_eq!(code, Some(0));
        let faster = |line: &&Map<_, Value>| {
            line["message"].as_str().unwrap().starts_with("somebody else was faster")
        };
        let conflicts: Vec<_> = lines.iter().filter(faster).collect();
        assert_eq!(conflicts.len(), 1, "{lines:?}");
        assert!(conflicts[0].contains_key("waited_ms"), "{conflicts:?}");
        assert_eq!(lines.last().unwrap()["requests"], requests);
    }
}

#[test]
fn the_end_is_told_where_no_cluster_is_configured() {
    let pod = Pod::new("http://127.0.0.1:9");
    fs::remove_file(pod.path("kubeconfig")).unwrap();
    let (code, lines) = lines(&pod, READER, "info");
    assert_eq!((code, lines.len()), (Some(5), 2), "{lines:?}");
    assert_eq!((&lines[0]["message"], &lines[0]["exit_code"]), (&"ended".into(), &5.into()));
    assert_eq!(lines[1]["level"], "error");
}

#[test]
fn the_last_error_is_one_line_with_causes_hint_and_exit_code() {
    let (code, lines) = step(Api { refuses: true, ..api() }, READER, "error");
    assert_eq!((code, lines.len()), (Some(4), 1), "{lines:?}");
    let line = &lines[0];
    assert_eq!((&line["level"], &line["step"]), (&"error".into(), &"reader".into()));
    assert_eq!(line["message"], "failed to get the object databases.example.org team-a/orders");
    assert_eq!(line["exit_code"], 4);
    assert_eq!(line["causes"].as_array().unwrap().len(), 1, "{line:?}");
    assert!(!line["hint"].as_str().unwrap().is_empty(), "{line:?}");

    // Also one of the command line, before there is a log.
    for (arguments, variable) in [
        (&["reader", "--frob", "--log-format", "json"][..], ""),
        (&["--log-format=json", "frob"], ""),
        (&["frob"], "json"),
    ] {
        let pod = Pod::new("http://127.0.0.1:9");
        let ran = pod.run(pod.command(arguments).env("BOOKEND_LOG_FORMAT", variable));
        let line: Value = serde_json::from_str(&ran.errors).unwrap();
        assert_eq!((ran.code, &line["exit_code"]), (Some(2), &2.into()), "{line}");
        assert!(!line["message"].as_str().unwrap().starts_with("error"), "{line}");
        assert!(line["hint"].as_str().unwrap().contains("Usage: bookend"), "{line}");
    }
    let pod = Pod::new("http://127.0.0.1:9");
    let ran = pod.run(pod.command(&["frob"]).env("BOOKEND_LOG_FORMAT", "plain"));
    assert!(ran.errors.starts_with("error: "), "{}", ran.errors);
}

#[test]
fn no_line_holds_anything_of_the_object_the_files_or_the_login() {
    for (late, conflicts, refuses) in [(0, 0, false), (1, 1, false), (0, 0, true)] {
        for arguments in [READER, WRITER, STATUS] {
            for (traceparent, control) in
                [(CANARY, ""), (&*traceparent(), "suspend: true\nmessage: canary-7d1f\n")]
            {
                let object = object(traceparent);
                let api = Api {
                    object,
                    late: late.into(),
                    conflicts: conflicts.into(),
                    refuses,
                    ..api()
                };
                let pod = Pod::new(&api.start().0);
                pod.metadata("workflow-control.yaml", control);
                for format in ["json", "plain"] {
                    let mut command = pod.command(arguments);
                    command.env("BOOKEND_LOG_FORMAT", format).env("BOOKEND_LOG", "trace");
                    command.env("KRATIX_TRACE_PARENT", traceparent);
                    let ran = pod.run(&mut command);
                    assert!(!ran.errors.is_empty());
                    assert!(!ran.errors.contains(CANARY), "{}", ran.errors);
                }
            }
        }
    }
}

/// Lines of a local run with a stage; none where the machine does not allow it.
#[cfg(target_os = "linux")]
fn lines_of_a_run() -> Vec<Map<String, Value>> {
    if !crate::run::support::namespaces_are_allowed() {
        return Vec::new();
    }
    let case = crate::run::support::resource(&crate::run::support::pipeline("p", "exit 0"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("run");
    command.args([Some(&case.args.promise), case.args.request.as_ref()].into_iter().flatten());
    let output = command.args(["--log-format", "json", "--log", "debug"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stderr).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[cfg(not(target_os = "linux"))]
fn lines_of_a_run() -> Vec<Map<String, Value>> {
    Vec::new()
}

#[test]
fn every_name_of_a_field_is_in_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/observability.md");
    let document = fs::read_to_string(path).unwrap();
    let pod = Pod::new(&Api { late: 2.into(), conflicts: 1.into(), ..api() }.start().0);
    let mut all = Vec::new();
    for arguments in [READER, WRITER, STATUS] {
        all.extend(lines(&pod, arguments, "debug").1);
    }
    all.extend(step(Api { refuses: true, ..api() }, READER, "info").1);
    all.extend(lines_of_a_run());
    for name in all.iter().flat_map(Map::keys) {
        assert!(document.contains(&format!("| `{name}` |")), "no row for `{name}`");
    }
}
