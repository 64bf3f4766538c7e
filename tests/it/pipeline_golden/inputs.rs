//! Other people's Promises, read where they stand: every one is read, and its requests fit its API.

use std::path::{Path, PathBuf};

use bookend::contract::Object;
use bookend::core::promise::{Promise, check};
use bookend::core::schema;

use super::{manifest_dir, sorted};

#[test]
#[ignore = "needs ../shared/inputs, which is not ours to carry; .ci/run runs it where that is"]
fn the_promises_of_others_are_read_and_their_requests_fit() {
    let places = ["../shared/inputs", "../../shared/inputs"];
    let dir = places.iter().map(|place| manifest_dir().join(place)).find(|dir| dir.is_dir());
    let dir = dir.expect("shared/inputs stands beside the project");
    let mut files = Vec::new();
    walk(&dir, &mut files);
    let (mut promises, mut requests) = (0, 0);
    for file in &files {
        for object in documents(file) {
            if object.kind() != "Promise" {
                continue;
            }
            let promise =
                Promise::from_object(&object).unwrap_or_else(|error| panic!("{file:?}: {error:?}"));
            assert_eq!(check(&promise), [], "{file:?}");
            promises += 1;
            let Some(api) = &promise.api else { continue };
            for neighbour in sorted(file.parent().unwrap()).iter().filter(|path| is_yaml(path)) {
                for request in documents(neighbour) {
                    if request.kind() != api.kind.kind {
                        continue;
                    }
                    let version = request.api_version().split_once('/').unwrap().1.to_owned();
                    let checked = schema::check(&api.crd, &version, &request)
                        .unwrap_or_else(|error| panic!("{neighbour:?}: {error}"));
                    assert!(checked.pruned.is_empty() && checked.notes.is_empty(), "{checked:?}");
                    requests += 1;
                }
            }
        }
    }
    assert!(promises > 5 && requests > 5, "{promises} Promises, {requests} requests");
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for path in sorted(dir) {
        if path.is_dir() {
            walk(&path, files);
        } else if is_yaml(&path) {
            files.push(path);
        }
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn documents(path: &Path) -> Vec<Object> {
    let bytes = std::fs::read(path).unwrap();
    bookend::files::yaml::parse_objects(&bytes)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
