//! The repository that is written to, and what is written.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::remotes::repository::{Repository, git};

/// Files of one output.
pub(crate) const FILES: usize = 3;

/// Makes a repository of so many files, as Kratix lays them out, in one pack.
pub(crate) fn make(at: &Path, files: usize) -> Repository {
    let repository = Repository::empty(at.to_owned());
    // The server would begin to tidy in the middle of a row.
    repository.git(&["config", "receive.autoGC", "false"]);
    repository.git(&["config", "http.receivepack", "true"]);
    let mut import = git();
    import.args(["fast-import", "--quiet"]).current_dir(at).stdin(Stdio::piped());
    let mut child = import.spawn().unwrap();
    let mut input = std::io::BufWriter::new(child.stdin.take().unwrap());
    write!(input, "commit refs/heads/main\ncommitter x <x> 1 +0000\ndata 5\nfirst\n").unwrap();
    for output in 0..files / FILES {
        for (name, text) in output_files(output, 0) {
            let path = format!("{}/{name}", folder(output));
            write!(input, "M 100644 inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
        }
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    repository.git(&["repack", "-adq"]);
    repository
}

/// The folder of an output.
pub(crate) fn folder(output: usize) -> String {
    format!("resources/default/redis/request-{output:05}/configure/{:05x}", output * 7919 % 0xfffff)
}

/// Names and contents of an output.
pub(crate) fn output_files(output: usize, round: usize) -> Vec<(String, String)> {
    let file = |index: usize| {
        let name = format!("object-{index}.yaml");
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: thing-{output}-{index}\n  namespace: default\n  labels:\n    \
             app: thing\ndata:\n  round: \"{round}\"\n  value: \"{:016x}\"\n",
            (output * 31 + index) * 2_654_435_761 + round
        );
        (name, text)
    };
    (0..FILES).map(file).collect()
}
