//! Cases where something else than the recorded behaviour is right: what, and why.
//!
//! Every row is in `docs/contract.md` too. A case with `upstream_bug` needs a row; a test checks it.

use serde_json::{Value, json};

use super::case::Case;
use super::expect::{End, Expect};

/// Why a case does not end as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Because {
    /// The original is wrong (`upstream_bug`), and this is right.
    Better,
    /// The original is wrong (`upstream_bug`), the effect recorded for this case is right all the same.
    Right,
    /// The original is not wrong; this is a decision of ours.
    Decision,
}

/// What holds instead for one case.
pub(crate) struct Ruling {
    pub(crate) case: &'static str,
    pub(crate) because: Because,
    /// What happens instead, as a sentence.
    pub(crate) instead: &'static str,
    pub(crate) apply: fn(&Case, &mut Expect),
}

/// The file or the object is refused, and the message says what; nothing is written.
macro_rules! refused {
    ($code:expr, $($says:expr),*) => { |case, expect| expect.refuses(case, $code, &[$($says),*]) };
}

const INPUT: i32 = 3;
const REFUSED: i32 = 4;

/// Nothing is different for this case: `instead` says where the better behaviour is seen.
const AS_RECORDED: fn(&Case, &mut Expect) = |_, _| {};

const fn ruling(
    case: &'static str,
    because: Because,
    instead: &'static str,
    apply: fn(&Case, &mut Expect),
) -> Ruling {
    Ruling { case, because, instead, apply }
}

use Because::{Better, Decision, Right};

/// Every ruling, sorted by case.
pub(crate) fn all() -> Vec<Ruling> {
    [commands(), reader(), status(), writer()].into_iter().flatten().collect()
}

fn commands() -> Vec<Ruling> {
    vec![ruling("cli/version", Decision, "`--version` prints the version", |_, expect| expect.end = End::Success)]
}

fn reader() -> Vec<Ruling> {
    let readable = "the object is written so that every YAML reader gets the same value back";
    let whole: fn(&Case, &mut Expect) = |case, expect| {
        let object = case.objects.values().next().unwrap().clone();
        expect.end = End::Success;
        expect.published = Some(super::case::Published {
            path: "/kratix/input/object.yaml".to_owned(),
            mode: "0644".to_owned(),
            is: object,
        });
    };
    vec![
        ruling("reader/api-429-then-ok", Decision, "a 429 is tried again", |case, expect| {
            expect.end = End::Success;
            expect.more_requests = true;
            let object = case.objects.values().next().unwrap().clone();
            expect.published = Some(super::case::Published {
                path: "/kratix/input/object.yaml".to_owned(),
                mode: "0644".to_owned(),
                is: object,
            });
        }),
        ruling("reader/char-u007f", Better, readable, whole),
        ruling("reader/char-u0080", Better, readable, whole),
        ruling("reader/char-u0085", Better, readable, whole),
        ruling("reader/char-u0085-value", Better, readable, AS_RECORDED),
        ruling("reader/char-u0086", Better, readable, whole),
        ruling("reader/char-u2028", Better, readable, AS_RECORDED),
        ruling("reader/char-ufffe", Better, readable, whole),
        ruling("reader/control-characters", Better, readable, AS_RECORDED),
        ruling("reader/cron-and-cpu", Better, readable, AS_RECORDED),
        ruling("reader/dates", Better, readable, AS_RECORDED),
        ruling(
            "reader/dry-run-forbidden-live",
            Better,
            "a live object that cannot be read is an error",
            refused!(REFUSED, "not allowed to get"),
        ),
        ruling(
            "reader/existing-symlink",
            Better,
            "the link is replaced by the file, its target stays",
            |_, expect| {
                let published = expect.published.as_mut().unwrap();
                published.path = "/kratix/input/object.yaml".to_owned();
                published.mode = "0644".to_owned();
            },
        ),
        ruling("reader/floats-as-strings", Better, readable, AS_RECORDED),
        ruling("reader/ints-beyond-int64", Better, "numbers are written as the API server sends them", AS_RECORDED),
        ruling("reader/secret-in-annotations", Better, "no content of the object is logged", AS_RECORDED),
        ruling("reader/sexagesimal", Better, readable, AS_RECORDED),
        ruling("reader/special-keys", Better, readable, AS_RECORDED),
        ruling("reader/specials", Better, readable, AS_RECORDED),
        ruling("reader/stdout-cut-in-utf8", Better, "no content of the object is logged", AS_RECORDED),
    ]
}

fn status() -> Vec<Ruling> {
    let float = "numbers keep their exact value";
    let text_keys = "keys of a map stay text";
    vec![
        ruling("update-status/anchors", Better, text_keys, |_, expect| {
            for key in ["alias", "base", "copy"] {
                rename(&mut expect.status()[key], "true", "y");
            }
        }),
        ruling(
            "update-status/conditions-existing-without-type",
            Better,
            "conditions without a type that were there stay",
            |case, expect| {
                let old = case.objects.values().next().unwrap()["status"]["conditions"][0].clone();
                expect.status()["conditions"].as_array_mut().unwrap().push(old);
            },
        ),
        ruling("update-status/conflict", Better, "a conflict is tried again", |_, expect| {
            expect.end = End::Success;
            expect.more_requests = true;
            expect.status()["a"] = json!(1);
        }),
        ruling("update-status/conflict-label", Better, "a conflict is tried again", |_, expect| {
            expect.end = End::Success;
            expect.more_requests = true;
            suspended(expect);
        }),
        ruling("update-status/delete-action", Better, "a delete workflow completes nothing but itself", |case, expect| {
            *expect.status() = case.objects.values().next().unwrap()["status"].clone();
        }),
        ruling("update-status/nested-replaces", Right, "top-level keys replace, as Kratix documents it", AS_RECORDED),
        ruling("update-status/numbers-beyond-2-53", Better, float, |_, expect| {
            let status = expect.status();
            status["a"] = json!(9_007_199_254_740_993_u64);
            status["b"] = json!(123_456_789_012_345_678_u64);
            status["c"] = json!(9_223_372_036_854_775_807_u64);
            status["d"] = json!(-9_007_199_254_740_993_i64);
        }),
        ruling("update-status/status-not-a-map", Better, "a status that is no map is an error, not a crash", AS_RECORDED),
        ruling("update-status/yaml11", Better, text_keys, |_, expect| rename(expect.status(), "false", "n")),
    ]
}

fn writer() -> Vec<Ruling> {
    let links = "a link to a folder, or out of the output, is refused by name";
    let climbing = "a directory outside the output is refused";
    let too_large = "a Work that no server takes is refused before it is sent, with its biggest files";
    vec![
        ruling("work-creator/1200k-random", Better, too_large, refused!(INPUT, "big.bin")),
        ruling("work-creator/2500k-random", Better, too_large, refused!(INPUT, "big.bin")),
        ruling(
            "work-creator/control-retry-invalid",
            Better,
            "an invalid retryAfter is an error here already",
            refused!(INPUT, "retryAfter"),
        ),
        ruling("work-creator/dot-git", Better, "a `.git` path is refused by name", refused!(INPUT, ".git")),
        ruling("work-creator/existing-conflict", Right, "a conflict is tried again, but not for ever", |_, expect| {
            expect.more_requests = true;
        }),
        ruling("work-creator/fifo", Better, "a pipe is refused by name", refused!(INPUT, "input/pipe")),
        ruling("work-creator/name-not-utf8", Better, "a name that is not UTF-8 is refused", refused!(INPUT, "bad")),
        ruling("work-creator/name-symbols", Better, "a name without a letter is an error, not a crash", AS_RECORDED),
        ruling("work-creator/no-kubeconfig", Better, "the error says what was tried", |_, expect| {
            expect.says = vec!["error:"];
        }),
        ruling("work-creator/selectors-dotdot", Better, climbing, refused!(INPUT, "..")),
        ruling("work-creator/selectors-dotdot-slash", Better, climbing, refused!(INPUT, "..")),
        ruling("work-creator/selectors-slash", Better, climbing, refused!(INPUT, "/")),
        ruling(
            "work-creator/selectors-missing-directory",
            Better,
            "the error names the entry and the directory",
            refused!(INPUT, "nope"),
        ),
        ruling("work-creator/selectors-values-big-int", Better, "large numbers keep their digits", |_, expect| {
            expect.work()["spec"]["workloadGroups"][0]["destinationSelectors"][0]["matchLabels"]["d"] =
                json!("18446744073709551616");
        }),
        ruling("work-creator/selectors-values-coerced", Better, "keys of a map stay text", |_, expect| {
            let labels = &mut expect.work()["spec"]["workloadGroups"][0]["destinationSelectors"][0]["matchLabels"];
            rename(labels, "false", "n");
        }),
        ruling("work-creator/selectors-values-float-forms", Better, "floats keep their digits", |_, expect| {
            expect.work()["spec"]["workloadGroups"][0]["destinationSelectors"][0]["matchLabels"]["g"] =
                json!("1.234567895e+08");
        }),
        ruling("work-creator/symlink-dir", Better, links, refused!(INPUT, "ld")),
        ruling("work-creator/symlink-file", Right, "a link to a file inside the output is its content", AS_RECORDED),
        ruling("work-creator/symlink-in-selected-dir", Better, links, refused!(INPUT, "ld")),
        ruling("work-creator/symlink-metadata", Better, links, refused!(INPUT, "leak.txt")),
        ruling("work-creator/symlink-outside", Better, links, refused!(INPUT, "host")),
    ]
}

/// What suspending the pipeline `pipe-0` leaves.
fn suspended(expect: &mut Expect) {
    expect.object()["metadata"]["labels"]["kratix.io/workflow-suspended"] = json!("true");
    let workflows = &mut expect.status()["kratix"]["workflows"];
    workflows["suspendedGeneration"] = json!(1);
    workflows["pipelines"][0]["phase"] = json!("Suspended");
}

fn rename(map: &mut Value, from: &str, to: &str) {
    let map = map.as_object_mut().unwrap();
    let value = map.remove(from).unwrap();
    map.insert(to.to_owned(), value);
}
