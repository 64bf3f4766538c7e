//! The tables of invalid objects (`fixtures/bad-input.yaml`), and what `core` says of each.

use bookend::contract::Object;
use bookend::contract::{kinds, labels};
use bookend::core::crd;
use bookend::core::placement::{DestinationSeen, StoreRef};
use bookend::core::promise::Promise;
use bookend::core::workflow::promise::fault;
use bookend::destination;
use bookend::exit::{self, Fault as _};
use bookend::files::yaml;
use serde_json::{Value, json};

/// One kind of mistake.
pub(crate) struct Case {
    /// In words.
    pub(crate) name: String,
    /// The object.
    pub(crate) object: Object,
    /// Whether the good object is there before.
    pub(crate) is_update: bool,
}

/// An object that is taken, and what can be wrong with it.
pub(crate) struct Group {
    /// The good one.
    pub(crate) good: Object,
    /// The mistakes.
    pub(crate) cases: Vec<Case>,
}

/// Returns the table of Promises, and those of Destinations and state stores.
pub(crate) fn tables() -> (Group, Vec<Group>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bad-input.yaml");
    let table = yaml::parse(&std::fs::read(path).unwrap()).unwrap().to_json().unwrap();
    let placement = table["placement"].as_array().unwrap().iter().map(group).collect();
    (group(&table), placement)
}

fn group(table: &Value) -> Group {
    let good = table["good"].clone();
    let cases = table["cases"].as_array().unwrap().iter().map(|case| {
        let mut object = good.clone();
        for (pointer, value) in case["set"].as_object().unwrap() {
            set(&mut object, pointer, value);
        }
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            object: Object::from_value(object).unwrap(),
            is_update: case["update"] == json!(true),
        }
    });
    Group { cases: cases.collect(), good: Object::from_value(good.clone()).unwrap() }
}

fn set(object: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match object.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}")) {
        Value::Array(list) if key.parse() == Ok(list.len()) => list.push(value.clone()),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value.clone(),
        Value::Object(map) if value.is_null() => {
            map.remove(key).unwrap_or_else(|| panic!("{pointer} is there"));
        }
        Value::Object(map) => {
            map.insert(key.to_owned(), value.clone());
        }
        other => panic!("{pointer}: {other}"),
    }
}

/// Returns what is said of the Promise in its status.
pub(crate) fn in_status(good: &Object, case: &Case) -> Option<String> {
    let promise = Promise::from_object(&case.object);
    if let Some(text) = fault(promise.as_ref()) {
        return Some(text);
    }
    if !case.is_update {
        return None;
    }
    // What an API server holds of the good one.
    let good = Promise::from_object(good).unwrap();
    let mut existing = crd::build(&good.name, good.api.as_ref().unwrap()).unwrap();
    existing.set_label(labels::PROMISE_NAME, &good.name);
    existing.0.insert("status".into(), json!({"storedVersions": ["v1"]}));
    let promise = promise.unwrap();
    let wanted = promise.api.as_ref().map(|api| crd::build(&promise.name, api).unwrap());
    let error = crd::check_change(&promise.name, wanted.as_ref(), &[existing]).err()?;
    Some(format!("{error} ({})", error.hint()))
}

/// Returns what is said of a Destination or state store in its status.
pub(crate) fn in_status_of_placement(object: &Object) -> Option<String> {
    if object.kind() == kinds::DESTINATION.kind {
        let error = DestinationSeen::from_object(object).setup.err()?;
        return Some(format!("{} ({})", exit::chain(&error), error.hint()));
    }
    let is_bucket = object.kind() == kinds::BUCKET_STATE_STORE.kind;
    let store = StoreRef { is_bucket, name: object.name().to_owned() };
    // One that fits every method: it is not what is tried here.
    let keys =
        ["username", "password", "accessKeyID", "secretAccessKey", "sshPrivateKey", "knownHosts"];
    let data: serde_json::Map<_, _> =
        keys.map(|key| (key.to_owned(), json!("eA=="))).into_iter().collect();
    let secret = Object::from_value(json!({"data": data})).unwrap();
    let error = destination::place(&store, object.clone(), Some(&secret)).err()?;
    let hint = error.hint().map(|hint| format!(" ({hint})"));
    Some(exit::chain(&error) + &hint.unwrap_or_default())
}

/// What an API server says of each case of a table; `None` when it takes it.
pub(crate) type Answers<'a> = Vec<(&'a Case, Option<String>)>;

/// Makes the page of the documentation.
pub(crate) fn page(good: &Object, promises: &Answers<'_>, placement: &Answers<'_>) -> String {
    let mut page = INTRO.to_owned();
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    for (case, admission) in promises {
        let status = in_status(good, case).unwrap_or_else(|| panic!("{}: taken", case.name));
        let admission = admission.as_deref().unwrap_or("(taken; the status says it)");
        page += &format!("| {} | {} | {} |\n", case.name, cell(&status), cell(admission));
    }
    page += PLACEMENT;
    for (case, admission) in placement {
        let admission = admission.as_deref().unwrap_or_else(|| panic!("{}: taken", case.name));
        let status = in_status_of_placement(&case.object);
        let status = status.as_deref().unwrap_or(TAKEN);
        page += &format!("| {} | {} | {} |\n", case.name, cell(status), cell(admission));
    }
    page
}

const INTRO: &str = "\
# Bad input

What is said of a Promise that cannot be used. `core` finds it, and the status says it: condition `Available` is `False` with
reason `PromiseInvalid` (or `ApiChangeRefused`), `Reconciled` too, and one event tells of it. Nothing of the Promise is
touched until it is mended; then it goes on by itself.

The policy that `bookend install` prints has the same rules in CEL, so that an API server refuses most of it at once. It
leaves a Promise alone that is being deleted, and changes that do not touch what the rules are about: one that was there
before the policy can always be mended and deleted. CEL cannot read everything; what it lets pass is told in the status.

A request needs no rules of ours: the CRD of its Promise limits its name to 63 characters in every version, because it becomes the
value of labels. The API server says then: `metadata.name: Too long: may not be more than 63 bytes`.

This page is made from `fixtures/bad-input.yaml` (`tests/cluster/run bad_input`, with `BOOKEND_UPDATE=1`), and tests compare
it: the second column without a cluster, the third on a real API server.

| mistake | in the status, and from `core` | from the API server, with the policy |
| --- | --- | --- |
";

/// What stands for the status of an object with which something can be done.
pub(crate) const TAKEN: &str = "(nothing)";

const PLACEMENT: &str = "
## Destinations and state stores

The policies for these leave alone what is being deleted, and changes of labels, finalizers and status. What needs a look at other objects, or
at the store itself, is told in the status: condition `Ready` is `False`, with the reason and what to do.

| mistake | in the status, and from `core` | from the API server, with the policies |
| --- | --- | --- |
";
