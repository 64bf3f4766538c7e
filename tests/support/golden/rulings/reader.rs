//! Rulings on the reader.

use bookend::exit::Exit;

use super::super::case::{Case, Published};
use super::super::expect::{End, Expect};
use super::Because::{Better, Decision};
use super::{Ruling, as_recorded, refused, ruling};

const READABLE: &str = "written so that every YAML reader gets the same value back";
const SILENT: &str = "no content of an object is printed";

pub(super) fn all() -> Vec<Ruling> {
    let mut all = vec![
        ruling("reader/api-429-then-ok", Decision, "429 is tried again", |case, expect| {
            publishes_the_object(case, expect);
            expect.more_requests = true;
        }),
        ruling(
            "reader/dry-run-forbidden-live",
            Better,
            "a live object that cannot be read is an error, never silently another object",
            refused!(Exit::Refused, "not allowed to get"),
        ),
        ruling(
            "reader/existing-symlink",
            Better,
            "a link at the target is replaced by the file; what it points to stays",
            |_, expect| {
                let published = expect.published.as_mut().unwrap();
                published.path = "/kratix/input/object.yaml".to_owned();
                published.mode = "0644".to_owned();
            },
        ),
        ruling(
            "reader/ints-beyond-int64",
            Better,
            "a number is written as the API server sends it, without a further loss",
            as_recorded,
        ),
    ];
    for case in ["char-u007f", "char-u0080", "char-u0085", "char-u0086", "char-ufffe"] {
        all.push(ruling(full_name(case), Better, READABLE, publishes_the_object));
    }
    let read_by_some = [
        "char-u0085-value",
        "char-u2028",
        "control-characters",
        "cron-and-cpu",
        "dates",
        "floats-as-strings",
        "sexagesimal",
        "special-keys",
        "specials",
    ];
    all.extend(read_by_some.map(|case| ruling(full_name(case), Better, READABLE, as_recorded)));
    for case in ["secret-in-annotations", "stdout-cut-in-utf8"] {
        all.push(ruling(full_name(case), Better, SILENT, as_recorded));
    }
    all
}

fn full_name(case: &str) -> &'static str {
    Box::leak(format!("reader/{case}").into_boxed_str())
}

fn publishes_the_object(case: &Case, expect: &mut Expect) {
    expect.end = End::Success;
    expect.published = Some(Published {
        path: "/kratix/input/object.yaml".to_owned(),
        mode: "0644".to_owned(),
        is: case.objects.values().next().unwrap().clone(),
    });
}
