//! The rules, in CEL. Each is a list of everything that breaks it, in words.

use super::whole;
use crate::contract::kinds;
use crate::core::promise::{PIPELINE_ID_CHARS_MAX, WorkflowAction, WorkflowType};

/// One rule.
pub(super) struct Rule {
    /// Name of its variable.
    pub(super) name: &'static str,
    /// What is told when its words cannot be made.
    pub(super) summary: &'static str,
    /// CEL: a list of texts, empty when it is kept.
    pub(super) faults: String,
}

/// Fields of a Pipeline's `spec` and of a container, in lower case (contract.md 5.7: their case does not matter).
const SPEC_FIELDS: [&str; 8] = [
    "containers",
    "volumes",
    "imagepullsecrets",
    "nodeselector",
    "tolerations",
    "restartpolicy",
    "joboptions",
    "rbac",
];
const CONTAINER_FIELDS: [&str; 10] = [
    "name",
    "image",
    "args",
    "command",
    "env",
    "envfrom",
    "volumemounts",
    "imagepullpolicy",
    "securitycontext",
    "resources",
];
const LABEL_VALUE: &str = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
pub(super) const DNS_PART: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/// Every pipeline, with where it stands and its name: `at`, `prefix` of its id, `name`, `spec`, `pipeline`.
pub(super) fn pipelines() -> String {
    let mut lists = Vec::new();
    for workflow in WorkflowType::ALL {
        for action in WorkflowAction::ALL {
            lists.push(format!(
                "(has(variables.workflows.{workflow}) && has(variables.workflows.{workflow}.{action}) \
                 ? variables.workflows.{workflow}.{action} : dyn([])).map(p, {{\
                 'at': dyn('spec.workflows.{workflow}.{action}'), \
                 'prefix': dyn(object.metadata.name + '-{workflow}-{action}-'), \
                 'name': {}, 'spec': {}, 'pipeline': dyn(p)}})",
                text("p.metadata", "name"),
                map("p", "spec"),
            ));
        }
    }
    lists.join(" + ")
}

/// Every container of every pipeline: `at`, `name`, `container`.
pub(super) fn containers() -> String {
    nested(
        "has(e.spec.containers) && type(e.spec.containers) == list ? e.spec.containers : dyn([])",
        "container",
    )
}

/// Every permission of every pipeline: `at`, `permission`.
pub(super) fn permissions() -> String {
    let holder = "has(e.spec.rbac) && type(e.spec.rbac) == map && has(e.spec.rbac.permissions) \
                  && type(e.spec.rbac.permissions) == list ? e.spec.rbac.permissions : dyn([])";
    nested(holder, "permission")
}

/// All entries of a list in each pipeline, in one list.
fn nested(list: &str, what: &str) -> String {
    let name = text_of("c", "name");
    // Two levels of lists become one by way of a list of lists; CEL has no other way.
    format!(
        "variables.pipelines.map(e, ({list}).filter(c, type(c) == map).map(c, {{\
         'at': dyn(e.at + ' (`' + e.name + '`)'), 'pipeline': dyn(e.at + '/' + e.name), 'name': {name}, '{what}': dyn(c)}}))"
    )
}

/// CEL for the text in a field of something that may be no map.
fn text(parent: &str, key: &str) -> String {
    format!("has({parent}) && type({parent}) == map && {}", text_of(parent, key))
}

fn text_of(parent: &str, key: &str) -> String {
    format!("has({parent}.{key}) && type({parent}.{key}) == string ? dyn({parent}.{key}) : dyn('')")
}

fn map(parent: &str, key: &str) -> String {
    format!("has({parent}.{key}) && type({parent}.{key}) == map ? dyn({parent}.{key}) : dyn({{}})")
}

fn quoted(all: &[&str]) -> String {
    all.iter().map(|one| format!("'{one}'")).collect::<Vec<_>>().join(", ")
}

/// A rule for each pipeline: which break it, and what is said of it after its place and name.
fn each(name: &'static str, summary: &'static str, breaks: &str, says: &str) -> Rule {
    let faults = format!(
        "variables.pipelines.filter(e, {breaks}).map(e, e.at + ' (`' + e.name + '`): ' + {says})"
    );
    Rule { name, summary, faults }
}

/// A rule for each entry of one of the lists of lists.
fn each_of(
    list: &str,
    name: &'static str,
    summary: &'static str,
    breaks: &str,
    says: &str,
) -> Rule {
    let faults = format!(
        "variables.{list}.map(all, all.filter(e, {breaks}).map(e, e.at + ': ' + {says}).join('; '))\
         .filter(text, text != '')"
    );
    Rule { name, summary, faults }
}

/// A rule for the whole: pairs of when it is broken, and what is said then. The first counts.
pub(super) fn one(name: &'static str, summary: &'static str, cases: &[(String, &str)]) -> Rule {
    let chain: String =
        cases.iter().map(|(breaks, says)| format!("({breaks}) ? [{says}] : ")).collect();
    Rule { name, summary, faults: format!("{chain}[]") }
}

/// Returns all rules.
pub(super) fn all() -> Vec<Rule> {
    let mut all = of_pipelines();
    all.extend(of_containers());
    all.extend(of_permissions());
    all.extend(whole::of_the_whole());
    all.extend(whole::of_the_api());
    all
}

fn of_pipelines() -> Vec<Rule> {
    let api_version = kinds::PROMISE.api_version();
    let kind = kinds::PIPELINE_KIND;
    let spec_fields = quoted(&SPEC_FIELDS);
    let name = format!("^{DNS_PART}([.]{DNS_PART})*$");
    let key =
        format!("^({DNS_PART}([.]{DNS_PART})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$");
    let has_labels = "has(e.pipeline.metadata) && type(e.pipeline.metadata) == map \
                      && has(e.pipeline.metadata.labels) && type(e.pipeline.metadata.labels) == map";
    let labels = "e.pipeline.metadata.labels";
    let bad_key = format!("!k.matches('{key}')");
    let bad_value = format!(
        "type({labels}[k]) != string || size({labels}[k]) > 63 || !{labels}[k].matches('{LABEL_VALUE}')"
    );
    vec![
        each(
            "kinds",
            "every entry of a workflow is a Pipeline",
            &format!(
                "!(has(e.pipeline.kind) && e.pipeline.kind == '{kind}' && has(e.pipeline.apiVersion) \
                 && e.pipeline.apiVersion == '{api_version}')"
            ),
            &format!("'it is no Pipeline: set `apiVersion: {api_version}` and `kind: {kind}`'"),
        ),
        each(
            "unnamed",
            "every pipeline has a name",
            "e.name == ''",
            "'set `metadata.name` of the pipeline'",
        ),
        each(
            "fields",
            "a field that a Pipeline does not have",
            &format!("e.spec.exists(k, !(k.lowerAscii() in [{spec_fields}]))"),
            &format!(
                "'unknown field `spec.' + e.spec.filter(k, !(k.lowerAscii() in [{spec_fields}])).join('`, `spec.') + '`'"
            ),
        ),
        each(
            "names",
            "the name of a pipeline becomes a part of names, and a label value",
            &format!("e.name != '' && (size(e.name) > 63 || !e.name.matches('{name}'))"),
            "'its name becomes a part of names and a label value: it needs lower-case letters, digits, `-` and `.`, \
             a letter or digit at both ends, at most 63 characters'",
        ),
        Rule {
            name: "twice",
            summary: "two pipelines of a workflow have one name",
            // The places of those with the name, of which two are the same.
            faults: "variables.pipelines.map(e, e.at + ' (`' + e.name + '`)').filter(t, !t.endsWith('(``)') \
                     && variables.pipelines.filter(e, e.at + ' (`' + e.name + '`)' == t).size() > 1)\
                     .map(t, t + ': another pipeline of this workflow has this name')"
                .into(),
        },
        each(
            "ids",
            "the id of a pipeline is too long",
            &format!("size(e.prefix + e.name) > {PIPELINE_ID_CHARS_MAX}"),
            &format!(
                "'its id `' + e.prefix + e.name + '` has ' + string(size(e.prefix + e.name)) + ' characters, {PIPELINE_ID_CHARS_MAX} may be'"
            ),
        ),
        each(
            "labelKeys",
            "a label of a pipeline has a key that is none",
            &format!("{has_labels} && {labels}.exists(k, {bad_key})"),
            &format!("'`' + {labels}.filter(k, {bad_key}).join('`, `') + '` is no label key'"),
        ),
        each(
            "labelValues",
            "a label of a pipeline has a value that is none",
            &format!("{has_labels} && {labels}.exists(k, {bad_value})"),
            &format!(
                "'the value of `' + {labels}.filter(k, {bad_value}).join('`, `') + '` is no label value'"
            ),
        ),
        each(
            "noApi",
            "a resource workflow without an API",
            "e.at.startsWith('spec.workflows.resource') && variables.api.size() == 0",
            "'there is no `spec.api` whose requests could start it'",
        ),
        each(
            "restart",
            "`restartPolicy` is `Never` or `OnFailure`",
            "has(e.spec.restartPolicy) && !(e.spec.restartPolicy in ['', 'Never', 'OnFailure'])",
            "'`restartPolicy` is not `Never` or `OnFailure`'",
        ),
    ]
}

fn of_containers() -> Vec<Rule> {
    let fields = quoted(&CONTAINER_FIELDS);
    let rule = |name, summary, breaks: &str, says: &str| {
        each_of("containers", name, summary, breaks, says)
    };
    vec![
        rule(
            "containerFields",
            "a field that a container of a Pipeline does not have",
            &format!("e.container.exists(k, !(k.lowerAscii() in [{fields}]))"),
            &format!(
                "'unknown field `' + e.container.filter(k, !(k.lowerAscii() in [{fields}])).join('`, `') + '` of container `' + e.name + '`'"
            ),
        ),
        rule(
            "containerNames",
            "a container has a name of its own, of lower-case letters, digits and `-`",
            &format!("size(e.name) > 63 || !e.name.matches('^{DNS_PART}$')"),
            "'`' + e.name + '` is no name of a container: it needs lower-case letters, digits and `-`, at most 63 bytes'",
        ),
        rule(
            "containersTwice",
            "two containers of a pipeline have one name",
            "all.filter(o, o.name == e.name).size() > 1",
            "'the pod has another container named `' + e.name + '`'",
        ),
        rule(
            "images",
            "a container needs an image",
            "!has(e.container.image) || type(e.container.image) != string || e.container.image.trim() == ''",
            "'container `' + e.name + '` needs an image'",
        ),
    ]
}

fn of_permissions() -> Vec<Rule> {
    let rule = |name, summary, breaks: &str, says: &str| {
        each_of("permissions", name, summary, breaks, says)
    };
    let is_set = |key: &str| {
        format!(
            "(has(e.permission.{key}) && e.permission.{key} != null && e.permission.{key}.size() > 0)"
        )
    };
    let (verbs, urls) = (is_set("verbs"), is_set("nonResourceURLs"));
    vec![
        rule(
            "verbs",
            "a permission has verbs",
            &format!("!{verbs}"),
            "'a permission has no `verbs`; list what may be done in `verbs`'",
        ),
        rule(
            "urls",
            "`nonResourceURLs` are in no namespace",
            &format!("{urls} && !{}", is_set("resourceNamespace")),
            r#"'`nonResourceURLs` are in no namespace; set `resourceNamespace: "*"`'"#,
        ),
        rule(
            "resources",
            "a permission has API groups and resources",
            &format!("!{urls} && !({} && {})", is_set("apiGroups"), is_set("resources")),
            "'a permission needs `apiGroups` and `resources`'",
        ),
    ]
}
