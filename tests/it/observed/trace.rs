//! The trace of a step, at a collector.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use serde_json::Value;

use super::api::Api;
use super::collector::{Collector, Manner, text};
use super::pod::{CANARY, Pod, READER, Ran, SPAN, STATUS, TRACE, WRITER, object, traceparent};

fn api() -> Api {
    Api { object: object(&traceparent()), ..Api::default() }
}

/// A step on this server that sends its trace there.
fn traced(pod: &Pod, arguments: &[&str], collector: &str) -> Command {
    let mut command = pod.command(arguments);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    command
}

/// Runs a step and returns what a collector got from it.
fn spans(api: Api, arguments: &[&str], variables: &[(&str, &str)]) -> (Ran, Vec<Span>) {
    let collector = Collector::start(Manner::Takes);
    let pod = Pod::new(&api.start().0);
    let ran = pod.run(traced(&pod, arguments, &collector.address).envs(variables.iter().copied()));
    let spans = collector.received().map_or(Vec::new(), |received| received.decode().1);
    (ran, spans)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The span that has no other of these above it.
fn root(spans: &[Span]) -> &Span {
    let is_child = |span: &&Span| spans.iter().any(|other| other.span_id == span.parent_span_id);
    let roots: Vec<&Span> = spans.iter().filter(|span| !is_child(span)).collect();
    assert_eq!(roots.len(), 1, "{spans:?}");
    roots[0]
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut spans: Vec<&Span> = spans.iter().collect();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[test]
fn every_step_joins_the_trace_of_its_object_with_a_child_for_each_effect() {
    let variables = &[("KRATIX_TRACE_PARENT", &*traceparent()), ("KRATIX_TRACE_STATE", "vendor=1")];
    for (arguments, expect) in [
        (READER, &["reader", "get databases.example.org", "write the file"][..]),
        (
            WRITER,
            &[
                "writer",
                "read the output folder",
                "list works.platform.kratix.io",
                "create works.platform.kratix.io",
            ],
        ),
        (STATUS, &["status", "get databases.example.org", "update databases.example.org"]),
    ] {
        // Only the writer is given the trace by variables.
        let variables = if arguments == WRITER { &variables[..] } else { &[] };
        let (ran, spans) = spans(api(), arguments, variables);
        assert_eq!(ran.code, Some(0), "{}", ran.errors);
        assert_eq!(names(&spans), expect);
        let root = root(&spans);
        assert_eq!(
            (root.name.as_str(), hexadecimal(&root.parent_span_id)),
            (expect[0], SPAN.into())
        );
        for span in &spans {
            assert_eq!(hexadecimal(&span.trace_id), TRACE);
            assert_eq!(span.trace_state, "vendor=1");
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
            assert!(span.end_time_unix_nano <= root.end_time_unix_nano);
            assert!(span.parent_span_id == root.span_id || span == root);
            assert!(span.status.as_ref().is_none_or(|status| status.code == 0), "{span:?}");
        }
    }
}

#[test]
fn a_request_says_what_the_conventions_ask_for_and_no_query() {
    let (_, spans) = spans(api(), WRITER, &[]);
    let list = spans.iter().find(|span| span.name.starts_with("list")).unwrap();
    assert_eq!(list.kind, SpanKind::Client as i32);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("k8s.namespace.name", "team-a"),
    ] {
        assert_eq!(text(&list.attributes, name), value, "{list:?}");
    }
    let url = text(&list.attributes, "url.full");
    let path = "/apis/platform.kratix.io/v1alpha1/namespaces/team-a/works";
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with(path), "{url}");
    let step = &root(&spans).attributes;
    let named = ["bookend.step", "kratix.promise.name", "kratix.pipeline.name"]
        .map(|name| text(step, name));
    assert_eq!(named, ["writer", "database", "p"]);
}

#[test]
fn the_process_says_who_it_is_and_the_environment_has_the_last_word() {
    let collector = Collector::start(Manner::Takes);
    let pod = Pod::new(&api().start().0);
    let mut command = traced(&pod, STATUS, "http://127.0.0.1:9/not-this-one");
    command
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/in/traces", collector.address))
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{CANARY}"))
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9");
    pod.run(&mut command);
    let received = collector.received().unwrap();
    assert!(received.head.starts_with("post /in/traces http/1.1\n"), "{}", received.head);
    assert!(
        received.head.contains(&format!("authorization: bearer {CANARY}\n")),
        "{}",
        received.head
    );
    assert!(received.head.contains("content-type: application/x-protobuf\n"), "{}", received.head);
    let (resource, _) = received.decode();
    for (name, value) in [
        ("service.name", "bookend"),
        ("service.version", "9"),
        ("kratix.promise.name", "database"),
        ("kratix.pipeline.name", "p"),
        ("deployment.environment.name", "test"),
    ] {
        assert_eq!(text(&resource, name), value, "{resource:?}");
    }
    pod.run(command.env("OTEL_SERVICE_NAME", "ours"));
    assert_eq!(text(&collector.received().unwrap().decode().0, "service.name"), "ours");
}

#[test]
fn a_failure_and_a_conflict_stand_in_the_trace() {
    let (ran, failed) = spans(Api { refuses: true, ..api() }, READER, &[]);
    assert_eq!(ran.code, Some(4));
    let status = root(&failed).status.clone().unwrap();
    assert_eq!(status.code, StatusCode::Error as i32);
    assert_eq!(status.message, "failed to get the object databases.example.org team-a/orders");
    let get = failed.iter().find(|span| span.name.starts_with("get")).unwrap();
    assert_eq!(get.status.clone().unwrap().message, "HTTP 403");
    assert_eq!(text(&get.attributes, "error.type"), "403");

    let (_, late) = spans(Api { late: 1.into(), ..api() }, READER, &[]);
    let gets: Vec<_> = late.iter().filter(|span| span.name.starts_with("get")).collect();
    assert_eq!(gets.len(), 2);
    assert_eq!(text(&gets[1].attributes, "http.request.resend_count"), "1");

    let (ran, overtaken) = spans(Api { conflicts: 1.into(), ..api() }, STATUS, &[]);
    assert_eq!(ran.code, Some(0));
    let events: Vec<_> = root(&overtaken).events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(
        events,
        ["somebody else was faster: reading and merging again", "wrote the status", "ended"]
    );
}

#[test]
fn a_refused_report_stands_in_the_trace_of_its_object() {
    let mut object = object(&traceparent());
    object["status"] = Value::Null;
    let collector = Collector::start(Manner::Takes);
    let pod = Pod::new(&Api { object, ..Api::default() }.start().0);
    // There is no entry for the suspension to stand in.
    pod.metadata("workflow-control.yaml", "suspend: true\n");
    let ran = pod.run(&mut traced(&pod, STATUS, &collector.address));
    assert_eq!(ran.code, Some(4), "{}", ran.errors);
    let spans = collector.received().unwrap().decode().1;
    assert_eq!(hexadecimal(&root(&spans).trace_id), TRACE);
    assert_eq!(hexadecimal(&root(&spans).parent_span_id), SPAN);
}

#[test]
fn without_a_valid_parent_a_trace_of_its_own_is_begun_and_log_lines_say_which() {
    for parent in ["", "garbage", &traceparent().to_uppercase()] {
        let api = Api { object: object(parent), ..Api::default() };
        let (ran, spans) = spans(api, READER, &[("BOOKEND_LOG_FORMAT", "json")]);
        let root = root(&spans);
        assert!(root.parent_span_id.is_empty(), "{root:?}");
        let trace = hexadecimal(&root.trace_id);
        assert!(trace != TRACE && spans.iter().all(|span| span.trace_id == root.trace_id));
        let told = format!(r#""trace_id":"{trace}""#);
        assert!(ran.errors.lines().all(|line| line.contains(&told)), "{}", ran.errors);
    }
}

#[test]
fn a_trace_that_nobody_wants_is_not_sent() {
    let unsampled = traceparent().replace("-01", "-00");
    let (ran, none) = spans(Api { object: object(&unsampled), ..Api::default() }, READER, &[]);
    assert_eq!((ran.code, none), (Some(0), Vec::new()));
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "True"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ] {
        let (ran, none) = spans(api(), READER, &[(name, value)]);
        assert_eq!((ran.code, none), (Some(0), Vec::new()), "{name}");
        assert_eq!(ran.errors.contains("the only protocol supported"), value == "grpc");
    }
}

/// The limit is 1.5 s, told by a clock of its own in `src/telemetry`; here only that there is one.
const GENEROUS: Duration = Duration::from_secs(10);

#[test]
fn who_only_looks_leaves_no_trace() {
    let (server, _) = api().start();
    let collector = Collector::start(Manner::Takes);
    let pod = Pod::new(&server);
    let dry_run = |step: &'static [&'static str]| [step, &["--dry-run"]].concat();
    for arguments in [
        dry_run(READER),
        dry_run(WRITER),
        dry_run(STATUS),
        vec!["show", "work", "--namespace", "team-a"],
        vec!["show", "status"],
    ] {
        let output = traced(&pod, &arguments, &collector.address).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}: {output:?}");
        assert!(collector.received().is_none(), "{arguments:?}");
    }
}

#[test]
fn a_bad_collector_changes_neither_the_exit_code_nor_holds_the_step_up() {
    let (server, _api): (String, Arc<Api>) = api().start();
    let pod = &Pod::new(&server);
    let bad = |manner, says: &str, tls: bool| {
        let collector = Collector::start(manner);
        let address = collector.address.replace("http:", if tls { "https:" } else { "http:" });
        for (arguments, code) in [(READER, 0), (&["reader", "--object-version", ""][..], 2)] {
            let begun = Instant::now();
            let ran = pod.run(traced(pod, arguments, &address).env("BOOKEND_LOG_FORMAT", "json"));
            assert!(begun.elapsed() < GENEROUS, "{manner:?}");
            assert_eq!(ran.code, Some(code), "{manner:?}: {}", ran.errors);
            assert_eq!(ran.errors.matches("the trace").count(), 1, "{}", ran.errors);
            let last = ran.errors.lines().last().unwrap();
            assert!(
                last.contains(says) && last.contains(r#""level":"warn""#),
                "{manner:?}: {last}"
            );
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| bad(Manner::Refuses(503), "HTTP 503", false));
        scope.spawn(|| bad(Manner::Refuses(401), "HTTP 401", false));
        scope.spawn(|| bad(Manner::HangsUp, "the collector does not answer", false));
        scope.spawn(|| bad(Manner::NeverAnswers, "within 1500 ms", false));
        scope.spawn(|| bad(Manner::AnswersSlowly, "within 1500 ms", false));
        scope.spawn(|| bad(Manner::IsSilent, "within 1500 ms", true));
        scope.spawn(|| bad(Manner::HangsUp, "failed to agree on TLS", true));
    });
    for (address, says) in [
        ("http://127.0.0.1:9", "failed to connect"),
        ("not an address", "cannot be used"),
        ("https://127.0.0.1:9", "failed to connect"),
    ] {
        let ran = pod.run(&mut traced(pod, READER, address));
        assert_eq!(ran.code, Some(0), "{}", ran.errors);
        assert!(ran.errors.contains(says), "{address}: {}", ran.errors);
    }
}

#[test]
fn a_trace_holds_nothing_of_the_object_the_files_or_the_login() {
    for arguments in [READER, WRITER, STATUS] {
        for (late, refuses, parent) in [(0, false, CANARY), (1, true, &*traceparent())] {
            let collector = Collector::start(Manner::Takes);
            let api = Api { late: late.into(), refuses, object: object(parent), ..api() };
            let pod = Pod::new(&api.start().0);
            let mut command = traced(&pod, arguments, &collector.address);
            let ran = pod.run(
                command
                    .env("BOOKEND_LOG", "trace")
                    .env("KRATIX_TRACE_STATE", CANARY)
                    .env("KRATIX_TRACE_PARENT", parent),
            );
            let body = collector.received().unwrap().body;
            let has_canary = body.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes());
            assert!(!has_canary, "{}", String::from_utf8_lossy(&body));
            assert!(!ran.errors.contains(CANARY), "{}", ran.errors);
        }
    }
}

#[test]
fn a_work_carries_the_trace_on() {
    let (server, api) = api().start();
    let pod = Pod::new(&server);
    let mut command = pod.command(WRITER);
    pod.run(
        command.env("KRATIX_TRACE_PARENT", traceparent()).env("KRATIX_TRACE_STATE", "vendor=1"),
    );
    let works = api.works.lock().unwrap();
    assert_eq!(works[0]["kratix.io/trace-parent"], traceparent());
    assert_eq!(works[0]["kratix.io/trace-state"], "vendor=1");
}

#[test]
#[cfg(target_os = "linux")]
fn a_local_run_is_one_trace_of_its_steps_and_stages() {
    if !crate::run::support::namespaces_are_allowed() {
        eprintln!("skipped: this machine does not allow user and mount namespaces");
        return;
    }
    let case = crate::run::support::resource(&crate::run::support::pipeline("p", "exit 0"));
    let collector = Collector::start(Manner::Takes);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("run");
    command.args([Some(&case.args.promise), case.args.request.as_ref()].into_iter().flatten());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    assert!(command.output().unwrap().status.success());
    let spans = collector.received().unwrap().decode().1;
    let root = root(&spans);
    assert_eq!(root.name, "run");
    let mut below: Vec<Span> = spans.clone();
    below.retain(|span| span.parent_span_id == root.span_id);
    assert_eq!(names(&below), ["reader", "stage", "writer", "status"]);
}
