//! Each right that the steps use, taken away: the step that needs it says which one, and to whom to give it.

use std::thread;

use bookend::contract::{Object, kinds};
use bookend::core::promise::WorkflowType;
use serde_json::{Value, json};

use super::kit::{
    Finished, Flow, Recipe, Started, kind_of_grant, once, path, stage, together, wait_for, words,
};

/// What `*` stands for in the rules of the contract.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// A right, and the container that cannot do without it.
struct Row {
    name: &'static str,
    workflow: WorkflowType,
    resource: &'static str,
    verb: &'static str,
    container: &'static str,
    /// What the pipeline asks of its workflow.
    control: &'static str,
    /// Whether a run that may do everything comes first.
    is_second: bool,
}

const ROW: Row = Row {
    name: "",
    workflow: WorkflowType::Resource,
    resource: "",
    verb: "",
    container: "",
    control: "",
    is_second: false,
};

const ROWS: [Row; 8] = [
    Row { name: "no-get", resource: "widgets", verb: "get", container: "reader", ..ROW },
    Row { name: "no-list-works", resource: "works", verb: "list", container: "work-writer", ..ROW },
    Row {
        name: "no-create-works",
        resource: "works",
        verb: "create",
        container: "work-writer",
        ..ROW
    },
    Row {
        name: "no-update-works",
        resource: "works",
        verb: "update",
        container: "work-writer",
        is_second: true,
        ..ROW
    },
    Row {
        name: "no-update-status",
        resource: "widgets/status",
        verb: "update",
        container: "status-writer",
        ..ROW
    },
    Row {
        name: "no-patch",
        resource: "widgets",
        verb: "patch",
        container: "status-writer",
        control: "suspend: true",
        ..ROW
    },
    Row {
        name: "no-get-promise",
        workflow: WorkflowType::Promise,
        resource: "promises",
        verb: "get",
        container: "reader",
        ..ROW
    },
    Row {
        name: "no-update-promise-status",
        workflow: WorkflowType::Promise,
        resource: "promises/status",
        verb: "update",
        container: "status-writer",
        ..ROW
    },
];

impl Row {
    fn set_up(&self) -> Flow {
        let script = match self.control {
            "" => "echo 'a: 1' >/kratix/output/a.yaml".to_owned(),
            control => format!("echo '{control}' >/kratix/metadata/workflow-control.yaml"),
        };
        Recipe {
            name: self.name,
            workflow: self.workflow,
            pipelines: vec![vec![stage("one", &script)]],
            pipeline_spec: once(),
            ..Recipe::default()
        }
        .set_up()
    }

    /// Runs without the right, and checks what the container says of it.
    fn check(&self) {
        let flow = self.set_up();
        if self.is_second {
            flow.run(0).succeeded();
        }
        keep_rights(&flow, |resource, verb| (resource, verb) != (self.resource, self.verb));
        let run = flow.run(1).failed();
        let end = run.end_of(self.container);
        assert_eq!(end["exitCode"], 4, "{}: {end}", self.name);
        let message = end["message"].as_str().unwrap();
        let Self { name, resource, verb, .. } = self;
        let rule = format!("resources [\"{resource}\"], verbs [\"{verb}\"]");
        assert!(message.starts_with("error: "), "{name}: {message}");
        assert!(message.contains(&rule), "{name}: {message}");
        assert!(message.contains(&format!("service account `{}`", account(&flow))), "{message}");
        assert_last_in_log(&run, self.container, message);
    }
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_step_without_a_right_it_needs_names_the_rule_to_add() {
    let _others = together();
    thread::scope(|scope| {
        for rows in ROWS.chunks(ROWS.len() / 4) {
            scope.spawn(|| rows.iter().for_each(Row::check));
        }
    });
}

/// Kratix gives more than the steps use: list and create of objects, and the rest of `*` on Works, are for users' stages.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn six_rights_are_enough() {
    let _others = together();
    let enough = |resource: &str, verb: &str| {
        matches!(
            (resource, verb),
            ("widgets", "get" | "patch")
                | ("widgets/status", "update")
                | ("works", "list" | "create" | "update")
        )
    };
    for control in ["", "retryAfter: 1h"] {
        let name = if control.is_empty() { "enough" } else { "enough-to-wait" };
        let flow = Row { name, control, ..ROW }.set_up();
        keep_rights(&flow, enough);
        flow.run(1).succeeded();
        flow.run(2).succeeded();
    }
}

/// Kratix makes the rights a moment before the Job, and the API server may hear of them a moment later.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_right_that_comes_late_is_found_by_the_next_try() {
    let _others = together();
    let flow = Recipe { name: "late-right", ..Recipe::default() }.set_up();
    keep_rights(&flow, |resource, _| resource != "widgets");
    let started = flow.start(flow.job(0, 1));
    let reader = wait_for("the first failure of the reader", || failed_reader(&started));
    let message = reader["message"].as_str().unwrap();
    assert!(message.contains("resources [\"widgets\"], verbs [\"get\"]"), "{message}");
    flow.grant_again();
    let run = started.wait().completed();
    assert!(run.containers()[0]["restartCount"].as_u64().unwrap() > 0);
    let description = run.describe();
    let last = format!("Last State: Terminated Reason: Error Message: {}", words(message));
    assert!(words(&description).contains(&last), "{description}");
}

/// How the reader ended, once it has failed.
fn failed_reader(started: &Started) -> Option<Value> {
    let pod = started.pod()?;
    let reader = &pod["status"]["initContainerStatuses"][0];
    let states = [&reader["state"]["terminated"], &reader["lastState"]["terminated"]];
    states.into_iter().find(|state| state["exitCode"] == 4).cloned()
}

/// Replaces the rules of the flow's roles by single rights, of which only some are kept, and waits until that holds.
fn keep_rights(flow: &Flow, keep: impl Fn(&str, &str) -> bool) {
    for mut role in flow.grants().into_iter().filter(|grant| grant.0.contains_key("rules")) {
        let rights = single_rights(&role);
        let (kept, taken): (Vec<_>, Vec<_>) = rights.into_iter().partition(|right| {
            keep(right["resources"][0].as_str().unwrap(), right["verbs"][0].as_str().unwrap())
        });
        role.0.insert("rules".into(), kept.into());
        let path = path(kind_of_grant(&role), &role, true);
        flow.api.must("PUT", &path, &role.into_value());
        for right in taken {
            wait_for("a right that is gone", || (!is_allowed(flow, &right)).then_some(()));
        }
    }
}

/// The rules of a role, one resource and verb each.
fn single_rights(role: &Object) -> Vec<Value> {
    let mut rights = Vec::new();
    for rule in role.0["rules"].as_array().unwrap() {
        let verbs: Vec<_> =
            rule["verbs"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        let verbs = if verbs == ["*"] { VERBS.to_vec() } else { verbs };
        for resource in rule["resources"].as_array().unwrap() {
            for verb in &verbs {
                rights.push(json!({ "apiGroups": rule["apiGroups"], "resources": [resource], "verbs": [verb] }));
            }
        }
    }
    rights
}

/// Asks the API server whether the pod's account has a right in the namespace of the Job.
fn is_allowed(flow: &Flow, right: &Value) -> bool {
    let resource = right["resources"][0].as_str().unwrap();
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let namespace = flow.job_namespace();
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": format!("system:serviceaccount:{namespace}:{}", account(flow)),
            "resourceAttributes": {
                "namespace": namespace, "group": right["apiGroups"][0], "verb": right["verbs"][0],
                "resource": resource, "subresource": subresource,
            },
        },
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    flow.api.must("POST", path, &review)["status"]["allowed"] == true
}

fn account(flow: &Flow) -> String {
    let is_account = |grant: &&Object| grant.kind() == kinds::SERVICE_ACCOUNT.kind;
    flow.grants().iter().find(is_account).unwrap().name().to_owned()
}

/// What the kubelet was told is what the log ends with.
fn assert_last_in_log(run: &Finished, container: &str, message: &str) {
    let log = run.log(container);
    assert!(log.trim_end().ends_with(message.trim_end()), "{log}\n--- {message}");
}
