//! Messages, authors, trailers and signatures, as the git program reads them.

use std::fs;

use super::support::*;
use crate::core::placement::Change;
use crate::store::git::{CommitSettings, Commits, GitStore, SigningKey};

async fn commit(bare: &Bare, settings: CommitSettings, change: Change) {
    let mut options = bare.options();
    options.commits = Commits::new(settings).unwrap();
    one(&GitStore::here("here", bare.path(), options), change).await.unwrap();
    bare.files();
}

fn about(change: Change, about: &[(&str, &str)]) -> Change {
    let about = about.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Change { about, ..change }
}

#[tokio::test]
async fn a_commit_says_who_and_why() {
    let bare = Bare::new();
    let some = |text: &str| Some(text.to_owned());
    let settings = CommitSettings {
        update: some(concat!("{promise}/{resource} [{annotation", ":ticket}]\n\nFor {namespace}.")),
        author_name: some("{annotation:who}"),
        author_email: some("{annotation:mail}"),
        committer_name: some("Platform {team}"),
        committer_email: some("platform@example.com"),
        trailers: vec![
            ("Ticket".into(), "{annotation:ticket}".into()),
            ("Absent".into(), "{annotation:absent}".into()),
        ],
        ..CommitSettings::default()
    };
    let known = [
        ("promise", "redis"),
        ("resource", "cache"),
        ("namespace", "team-a"),
        ("annotation:ticket", "OPS-1\n\nSigned-off-by: root\nauthor x <x> 0 +0000"),
        ("annotation:who", " Ann <root@x>\n"),
        ("annotation:mail", "ann@example.com>\ncommitter x"),
    ];
    commit(&bare, settings, about(whole("w", "a", Some("1")), &known)).await;
    let show = |format: &str| bare.git(&["log", "-1", &format!("--format={format}"), "main"]);
    let ticket = "OPS-1 Signed-off-by: root author x <x> 0 +0000";
    assert_eq!(show("%s"), format!("redis/cache [{ticket}]"));
    assert_eq!(show("%an|%ae"), "Ann root@x|ann@example.com committer x");
    assert_eq!(show("%cn|%ce"), "Platform {team}|platform@example.com");
    assert_eq!(show("%(trailers)"), format!("Ticket: {ticket}"));
    assert_eq!(show("%b").lines().next(), Some("For team-a."));
}

#[tokio::test]
async fn a_name_or_address_that_is_empty_is_no_obstacle() {
    let bare = Bare::new();
    let settings = CommitSettings {
        committer_name: Some(" ".into()),
        author_name: Some("{work}".into()),
        update: Some("{label:absent}".into()),
        ..CommitSettings::default()
    };
    commit(&bare, settings, whole("work.dev", "a", Some("1"))).await;
    let show = bare.git(&["log", "-1", "--format=%an|%ae|%cn|%s", "main"]);
    assert_eq!(show, "kratix||kratix|Update from: work.dev");
}

#[test]
fn settings_that_cannot_be_used_are_told_at_once() {
    let fails = |settings: CommitSettings| Commits::new(settings).unwrap_err().to_string();
    let update = CommitSettings { update: Some("{what}".into()), ..Default::default() };
    assert!(fails(update).contains("asks for `what`"));
    let trailers = vec![("A: b\nC".to_owned(), String::new())];
    assert!(
        fails(CommitSettings { trailers, ..Default::default() }).contains("no key of a trailer")
    );
    let error = SigningKey::parse("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n").unwrap_err();
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn a_signature_is_good_for_the_git_program() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let bare = Bare::new();
        let key = bare.folder.path().join("key");
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", "platform@example.com", "-f"])
            .arg(&key)
            .status();
        assert!(made.unwrap().success(), "ssh-keygen");
        let text = fs::read_to_string(&key).unwrap();
        let key = Some(SigningKey::parse(&format!("\n{text}  \n")).unwrap());
        assert!(!format!("{key:?}").contains(text.lines().nth(1).unwrap()));
        commit(&bare, CommitSettings { key, ..Default::default() }, whole("w", "a", Some("1")))
            .await;
        let public = fs::read_to_string(bare.folder.path().join("key.pub")).unwrap();
        let allowed = bare.folder.path().join("allowed");
        fs::write(&allowed, format!("platform@example.com {public}")).unwrap();
        let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
        let verified = git(&bare.path())
            .args(["-c", &setting, "verify-commit", "--raw", "main"])
            .output()
            .unwrap();
        let says = String::from_utf8_lossy(&verified.stderr);
        assert!(
            verified.status.success() && says.contains("Good \"git\" signature"),
            "{kind}: {says}"
        );
    }
}
