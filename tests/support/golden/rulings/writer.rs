//! Rulings on the writer.

use bookend::exit::Exit;
use serde_json::{Value, json};

use super::super::case::{Case, Objects};
use super::super::expect::{End, Expect};
use super::Because::{Better, Decision, Kept};
use super::{Ruling, as_recorded, refused, rename, ruling};

const LINKS: &str = "a link to a folder, or out of the output, is refused by name";
const CLIMBING: &str = "a directory outside the output is refused";
const TOO_LARGE: &str =
    "a Work that no server takes is refused before it is sent, with its biggest files";
const NOT_A_DURATION: &str =
    "an invalid retryAfter is an error here already, not a Work that is silently not written";
const EXACT: &str =
    "Works are matched by exactly the labels that Kratix gives them: another run's Work stays";

pub(super) fn all() -> Vec<Ruling> {
    [of_input(), of_works(), of_selectors()].into_iter().flatten().collect()
}

fn of_input() -> Vec<Ruling> {
    let not_a_duration: fn(&Case, &mut Expect) = refused!(Exit::Input, "retry duration");
    vec![
        ruling("work-creator/control-retry-invalid", Better, NOT_A_DURATION, not_a_duration),
        ruling("work-creator/control-retry-number", Decision, NOT_A_DURATION, not_a_duration),
        ruling("work-creator/control-retry-sexagesimal", Decision, NOT_A_DURATION, not_a_duration),
        ruling(
            "work-creator/dot-git",
            Better,
            "a `.git` path is refused by name",
            refused!(Exit::Input, ".git"),
        ),
        ruling(
            "work-creator/fifo",
            Better,
            "a pipe is refused by name",
            refused!(Exit::Input, "input/pipe"),
        ),
        ruling(
            "work-creator/name-not-utf8",
            Better,
            "a name that is not UTF-8 is refused, escaped",
            refused!(Exit::Input, "bad\\xFF.yaml"),
        ),
        ruling("work-creator/symlink-dir", Better, LINKS, refused!(Exit::Input, "input/ld")),
        ruling(
            "work-creator/symlink-file",
            Kept,
            "a link to a file inside the output is that file",
            as_recorded,
        ),
        ruling(
            "work-creator/symlink-in-selected-dir",
            Better,
            LINKS,
            refused!(Exit::Input, "input/ld"),
        ),
        ruling(
            "work-creator/symlink-metadata",
            Better,
            LINKS,
            refused!(Exit::Input, "input/leak.txt"),
        ),
        ruling("work-creator/symlink-outside", Better, LINKS, refused!(Exit::Input, "input/host")),
    ]
}

fn of_works() -> Vec<Ruling> {
    let too_large: fn(&Case, &mut Expect) = refused!(Exit::Refused, "`big.bin`: ");
    vec![
        ruling("work-creator/1200k-random", Better, TOO_LARGE, too_large),
        ruling("work-creator/2500k-random", Better, TOO_LARGE, too_large),
        ruling(
            "work-creator/existing-conflict",
            Kept,
            "a conflict is tried again, but not for ever",
            |_, expect| {
                expect.says = vec!["somebody else was faster"];
            },
        ),
        ruling("work-creator/existing-dry-run-subset", Better, EXACT, creates_its_own),
        ruling("work-creator/existing-extra-labels", Decision, EXACT, creates_its_own),
        ruling("work-creator/existing-matched-by-subset", Better, EXACT, creates_its_own),
        ruling(
            "work-creator/existing-two",
            Better,
            "the newest of two Works is used, with a warning",
            |_, expect| {
                expect.end = End::Success;
                let newest =
                    expect.objects.get_mut("Work/team-a/widget-sample-pipe-0-fffff").unwrap();
                holds_one_file(newest);
            },
        ),
        ruling(
            "work-creator/name-symbols",
            Better,
            "a name without a letter is an error, no crash",
            refused!(Exit::Usage, "---"),
        ),
        ruling(
            "work-creator/no-kubeconfig",
            Better,
            "the error says where a cluster was looked for",
            refused!(Exit::Unreachable, "failed to find a cluster"),
        ),
        ruling(
            "work-creator/scheduling-with-directory-selector",
            Kept,
            "as Kratix, but a directory that contradicts the Promise is warned of",
            |_, expect| expect.says = vec!["the directory's selectors contradict the Promise's"],
        ),
    ]
}

fn of_selectors() -> Vec<Ruling> {
    vec![
        ruling(
            "work-creator/selectors-dotdot",
            Better,
            CLIMBING,
            refused!(Exit::Input, ".. is not inside the output folder"),
        ),
        ruling(
            "work-creator/selectors-dotdot-slash",
            Better,
            CLIMBING,
            refused!(Exit::Input, ".. is not inside the output folder"),
        ),
        ruling(
            "work-creator/selectors-slash",
            Better,
            CLIMBING,
            refused!(Exit::Input, "/ is not inside the output folder"),
        ),
        ruling(
            "work-creator/selectors-missing-directory",
            Better,
            "the error names the file, the directory, and those that are there",
            refused!(Exit::Input, "names the directory `nope`", "`bar`, `foo`"),
        ),
        ruling(
            "work-creator/selectors-values-big-int",
            Better,
            "integers keep every digit",
            |_, expect| {
                labels(expect)["d"] = json!("18446744073709551616");
            },
        ),
        ruling(
            "work-creator/selectors-values-coerced",
            Better,
            "the keys y and n of a map stay text",
            |_, expect| {
                rename(labels(expect), "false", "n");
            },
        ),
        ruling(
            "work-creator/selectors-values-float-forms",
            Better,
            "a float that needs more than 32 bits keeps the digits that were written",
            |_, expect| labels(expect)["g"] = json!("123456789.5"),
        ),
    ]
}

/// Labels of the only selector.
fn labels(expect: &mut Expect) -> &mut Value {
    &mut expect.work()["spec"]["workloadGroups"][0]["destinationSelectors"][0]["matchLabels"]
}

/// The Work that is there stays; the run's own is new and has the contract's labels only.
fn creates_its_own(case: &Case, expect: &mut Expect) {
    expect.objects = case.objects.clone();
    let mut own = case.objects.values().next().unwrap().clone();
    own["metadata"].as_object_mut().unwrap().remove("annotations");
    let labels = own["metadata"]["labels"].as_object_mut().unwrap();
    labels.retain(|label, _| {
        ["pipeline-name", "promise-name", "resource-name", "work-type"]
            .iter()
            .any(|name| label.ends_with(name))
    });
    holds_one_file(&mut own);
    expect
        .objects
        .extend(Objects::from([("Work/team-a/widget-sample-pipe-0-00000".to_owned(), own)]));
}

/// What a run with the usual output writes.
fn holds_one_file(work: &mut Value) {
    work["spec"]["lastExecutionTimestamp"] = json!("<NOW>");
    let group = &mut work["spec"]["workloadGroups"][0];
    group.as_object_mut().unwrap().remove("destinationSelectors");
    let content = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n  namespace: default\ndata:\n  k: v\n";
    group["workloads"] = json!([{ "filepath": "configmap.yaml", "content": content }]);
}
