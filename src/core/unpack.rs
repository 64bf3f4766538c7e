//! What is in a Work: groups, files, and the labels that decide where they go (contract.md 5.1, 6.3).

use std::collections::BTreeMap;

use serde_json::Value;

use super::placement;
use super::work_view::{self, FILE_BYTES_MAX};
use crate::contract::Object;

/// One workload group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Directory at the top of the output folder, or `.`.
    pub directory: String,
    /// Labels that a Destination must have; empty for any.
    pub labels: BTreeMap<String, String>,
    /// Its files, in the order of the Work.
    pub files: Vec<File>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path below the output folder.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// A Work cannot be unpacked: one of its files cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read `{path}` in Work `{work}`")]
pub struct UnpackError {
    /// Name of the Work.
    pub work: String,
    /// Path of the file.
    pub path: String,
    /// Why.
    pub source: work_view::UnpackError,
}

/// Unpacks every group of a Work.
pub fn groups(work: &Object) -> Result<Vec<Group>, UnpackError> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut groups = Vec::new();
    for group in list(work.at(&["spec", "workloadGroups"])) {
        let workloads = list(group.get("workloads"));
        groups.push(Group {
            directory: text(&group, "directory").to_owned(),
            labels: placement::combine(&list(group.get("destinationSelectors"))),
            files: workloads.iter().map(|file| unpack(work, file)).collect::<Result<_, _>>()?,
        });
    }
    Ok(groups)
}

fn unpack(work: &Object, file: &Value) -> Result<File, UnpackError> {
    let path = text(file, "filepath").to_owned();
    match work_view::unpack(text(file, "content"), FILE_BYTES_MAX) {
        Ok(content) => Ok(File { path, content }),
        Err(source) => Err(UnpackError { work: work.name().to_owned(), path, source }),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::workloads::Packer;

    fn work(content: &str) -> Object {
        let group = json!({
            "directory": ".",
            "destinationSelectors": [{"matchLabels": {"env": "dev"}, "source": "promise"}],
            "workloads": [{"filepath": "a/b.yaml", "content": content}],
        });
        let work = json!({"metadata": {"name": "w"}, "spec": {"workloadGroups": [group, {}]}});
        Object::from_value(work).unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let packed = Packer::default().pack(b"hello\n").unwrap();
        let unpacked = groups(&work(&packed)).unwrap();
        assert_eq!(unpacked[0].directory, ".");
        assert_eq!(unpacked[0].labels, BTreeMap::from([("env".to_owned(), "dev".to_owned())]));
        let expect = File { path: "a/b.yaml".into(), content: b"hello\n".to_vec() };
        assert_eq!(unpacked[0].files, [expect]);
        assert_eq!(unpacked[1].files, []);
    }

    #[test]
    fn a_work_without_groups_is_empty() {
        assert_eq!(groups(&Object::default()), Ok(vec![]));
    }

    #[test]
    fn content_that_is_no_gzip_is_refused_with_its_path() {
        for content in ["%", "aGVsbG8="] {
            let error = groups(&work(content)).unwrap_err();
            assert_eq!(error.to_string(), "failed to read `a/b.yaml` in Work `w`");
        }
    }
}
