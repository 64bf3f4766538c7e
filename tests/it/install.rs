//! `bookend install`: what it prints, for whom, and what it refuses. A real API server takes it in `tests/cluster`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bookend::contract::Object;
use bookend::files::yaml;
use serde_json::{Value, json};

/// Set to write `fixtures/install.yaml` anew instead of comparing it.
const UPDATE: &str = "BOOKEND_UPDATE";

fn install(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bookend"))
        .env_clear()
        .arg("install")
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = install(&[&["--image", "registry.example.com/bookend:1"], arguments].concat());
    let (stdout, stderr) =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).into();
    assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""));
    stdout.into_owned()
}

fn objects(arguments: &[&str]) -> Vec<Object> {
    yaml::parse_objects(printed(arguments).as_bytes()).unwrap()
}

fn find(objects: &[Object], kind: &str, name: &str) -> Value {
    let found = objects.iter().find(|object| object.kind() == kind && object.name() == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}")).clone().into_value()
}

#[test]
fn it_prints_what_the_snapshot_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/install.yaml");
    let mut all = objects(&[]);
    // These have tests of their own where they are made: here, only that they are there.
    for made in bookend::core::crd::own().into_iter().chain(bookend::core::admission::policies()) {
        let place = all.iter().position(|object| *object == made);
        all.remove(place.unwrap_or_else(|| panic!("no {} {}", made.kind(), made.name())));
    }
    let text = bookend::install::text(&all);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &text).unwrap();
    }
    let hint = format!("`{UPDATE}=1 cargo test --test it install` writes it anew");
    assert!(fs::read_to_string(&path).unwrap_or_default() == text, "{path:?} differs; {hint}");
}

#[test]
fn every_object_is_told_whose_it_is_and_stands_after_what_it_needs() {
    let all = objects(&[]);
    let kinds: Vec<_> = all.iter().map(Object::kind).collect();
    let place = |kind| kinds.iter().position(|one| *one == kind).unwrap();
    assert_eq!(place("Namespace"), 0);
    assert_eq!(kinds.last(), Some(&"Deployment"));
    assert!(place("ServiceAccount") < place("ClusterRoleBinding"));
    for object in &all {
        let is_whole_cluster =
            ["Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"]
                .contains(&object.kind())
                || object.kind().starts_with("ValidatingAdmissionPolicy");
        let expected = (!is_whole_cluster).then_some("kratix-platform-system");
        assert_eq!(object.namespace(), expected, "{} {}", object.kind(), object.name());
    }
}

#[test]
fn the_pod_is_as_restricted_as_can_be() {
    let deployment = find(&objects(&[]), "Deployment", "kratix-platform-controller-manager");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    let expected = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": true, "runAsUser": 65532,
    });
    // The one place that can be written to, which ends with the pod and has a limit.
    assert_eq!(pod["volumes"], json!([{"name": "scratch", "emptyDir": {"sizeLimit": "4Gi"}}]));
    assert_eq!(container["volumeMounts"], json!([{"name": "scratch", "mountPath": "/tmp"}]));
    assert_eq!(container["securityContext"], expected);
    for probe in ["livenessProbe", "readinessProbe"] {
        assert!(container[probe]["httpGet"]["path"].is_string());
    }
}

#[test]
fn every_option_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("kratix.yaml");
    fs::write(&config, "numberOfJobsToKeep: 2\n").unwrap();
    let all = objects(&[
        "--pull-secret",
        "pull",
        "--replicas",
        "3",
        "--status-layout",
        "flat",
        "--rights",
        "kratix",
        "--config",
        config.to_str().unwrap(),
    ]);
    let deployment = find(&all, "Deployment", "kratix-platform-controller-manager");
    assert_eq!(deployment["spec"]["replicas"], 3);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry.example.com/bookend:1");
    let variable = |name: &str| {
        let all = container["env"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).map(|one| one["value"].clone())
    };
    for (name, value) in [
        ("PIPELINE_ADAPTER_IMG", "registry.example.com/bookend:1"),
        ("PIPELINE_ADAPTER_PULL_SECRET", "pull"),
        ("BOOKEND_STATUS_LAYOUT", "flat"),
        ("BOOKEND_RIGHTS", "kratix"),
    ] {
        assert_eq!(variable(name), Some(value.into()), "{name}");
    }
    let account = find(&all, "ServiceAccount", "kratix-platform-controller-manager");
    assert_eq!(account["imagePullSecrets"], json!([{"name": "pull"}]));
    let settings = find(&all, "ConfigMap", "kratix");
    assert_eq!(settings["data"], json!({"config": "numberOfJobsToKeep: 2\n"}));
}

/// Every variable that the Deployment sets is one that `reconcile` reads, and the probes ask where it listens.
#[test]
fn what_the_deployment_sets_is_what_reconcile_reads() {
    let deployment =
        find(&objects(&["--pull-secret", "x"]), "Deployment", "kratix-platform-controller-manager");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let help = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .env_clear()
        .args(["reconcile", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for variable in container["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        // The standard library reads it, wherever there is something to put aside.
        assert!(name == "TMPDIR" || help.contains(&format!("[env: {name}=")), "{name}");
    }
    assert_eq!(container["command"], json!(["/bin/pipeline-adapter", "reconcile"]));
    assert!(help.contains("      --no-placement"), "what `install --no-placement` gives it");
}

#[test]
fn without_placement_nothing_of_it_is_there() {
    let all = objects(&["--no-placement"]);
    let with = objects(&[]);
    let names = |all: &[Object]| all.iter().map(|one| one.name().to_owned()).collect::<Vec<_>>();
    let mut expected = names(&with);
    expected.retain(|name| {
        !["workplacements.", "destinations.", "gitstatestores.", "bucketstatestores."]
            .iter()
            .any(|start| name.starts_with(start))
    });
    assert_eq!((expected.len(), names(&all)), (with.len() - 10, expected));
    for (kind, word) in [
        ("ClusterRole", "workplacements"),
        ("ClusterRole", "destinations"),
        ("ClusterRole", "statestores"),
        ("ClusterRole", "secrets"),
        ("Deployment", "TMPDIR"),
        ("Deployment", "volume"),
    ] {
        let holds =
            |all| find(all, kind, "kratix-platform-controller-manager").to_string().contains(word);
        assert_eq!((holds(&with), holds(&all)), (true, false), "{word}");
    }
    let deployment = find(&all, "Deployment", "kratix-platform-controller-manager");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["command"],
        json!(["/bin/pipeline-adapter", "reconcile", "--no-placement"])
    );
    let output = install(&["--image", "x", "--no-placement", "--secrets-in", "a"]);
    assert_eq!(output.status.code(), Some(2), "what would have no effect is refused");
}

/// The rules on Secrets, each with the kind and namespace of its role.
fn rules_on_secrets(arguments: &[&str]) -> Vec<(String, Option<String>, Value)> {
    let mut found = Vec::new();
    for object in objects(arguments) {
        let rules = object.0.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
        for rule in rules.into_iter().filter(|rule| rule["resources"] == json!(["secrets"])) {
            found.push((object.kind().to_owned(), object.namespace().map(Into::into), rule));
        }
    }
    found
}

#[test]
fn secrets_are_read_one_by_one_and_if_wanted_in_few_namespaces() {
    let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]});
    let everywhere = ("ClusterRole".to_owned(), None, rule.clone());
    assert_eq!(rules_on_secrets(&[]), [everywhere]);
    let arguments = ["--secrets-in", "team-b", "--secrets-in", "default", "--secrets-in", "team-b"];
    let in_one = |namespace: &str| ("Role".to_owned(), Some(namespace.to_owned()), rule.clone());
    assert_eq!(rules_on_secrets(&arguments), [in_one("default"), in_one("team-b")]);
    let bindings = objects(&arguments).into_iter().filter(|object| {
        object.kind() == "RoleBinding" && object.namespace() != Some("kratix-platform-system")
    });
    for binding in bindings {
        let binding = binding.into_value();
        assert_eq!(binding["roleRef"]["name"], binding["metadata"]["name"]);
        assert_eq!(binding["subjects"][0]["namespace"], "kratix-platform-system");
    }
    let output = install(&["--image", "x", "--secrets-in", "Team_B"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn only_who_may_escalate_has_the_verb() {
    for (arguments, escalates) in [(&[][..], true), (&["--no-escalate"][..], false)] {
        let text = printed(arguments);
        let all = objects(arguments);
        let role = find(&all, "ClusterRole", "kratix-platform-controller-manager");
        let rules = serde_json::to_string(&role["rules"]).unwrap();
        assert_eq!((rules.contains("escalate"), rules.contains("bind\"")), (escalates, escalates));
        assert!(!rules.contains("\"*\""), "{rules}");
        assert_eq!(text.contains("bookend/grantable"), !escalates);
    }
}

#[test]
fn settings_that_the_controller_would_refuse_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kratix.yaml");
    let path = path.to_str().unwrap();
    let call = || {
        let output = install(&["--image", "x", "--config", path]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty());
        (output.status.code(), text)
    };
    assert!(call().1.contains("there is no file"), "{:?}", call());
    for (settings, expected) in [
        ("numberOfJobsToKeep: many\n", "`numberOfJobsToKeep`"),
        ("reconciliationInterval: 10\n", "`reconciliationInterval`"),
        ("a: [\n", "failed to read the settings"),
        (
            "git: {commits: {message: '{ticket}'}}\n",
            "`git.commits` of the settings cannot be used\n  caused by: the template `{ticket}` asks",
        ),
        ("git: {commits: {trailers: {A b: x}}}\n", "`A b` is no key of a trailer"),
        (
            "git: {commits: {signingKeySecretRef: {namespace: a}}}\n",
            "`git.commits.signingKeySecretRef.name` is ``",
        ),
    ] {
        fs::write(path, settings).unwrap();
        let (code, text) = call();
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn the_key_that_signs_commits_is_where_the_controller_may_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kratix.yaml");
    let path = path.to_str().unwrap();
    let call = |reference: &str, more: &[&str]| {
        fs::write(path, format!("git: {{commits: {{signingKeySecretRef: {reference}}}}}\n"))
            .unwrap();
        let output = install(&[&["--image", "x", "--config", path], more].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (reference, more) in [
        ("{name: signer, namespace: team-b}", &[][..]),
        (
            "{name: signer, namespace: team-b}",
            &["--secrets-in", "team-a", "--secrets-in", "team-b"],
        ),
        ("{name: signer}", &["--secrets-in", "kratix-platform-system"]),
        ("{}", &["--secrets-in", "team-a"]),
    ] {
        assert_eq!(call(reference, more).0, Some(0), "{reference}");
    }
    for (reference, namespace) in [
        ("{name: signer, namespace: team-b}", "team-b"),
        ("{name: signer}", "kratix-platform-system"),
    ] {
        let (code, text) = call(reference, &["--secrets-in", "team-a"]);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(&format!("add `--secrets-in {namespace}`")), "{text}");
    }
}

/// The page says nothing of options that are not there, and nothing less than all of `install`.
#[test]
fn the_page_knows_the_options() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reconcile.md");
    let page = fs::read_to_string(page).unwrap();
    let help = |command| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_bookend"));
        String::from_utf8(program.env_clear().args([command, "--help"]).output().unwrap().stdout)
            .unwrap()
    };
    let (install, reconcile) = (help("install"), help("reconcile"));
    for option in [
        "--image",
        "--pull-secret",
        "--replicas",
        "--status-layout",
        "--rights",
        "--no-escalate",
        "--no-placement",
        "--secrets-in",
        "--config",
    ] {
        assert!(install.contains(&format!("      {option}")), "{option} is no option");
        assert!(page.contains(&format!("| `{option}")), "{option} is in no row");
    }
    let own = install.split("Options of every command").next().unwrap();
    assert_eq!(own.matches("\n      --").count(), 9, "an option has no row: {own}");
    for variable in page.split('`').filter(|word| word.starts_with("BOOKEND_")) {
        assert!(reconcile.contains(&format!("[env: {variable}=")), "{variable}");
    }
}

/// The settings that the page lists are read: a value of the wrong type is refused, under that name.
#[test]
fn the_page_knows_the_settings() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reconcile.md");
    let page = fs::read_to_string(page).unwrap();
    let table = page.split("| key | default | what it does |").nth(1).unwrap();
    let table = table.split("\n\n").next().unwrap();
    let keys: Vec<_> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(keys.len(), 19);
    // `a.{b,c}` stands for `a.b` and `a.c`.
    let each = |key: &str| -> Vec<String> {
        let Some((start, names)) = key.split_once('{') else { return vec![key.to_owned()] };
        names.trim_end_matches('}').split(',').map(|name| format!("{start}{name}")).collect()
    };
    let keys = keys.into_iter().filter(|key| !key.starts_with("controllerLeaderElection"));
    for key in keys.flat_map(each) {
        let wrong = key.rsplit('.').fold(json!([[]]), |value, part| json!({ part: value }));
        let error = bookend::core::config::Config::from_value(&wrong).unwrap_err();
        let told = std::error::Error::source(&error).unwrap().to_string();
        assert!(told.contains(&format!("`{key}`")), "{key}: {told}");
    }
}
