//! Objects of the cases: their kinds, where a folder cluster keeps them, what is put in and what is left out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::case::Objects;
use super::generated::text_or_base64;

/// A kind that the cases use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) namespaced: bool,
    /// Whether its CRD has the status subresource.
    pub(crate) status: bool,
}

const fn kind(name: &'static str, plural: &'static str, namespaced: bool, status: bool) -> Kind {
    Kind { name, plural, group: "gold.example.com", version: "v1", namespaced, status }
}

/// Every kind of the cases; those of `gold.example.com` are made up for them.
pub(crate) const KINDS: [Kind; 6] = [
    kind("Widget", "widgets", true, true),
    kind("Gadget", "gadgets", false, true),
    kind("OpenThing", "openthings", true, true),
    kind("BareThing", "barethings", true, false),
    Kind {
        group: "platform.kratix.io",
        version: "v1alpha1",
        ..kind("Promise", "promises", false, true)
    },
    Kind { group: "platform.kratix.io", version: "v1alpha1", ..kind("Work", "works", true, true) },
];

impl Kind {
    pub(crate) fn named(name: &str) -> Self {
        *KINDS
            .iter()
            .find(|kind| kind.name == name)
            .unwrap_or_else(|| panic!("unknown kind {name}"))
    }

    pub(crate) fn of(object: &Value) -> Self {
        Self::named(object["kind"].as_str().unwrap_or_default())
    }
}

/// `Kind/namespace/name`, with `-` for no namespace.
pub(crate) fn key(object: &Value) -> String {
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("-");
    format!(
        "{}/{namespace}/{}",
        object["kind"].as_str().unwrap(),
        metadata["name"].as_str().unwrap()
    )
}

/// Puts in what a server always sets and the cases leave out.
pub(crate) fn with_server_metadata(object: &Value, index: usize) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    for (key, value) in [
        ("uid", json!(format!("00000000-0000-4000-8000-{index:012}"))),
        ("resourceVersion", json!((index + 600).to_string())),
        ("creationTimestamp", json!("2026-11-21T07:35:00Z")),
        ("generation", json!(1)),
    ] {
        metadata.entry(key).or_insert(value);
    }
    object
}

/// Returns the object without what no comparison looks at.
pub(crate) fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
            metadata.remove(key);
        }
        metadata.retain(|key, value| {
            !(matches!(&**key, "labels" | "annotations") && *value == json!({}))
        });
    }
    if let Some(map) = object.as_object_mut() {
        map.retain(|key, value| !(key == "status" && *value == json!({})));
    }
    object
}

/// Fields of a Promise's status that its CRD knows (contract.md 5.6); the API server drops all others.
const PROMISE_STATUS: [&str; 14] = [
    "apiVersion",
    "conditions",
    "kind",
    "kratix",
    "lastAvailableTime",
    "message",
    "observedGeneration",
    "requiredBy",
    "requiredPromises",
    "status",
    "version",
    "workflows",
    "workflowsFailed",
    "workflowsSucceeded",
];
/// Typed fields of a status that may not be null; the API server drops a null there.
const NEVER_NULL: [&str; 4] = ["message", "conditions", "observedGeneration", "workflows"];

/// Does to a status what the API server does because of the CRD's schema: what it does not know is dropped.
pub(crate) fn keep_what_the_schema_knows(object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) else { return };
    match &*kind {
        "Promise" => status.retain(|key, _| PROMISE_STATUS.contains(&&**key)),
        "Widget" | "Gadget" => {
            status.retain(|key, value| !(value.is_null() && NEVER_NULL.contains(&&**key)));
        }
        _ => {}
    }
}

/// Returns the object as a case shows it: the contents of a Work are decoded.
pub(crate) fn decoded(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "Work" {
        for content in contents_mut(&mut object) {
            *content = decoded_content(content);
        }
    }
    object
}

/// Puts the contents of a Work of a case into the form that they have in a cluster.
pub(crate) fn encoded(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "Work" {
        for content in contents_mut(&mut object) {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut gzip, &super::generated::bytes(content)).unwrap();
            *content = json!(STANDARD.encode(gzip.finish().unwrap()));
        }
    }
    object
}

fn contents_mut(work: &mut Value) -> Vec<&mut Value> {
    let groups = work.pointer_mut("/spec/workloadGroups").and_then(Value::as_array_mut);
    groups
        .into_iter()
        .flatten()
        .filter_map(|group| group.get_mut("workloads").and_then(Value::as_array_mut))
        .flatten()
        .filter_map(|workload| workload.get_mut("content"))
        .collect()
}

fn decoded_content(content: &Value) -> Value {
    let decode = || {
        let gzip = STANDARD.decode(content.as_str()?).ok()?;
        let mut bytes = Vec::new();
        GzDecoder::new(&*gzip).read_to_end(&mut bytes).ok()?;
        Some(text_or_base64(&bytes))
    };
    decode().unwrap_or_else(|| json!({ "not gzip in base64": content }))
}

/// Path of an object in a folder cluster.
pub(crate) fn folder_path(root: &Path, object: &Value) -> PathBuf {
    let kind = Kind::of(object);
    root.join(object["metadata"]["namespace"].as_str().unwrap_or("_cluster"))
        .join(format!("{}.{}", kind.plural, kind.group))
        .join(format!("{}.yaml", object["metadata"]["name"].as_str().unwrap()))
}

/// Writes the objects into a folder cluster.
pub(crate) fn write_folder(root: &Path, objects: &Objects) {
    for object in objects.values() {
        let path = folder_path(root, object);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, json_as_yaml(object)).unwrap();
    }
}

/// JSON is YAML, except for the letters that YAML wants escaped.
fn json_as_yaml(object: &Value) -> String {
    let mut text = String::new();
    for letter in serde_json::to_string_pretty(object).unwrap().chars() {
        let code = u32::from(letter);
        let plain = matches!(code, 0x0A | 0x20..=0x7E | 0xA0..=0x2027 | 0x202A..=0xD7FF | 0xE000..=0xFEFE | 0xFF00..=0xFFFD | 0x1_0000..);
        if plain { text.push(letter) } else { text.push_str(&format!("\\u{code:04x}")) }
    }
    text
}

/// Reads every object of a folder cluster; other files are reported as what they are.
pub(crate) fn read_folder(root: &Path) -> Objects {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                let object = parse_yaml(&fs::read(&path).unwrap());
                let object = object.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert_eq!(path, folder_path(root, &object), "an object lies where its name says");
                found.insert(key(&object), object);
            }
        }
    }
    found
}

/// Parses YAML with our own reader; `tests/cluster` asks other readers too.
pub(crate) fn parse_yaml(text: &[u8]) -> Result<Value, String> {
    let document = bookend::files::yaml::parse(text).map_err(|error| error.to_string())?;
    document.into_json().ok_or_else(|| "a number that JSON cannot hold".to_owned())
}
