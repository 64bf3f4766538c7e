//! Status merge: the object's status, the report and the control file, as YAML documents parted by NUL.
#![no_main]

use bookend::contract::Object;
use bookend::core::{control, status};
use bookend::files::yaml;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == 0);
    let (Some(flags), Some(before), Some(report)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let flag = |bit: u8| flags.first().is_some_and(|byte| byte & (1 << bit) != 0);
    let (Ok(before), Ok(report)) = (yaml::parse(before), yaml::parse(report)) else { return };
    let (Some(before), Ok(report)) = (before.to_json(), status::parse_report(&report)) else { return };
    let Ok(file) = yaml::parse(parts.next().unwrap_or_default()) else { return };
    let Ok(control) = control::parse(&file) else { return };
    let object = |status: Value| {
        Object::from_value(json!({
            "apiVersion": if flag(4) { "platform.kratix.io/v1alpha1" } else { "example.org/v1" },
            "kind": if flag(4) { "Promise" } else { "Thing" },
            "metadata": {"name": "a", "namespace": "b", "generation": 3},
            "status": status,
        }))
        .unwrap()
    };
    let run = status::Run {
        workflow_type: if flag(0) { "promise" } else { "resource" },
        action: if flag(1) { "delete" } else { "configure" },
        pipeline: "p",
        is_last: flag(2),
        dry_run: flag(3),
        generation: 3,
        now: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
    };
    let decide = |status: Value| status::decide(&object(status), &report, &control, &run);
    if report.contains_key("kratix") {
        assert!(decide(before).is_err(), "a report cannot write what Kratix owns");
        return;
    }
    let Ok(status::Decision { status: Some(first), .. }) = decide(before) else { return };
    let Ok(status::Decision { status: Some(second), .. }) = decide(Value::Object(first)) else { return };
    if let Ok(status::Decision { status: Some(third), .. }) = decide(Value::Object(second.clone())) {
        assert_eq!(third, second, "a repetition settles");
    }
});
