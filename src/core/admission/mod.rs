//! The rules for Promises as a ValidatingAdmissionPolicy: an API server refuses an invalid one at once, without a webhook.
//!
//! They are those of `core::promise::check`, `core::crd` and of reading a Promise, as far as CEL can say them; the rest
//! is told in the status. `docs/bad-input.md` has both texts for each kind of mistake, and tests go through it.

mod rules;
#[cfg(test)]
mod tests;
mod whole;

use serde_json::{Value, json};

use crate::contract::{Kind, Object, kinds, labels};

/// Name of the policy, and of its binding.
pub const NAME: &str = "promises.bookend";

/// Returns the policy and its binding, as they are applied. A request needs none: the CRD of its Promise limits its name.
pub fn policies() -> Vec<Object> {
    let mut variables = vec![
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
    let mut validations = Vec::new();
    for rule in rules::all() {
        variables.push(variable(rule.name, &rule.faults));
        validations.push(json!({
            "expression": format!("variables.{}.size() == 0", rule.name),
            "message": rule.summary,
            "messageExpression": format!("variables.{}.join('; ')", rule.name),
            "reason": "Invalid",
        }));
    }
    let mut policy = object(&kinds::ADMISSION_POLICY);
    let rule = json!({
        "apiGroups": [kinds::PROMISE.group],
        "apiVersions": [kinds::PROMISE.version],
        "resources": [kinds::PROMISE.plural],
        "operations": ["CREATE", "UPDATE"],
    });
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [
            // One that was there before the policy must be able to go, and to lose its finalizers.
            {"name": "stays", "expression": "!has(object.metadata.deletionTimestamp)"},
            {"name": "changes", "expression": changes()},
        ],
        "variables": variables,
        "validations": validations,
    });
    policy.0.insert("spec".into(), spec);
    let mut binding = object(&kinds::ADMISSION_POLICY_BINDING);
    binding.0.insert("spec".into(), json!({"policyName": NAME, "validationActions": ["Deny"]}));
    vec![policy, binding]
}

fn object(kind: &Kind) -> Object {
    Object::new(kind, None, NAME)
}

fn variable(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression})
}

/// Whether an update changes what the rules are about: labels and finalizers may always change.
fn changes() -> String {
    let interval = |object: &str| {
        let annotations = format!("{object}.metadata.annotations");
        let key = labels::RECONCILIATION_INTERVAL;
        format!("(has({annotations}) && '{key}' in {annotations} ? {annotations}['{key}'] : '')")
    };
    let (new, old) = (interval("object"), interval("oldObject"));
    format!(
        "oldObject == null || has(object.spec) != has(oldObject.spec) || \
         (has(object.spec) && object.spec != oldObject.spec) || {new} != {old}"
    )
}
