//! Rules for a Promise as a whole and for its API, in CEL.

use super::rules::{DNS_PART, Rule, one};
use crate::contract::{kinds, labels};

const GO_DURATION: &str =
    "^[-+]?(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|\\u00b5s|\\u03bcs|ms|s|m|h))+)$";

pub(super) fn of_the_whole() -> Vec<Rule> {
    let annotation = labels::RECONCILIATION_INTERVAL;
    let annotations = "object.metadata.annotations";
    let has = format!("has({annotations}) && '{annotation}' in {annotations}");
    let found = format!("{annotations}['{annotation}']");
    let config = "has(variables.config.reconciliationInterval) && variables.config.reconciliationInterval != ''";
    let interval = "variables.config.reconciliationInterval";
    let malformed = |has: &str, text: &str| format!("{has} && !{text}.matches('{GO_DURATION}')");
    let short = |has: &str, text: &str| format!("{has} && duration({text}) < duration('1m')");
    let namespace = "variables.config.pipelineNamespace";
    vec![
        one(
            "interval",
            "an interval is a duration of at least one minute",
            &[
                (malformed(config, interval), "'spec.workflows.config.reconciliationInterval: this is no duration, such as `1h30m`'"),
                (short(config, interval), "'spec.workflows.config.reconciliationInterval: shorter than one minute'"),
            ],
        ),
        one(
            "intervalAnnotation",
            "an interval is a duration of at least one minute",
            &[
                (malformed(&has, &found), "'metadata.annotations: the interval is no duration, such as `1h30m`'"),
                (short(&has, &found), "'metadata.annotations: the interval is shorter than one minute'"),
            ],
        ),
        one(
            "jobNamespace",
            "`pipelineNamespace` is the name of a namespace",
            &[(
                format!(
                    "has({namespace}) && {namespace} != '' && (size({namespace}) > 63 || !{namespace}.matches('^{DNS_PART}$'))"
                ),
                "'spec.workflows.config.pipelineNamespace: `' + variables.config.pipelineNamespace + '` is no name of a namespace'",
            )],
        ),
        one(
            "requirements",
            "a Promise requires others by name",
            &[
                (
                    "has(variables.spec.requiredPromises) && variables.spec.requiredPromises.exists(r, !has(r.name) || r.name == '')".into(),
                    "'spec.requiredPromises: one has no name'",
                ),
                (
                    "has(variables.spec.requiredPromises) && variables.spec.requiredPromises.exists(r, r.name == object.metadata.name)".into(),
                    "'spec.requiredPromises: a Promise cannot require itself'",
                ),
            ],
        ),
    ]
}

pub(super) fn of_the_api() -> Vec<Rule> {
    let crd = &kinds::CRD;
    let has_api = "variables.api.size() > 0";
    let had_api = "variables.oldApi.size() > 0";
    let at = |holder: &str, path: &str| {
        // Every step of the path may be missing.
        let mut place = format!("variables.{holder}");
        let mut there = Vec::new();
        for key in path.split('.') {
            there.push(format!("type({place}) == map && has({place}.{key})"));
            place = format!("{place}.{key}");
        }
        format!("({} ? dyn({place}) : dyn(''))", there.join(" && "))
    };
    let api = |path: &str| at("api", path);
    let versions = format!("(type({v}) == list ? {v} : dyn([]))", v = api("spec.versions"));
    let stored = |versions: &str| {
        format!("{versions}.filter(v, type(v) == map && has(v.storage) && v.storage == true)")
    };
    let is_fixed = |path: &str| format!("{had_api} && {} != {}", at("oldApi", path), api(path));
    let expected = format!("{} + '.' + {}", api("spec.names.plural"), api("spec.group"));
    let old_versions =
        format!("(type({v}) == list ? {v} : dyn([]))", v = at("oldApi", "spec.versions"));
    let lost = format!(
        "{had_api} && {}.exists(o, !{versions}.exists(v, type(v) == map && has(v.name) && v.name == o.name))",
        stored(&old_versions)
    );
    vec![
        one(
            "apiShape",
            "`spec.api` is a CustomResourceDefinition that can be served",
            &[
                (
                    format!(
                        "{has_api} && ({} != '{}' || {} != '{}')",
                        api("kind"),
                        crd.kind,
                        api("apiVersion"),
                        crd.api_version()
                    ),
                    "'spec.api: put the CustomResourceDefinition itself into `spec.api`'",
                ),
                (
                    format!("{has_api} && {} != 'Namespaced'", api("spec.scope")),
                    "'spec.api.spec.scope: requests need a namespace; set `Namespaced`'",
                ),
                (
                    format!("{has_api} && {} == '{}'", api("spec.group"), kinds::KRATIX_GROUP),
                    "'spec.api.spec.group: this group is Kratix\\'s own'",
                ),
                (
                    format!("{has_api} && {} != {expected}", api("metadata.name")),
                    "'spec.api.metadata.name: it must be made of plural and group'",
                ),
                (
                    format!("{has_api} && {}.size() != 1", stored(&versions)),
                    "'spec.api.spec.versions: one version must have `storage: true`'",
                ),
                (
                    format!(
                        "{has_api} && {versions}.exists(v, {versions}.filter(o, o.name == v.name).size() > 1)"
                    ),
                    "'spec.api.spec.versions: two have one name'",
                ),
                (
                    format!(
                        "{has_api} && {versions}.exists(v, !has(v.schema) || !has(v.schema.openAPIV3Schema) || v.schema.openAPIV3Schema == null)"
                    ),
                    "'spec.api.spec.versions: each needs a schema under `schema.openAPIV3Schema`'",
                ),
                (
                    format!(
                        "{has_api} && !{versions}.exists(v, has(v.served) && v.served == true)"
                    ),
                    "'spec.api.spec.versions: one must have `served: true`'",
                ),
            ],
        ),
        one(
            "apiChange",
            "an API cannot become another one",
            &[
                (
                    format!("{had_api} && !({has_api})"),
                    "'spec.api is gone; put it back, or delete the Promise, which deletes its requests too'",
                ),
                (
                    is_fixed("metadata.name"),
                    "'spec.api.metadata.name cannot change; for another API make another Promise'",
                ),
                (
                    is_fixed("spec.group"),
                    "'spec.api.spec.group cannot change; for another API make another Promise'",
                ),
                (
                    is_fixed("spec.names.kind"),
                    "'spec.api.spec.names.kind cannot change; for another API make another Promise'",
                ),
                (
                    is_fixed("spec.names.plural"),
                    "'spec.api.spec.names.plural cannot change; for another API make another Promise'",
                ),
                (
                    is_fixed("spec.scope"),
                    "'spec.api.spec.scope cannot change; for another API make another Promise'",
                ),
                (
                    lost,
                    "'spec.api.spec.versions lacks a version in which requests are stored; put it back, with `served: false` if nobody shall use it'",
                ),
            ],
        ),
    ]
}
