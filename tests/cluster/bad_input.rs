//! The tables of invalid objects on a real API server with our policy: what it refuses, and in which words
//! (`docs/bad-input.md`; `BOOKEND_UPDATE=1` writes the page).

use bookend::contract::Object;
use bookend::core::{admission, crd};
use serde_json::{Value, json};

use crate::api::{Api, api};
use crate::bad_input::{Answers, Case, Group, page, tables};

const PROMISES: &str = "/apis/platform.kratix.io/v1alpha1/promises";

/// Where objects of the kind of a table are.
fn place(group: &Group) -> String {
    format!("/apis/platform.kratix.io/v1alpha1/{}s", group.good.kind().to_lowercase())
}

/// Puts our own CRD of Promises and the policy in place.
fn installed() -> &'static Api {
    let api = api();
    for object in crd::own().into_iter().chain(admission::policies()) {
        apply(api, &object);
    }
    // Until the policy holds, and the schema too.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let probe = json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Promise",
        "metadata": {"name": "probe"},
        "spec": {"requiredPromises": [{"name": "probe"}]},
    });
    let mut probes = vec![(PROMISES.to_owned(), probe)];
    for group in tables().1 {
        let mut probe = group.good.clone();
        probe.0["spec"]["path"] = "..".into();
        probes.push((place(&group), probe.into_value()));
    }
    for (place, probe) in probes {
        loop {
            let (status, answer) = api.ask("POST", &format!("{place}?dryRun=All"), &probe);
            if status == 422 && answer.to_string().contains("denied request: ") {
                break;
            }
            assert!(std::time::Instant::now() < end, "{place}: {answer}");
            std::thread::yield_now();
        }
    }
    api
}

fn apply(api: &Api, object: &Object) -> Value {
    let plural = match object.kind() {
        "CustomResourceDefinition" => "customresourcedefinitions",
        "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
        _ => "validatingadmissionpolicybindings",
    };
    let path = format!(
        "/apis/{}/{plural}/{}?fieldManager=bookend&force=true&fieldValidation=Strict",
        object.api_version(),
        object.name()
    );
    let headers = [("content-type", "application/apply-patch+yaml")];
    let reply = api.send("PATCH", &path, &headers, serde_json::to_vec(object).unwrap());
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(reply.status < 300, "{}: {text}", object.name());
    serde_json::from_str(&text).unwrap()
}

/// Takes everything away again: other tests have their own CRDs.
fn removed(api: &Api) {
    for object in admission::policies() {
        let plural = if object.kind().ends_with("Binding") { "policybindings" } else { "policies" };
        let plural = format!("validatingadmission{plural}");
        let path = format!("/apis/{}/{plural}/{}", object.api_version(), object.name());
        api.must("DELETE", &path, &Value::Null);
    }
    for crd in bookend::files::yaml::parse_objects(include_bytes!("crds.yaml")).unwrap() {
        apply(api, &crd);
    }
}

/// What the API server says of an object; `None` when it takes it.
fn refusal(api: &Api, group: &Group, case: &Case) -> Option<String> {
    let (place, good) = (place(group), &group.good);
    let body = case.object.clone().into_value();
    let (status, answer) = if case.is_update {
        api.must("POST", &place, &good.clone().into_value());
        let path = format!("{place}/{}", good.name());
        let mut stored = api.must("GET", &path, &Value::Null);
        stored["spec"] = body["spec"].clone();
        let answer = api.ask("PUT", &format!("{path}?dryRun=All"), &stored);
        api.must("DELETE", &path, &Value::Null);
        answer
    } else {
        api.ask("POST", &format!("{place}?dryRun=All"), &body)
    };
    if status < 300 {
        return None;
    }
    let message = answer["message"].as_str().unwrap();
    // What the schema forbids has no policy in it.
    let intro =
        ["denied request: ", "is invalid: "].into_iter().find(|intro| message.contains(intro));
    let intro = intro.unwrap_or_else(|| panic!("{}: {message}", case.name));
    message.split_once(intro).map(|(_, said)| said.to_owned())
}

fn answers<'a>(api: &Api, group: &'a Group) -> Answers<'a> {
    group.cases.iter().map(|case| (case, refusal(api, group, case))).collect()
}

#[test]
#[ignore = "needs tests/cluster/run"]
fn every_mistake_is_told_as_the_page_says() {
    let api = installed();
    let (promises, others) = tables();
    for group in others.iter().chain([&promises]) {
        api.must("POST", &format!("{}?dryRun=All", place(group)), &group.good.clone().into_value());
    }
    let rows = answers(api, &promises);
    let other_rows = others.iter().flat_map(|group| answers(api, group)).collect();
    let good = &promises.good;

    // An invalid one that is there may still lose a finalizer, and go.
    api.must("POST", PROMISES, &good.clone().into_value());
    let path = format!("{PROMISES}/{}", good.name());
    let labelled = json!({"metadata": {"labels": {"a": "b"}, "finalizers": ["a.b/c"]}});
    api.must("PATCH", &path, &labelled);
    api.must("DELETE", &path, &Value::Null);
    api.must("PATCH", &path, &json!({"metadata": {"finalizers": null}, "spec": {"api": null}}));
    removed(api);

    let page = page(good, &rows, &other_rows);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-input.md");
    if std::env::var_os("BOOKEND_UPDATE").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), page);
}
