//! The downward API: what a container is told about its own pod.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{Container, ObjectFieldSelector, ResourceFieldSelector};

use super::{PodError, quantity};

/// What a pod knows about itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) service_account: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Identity {
    /// Returns the value of a field, as text.
    pub(super) fn field(
        &self,
        user: &str,
        field: &ObjectFieldSelector,
    ) -> Result<String, PodError> {
        let path = field.field_path.as_str();
        Ok(match path {
            "metadata.name" => self.name.clone(),
            "metadata.namespace" => self.namespace.clone(),
            "metadata.uid" => self.uid.clone(),
            "metadata.labels" => lines(&self.labels),
            "metadata.annotations" => lines(&self.annotations),
            "spec.nodeName" => "localhost".into(),
            "spec.serviceAccountName" => self.service_account.clone(),
            "status.podIP" | "status.podIPs" | "status.hostIP" | "status.hostIPs" => {
                "127.0.0.1".into()
            }
            _ => {
                let entry = entry(path, "metadata.labels", &self.labels)
                    .or_else(|| entry(path, "metadata.annotations", &self.annotations));
                entry.ok_or_else(|| PodError::Field {
                    user: user.to_owned(),
                    field: path.to_owned(),
                    problem: "no pod has",
                })?
            }
        })
    }
}

/// Reads `metadata.labels['key']`; a key that is not there is empty text, as with the kubelet.
fn entry(path: &str, map_path: &str, map: &BTreeMap<String, String>) -> Option<String> {
    let key = path.strip_prefix(map_path)?.strip_prefix("['")?.strip_suffix("']")?;
    Some(map.get(key).cloned().unwrap_or_default())
}

/// One `key="value"` a line, as the kubelet writes labels into a file.
fn lines(map: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (key, value) in map {
        let newline = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{newline}{key}={value:?}");
    }
    text
}

/// Returns a request or limit of a container, divided and rounded up.
pub(super) fn resource(
    user: &str,
    container: Option<&Container>,
    selector: &ResourceFieldSelector,
) -> Result<String, PodError> {
    let failed = |problem| PodError::Field {
        user: user.to_owned(),
        field: selector.resource.clone(),
        problem,
    };
    let resources = container.and_then(|container| container.resources.as_ref());
    let (list, name) = selector.resource.split_once('.').unwrap_or_default();
    let list = resources.and_then(|resources| match list {
        "requests" => resources.requests.as_ref(),
        "limits" => resources.limits.as_ref(),
        _ => None,
    });
    let quantity = list.and_then(|list| list.get(name));
    let quantity = quantity.ok_or_else(|| failed("the container does not set"))?;
    let divisor = selector.divisor.as_ref().map_or("", |divisor| divisor.0.as_str());
    let value = quantity::divide(&quantity.0, divisor);
    value.map(|value| value.to_string()).ok_or_else(|| failed("is no quantity that can be divided"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: Option<&str>) {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let identity = Identity {
            name: "pod".into(),
            namespace: "team-a".into(),
            labels: [pair("a", "1"), pair("b/c", "say \"x\"")].into(),
            annotations: [pair("note", "two\nlines")].into(),
            ..Identity::default()
        };
        let field = ObjectFieldSelector { field_path: path.into(), api_version: None };
        assert_eq!(identity.field("variable `X`", &field).ok().as_deref(), expect);
    }

    #[test]
    fn fields_of_the_pod_are_found() {
        check("metadata.name", Some("pod"));
        check("metadata.namespace", Some("team-a"));
        check("metadata.labels['b/c']", Some("say \"x\""));
        check("metadata.labels['none']", Some(""));
        check("metadata.annotations['note']", Some("two\nlines"));
        check("metadata.labels", Some("a=\"1\"\nb/c=\"say \\\"x\\\"\""));
        check("status.podIP", Some("127.0.0.1"));
    }

    #[test]
    fn a_field_that_no_pod_has_is_refused() {
        check("metadata.labels[a]", None);
        check("spec.containers", None);
        check("", None);
    }
}
