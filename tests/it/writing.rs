//! The writer that writes into state stores itself, through the real binary: folders and repositories of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bookend::cluster::Reads as _;
use bookend::cluster::folder::FolderCluster;
use bookend::contract::{Object, kinds, labels};
use serde_json::{Value, json};

/// Stands in credentials, and in no message.
const SECRET: &str = "hunter2-in-the-secret";

/// A pod's folders, and folders for stores and a cluster beside them.
struct Pod(tempfile::TempDir);

/// Exit code, stdout, stderr.
type Seen = (Option<i32>, String, String);

impl Pod {
    fn new(files: &[(&str, &str)]) -> Self {
        let pod = Self(tempfile::tempdir().unwrap());
        for folder in ["output", "metadata", "input"] {
            fs::create_dir_all(pod.path("root/kratix").join(folder)).unwrap();
        }
        fs::create_dir_all(pod.path("root/dev")).unwrap();
        fs::create_dir_all(pod.path("tmp")).unwrap();
        pod.output(files);
        pod
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Replaces the output.
    fn output(&self, files: &[(&str, &str)]) {
        let output = self.path("root/kratix/output");
        fs::remove_dir_all(&output).unwrap();
        fs::create_dir_all(&output).unwrap();
        for (path, content) in files {
            self.file(&format!("root/kratix/output/{path}"), content);
        }
    }

    /// The program as a stage of a request's pipeline is started: it knows the object from variables.
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        command.env_clear().env("TMPDIR", self.path("tmp")).current_dir(self.0.path());
        for (name, value) in [
            ("KRATIX_PROMISE_NAME", "redis"),
            ("KRATIX_PIPELINE_NAME", "main"),
            ("KRATIX_WORKFLOW_TYPE", "resource"),
            ("KRATIX_WORKFLOW_ACTION", "configure"),
            ("KRATIX_OBJECT_NAME", "r1"),
            ("KRATIX_OBJECT_NAMESPACE", "team-a"),
            ("BOOKEND_POD_ROOT", "root"),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::null());
        command
    }

    fn call(&self, arguments: &[&str]) -> Seen {
        seen(self.program().args(arguments))
    }

    #[track_caller]
    fn writes(&self, arguments: &[&str]) -> String {
        let (code, out, errors) = self.call(&[&["writer"], arguments].concat());
        assert_eq!(code, Some(0), "{errors}");
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0, "scratch is gone");
        out + &errors
    }

    fn repository(&self) -> String {
        git2::Repository::init_bare(self.path("repo.git")).unwrap();
        format!("git+file://{}#main:clusters/dev", self.path("repo.git").display())
    }
}

fn seen(command: &mut Command) -> Seen {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Files below a folder, by path, with their content.
fn files(root: &Path) -> Vec<(String, String)> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(root, &path, found),
                false => {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.push((name, fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.retain(|(name, _)| !name.starts_with(".bookend-"));
    found.sort();
    found
}

fn names(root: &Path) -> Vec<String> {
    files(root).into_iter().map(|(name, _)| name).collect()
}

/// Files of the branch `main`, and the id and message of its tip.
fn tip(repository: &Path) -> (Vec<String>, String, String) {
    let repository = git2::Repository::open_bare(repository).unwrap();
    let commit = repository.find_branch("main", git2::BranchType::Local).unwrap();
    let commit = commit.get().peel_to_commit().unwrap();
    let mut paths = Vec::new();
    let mut note = |folder: &str, entry: &git2::TreeEntry<'_>| {
        if entry.kind() == Some(git2::ObjectType::Blob) {
            paths.push(format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes())));
        }
        git2::TreeWalkResult::Ok
    };
    commit.tree().unwrap().walk(git2::TreeWalkMode::PreOrder, &mut note).unwrap();
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    (paths, commit.id().to_string(), message)
}

const FILES: [(&str, &str); 2] = [("a.yaml", "kind: A\n"), ("foo/b.yaml", "kind: B\n")];
const HOME: &str = "resources/team-a/redis/r1/main/5058f";

#[test]
fn a_stage_writes_into_a_folder_and_takes_out_what_is_no_more() {
    let pod = Pod::new(&FILES);
    pod.file("out/resources/team-a/redis/r11/main/5058f/neighbour", "n");
    let told = pod.writes(&["--to", "dir:out"]);
    assert!(told.contains("wrote the output store=\"dir:out\" written=2 deleted=0"), "{told}");
    let neighbour = "resources/team-a/redis/r11/main/5058f/neighbour".to_owned();
    let expect = [format!("{HOME}/a.yaml"), format!("{HOME}/foo/b.yaml"), neighbour.clone()];
    assert_eq!(names(&pod.path("out")), expect);
    assert!(pod.writes(&["--to", "dir:out"]).contains("all is there already"));
    pod.output(&[("a.yaml", "kind: C\n")]);
    let told = pod.writes(&["--to", "dir:out"]);
    assert!(told.contains("written=1 deleted=1"), "{told}");
    assert_eq!(names(&pod.path("out")), [format!("{HOME}/a.yaml"), neighbour.clone()]);
    // In a delete workflow the pipeline has another name.
    let told =
        pod.writes(&["--to", "dir:out", "--workflow-action", "delete", "--pipeline-name", "bye"]);
    assert!(told.contains("written=0 deleted=1"), "{told}");
    assert_eq!(names(&pod.path("out")), [neighbour]);
}

#[test]
fn a_repository_gets_one_commit_for_what_has_changed_and_none_for_nothing() {
    let pod = Pod::new(&FILES);
    let url = pod.repository();
    pod.file(
        "root/kratix/input/object.yaml",
        "metadata: {annotations: {ticket: T-1}, labels: {team: red}}\n",
    );
    let message = "{promise}/{resource} for {label:team}";
    let arguments = [
        "--to",
        &url,
        "--commit-message",
        message,
        "--commit-trailer",
        "Ticket: {annotation:ticket}",
    ];
    pod.writes(&arguments);
    let (paths, version, message) = tip(&pod.path("repo.git"));
    let below = |name: &str| format!("clusters/dev/{HOME}/{name}");
    assert_eq!(paths, [below("a.yaml"), below("foo/b.yaml")]);
    assert_eq!(message, "redis/r1 for red\n\nTicket: T-1\n");
    assert!(pod.writes(&arguments).contains(&version), "the version that holds it");
    assert_eq!(tip(&pod.path("repo.git")).1, version, "no commit for nothing");
    pod.writes(&["--to", &url, "--workflow-action", "delete"]);
    assert_eq!(tip(&pod.path("repo.git")).0, Vec::<String>::new());
}

/// What an image needs to be Kratix's adapter: no flag, only variables that were set with `ENV`.
#[test]
fn as_the_writer_of_an_unchanged_kratix_it_tells_its_result_to_the_pod() {
    let pod = Pod::new(&[]);
    pod.file("root/work-creator-files/input/a.yaml", "kind: A\n");
    pod.file("root/work-creator-files/metadata/status.yaml", "url: http://x\nsize: 3\n");
    pod.file("root/dev/termination-log", "");
    let url = pod.repository();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.env_clear().env("BOOKEND_TO", &url).env("BOOKEND_VERSION_STATUS", "published");
    command.env("BOOKEND_POD_ROOT", "root").env("TMPDIR", pod.path("tmp"));
    let arguments = "work-creator --input-directory /work-creator-files --promise-name redis --pipeline-name main \
                     --namespace platform --workflow-type resource --resource-name r1 --resource-namespace team-a";
    command.args(arguments.split_whitespace()).current_dir(pod.0.path());
    let (code, _, errors) = seen(&mut command);
    assert_eq!(code, Some(0), "{errors}");
    let (paths, version, _) = tip(&pod.path("repo.git"));
    assert_eq!(paths, [format!("clusters/dev/{HOME}/a.yaml")], "the request's own namespace");
    let message = fs::read(pod.path("root/dev/termination-log")).unwrap();
    let message: Value = serde_json::from_slice(&message).unwrap();
    let expect = json!({
        "store": url, "path": "", "version": version, "written": 1, "deleted": 0, "unchanged": 0,
    });
    assert_eq!(message, expect);
    let status =
        fs::read_to_string(pod.path("root/work-creator-files/metadata/status.yaml")).unwrap();
    for line in ["url: http://x", "size: 3", "published:", &format!("  version: {version}")] {
        assert!(status.lines().any(|one| one == line), "{line}: {status}");
    }
}

#[test]
fn files_between_those_of_others_and_parts_of_one_file_come_and_go() {
    let pod = Pod::new(&FILES);
    pod.file("plain/mine", "m");
    let plain = ["--to", "dir:plain", "--path-mode", "none"];
    pod.writes(&plain);
    let state = ".kratix/resources_team-a_redis_r1_main.yaml";
    assert_eq!(names(&pod.path("plain")), [state, "a.yaml", "foo/b.yaml", "mine"]);
    let one = ["--to", "dir:one", "--path-mode", "aggregatedYAML"];
    pod.writes(&one);
    pod.writes(&[&one[..], &["--resource-name", "r2"]].concat());
    let both = files(&pod.path("one"));
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].1.matches("kind: A").count(), 2, "{}", both[0].1);
    for arguments in [&plain[..], &one[..]] {
        pod.writes(&[arguments, &["--workflow-action", "delete", "--pipeline-name", "x"]].concat());
    }
    assert_eq!(names(&pod.path("plain")), ["mine"]);
    let rest = files(&pod.path("one"));
    assert!(rest[0].1.starts_with("# bookend part: resources/team-a/redis/r2/main\n"), "{rest:?}");
    assert_eq!(rest[0].1.matches("kind: A").count(), 1);
}

#[test]
fn a_dry_run_and_a_pipeline_that_waits_write_nothing() {
    let pod = Pod::new(&FILES);
    let told = pod.writes(&["--to", "dir:out", "--kratix-dry-run", "true"]);
    assert!(told.contains("a dry run of Kratix: nothing is written"), "{told}");
    assert!(told.contains("would_write=2"), "{told}");
    let told = pod.writes(&["--to", "dir:out", "--dry-run"]);
    let expect = format!(
        "would write into dir:out\n  added    {HOME}/a.yaml  8 B\n  added    {HOME}/foo/b.yaml  8 B\n"
    );
    assert_eq!(told, expect);
    pod.file("root/kratix/metadata/workflow-control.yaml", "suspend: true\n");
    assert!(pod.writes(&["--to", "dir:out"]).contains("nothing is written"));
    let waits = pod.writes(&["--to", "dir:out", "--dry-run"]);
    assert!(waits.starts_with("would write nothing: the pipeline asks"), "{waits}");
    assert!(!pod.path("out").exists());
}

#[test]
fn what_cannot_be_written_is_told_with_a_code_of_its_own_and_without_secrets() {
    let pod = Pod::new(&[("a", "1"), ("A", "2")]);
    let check = |arguments: &[&str], code: i32, text: &str| {
        let (found, _, errors) = pod.call(&[&["writer"], arguments].concat());
        assert_eq!(found, Some(code), "{errors}");
        assert!(errors.contains(text), "{errors}");
        assert!(!errors.contains(SECRET), "{errors}");
    };
    check(&["--to", "dir:out"], 3, "cannot both be there");
    check(&["--to", &format!("git+https://me:{SECRET}@host/repo")], 2, "error: the address");
    check(&["--to", "ftp://x"], 2, "hint: write it as dir:PATH");
    check(&["--to", "dir:out", "--destination", "d"], 2, "cannot be used with");
    check(&["--to", "dir:out", "--commit-message", "{nobody}"], 2, "nobody");
    check(&["--to", "dir:out", "--version-status", "kratix"], 2, "keeps that key for itself");
    let gone = format!("git+file://{}#main", pod.path("absent.git").display());
    check(&["--to", &gone], 4, "error: failed to write the output");
    pod.file("root/kratix/metadata/status.yaml", "- a list\n");
    pod.output(&FILES);
    check(&["--to", "dir:out", "--version-status", "x"], 3, "is no map of a status");
    assert!(!pod.path("out").exists());
}

/// A cluster with a Destination in a bucket that nobody runs.
fn cluster(pod: &Pod) -> FolderCluster {
    let cluster = FolderCluster::new(pod.path("cluster"));
    let mut destination = Object::new(&kinds::DESTINATION, None, "dev-1");
    destination.set_label("env", "dev");
    let store = json!({"kind": "BucketStateStore", "name": "bucket"});
    destination.0.insert("spec".into(), json!({"path": "dev-1", "stateStoreRef": store}));
    cluster.place(&kinds::DESTINATION, &destination).unwrap();
    cluster
}

#[test]
fn what_is_missing_between_a_destination_and_its_store_is_told_one_after_the_other() {
    let pod = Pod::new(&FILES);
    let cluster = cluster(&pod);
    let check = |name: &str, code: i32, texts: &[&str]| {
        let (found, _, errors) =
            pod.call(&["writer", "--destination", name, "--cluster", "cluster"]);
        assert_eq!(found, Some(code), "{errors}");
        for text in texts {
            assert!(errors.contains(text), "{text}: {errors}");
        }
        assert!(!errors.contains(SECRET), "{errors}");
    };
    check("dev-2", 2, &["there is no Destination `dev-2`", "hint: name one of dev-1"]);
    check("dev-1", 4, &["there is no BucketStateStore/bucket", "hint: create it"]);
    let mut store = Object::new(&kinds::BUCKET_STATE_STORE, None, "bucket");
    let spec = json!({"bucketName": "b", "endpoint": "127.0.0.1:1", "insecure": true});
    store.0.insert("spec".into(), spec);
    cluster.place(&kinds::BUCKET_STATE_STORE, &store).unwrap();
    check("dev-1", 4, &["has no `spec.secretRef.name`, which `authMethod: accessKey` needs"]);
    store.0["spec"]["secretRef"] = json!({"name": "keys", "namespace": "sys"});
    cluster.place(&kinds::BUCKET_STATE_STORE, &store).unwrap();
    check("dev-1", 4, &["there is no Secret `sys/keys`, which BucketStateStore/bucket names"]);
    let mut secret = Object::new(&kinds::SECRET, Some("sys"), "keys");
    secret.0.insert("stringData".into(), json!({}));
    secret.0.insert("data".into(), json!({"accessKeyID": "aWQ="}));
    cluster.place(&kinds::SECRET, &secret).unwrap();
    check("dev-1", 4, &["the Secret has no `secretAccessKey`"]);
    secret.0.insert(
        "data".into(),
        json!({"accessKeyID": "aWQ=", "secretAccessKey": "aHVudGVyMi1pbi10aGUtc2VjcmV0"}),
    );
    cluster.place(&kinds::SECRET, &secret).unwrap();
    pod.file("root/kratix/metadata/destination-selectors.yaml", "- matchLabels: {env: prod}\n");
    check(
        "dev-1",
        4,
        &["the output (env=prod) may not go to the Destination `dev-1`", "hint: it has env=dev;"],
    );
}

/// Waits for a condition, with a limit.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn writers_of_many_processes_take_turns_and_nothing_is_lost() {
    let pod = Pod::new(&FILES);
    let url = pod.repository();
    let writers: Vec<Child> = (0..6)
        .map(|number| {
            let mut command = pod.program();
            command.args([
                "writer",
                "--to",
                &url,
                "--lease-namespace",
                "sys",
                "--cluster",
                "cluster",
            ]);
            command.env("KRATIX_OBJECT_NAME", format!("r{number}"));
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut writer in writers {
        assert_eq!(writer.wait().unwrap().code(), Some(0));
    }
    let (paths, ..) = tip(&pod.path("repo.git"));
    let requests: BTreeSet<&str> =
        paths.iter().map(|path| path.split('/').nth(5).unwrap()).collect();
    assert_eq!((requests.len(), paths.len()), (6, 12));
}

#[test]
fn who_is_stopped_while_it_waits_has_written_nothing_and_waits_no_more() {
    let pod = Pod::new(&FILES);
    let cluster = FolderCluster::new(pod.path("cluster"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = bookend::destination::lease::name_of("dir:out");
    let mut lease = Object::new(&kinds::LEASE, Some("sys"), &name);
    lease.0.insert("spec".into(), json!({"holderIdentity": "other", "leaseDurationSeconds": 3600}));
    cluster.place(&kinds::LEASE, &lease).unwrap();
    let waiting = || {
        let lease = runtime.block_on(cluster.get(&lease.key(&kinds::LEASE))).unwrap().unwrap();
        lease.annotation(labels::WAITING).map(str::to_owned)
    };
    let mut command = pod.program();
    command.args(["writer", "--to", "dir:out", "--lease-namespace", "sys", "--cluster", "cluster"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    wait_for("it waits", || waiting().is_some());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(waiting(), None);
    assert!(!pod.path("out").exists());
}

const DESTINATIONS: &str = "\
apiVersion: platform.kratix.io/v1alpha1
kind: Destination
metadata: {name: dev-1, labels: {env: dev}}
spec: {path: dev-1, stateStoreRef: {kind: GitStateStore, name: repo}}
---
apiVersion: platform.kratix.io/v1alpha1
kind: Destination
metadata: {name: prod-1, labels: {env: prod}}
spec: {path: prod-1, stateStoreRef: {kind: GitStateStore, name: repo}}
";

#[test]
fn it_is_shown_where_an_output_would_go_and_why_not_elsewhere() {
    let pod = Pod::new(&FILES);
    pod.file("destinations.yaml", DESTINATIONS);
    pod.file("root/kratix/metadata/destination-selectors.yaml", "- matchLabels: {env: dev}\n");
    let show = |more: &[&str]| {
        let arguments = ["show", "placement", "--folder", "root/kratix"];
        let (code, out, errors) = pod.call(&[&arguments, more].concat());
        assert_eq!(code, Some(0), "{errors}");
        out
    };
    let text = show(&["--destinations", "destinations.yaml"]);
    for line in [
        "  of r1 of redis, pipeline main",
        ".  2 files",
        "  wants env=dev",
        "  matches    dev-1",
        "  no match   prod-1: it has env=prod",
        "  goes to    dev-1: GitStateStore/repo at dev-1/resources/team-a/redis/r1/main/5058f/",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert!(text.contains("would be created"), "{text}");
    let all = show(&["--to", "dir:out"]);
    let expect = "all goes to dir:out, whatever the selectors say\n  2 files at resources/team-a/redis/r1/main/\n";
    assert_eq!(all, expect);
    assert!(!pod.path("out").exists());
}

#[test]
fn it_is_shown_what_would_change_but_no_secret_and_nothing_that_is_no_text() {
    let secret = format!("apiVersion: v1\nkind: Secret\nstringData: {{a: {SECRET}}}\n");
    let pod = Pod::new(&[("a.yaml", "a: 1\nb: 2\n"), ("gone.yaml", "x: 1\n"), ("s.yaml", "")]);
    pod.writes(&["--to", "dir:out"]);
    pod.output(&[("a.yaml", "a: 1\nb: 3\n"), ("s.yaml", &secret), ("t\u{7}", "bell\u{7}")]);
    let diff = |more: &[&str]| {
        let arguments = ["show", "diff", "--folder", "root/kratix", "--to", "dir:out"];
        let (code, out, errors) = pod.call(&[&arguments, more].concat());
        (code, out + &errors)
    };
    let (code, refused) = diff(&[]);
    assert_eq!(code, Some(3), "a path with a control character has no place: {refused}");
    pod.output(&[("a.yaml", "a: 1\nb: 3\n"), ("s.yaml", &secret), ("t", "bell\u{7}")]);
    let expect = format!(
        "dir:out\n  changed  {HOME}/a.yaml  10 B to 10 B\n  removed  {HOME}/gone.yaml  5 B\n  \
         changed  {HOME}/s.yaml  0 B to {} B\n  added    {HOME}/t  5 B\n",
        secret.len()
    );
    assert_eq!(diff(&["--summary"]), (Some(0), expect.clone()));
    let (_, text) = diff(&[]);
    let bodies = text.strip_prefix(&expect).unwrap_or_else(|| panic!("{text}"));
    let expect = format!(
        "--- a/{HOME}/a.yaml\n+++ b/{HOME}/a.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n\
         --- a/{HOME}/gone.yaml\n+++ b/{HOME}/gone.yaml\n@@ -1 +0,0 @@\n-x: 1\n\
         {HOME}/s.yaml: holds a Secret, not shown\n{HOME}/t: no plain text, not shown\n"
    );
    assert_eq!(bodies, expect);
    pod.writes(&["--to", "dir:out"]);
    assert_eq!(diff(&[]), (Some(0), "dir:out\n  nothing: 3 files are there already\n".to_owned()));
}
