//! The text of reports, whole.

use std::collections::BTreeMap;

use super::*;
use crate::contract::kinds;
use crate::core::promise::WorkflowType;
use crate::core::unpack::Group;
use crate::local::engine::{Ended, Tail};
use crate::local::pod::Ran;
use crate::local::report::StageFailed;

fn stage(name: &str, code: i32, milliseconds: u64, output: &str) -> Ran {
    let mut tail = Tail::default();
    tail.push(output.as_bytes(), |_| ());
    let elapsed = Duration::from_millis(milliseconds);
    Ran { name: name.into(), ended: Ended { end: End::Code(code), elapsed, tail } }
}

fn file(path: &str, bytes: usize) -> File {
    File { path: path.into(), content: vec![b'x'; bytes] }
}

fn report(ending: Ending) -> Report {
    let group = Group {
        directory: ".".into(),
        labels: [("env".into(), "dev".into()), ("zone".into(), "eu".into())].into(),
        files: vec![file("b.yaml", 12), file("a/c.yaml", 3_456), file("a/b/d\n.bin", 7_000_000)],
    };
    let other = Group { directory: "infra".into(), labels: BTreeMap::new(), files: vec![] };
    Report {
        promise: "database".into(),
        object: kinds::WORK.object(Some("team-a"), "orders"),
        workflow: WorkflowType::Resource,
        action: WorkflowAction::Configure,
        pipelines: vec![
            PipelineReport { name: "one".into(), stages: vec![stage("render", 0, 12, "")] },
            PipelineReport {
                name: "two".into(),
                stages: vec![stage("check", 0, 1_500, ""), stage("x", 3, 11_000, "no\n")],
            },
        ],
        resumed_at: None,
        ending,
        works: vec![WorkReport {
            work: Object::new(&kinds::WORK, Some("team-a"), "database-orders-1a2b3"),
            pipeline: "one".into(),
            groups: vec![
                Placed { group, destinations: vec!["dev-eu".into()] },
                Placed { group: other, destinations: vec![] },
            ],
        }],
        has_destinations: true,
        status: Map::from_iter([("message".into(), "ready".into())]),
        warnings: vec!["a stands in for b".into()],
        cluster: Some("/tmp/c".into()),
        out: None,
        elapsed: Duration::from_millis(12_530),
    }
}

#[test]
fn a_report_says_what_where_and_how_long() {
    let text = render(&report(Ending::Suspended { message: "wait".into(), until: None }));
    let expect = "\
resource configure workflow of Promise database on works.platform.kratix.io team-a/orders

pipeline one: done
  render  exit code 0  12 ms
pipeline two: suspended until somebody runs it again: wait
  check   exit code 0  1.50 s
  x       exit code 3  11 s

Work team-a/database-orders-1a2b3 of pipeline one
  to Destinations with env=dev, zone=eu: dev-eu
    ├── a/
    │   ├── b/
    │   │   └── d\\n.bin  7.0 MB
    │   └── c.yaml  3.5 kB
    └── b.yaml  12 B
  directory infra to any Destination: none matches

status
  message: ready

13 s: 13 s in stages, 18 ms around them
objects in /tmp/c
";
    assert_eq!(text, expect);
}

#[test]
fn a_failure_is_told_with_its_last_lines() {
    let failed = || StageFailed::new("two", &stage("x", 3, 1, "one\ntwo\n"));
    let report = report(Ending::Failed(failed()));
    assert!(render(&report).contains("pipeline two: failed\n"));
    assert_eq!(report.exit(), crate::exit::Exit::Stage);
    assert_eq!(failed().to_string(), "stage `x` of pipeline `two` ended with exit code 3");
    assert_eq!(failed().output.to_string(), "its output:\none\ntwo");
}

#[test]
fn the_document_has_the_same_facts() {
    let until = "2026-01-02T03:04:05Z".parse().ok();
    let mut report = report(Ending::Suspended { message: "wait".into(), until });
    report.resumed_at = Some("two".into());
    let document = to_json(&report);
    let at = |path: &str| document.pointer(path).cloned().unwrap_or_default();
    assert_eq!(at("/object/name"), json!("orders"));
    assert_eq!(at("/ending/until"), json!("2026-01-02T03:04:05Z"));
    assert_eq!(at("/pipelines/1/stages/1/exitCode"), json!(3));
    assert_eq!(at("/pipelines/1/stages/1/output/0"), json!("no"));
    assert_eq!(at("/works/0/groups/0/files/0"), json!({"path": "b.yaml", "bytes": 12}));
    assert_eq!(at("/works/0/groups/0/destinations/0"), json!("dev-eu"));
    assert_eq!(at("/resumedAt"), json!("two"));
    assert_eq!(at("/cluster"), json!("/tmp/c"));
}
