//! Repositories on a server, made and looked at with the git program.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A bare repository.
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
}

impl Repository {
    /// Makes an empty one, of which `main` is the branch.
    pub(crate) fn empty(path: PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        let repository = Self { path };
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main", "."]);
        repository
    }

    /// Makes one with a commit on `main` that holds `README`.
    pub(crate) fn with_commit(path: PathBuf) -> Self {
        let repository = Self::empty(path);
        repository.commit("README", "hello\n");
        repository
    }

    /// Commits a file on `main` as somebody else would, and returns the commit.
    pub(crate) fn commit(&self, file: &str, content: &str) -> String {
        let blob = self.git_with(&["hash-object", "-w", "--stdin"], content.as_bytes());
        let tip = self.try_git(&["rev-parse", "--verify", "--quiet", "refs/heads/main"]);
        let tip = String::from_utf8(tip.stdout).unwrap().trim().to_owned();
        let mut tree = String::new();
        if !tip.is_empty() {
            for line in self.git(&["ls-tree", "main"]).lines() {
                if !line.ends_with(&format!("\t{file}")) {
                    tree.push_str(&format!("{line}\n"));
                }
            }
        }
        tree.push_str(&format!("100644 blob {blob}\t{file}\n"));
        let tree = self.git_with(&["mktree"], tree.as_bytes());
        let mut commit = vec!["commit-tree", "-m", "by a stranger", &tree];
        if !tip.is_empty() {
            commit.extend(["-p", &tip]);
        }
        let commit = self.git(&commit);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }

    /// Sets what is run before a push is taken.
    pub(crate) fn pre_receive(&self, script: &str) {
        let hook = self.path.join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The commit of a branch; empty when there is none.
    pub(crate) fn tip(&self, branch: &str) -> String {
        let output =
            self.try_git(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// All files of a commit, by path.
    pub(crate) fn files(&self, of: &str) -> BTreeMap<String, Vec<u8>> {
        let output = self.try_git(&["archive", "--format=tar", of]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git archive {of}: {said}");
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(output.stdout.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                files.insert(path, content);
            }
        }
        files
    }

    /// Fails when anything in it is broken.
    pub(crate) fn is_sound(&self) {
        self.git(&["fsck", "--full", "--strict", "--no-dangling"]);
    }

    /// Runs git in it, and returns what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = run(&self.path, arguments, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn try_git(&self, arguments: &[&str]) -> Output {
        run(&self.path, arguments, b"")
    }
}

/// A git that knows nothing of this machine and its user.
pub(crate) fn git() -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "stranger");
        git.env(format!("GIT_{who}_EMAIL"), "stranger@example.com");
    }
    git
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = git()
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}
