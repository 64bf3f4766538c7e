//! Every recorded case of the original, through the binary: on a folder cluster and on a small API server.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::support::case::{Case, Objects, load};
use crate::support::compare::{differences, misread};
use crate::support::harness::{rulings_by_case, run_all, with_requests};
use crate::support::objects::{
    encoded, keep_what_the_schema_knows, read_folder, with_server_metadata, write_folder,
};
use crate::support::pod::{Cluster, Pod};
use crate::support::rulings::{self, Because};
use crate::support::server::Server;
use crate::support::tally::Mark;

/// How many cases were recorded; ours may come on top.
const RECORDED: usize = 563;

#[test]
fn every_recorded_case_holds_on_a_folder() {
    let tally = run_all(threads(), |case, expect| {
        if case.folder_lacks().is_some() {
            return None;
        }
        let pod = Pod::lay_out(case);
        let before = server_objects(case);
        write_folder(&pod.cluster(), &before);
        let run = pod.run(case, &Cluster::Folder);
        let mut after = read_folder(&pod.cluster());
        after.values_mut().for_each(keep_what_the_schema_knows);
        let found = differences(expect, &case.objects, &after, &run);
        Some((found, run))
    });
    assert_eq!(tally.count(Mark::Failed), 0);
}

#[test]
fn every_recorded_case_holds_on_an_api_server() {
    let tally = run_all(threads(), |case, expect| {
        let pod = Pod::lay_out(case);
        let server = Server::start(case, server_objects(case));
        let cluster = match &case.server {
            _ if case.no_kubeconfig => Cluster::None,
            Some(address) => Cluster::Server(address.clone()),
            None => Cluster::Server(server.address()),
        };
        let run = pod.run(case, &cluster);
        let mut found = differences(expect, &case.objects, &server.objects(), &run);
        found.extend(with_requests(case, expect, &server.requests()));
        Some((found, run))
    });
    assert_eq!(tally.count(Mark::Failed), 0);
    assert_eq!(tally.count(Mark::Elsewhere), 0);
}

#[test]
#[ignore = "needs python3 with PyYAML, and yq 4; run by .ci/run"]
fn other_readers_read_every_published_object_the_same() {
    let tally = run_all(threads(), |case, expect| {
        let published = expect.published.as_ref()?;
        let pod = Pod::lay_out(case);
        let server = Server::start(case, server_objects(case));
        let run = pod.run(case, &Cluster::Server(server.address()));
        let text = &run.kratix_files[&published.path].bytes;
        let mut found = misread(expect, &read_by("python3", &["-c", PYTHON], text), "PyYAML", &run);
        // yq reads the key `<<`, however it is quoted, and drops it when it prints JSON.
        if published.is["spec"].get("<<").is_none() {
            found.extend(misread(expect, &read_by("yq", &["-o=json", "."], text), "yq", &run));
        }
        Some((found, run))
    });
    assert_eq!(tally.count(Mark::Failed), 0);
    assert!(tally.count(Mark::Held) + tally.count(Mark::Better) > 80);
}

const PYTHON: &str = "import json, sys, yaml
json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)";

/// Returns what another reader makes of a text; what it says when it fails.
fn read_by(program: &str, args: &[&str], text: &[u8]) -> Value {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = || Value::from(String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| said())
}

#[test]
fn every_fault_of_the_original_has_a_ruling() {
    let cases = load();
    let rulings = rulings_by_case();
    for case in &cases {
        let ruling = rulings.get(&*case.name);
        if let Some(fault) = &case.upstream_bug {
            let because = ruling.map(|ruling| ruling.because);
            assert!(
                matches!(because, Some(Because::Better | Because::Kept)),
                "{}: no ruling on `{fault}`",
                case.name
            );
        } else if let Some(ruling) = ruling {
            assert_eq!(
                ruling.because,
                Because::Decision,
                "{} is no fault of the original",
                case.name
            );
        }
    }
    for name in rulings.keys() {
        assert!(cases.iter().any(|case| case.name == *name), "the ruling on `{name}` has no case");
    }
    assert!(cases.len() >= RECORDED, "no recorded case is lost");
}

#[test]
fn every_ruling_is_in_the_contract() {
    let document = include_str!("../../docs/contract.md");
    let words: Vec<&str> = document
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split([' ', ',', ';', '(', ')']))
        .filter(|word| word.len() > 3)
        .collect();
    for ruling in rulings::all() {
        let name = ruling.case.replace('/', "-");
        let names_it = |word: &&str| match (word.strip_prefix('-'), word.split_once('*')) {
            (_, Some((start, end))) => {
                let start = start.trim_start_matches('-');
                name.find(start).is_some_and(|at| name[at + start.len()..].ends_with(end))
            }
            (Some(_), None) => name.ends_with(word),
            (None, None) => name == *word,
        };
        assert!(words.iter().any(names_it), "{name}: {}", ruling.instead);
    }
}

/// The objects of a case as a server holds them before the run.
fn server_objects(case: &Case) -> Objects {
    let objects = case.objects.iter().enumerate();
    objects
        .map(|(index, (key, object))| (key.clone(), encoded(&with_server_metadata(object, index))))
        .collect()
}

/// Most of a run is waiting: for a process to start, for a server, for the next try.
fn threads() -> usize {
    thread::available_parallelism().map_or(4, |count| count.get() * 4)
}
