//! A cluster that refuses what the reconciler writes: it is told where it can be, holds back nothing else, and is not tried for ever.

use serde_json::{Value, json};

use super::{World, group, work};
use crate::api::{Api, api};

const DESTINATION: &str = "/apis/platform.kratix.io/v1alpha1/destinations/dev-1";
const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";

/// What the API server does not take, until this is dropped.
struct Refusal(&'static Api);

impl Refusal {
    /// Has it refuse changes of the Destination `dev-1`, of `destinations` or of `destinations/status`, that are not as
    /// `allowed`; waits until it does, with a change that is not.
    fn of(world: &World, what: &str, allowed: &str, probe: &Value) -> Self {
        let part = what.strip_prefix("destinations").unwrap();
        let allowed = format!("object.metadata.name != 'dev-1' || {allowed}");
        let path = format!("{DESTINATION}{part}?dryRun=All");
        Self::until(world, ("UPDATE", what, &allowed), ("PATCH", &path, probe))
    }

    /// Has it refuse what is not as allowed; waits until it refuses the probe.
    fn until(
        world: &World,
        (operation, what, allowed): (&str, &str, &str),
        (method, path, probe): (&str, &str, &Value),
    ) -> Self {
        let refusal = Self(api());
        let object = |kind: &str, spec: Value| {
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": {"name": "refusal"}, "spec": spec,
            })
        };
        let policy = object(
            "ValidatingAdmissionPolicy",
            json!({
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["platform.kratix.io"], "apiVersions": ["*"],
                    "operations": [operation], "resources": [what],
                }]},
                "validations": [{"expression": allowed, "message": "not today"}],
            }),
        );
        let binding = object(
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": "refusal", "validationActions": ["Deny"]}),
        );
        refusal.0.must("POST", &format!("{POLICIES}ies"), &policy);
        refusal.0.must("POST", &format!("{POLICIES}ybindings"), &binding);
        world.wait_for("the policy to hold", || {
            refusal.0.ask(method, path, probe).1.to_string().contains("not today")
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

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn a_group_whose_placement_is_refused_is_told_and_holds_back_no_other() {
    let world = World::new();
    let quiet = json!({"path": "dev", "initWorkloads": {"enabled": false}});
    world.destination("dev-1", json!({"env": "dev"}), quiet);
    let mut probe = work("probe", &[]);
    probe["kind"] = "WorkPlacement".into();
    probe["spec"] = json!({"targetDestinationName": "dev-1", "workloads": [{"filepath": "bad/x"}]});
    let path = "/apis/platform.kratix.io/v1alpha1/namespaces/team-a/workplacements?dryRun=All";
    let no_bad = "!object.spec.workloads.exists(one, one.filepath.startsWith('bad/'))";
    let refusal =
        Refusal::until(&world, ("CREATE", "workplacements", no_bad), ("POST", path, &probe));
    let _reconciler = world.reconcile();
    // The first by its id is the bad one.
    world.put(&work("one", &[group(".", "dev", &["bad/x"]), group("baz", "dev", &["baz/y"])]));
    let good = "dev/resources/team-a/vault/one/main/73fef/baz/y";
    world.wait_files(&[good]);
    world.wait_for("the Work to say so", || {
        let said = world.says("one").unwrap_or_default();
        said.0 == "Pending"
            && said.1.contains("5058f1af8388633f609cadb75a75dc9d")
            && said.1.contains("not today")
    });
    drop(refusal);
    world.wait_files(&[good, "dev/resources/team-a/vault/one/main/5058f/bad/x"]);
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
}
