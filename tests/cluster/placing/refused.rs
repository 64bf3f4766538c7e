//! A cluster that refuses what the reconciler writes of a Destination: it is told where it can be, and nothing is tried for ever.

use serde_json::{Value, json};

use super::World;
use crate::api::{Api, api};

const DESTINATION: &str = "/apis/platform.kratix.io/v1alpha1/destinations/dev-1";
const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";

/// What the API server does not take of the Destination `dev-1`, until this is dropped.
struct Refusal(&'static Api);

impl Refusal {
    /// Has it refuse changes of `destinations` or of `destinations/status` that are not as `allowed`; waits until it does, with
    /// a change that is not.
    fn of(world: &World, what: &str, allowed: &str, probe: &Value) -> Self {
        let refusal = Self(api());
        let object = |kind: &str, spec: Value| {
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": {"name": "refusal"}, "spec": spec,
            })
        };
        let expression = format!("object.metadata.name != 'dev-1' || {allowed}");
        let policy = object(
            "ValidatingAdmissionPolicy",
            json!({
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["platform.kratix.io"], "apiVersions": ["*"],
                    "operations": ["UPDATE"], "resources": [what],
                }]},
                "validations": [{"expression": expression, "message": "not today"}],
            }),
        );
        let binding = object(
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": "refusal", "validationActions": ["Deny"]}),
        );
        refusal.0.must("POST", &format!("{POLICIES}ies"), &policy);
        refusal.0.must("POST", &format!("{POLICIES}ybindings"), &binding);
        let part = what.strip_prefix("destinations").unwrap();
        world.wait_for("the policy to hold", || {
            let (_, answer) =
                refusal.0.ask("PATCH", &format!("{DESTINATION}{part}?dryRun=All"), probe);
            answer.to_string().contains("not today")
        });
        refusal
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        for end in ["ies/refusal", "ybindings/refusal"] {
            self.0.ask("DELETE", &format!("{POLICIES}{end}"), &Value::Null);
        }
    }
}

/// Whether `Ready` of the Destination has that reason, and a message with these words.
fn says(reason: &str, words: &str) -> bool {
    let object = api().must("GET", DESTINATION, &Value::Null);
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.iter().any(|one| {
        one["type"] == "Ready"
            && one["reason"] == reason
            && one["message"].as_str().is_some_and(|message| message.contains(words))
    })
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn a_destination_whose_finalizer_is_refused_says_so_and_goes_on_once_it_is_taken() {
    let world = World::new();
    world.destination("dev-1", json!({}), json!({"path": "dev", "cleanup": "all"}));
    let probe = json!({"metadata": {"finalizers": ["example.com/probe"]}});
    let no_finalizers = "!has(object.metadata.finalizers)";
    let refusal = Refusal::of(&world, "destinations", no_finalizers, &probe);
    let _reconciler = world.reconcile();
    world.wait_for("the Destination to say so", || {
        says("DestinationFinalizerUpdateFailed", "not today")
    });
    drop(refusal);
    world.wait_for("the Destination to be ready", || says("TestDocumentsWritten", ""));
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn a_destination_whose_status_is_refused_is_not_written_again_and_again() {
    let world = World::new();
    world.destination("dev-1", json!({}), json!({"path": "dev"}));
    let probe = json!({"status": {"conditions": []}});
    let refusal = Refusal::of(&world, "destinations/status", "false", &probe);
    let reconciler = world.reconcile();
    world.wait_for("the canaries", || world.files().len() == 2);
    world.wait_quiet(&reconciler);
    drop(refusal);
    world.wait_for("the Destination to be ready", || says("TestDocumentsWritten", ""));
}
