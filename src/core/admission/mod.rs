//! Rules as ValidatingAdmissionPolicies: an API server refuses an invalid object at once, without a webhook.
//!
//! Those for Promises are those of `core::promise::check`, `core::crd` and of reading a Promise, those for Destinations and
//! state stores are those of `core::placement` and of opening a store, as far as CEL can say them; the rest is told in the
//! status. `docs/bad-input.md` has both texts for each kind of mistake, and tests go through it.

mod placement;
mod rules;
#[cfg(test)]
mod tests;
mod whole;

use rules::Rule;
use serde_json::{Value, json};

use crate::contract::{Kind, Object, kinds, labels};

/// Returns the policies with their bindings, as they are applied. A request needs none: the CRD of its Promise limits its
/// name.
pub fn policies() -> Vec<Object> {
    let mut all = for_workflows();
    all.extend(for_placement());
    all
}

/// That for Promises, and its binding.
pub fn for_workflows() -> Vec<Object> {
    let variables = vec![
        variable("spec", "has(object.spec) ? object.spec : dyn({})"),
        variable("workflows", "has(variables.spec.workflows) ? variables.spec.workflows : dyn({})"),
        variable(
            "config",
            "has(variables.workflows.config) ? variables.workflows.config : dyn({})",
        ),
        variable(
            "api",
            "has(variables.spec.api) && variables.spec.api != null ? variables.spec.api : dyn({})",
        ),
        variable(
            "oldApi",
            "oldObject != null && has(oldObject.spec) && has(oldObject.spec.api) && oldObject.spec.api != null ? oldObject.spec.api : dyn({})",
        ),
        variable("pipelines", &rules::pipelines()),
        variable("containers", &rules::containers()),
        variable("permissions", &rules::permissions()),
    ];
    policy(&kinds::PROMISE, variables, rules::all(), &promise_changes())
}

/// Those for Destinations and state stores, each with its binding.
pub fn for_placement() -> Vec<Object> {
    let kinds = [
        (kinds::DESTINATION, placement::of_destinations()),
        (kinds::GIT_STATE_STORE, placement::of_git_state_stores()),
        (kinds::BUCKET_STATE_STORE, placement::of_bucket_state_stores()),
    ];
    let spec = || vec![variable("spec", "has(object.spec) ? object.spec : dyn({})")];
    kinds.into_iter().flat_map(|(kind, rules)| policy(&kind, spec(), rules, &changes())).collect()
}

/// A policy that keeps these rules for a kind, and its binding. It looks at an update only where `changes` says so.
fn policy(kind: &Kind, mut variables: Vec<Value>, rules: Vec<Rule>, changes: &str) -> Vec<Object> {
    let name = format!("{}.bookend", kind.plural);
    let mut validations = Vec::new();
    for rule in rules {
        variables.push(variable(rule.name, &rule.faults));
        validations.push(json!({
            "expression": format!("variables.{}.size() == 0", rule.name),
            "message": rule.summary,
            "messageExpression": format!("variables.{}.join('; ')", rule.name),
            "reason": "Invalid",
        }));
    }
    let mut policy = Object::new(&kinds::ADMISSION_POLICY, None, &name);
    let resource = json!({
        "apiGroups": [kind.group],
        "apiVersions": [kind.version],
        "resources": [kind.plural],
        "operations": ["CREATE", "UPDATE"],
    });
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [resource]},
        "matchConditions": [
            // One that was there before the policy must be able to go, and to lose its finalizers.
            {"name": "stays", "expression": "!has(object.metadata.deletionTimestamp)"},
            {"name": "changes", "expression": changes},
        ],
        "variables": variables,
        "validations": validations,
    });
    policy.0.insert("spec".into(), spec);
    let mut binding = Object::new(&kinds::ADMISSION_POLICY_BINDING, None, &name);
    binding.0.insert("spec".into(), json!({"policyName": name, "validationActions": ["Deny"]}));
    vec![policy, binding]
}

fn variable(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression})
}

/// Whether an object is new, or an update changes its `spec`: labels and finalizers may always change.
fn changes() -> String {
    "oldObject == null || has(object.spec) != has(oldObject.spec) || \
     (has(object.spec) && object.spec != oldObject.spec)"
        .to_owned()
}

/// The same for a Promise, whose rules are about an annotation, too.
fn promise_changes() -> String {
    let interval = |object: &str| {
        let annotations = format!("{object}.metadata.annotations");
        let key = labels::RECONCILIATION_INTERVAL;
        format!("(has({annotations}) && '{key}' in {annotations} ? {annotations}['{key}'] : '')")
    };
    let (new, old) = (interval("object"), interval("oldObject"));
    format!("{} || {new} != {old}", changes())
}
