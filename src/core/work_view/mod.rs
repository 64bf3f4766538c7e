//! Looks at a Work: what is in it, as a tree, one file of it, or what differs from another.
//!
//! Works are shown as they are, also when Kratix or somebody else has made them: what is missing or odd is shown as
//! missing or odd, and never an error.

mod diff;
mod tree;

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde_json::Value;

use crate::contract::{Object, labels};

pub use diff::{FileChange, difference, file_changes, unified};
pub use tree::{file_tree, group_tree, holding, listing, size, tree};

/// Most bytes that one file of a Work is unpacked to. A few kilobytes of gzip can stand for gigabytes.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// A Work as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkView {
    /// `namespace/name`.
    pub title: String,
    /// Name of the Promise.
    pub promise: String,
    /// Name of the resource request; empty for none.
    pub resource: String,
    /// Name of the Pipeline; empty for static dependencies.
    pub pipeline: String,
    /// Whether it belongs to a dry run.
    pub dry_run: bool,
    /// When the pipeline last wrote it.
    pub executed_at: Option<Timestamp>,
    /// What is scheduled together.
    pub groups: Vec<GroupView>,
}

/// A workload group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupView {
    /// `.`, or the directory that has selectors of its own.
    pub directory: String,
    /// One line for each selector: its labels, and where it comes from.
    pub selectors: Vec<String>,
    /// Its files.
    pub files: Vec<FileView>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    /// Path below the output folder.
    pub path: String,
    /// Bytes that it takes in the Work.
    pub stored: usize,
    /// What is in it.
    pub content: Result<Vec<u8>, UnpackError>,
}

/// Why the content of a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The text is no base64.
    #[error("it is no base64")]
    NotBase64,
    /// The bytes are no gzip stream, or a damaged one.
    #[error("it is no gzip stream: {detail}")]
    NotGzip {
        /// What is wrong with it.
        detail: String,
    },
    /// More than [`FILE_BYTES_MAX`].
    #[error("it unpacks to more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
}

impl WorkView {
    /// Reads a Work, whole or its metadata alone.
    pub fn of(work: &Object) -> Self {
        let named = |label| work.label(label).unwrap_or_default();
        let spec = |field| work.text_at(&["spec", field]);
        let groups = work.at(&["spec", "workloadGroups"]).and_then(Value::as_array);
        Self {
            title: format!("{}/{}", work.namespace().unwrap_or_default(), work.name()),
            promise: spec("promiseName").unwrap_or_else(|| named(labels::PROMISE_NAME)).to_owned(),
            resource: spec("resourceName")
                .unwrap_or_else(|| named(labels::RESOURCE_NAME))
                .to_owned(),
            pipeline: named(labels::PIPELINE_NAME).to_owned(),
            dry_run: named(labels::DRY_RUN) == labels::TRUE,
            executed_at: spec("lastExecutionTimestamp")
                .or_else(|| work.creation_timestamp())
                .and_then(|time| time.parse().ok()),
            groups: groups.into_iter().flatten().map(group).collect(),
        }
    }

    /// Returns the files of all groups.
    pub fn files(&self) -> impl Iterator<Item = &FileView> {
        self.groups.iter().flat_map(|group| &group.files)
    }

    /// Returns the file at a path.
    pub fn file(&self, path: &str) -> Option<&FileView> {
        self.files().find(|file| file.path == path)
    }

    /// Returns the bytes of all files that can be unpacked.
    pub fn bytes(&self) -> usize {
        self.files().filter_map(FileView::size).fold(0, usize::saturating_add)
    }

    fn by_path(&self) -> BTreeMap<&str, &FileView> {
        self.files().map(|file| (file.path.as_str(), file)).collect()
    }
}

impl FileView {
    /// Bytes of the content, if it can be unpacked.
    pub fn size(&self) -> Option<usize> {
        self.content.as_ref().ok().map(Vec::len)
    }
}

fn group(value: &Value) -> GroupView {
    let list = |field| value.get(field).and_then(Value::as_array).into_iter().flatten();
    GroupView {
        directory: text(value, "directory").to_owned(),
        selectors: list("destinationSelectors").map(selector).collect(),
        files: list("workloads")
            .map(|file| {
                let content = text(file, "content");
                FileView {
                    path: text(file, "filepath").to_owned(),
                    stored: content.len(),
                    content: unpack(content, FILE_BYTES_MAX),
                }
            })
            .collect(),
    }
}

fn selector(value: &Value) -> String {
    let matches = value.get("matchLabels").and_then(Value::as_object);
    let terms: Vec<String> = matches
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("?")))
        .collect();
    let terms = if terms.is_empty() { "any".to_owned() } else { terms.join(", ") };
    format!("{terms} (from {})", text(value, "source"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the content of a workload (contract.md 6.3), at most `bytes_max` bytes of it.
pub fn unpack(content: &str, bytes_max: u64) -> Result<Vec<u8>, UnpackError> {
    let packed = STANDARD.decode(content).map_err(|_| UnpackError::NotBase64)?;
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed.as_slice())
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| UnpackError::NotGzip { detail: error.to_string() })?;
    if bytes.len() as u64 > bytes_max {
        return Err(UnpackError::TooLarge { bytes_max });
    }
    Ok(bytes)
}

/// Returns how many bytes packed content says it is when it is unpacked, without unpacking it: gzip ends with that. Whoever has
/// packed it in an odd way may say less.
pub fn says_unpacked(content: &str) -> u64 {
    let end = content.len().checked_sub(8).and_then(|at| content.get(at..));
    let end = end.and_then(|end| STANDARD.decode(end).ok()).unwrap_or_default();
    end.last_chunk().map_or(0, |size| u32::from_le_bytes(*size).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::kinds::WORK;
    use crate::core::workloads::Packer;

    fn packed(content: &[u8]) -> String {
        Packer::default().pack(content).unwrap()
    }

    #[test]
    fn content_is_unpacked_up_to_a_limit() {
        assert_eq!(unpack(&packed(b"a: 1\n"), 100).unwrap(), b"a: 1\n");
        assert_eq!(unpack(&packed(b"12345"), 5).unwrap(), b"12345");
        assert_eq!(unpack(&packed(b"123456"), 5), Err(UnpackError::TooLarge { bytes_max: 5 }));
        let bomb = packed(&vec![0; 8 << 20]);
        assert_eq!(unpack(&bomb, 1 << 20), Err(UnpackError::TooLarge { bytes_max: 1 << 20 }));
        // The original's empty file (contract.md 6.3).
        assert_eq!(unpack("H4sIAAAAAAAA/wEAAP//AAAAAAAAAAA=", 5).unwrap(), b"");
    }

    #[test]
    fn packed_content_says_how_much_it_is() {
        for bytes in [1, 2, 3, 500, 70_000] {
            assert_eq!(says_unpacked(&packed(&vec![7; bytes])), bytes as u64);
        }
        for odd in ["", "AAAA", "%%%%%%%%", "\u{e4}\u{e4}\u{e4}\u{e4}a"] {
            assert_eq!(says_unpacked(odd), 0, "{odd}");
        }
    }

    #[test]
    fn what_is_no_packed_content_says_so() {
        assert_eq!(unpack("%", 5), Err(UnpackError::NotBase64));
        for broken in ["", "aGVsbG8=", &packed(b"123456")[..12]] {
            assert!(matches!(unpack(broken, 5), Err(UnpackError::NotGzip { .. })), "{broken}");
        }
    }

    #[test]
    fn an_odd_work_is_shown_as_far_as_it_goes() {
        assert_eq!(WorkView::of(&Object::default()).title, "/");
        let mut work = Object::new(&WORK, Some("n"), "w");
        for spec in [
            json!(null),
            json!([]),
            json!({"workloadGroups": 1}),
            json!({"workloadGroups": [1, {}]}),
        ] {
            work.0.insert("spec".into(), spec);
            assert_eq!(WorkView::of(&work).bytes(), 0);
        }
        let group = json!({"workloads": [1, {"content": 2}], "destinationSelectors": [1, {"matchLabels": {"a": 1}}]});
        work.0.insert("spec".into(), json!({"workloadGroups": [group]}));
        let view = WorkView::of(&work);
        assert_eq!(view.groups[0].selectors, ["any (from )", "a=? (from )"]);
        assert_eq!(view.files().count(), 2);
    }

    #[test]
    fn the_parts_of_a_work_are_found() {
        let mut work = Object::new(&WORK, Some("n"), "w");
        work.set_label(labels::PIPELINE_NAME, "pipe");
        work.set_label(labels::PROMISE_NAME, "redis");
        work.set_label(labels::DRY_RUN, "true");
        work.set_metadata("creationTimestamp", "2026-01-02T03:04:05Z");
        let files = json!([{"filepath": "a/b.yaml", "content": packed(b"12345")}]);
        work.0.insert(
            "spec".into(),
            json!({"workloadGroups": [{"directory": ".", "workloads": files}]}),
        );
        let view = WorkView::of(&work);
        assert_eq!(
            (view.title.as_str(), view.promise.as_str(), view.dry_run),
            ("n/w", "redis", true)
        );
        assert_eq!((view.pipeline.as_str(), view.resource.as_str(), view.bytes()), ("pipe", "", 5));
        assert_eq!(view.executed_at, "2026-01-02T03:04:05Z".parse().ok());
        assert!(view.file("a/b.yaml").is_some() && view.file("b.yaml").is_none());
    }
}
