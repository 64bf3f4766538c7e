//! The variables of a container, and `$(NAME)` in its texts.

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, EnvVarSource};

use super::PodError;
use super::data::{Data, Holder, fetch};
use super::field::{Identity, resource};
use crate::cluster::Cluster;

/// Variables in the order in which they were set; the last of a name counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Variables(pub(super) Vec<(String, String)>);

impl Variables {
    /// Returns the value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Replaces `$(NAME)` by the variable where there is one, and `$$` by `$`.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                expanded.push('$');
                rest = after;
            } else if let Some((name, after)) =
                rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
            {
                match self.get(name) {
                    Some(value) => expanded.push_str(value),
                    None => expanded.extend(["$(", name, ")"]),
                }
                rest = after;
            } else {
                expanded.push('$');
            }
        }
        expanded + rest
    }
}

/// Returns the variables of a container: `envFrom`, then `env`, each of which may use those before it.
pub(super) async fn variables(
    cluster: &impl Cluster,
    identity: &Identity,
    container: &Container,
) -> Result<Variables, PodError> {
    let mut variables = Variables::default();
    for source in container.env_from.iter().flatten() {
        add_all(&mut variables, cluster, identity, &container.name, source).await?;
    }
    for variable in container.env.iter().flatten() {
        let value = match &variable.value_from {
            None => variable
                .value
                .as_deref()
                .map(|value| variables.expand(value))
                .or(Some(String::new())),
            Some(source) => value_from(cluster, identity, container, variable, source).await?,
        };
        if let Some(value) = value {
            variables.0.push((variable.name.clone(), value));
        }
    }
    Ok(variables)
}

async fn add_all(
    variables: &mut Variables,
    cluster: &impl Cluster,
    identity: &Identity,
    container: &str,
    source: &EnvFromSource,
) -> Result<(), PodError> {
    let user = format!("`envFrom` of container `{container}`");
    let reference = match (&source.config_map_ref, &source.secret_ref) {
        (Some(map), _) => Some((Holder::ConfigMap, &map.name, map.optional)),
        (None, Some(secret)) => Some((Holder::Secret, &secret.name, secret.optional)),
        (None, None) => None,
    };
    let Some((holder, name, optional)) = reference else { return Ok(()) };
    let place = (identity.namespace.as_str(), name.as_str());
    let data = fetch(cluster, &user, holder, place, optional.unwrap_or_default()).await?;
    let Some(data) = data else { return Ok(()) };
    let prefix = source.prefix.as_deref().unwrap_or_default();
    for name in data.entries.keys() {
        // A name that no variable can have is left out, as the kubelet does.
        if !name.is_empty()
            && !name.contains(['=', '\0'])
            && let Some(value) = data.text(&user, name)?
        {
            variables.0.push((format!("{prefix}{name}"), value));
        }
    }
    Ok(())
}

/// Returns the value; `None` when it is optional and not there, and then the variable is not set.
async fn value_from(
    cluster: &impl Cluster,
    identity: &Identity,
    container: &Container,
    variable: &EnvVar,
    source: &EnvVarSource,
) -> Result<Option<String>, PodError> {
    let user = format!("variable `{}` of container `{}`", variable.name, container.name);
    if let Some(field) = &source.field_ref {
        return identity.field(&user, field).map(Some);
    }
    if let Some(selector) = &source.resource_field_ref {
        return resource(&user, Some(container), selector).map(Some);
    }
    let (holder, name, key, optional) = match (&source.config_map_key_ref, &source.secret_key_ref) {
        (Some(of), _) => (Holder::ConfigMap, &of.name, &of.key, of.optional),
        (None, Some(of)) => (Holder::Secret, &of.name, &of.key, of.optional),
        (None, None) => {
            let kind = if source.file_key_ref.is_some() { "fileKeyRef" } else { "none" };
            return Err(PodError::Source { user, kind });
        }
    };
    let optional = optional.unwrap_or_default();
    let place = (identity.namespace.as_str(), name.as_str());
    let data = fetch(cluster, &user, holder, place, optional).await?;
    let value = data.as_ref().map(|data| data.text(&user, key)).transpose()?.flatten();
    match (value, data) {
        (Some(value), _) => Ok(Some(value)),
        (None, Some(data)) if !optional => Err(missing(user, data, key)),
        (None, _) => Ok(None),
    }
}

pub(super) fn missing(user: String, data: Data, name: &str) -> PodError {
    PodError::MissingKey { user, key: Box::new(data.key), name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_where_the_variable_is_set() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let variables = Variables(vec![pair("A", "old"), pair("A", "1"), pair("B", "$(A)")]);
        for (text, expect) in [
            ("$(A)", "1"),
            ("x$(A)y$(B)z", "x1y$(A)z"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$A ${A} $", "$A ${A} $"),
            ("$(A", "$(A"),
            ("ä$(A)ö", "ä1ö"),
        ] {
            assert_eq!(variables.expand(text), expect, "{text}");
        }
    }
}
