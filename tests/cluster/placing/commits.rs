//! Commits of `bookend reconcile` as the settings of the installation say, in a real repository over ssh: messages, signatures, and
//! settings that cannot be used.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::in_bucket::World;
use super::kit::{group, work};
use crate::remotes::repository::{Repository, git};
use crate::remotes::ssh::{Sshd, generate};

const MAPS: &str = "/api/v1/namespaces/kratix-platform-system/configmaps";

/// Sets the document of settings; an empty one is none.
fn settings(world: &World, document: &str) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kratix"},
        "data": {"config": document},
    });
    if world.api.ask("POST", MAPS, &map).0 == 409 {
        world.api.must("PUT", &format!("{MAPS}/kratix"), &map);
    }
}

fn secret(world: &World, name: &str, data: Value) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data,
    });
    let path = "/api/v1/namespaces/team-a/secrets";
    if world.api.ask("POST", path, &secret).0 == 409 {
        world.api.must("PUT", &format!("{path}/{name}"), &secret);
    }
}

/// A key that signs, in the Secret `signer`; returns what `git` trusts it by.
fn signer(world: &World, folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    generate("ed25519", "", &path);
    secret(world, "signer", json!({"sshPrivateKey": fs::read_to_string(&path).unwrap()}));
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    let allowed = folder.join(format!("{name}.allowed"));
    fs::write(&allowed, format!("platform@example.com {public}")).unwrap();
    format!("gpg.ssh.allowedSignersFile={}", allowed.display())
}

fn is_signed(repository: &Repository, trusted: &str) -> bool {
    let verified =
        git().args(["-c", trusted, "verify-commit", "main"]).current_dir(&repository.path).output();
    verified.unwrap().status.success()
}

fn said(repository: &Repository) -> String {
    repository.git(&[
        "log",
        "-1",
        "--format=%s|%an|%(trailers:key=Ticket,valueonly,separator=%x2C)",
        "main",
    ])
}

fn wait_file(world: &World, repository: &Repository, path: &str) {
    world.wait_for(path, || {
        repository.git(&["ls-tree", "-r", "--name-only", "main"]).lines().any(|one| one == path)
    });
}

#[test]
#[ignore = "needs a cluster, versitygw and OpenSSH's server: tests/cluster/run"]
fn commits_are_as_the_settings_say_and_signed_and_bad_settings_change_nothing() {
    let world = World::new();
    let folder = TempDir::new().unwrap();
    let sshd = Sshd::start(&folder.path().join("sshd"), &["ed25519"]);
    let repository = Repository::with_commit(folder.path().join("fleet.git"));
    let login = json!({
        "sshPrivateKey": sshd.user_key("ed25519", ""), "knownHosts": sshd.known_hosts("ed25519"),
    });
    secret(&world, "login", login);
    world.git_store("fleet", &sshd.url(&repository.path), "login");
    let spec = json!({
        "path": "dev", "initWorkloads": {"enabled": false},
        "stateStoreRef": {"kind": "GitStateStore", "name": "fleet"},
    });
    world.destination("dev-1", json!({"env": "dev"}), spec);
    let document = |message: &str| {
        format!(
            "git: {{commits: {{message: '{message}', author: {{name: '{{resource}}'}}, trailers: {{Ticket: 'OPS-{{resource}}'}}, \
             signingKeySecretRef: {{name: signer, namespace: team-a}}}}}}"
        )
    };
    settings(&world, &document("first {promise}"));
    let _restore = Restore(&world);
    let reconciler = world.reconcile();

    // Without its key, nothing is written unsigned.
    world.put(&work("one", &[group(".", "dev", &["a.yaml"])]));
    world
        .wait_for("the store to miss the key", || world.git_store_says("fleet").contains("signer"));
    let first = signer(&world, folder.path(), "first");
    let path = |name: &str| format!("dev/resources/team-a/vault/{name}/main/5058f/a.yaml");
    wait_file(&world, &repository, &path("one"));
    assert_eq!(said(&repository), "first vault|one|OPS-one");
    assert!(is_signed(&repository, &first));

    // Settings that cannot be used: those of before hold.
    settings(&world, &document("{what}"));
    world.wait_for("the settings to be refused", || {
        reconciler.log().contains("those of before hold: `git.commits`: the template `{what}` asks")
    });
    let events = "/apis/events.k8s.io/v1/namespaces/kratix-platform-system/events";
    world.wait_for("an event", || {
        let all = world.api.must("GET", events, &Value::Null);
        let notes =
            all["items"].as_array().into_iter().flatten().map(|one| one["note"].to_string());
        notes.filter(|note| note.contains("asks for `what`")).count() == 1
    });
    world.put(&work("two", &[group(".", "dev", &["a.yaml"])]));
    wait_file(&world, &repository, &path("two"));
    assert_eq!(said(&repository), "first vault|two|OPS-two");
    assert!(is_signed(&repository, &first));

    // Another key, which is read with the next settings.
    let second = signer(&world, folder.path(), "second");
    settings(&world, &document("second {promise}"));
    world.wait_for("a commit by the other key", || {
        // Whoever is first: the new settings, or the Work.
        world.put(&work(
            "three",
            &[group(".", "dev", &[&format!("{}.yaml", repository.tip("main"))])],
        ));
        is_signed(&repository, &second)
    });
    assert_eq!(said(&repository), "second vault|three|OPS-three");
    assert!(!is_signed(&repository, &first));
    repository.is_sound();
    reconciler.ends_well();
}

/// Puts the settings back that other tests begin with.
struct Restore<'a>(&'a World);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        settings(self.0, "{}");
        for name in ["signer", "login"] {
            let path = format!("/api/v1/namespaces/team-a/secrets/{name}");
            self.0.api.ask("DELETE", &path, &Value::Null);
        }
    }
}
