//! `show status`: what an object's workflow does and waits for, from a folder cluster or a live one.

use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::{ClusterError, Reads};
use crate::contract::{Kind, Object, ObjectKey, env, kinds};
use crate::core::promise::Api;
use crate::core::status_view::{self, StatusView};
use crate::exit::{Exit, Fault};

/// What to show.
#[derive(Debug, Clone)]
pub struct ShowStatus {
    /// Which object.
    pub target: Target,
    /// For a program rather than a person.
    pub as_json: bool,
    /// Whether to say what a person can do with kubectl; it cannot do anything with a folder.
    pub with_commands: bool,
    /// The time that ages are counted from where the cluster does not tell its own.
    pub now: Timestamp,
}

/// Which object to show.
#[derive(Debug, Clone)]
pub enum Target {
    /// The one that the variables of a pod name.
    Key(ObjectKey),
    /// One that a person names.
    Named {
        /// Kind, plural, singular, short name, or `PLURAL.GROUP`; or `PLURAL.VERSION.GROUP`, which is not looked up.
        kind: String,
        /// Name of the object.
        name: String,
        /// Its namespace; `None` means `default`.
        namespace: Option<String>,
    },
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The cluster did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Neither arguments nor variables name an object.
    #[error("no object is named: no KIND and NAME, and {missing} not set")]
    Unnamed {
        /// The variables.
        missing: String,
    },
    /// The Promises could not be read, which tell what kinds there are.
    #[error("failed to find out what `{word}` is")]
    Lookup {
        /// What was asked for.
        word: String,
        /// Why not.
        source: ClusterError,
    },
    /// No Promise has an API of that kind.
    #[error("no Promise offers a kind `{word}`")]
    NoKind {
        /// What was asked for.
        word: String,
        /// What there is.
        kinds: Vec<String>,
    },
    /// Several Promises have.
    #[error("`{word}` can be any of {}", kinds.join(", "))]
    SeveralKinds {
        /// What was asked for.
        word: String,
        /// All of them.
        kinds: Vec<String>,
    },
    /// No object of that name.
    #[error("there is no {object}")]
    NoObject {
        /// The object.
        object: String,
    },
}

impl Fault for StatusError {
    fn exit(&self) -> Exit {
        match self {
            Self::Cluster(source) | Self::Lookup { source, .. } => source.exit(),
            Self::Unnamed { .. }
            | Self::NoKind { .. }
            | Self::SeveralKinds { .. }
            | Self::NoObject { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Cluster(source) => return source.hint(),
            Self::Unnamed { .. } => format!(
                "name it: `bookend show status KIND NAME -n NAMESPACE`; Kratix sets {} and the others in its \
                 containers, but not in one that `kubectl debug` adds",
                env::OBJECT_NAME
            ),
            Self::Lookup { .. } => {
                "give the kind as PLURAL.VERSION.GROUP, which needs no right to list Promises".into()
            }
            Self::NoKind { kinds, .. } => {
                format!("choose one of {}, or give it as PLURAL.VERSION.GROUP", kinds.join(", "))
            }
            Self::SeveralKinds { .. } => "give the kind as PLURAL.GROUP".into(),
            Self::NoObject { .. } => {
                "look at its name and namespace (`-n`): they are those of the object, not of its pod".into()
            }
        })
    }
}

/// Returns what `show status` prints.
pub async fn run(cluster: &impl Reads, args: &ShowStatus) -> Result<String, StatusError> {
    let key = match &args.target {
        Target::Key(key) => key.clone(),
        Target::Named { kind, name, namespace } => {
            let namespace = namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
            kind_of(cluster, kind).await?.object(Some(namespace), name)
        }
    };
    let object = cluster.get(&key).await?;
    let object = object.ok_or_else(|| StatusError::NoObject { object: key.to_string() })?;
    let view = StatusView::of(&key, &object);
    let now = super::now_of(cluster, args.now);
    let mut outlook = status_view::outlook(&view, now);
    if !args.with_commands {
        outlook.todo.clear();
    }
    Ok(if args.as_json {
        format!("{:#}\n", status_view::json(&view, &outlook))
    } else {
        status_view::text(&view, &outlook, now)
    })
}

const DEFAULT_NAMESPACE: &str = "default";

async fn kind_of(cluster: &impl Reads, word: &str) -> Result<Kind, StatusError> {
    if names_promise(word) {
        return Ok(kinds::PROMISE);
    }
    if let Some(kind) = spelled_out(word) {
        return Ok(kind);
    }
    let promises = cluster
        .list(&kinds::PROMISE, None, &[])
        .await
        .map_err(|source| StatusError::Lookup { word: word.to_owned(), source })?;
    let offered: Vec<(Kind, &Value)> = promises.iter().filter_map(offered).collect();
    let matching: Vec<&Kind> = offered
        .iter()
        .filter(|(kind, crd)| is_called(kind, crd, word))
        .map(|(kind, _)| kind)
        .collect();
    let titles = |kinds: &mut dyn Iterator<Item = &Kind>| kinds.map(Kind::to_string).collect();
    match matching.as_slice() {
        [kind] => Ok((*kind).clone()),
        [] => {
            let promise = kinds::PROMISE;
            let mut all = std::iter::once(&promise).chain(offered.iter().map(|(kind, _)| kind));
            Err(StatusError::NoKind { word: word.to_owned(), kinds: titles(&mut all) })
        }
        several => {
            let kinds = titles(&mut several.iter().copied());
            Err(StatusError::SeveralKinds { word: word.to_owned(), kinds })
        }
    }
}

fn names_promise(word: &str) -> bool {
    let kind = kinds::PROMISE;
    word.eq_ignore_ascii_case(&kind.kind) || word == kind.plural || word == kind.to_string()
}

/// Reads `PLURAL.VERSION.GROUP`, as kubectl takes it. Whether there is a namespace in it cannot be told: nearly every
/// Promise's API has one (contract.md 9.1).
fn spelled_out(word: &str) -> Option<Kind> {
    let mut parts = word.splitn(3, '.');
    let (plural, version, group) = (parts.next()?, parts.next()?, parts.next()?);
    let is_version = version
        .strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if !is_version || group.is_empty() {
        return None;
    }
    let kind = Kind {
        group: group.to_owned().into(),
        version: version.to_owned().into(),
        kind: "".into(),
        plural: plural.to_owned().into(),
        namespaced: true,
    };
    let namespaced = !kind.is_same(&kinds::PROMISE);
    Some(Kind { namespaced, ..kind })
}

/// The kind of a Promise's requests, and its CRD.
fn offered(promise: &Object) -> Option<(Kind, &Value)> {
    let crd = promise.at(&["spec", "api"])?;
    Some((Api::read(crd).ok()?.kind, crd))
}

fn is_called(kind: &Kind, crd: &Value, word: &str) -> bool {
    let names = |field: &str| crd.pointer(&format!("/spec/names/{field}"));
    let shorts = names("shortNames").and_then(Value::as_array).into_iter().flatten();
    let singular = names("singular").into_iter().chain(shorts).filter_map(Value::as_str);
    word.eq_ignore_ascii_case(&kind.kind)
        || word == kind.plural
        || word == kind.to_string()
        || singular.into_iter().any(|name| name == word)
}
