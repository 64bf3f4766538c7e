//! The writer that writes into state stores itself, through the real binary: folders and repositories of this machine.

mod places;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let message = ["{promise}/{resource} for {", "label:team}"].concat();
    let arguments = [
        "--to",
        &url,
        "--commit-message",
        &message,
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
        // A version may look like a number, and is quoted then.
        assert!(status.lines().any(|one| one.replace('"', "") == line), "{line}: {status}");
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
    // Somebody has doubled a part.
    let mine = "# bookend part: resources/team-a/redis/r1/main\n---\nkind: D\n";
    pod.file("one/aggregated.yaml", &format!("{}{mine}", both[0].1));
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
    assert_eq!(names(&pod.path("out")), Vec::<String>::new());
}
