//! Why a cluster did not do what was asked, and what to do about it.

use std::time::Duration;

use super::NamePart;
use crate::contract::ObjectKey;
use crate::exit::{Exit, Fault};
use crate::files::FileError;

/// Why the cluster did not do what was asked. No text in it holds a token or the content of an object, save what
/// the server itself quotes when it refuses one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No way to an API server: no in-cluster configuration and no kubeconfig that works.
    #[error("failed to find a cluster: {attempts}")]
    NotConfigured {
        /// Every place that was tried, with what was wrong there.
        attempts: String,
    },
    /// A name that no URL and no path can hold; nothing was asked.
    #[error("`{name}` cannot be {what}: {why}")]
    BadName {
        /// What it should be.
        what: NamePart,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The object, or its kind, is not there.
    #[error("{key} not found{}", after_colon(detail))]
    Missing {
        /// What was asked for.
        key: Box<ObjectKey>,
        /// The server's own words, which tell a missing kind from a missing object; empty for an object.
        detail: String,
    },
    /// The object changed since it was read.
    #[error("{key} has been changed by somebody else meanwhile{}", after_colon(detail))]
    Conflict {
        /// The object.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// The name is taken.
    #[error("{key} exists already")]
    Exists {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// The server does not know who asks.
    #[error("not logged in to the cluster{}", after_colon(detail))]
    Unauthorized {
        /// The server's own words.
        detail: String,
    },
    /// The service account lacks a right.
    #[error("not allowed to {verb} {key}{}", after_colon(detail))]
    Forbidden {
        /// `get`, `list`, `create`, `update`, `patch` or `delete`.
        verb: &'static str,
        /// The object, or any name of its kind.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// The object does not fit its schema or a policy.
    #[error("{key} was refused{}", after_colon(detail))]
    Invalid {
        /// The object.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// The object is larger than the server takes.
    #[error("{key} is too large for the cluster{}", after_colon(detail))]
    TooLarge {
        /// The object.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// No answer, or only "later", until our retries were used up.
    #[error(
        "failed to {verb} {key}: no usable answer from the cluster after {tries} tries in {} ms{}",
        waited.as_millis(), after_colon(detail)
    )]
    Unreachable {
        /// What was asked.
        verb: &'static str,
        /// For what.
        key: Box<ObjectKey>,
        /// How often.
        tries: u32,
        /// For how long.
        waited: Duration,
        /// The last failure.
        detail: String,
    },
    /// No way to get an answer, now or later: a certificate that is not trusted, a login that fails.
    #[error("failed to {verb} {key}: no trusted way to the cluster{}", after_colon(detail))]
    Untrusted {
        /// What was asked.
        verb: &'static str,
        /// For what.
        key: Box<ObjectKey>,
        /// What is wrong.
        detail: String,
    },
    /// An answer that is not what Kubernetes says.
    #[error("failed to {verb} {key}: the answer cannot be understood{}", after_colon(detail))]
    Malformed {
        /// What was asked.
        verb: &'static str,
        /// For what.
        key: Box<ObjectKey>,
        /// What is wrong with it.
        detail: String,
    },
    /// A file of a folder cluster that holds no object.
    #[error("failed to read an object from `{}`: {why}", path.display())]
    BadFile {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file of a folder cluster.
    #[error(transparent)]
    File(#[from] FileError),
}

fn after_colon(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

impl Fault for ClusterError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotConfigured { .. }
            | Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::Malformed { .. } => Exit::Unreachable,
            Self::BadName { .. } => Exit::Usage,
            Self::Missing { .. }
            | Self::Conflict { .. }
            | Self::Exists { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Invalid { .. }
            | Self::TooLarge { .. } => Exit::Refused,
            Self::BadFile { .. } => Exit::Input,
            Self::File(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotConfigured { .. } => {
                "run in a pod with a service account token (a debug container gets none by itself: docs/debug.md), or \
                 set `KUBECONFIG`"
                    .into()
            }
            Self::BadName { what, .. } => match what.variable() {
                Some(variable) => format!("correct the variable `{variable}`"),
                None => format!("correct {what}"),
            },
            Self::Missing { key, detail } => missing_hint(key, detail),
            Self::Conflict { .. } => "try again: the object has to be read anew".into(),
            Self::Exists { .. } => return None,
            Self::Unauthorized { .. } => {
                "check that the service account still exists and its token, or the login of the kubeconfig, has \
                 not expired"
                    .into()
            }
            Self::Forbidden { verb, key, detail } => forbidden_hint(verb, key, detail),
            Self::Invalid { .. } => {
                "change the field that the server names, or the schema or policy that refuses it".into()
            }
            Self::TooLarge { .. } => {
                "make it smaller: fewer or smaller files, or a reference to something stored elsewhere".into()
            }
            Self::Unreachable { .. } => {
                "check that the API server runs and can be reached from here without a proxy, then try again"
                    .into()
            }
            Self::Untrusted { .. } => {
                "check the certificate authority and the login of the kubeconfig or service account".into()
            }
            Self::Malformed { .. } => {
                "check that the address is that of an API server, with no other proxy in between".into()
            }
            Self::BadFile { .. } => "correct the file or delete it".into(),
            Self::File(error) => return error.hint(),
        })
    }
}

fn missing_hint(key: &ObjectKey, detail: &str) -> String {
    if detail.contains("namespaces") {
        return "create the namespace, or name another one".into();
    }
    if detail.is_empty() {
        return match &key.namespace {
            Some(namespace) => {
                format!("check the name `{}` and the namespace `{namespace}`", key.name)
            }
            None => {
                format!("check the name `{}`, and that {} have no namespace", key.name, key.kind)
            }
        };
    }
    format!(
        "check that the cluster serves {} in version `{}`: `kubectl get crd` shows group and plural",
        key.kind, key.kind.version
    )
}

impl ClusterError {
    /// Whether a server that has just started, or that has not heard yet of an account or a right, may say this to
    /// somebody who is in the right. What a webhook, a policy or a quota forbids is no such thing.
    pub(super) fn may_be_of_the_moment(&self) -> bool {
        match self {
            Self::Unauthorized { .. } => true,
            Self::Forbidden { detail, .. } => {
                quoted_after(detail, RESOURCE).is_some() || detail.contains(NOT_READY)
            }
            _ => false,
        }
    }
}

/// What stands before the resource where the authoriser forbids.
const RESOURCE: &str = " resource \"";
/// How admission refuses before it knows the namespaces.
const NOT_READY: &str = "not yet ready to handle request";

/// Says which rule is missing and for whom: in the server's words, which know the subresource, as far as they are
/// those of RBAC.
fn forbidden_hint(verb: &str, key: &ObjectKey, detail: &str) -> String {
    let Some(resource) = quoted_after(detail, RESOURCE) else {
        return "ask whoever set the policy or quota that the server names".into();
    };
    let group = quoted_after(detail, " in API group \"").unwrap_or(&key.kind.group);
    let verb = word_after(detail, " cannot ").unwrap_or(verb);
    let role = match quoted_after(detail, " in the namespace \"") {
        Some(namespace) => format!("a Role in namespace `{namespace}`"),
        None => "a ClusterRole".to_owned(),
    };
    let whom = match quoted_after(detail, "User \"") {
        Some(user) => {
            match user.strip_prefix("system:serviceaccount:").and_then(|u| u.split_once(':')) {
                Some((namespace, name)) => {
                    format!("service account `{name}` of namespace `{namespace}`")
                }
                None => format!("user `{user}`"),
            }
        }
        None => "the service account".to_owned(),
    };
    format!(
        "allow it with a rule in {role} for {whom}: apiGroups [\"{group}\"], resources [\"{resource}\"], verbs [\"{verb}\"]"
    )
}

fn quoted_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once('"').map(|(inside, _)| inside)
}

fn word_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds;

    fn forbidden(detail: &str) -> String {
        let key = Box::new(kinds::WORK.object(Some("team-a"), "x"));
        ClusterError::Forbidden { verb: "list", key, detail: detail.into() }.hint().unwrap()
    }

    #[test]
    fn a_missing_right_is_answered_with_the_rule_to_add() {
        assert_eq!(
            forbidden(
                "works.platform.kratix.io is forbidden: User \"system:serviceaccount:team-a:pipeline\" cannot list \
                 resource \"works\" in API group \"platform.kratix.io\" in the namespace \"team-a\""
            ),
            "allow it with a rule in a Role in namespace `team-a` for service account `pipeline` of namespace \
             `team-a`: apiGroups [\"platform.kratix.io\"], resources [\"works\"], verbs [\"list\"]"
        );
        assert_eq!(
            forbidden(
                "promises \"p\" is forbidden: User \"jane\" cannot update resource \"promises/status\" in API group \
                 \"platform.kratix.io\" at the cluster scope"
            ),
            "allow it with a rule in a ClusterRole for user `jane`: apiGroups [\"platform.kratix.io\"], resources \
             [\"promises/status\"], verbs [\"update\"]"
        );
    }

    #[test]
    fn a_policy_is_no_missing_right() {
        let hint = "ask whoever set the policy or quota that the server names";
        assert_eq!(forbidden("admission webhook \"x\" denied the request: no"), hint);
        assert_eq!(forbidden(""), hint);
    }

    #[test]
    fn a_missing_kind_and_a_missing_object_have_different_hints() {
        let hint = |detail: &str| {
            let key = Box::new(kinds::WORK.object(Some("team-a"), "x"));
            ClusterError::Missing { key, detail: detail.into() }.hint().unwrap()
        };
        assert_eq!(hint(""), "check the name `x` and the namespace `team-a`");
        assert!(hint("404 page not found").starts_with("check that the cluster serves works."));
        assert!(hint("namespaces \"x\" not found").starts_with("create the namespace"));
    }
}
