//! One recorded case: what the original was given and what it did (`fixtures/README.md` says what each field means).

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::Value;

use super::{cases_dir, generated};

/// Objects by `Kind/namespace/name`, with `-` for the namespace of a cluster-scoped one.
pub(crate) type Objects = BTreeMap<String, Value>;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// `reader/key-order`: the file without its ending.
    #[serde(skip)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) purpose: String,
    #[serde(default)]
    pub(crate) rule: String,
    /// `reader`, `work-creator`, `update-status`; empty for the bare binary.
    pub(crate) command: String,
    /// What the original does wrong here.
    pub(crate) upstream_bug: Option<String>,
    #[serde(rename = "notes")]
    pub(crate) _notes: Option<String>,
    #[serde(rename = "nondeterministic")]
    pub(crate) _nondeterministic: Option<String>,
    /// Differences from the defaults of the command; `None` is a variable that is not set.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, Option<String>>,
    pub(crate) args: Option<Vec<String>>,
    /// User as whom the requests are made.
    pub(crate) impersonate: Option<String>,
    /// Answers given instead of the server's.
    #[serde(default)]
    pub(crate) inject: Vec<Answer>,
    #[serde(default)]
    pub(crate) no_kubeconfig: bool,
    /// Another address for the API server.
    pub(crate) server: Option<String>,
    #[serde(default)]
    pub(crate) no_wcf: bool,
    #[serde(default)]
    pub(crate) chmod: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) objects: Objects,
    #[serde(rename = "work-creator-files", default)]
    pub(crate) work_creator_files: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) kratix: BTreeMap<String, Value>,
    /// Exit code, or `timeout`.
    #[serde(default)]
    pub(crate) exit: Value,
    /// How many requests the original made, discovery included.
    #[serde(default)]
    pub(crate) requests: usize,
    /// Answers with which the real server refused something by itself.
    #[serde(default)]
    pub(crate) refusals: Vec<Answer>,
    #[serde(default)]
    pub(crate) created: Objects,
    #[serde(default)]
    pub(crate) changed: Objects,
    pub(crate) published: Option<Published>,
}

/// An answer to some requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) method: String,
    /// The end of a path when it ends in `$`, else a part of it.
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) body: String,
    /// How often; without it always.
    pub(crate) times: Option<usize>,
    pub(crate) content_type: Option<String>,
}

/// The file that the reader wrote.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// Where, as the pod sees it.
    pub(crate) path: String,
    pub(crate) mode: String,
    /// Key of the object that it holds, or the object itself.
    pub(crate) is: Value,
}

#[derive(Deserialize)]
struct Defaults {
    env: BTreeMap<String, String>,
    args: Vec<String>,
}

impl Answer {
    pub(crate) fn is_for(&self, method: &str, path: &str) -> bool {
        // The original sets labels with PUT of the whole object; a PATCH asks for the same thing.
        let same_method = self.method == method || (self.method == "PUT" && method == "PATCH");
        let same_path = match self.path.strip_suffix('$') {
            Some(end) => path.ends_with(end),
            None => path.contains(&self.path),
        };
        same_method && same_path
    }
}

impl Case {
    pub(crate) fn succeeded(&self) -> bool {
        self.exit == 0
    }

    /// Whether a folder can stand in for the cluster; where not, why.
    pub(crate) fn folder_lacks(&self) -> Option<&'static str> {
        if self.no_kubeconfig || self.server.is_some() {
            Some("no way to an API server")
        } else if self.impersonate.is_some() {
            Some("rights of a user")
        } else if !self.inject.is_empty() {
            Some("an answer that the server is made to give")
        } else if !self.refusals.is_empty() {
            Some("a schema, a limit or a namespace that the server checks")
        } else {
            None
        }
    }
}

/// Returns a case that a test makes up, in the form of a file of `fixtures/golden`.
pub(crate) fn made_up(case: Value) -> Case {
    let mut case: Case = serde_json::from_value(case).unwrap();
    put_in(&defaults()[&case.command], &mut case);
    generated::expand(&mut case);
    case
}

fn defaults() -> BTreeMap<String, Defaults> {
    serde_json::from_str(&fs::read_to_string(cases_dir().join("defaults.json")).unwrap()).unwrap()
}

/// Returns every case, sorted by name, with the defaults put in and the generated texts generated.
pub(crate) fn load() -> Vec<Case> {
    let defaults = defaults();
    let mut cases = Vec::new();
    for folder in ["cli", "reader", "update-status", "work-creator"] {
        for entry in fs::read_dir(cases_dir().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let mut case: Case = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            case.name = format!("{folder}/{}", path.file_stem().unwrap().to_str().unwrap());
            put_in(&defaults[&case.command], &mut case);
            generated::expand(&mut case);
            cases.push(case);
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn put_in(defaults: &Defaults, case: &mut Case) {
    for (name, value) in &defaults.env {
        case.env.entry(name.clone()).or_insert_with(|| Some(value.clone()));
    }
    case.args.get_or_insert_with(|| defaults.args.clone());
}
