//! Files become workload groups (contract.md 2.2, 6.3).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, CompressError, Compression, Crc, FlushCompress, Status};

use super::hash::md5_hex;
use super::selectors::{Entry, ROOT, Selector};
use crate::contract::layout::DESTINATION_SELECTORS_FILE;

/// Files that are scheduled together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<F> {
    /// Name of a directory at the top of the output folder, or `.`.
    pub directory: String,
    /// Where they may go.
    pub selectors: Vec<Selector>,
    /// What is in it, in order.
    pub files: Vec<F>,
}

impl<F> Group<F> {
    /// Returns the id: the hash of the directory.
    pub fn id(&self) -> String {
        md5_hex(&self.directory)
    }
}

/// One file of a Work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Path below the output folder.
    pub filepath: String,
    /// The content, as [`Packer::pack`] returns it.
    pub content: String,
}

/// Why files cannot be grouped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadsError {
    /// A selected directory is not there.
    #[error(
        "{DESTINATION_SELECTORS_FILE} names the directory `{directory}`, but the output folder has none of that name"
    )]
    MissingDirectory {
        /// The directory.
        directory: String,
        /// What is at the top of the output folder.
        folders: Vec<String>,
    },
    /// A selected directory is a file.
    #[error("{DESTINATION_SELECTORS_FILE} names the directory `{directory}`, but that is a file")]
    NotADirectory {
        /// The path.
        directory: String,
    },
}

impl WorkloadsError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::MissingDirectory { folders, .. } if folders.is_empty() => {
                "make the directory, even an empty one, or take the entry out; there is no directory".into()
            }
            Self::MissingDirectory { folders, .. } => {
                let names: Vec<_> = folders.iter().take(10).map(|name| format!("`{name}`")).collect();
                format!("name one of {}, or take the entry out", names.join(", "))
            }
            Self::NotADirectory { .. } => "put the file into a directory and name that".into(),
        }
    }
}

/// Divides files among the entries of `destination-selectors.yaml`.
///
/// Every directory of an entry becomes a group, in the order of the entries, even if it is empty. What is left goes
/// last into the default group, which there is only if something is left: to its selectors the caller adds the
/// Promise's. `source` is that of the selectors here.
///
/// `path` returns a file's path below the output folder, with `/` between the components.
pub fn group<'a, F>(
    files: &'a [F],
    path: impl Fn(&F) -> &str,
    folders: &BTreeSet<String>,
    entries: Vec<Entry>,
    source: &str,
) -> Result<Vec<Group<&'a F>>, WorkloadsError> {
    let mut groups: Vec<Group<&F>> = Vec::new();
    let mut default =
        Group { directory: ROOT.to_owned(), selectors: Vec::new(), files: Vec::new() };
    for Entry { directory, match_labels } in entries {
        let selector = Selector { match_labels, source: source.to_owned() };
        if directory == ROOT {
            default.selectors.push(selector);
        } else if folders.contains(&directory) {
            groups.push(Group { directory, selectors: vec![selector], files: Vec::new() });
        } else if files.iter().any(|file| path(file) == directory) {
            return Err(WorkloadsError::NotADirectory { directory });
        } else {
            let folders = folders.iter().cloned().collect();
            return Err(WorkloadsError::MissingDirectory { directory, folders });
        }
    }
    for file in files {
        let top = path(file).split_once('/').map(|(top, _)| top);
        let selected = groups.iter_mut().find(|group| top == Some(&group.directory));
        selected.unwrap_or(&mut default).files.push(file);
    }
    if !default.files.is_empty() {
        groups.push(default);
    }
    Ok(groups)
}

/// Turns contents into text: base64 of gzip. Keeps its memory from one file to the next.
#[derive(Debug)]
pub struct Packer {
    deflate: Compress,
    bytes: Vec<u8>,
}

/// First bytes of every gzip stream here: no time, no name, unknown system, as Go writes them.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

impl Default for Packer {
    fn default() -> Self {
        Self { deflate: Compress::new(Compression::default(), false), bytes: Vec::new() }
    }
}

impl Packer {
    /// Returns the content of a workload; equal bytes give equal text. The error is a fault of the compressor.
    pub fn pack(&mut self, content: &[u8]) -> Result<String, CompressError> {
        self.deflate.reset();
        self.bytes.clear();
        self.bytes.extend_from_slice(&GZIP_HEADER);
        loop {
            // Room for what is left if it does not compress at all: most files are done in one turn.
            let done = usize::try_from(self.deflate.total_in()).unwrap_or(usize::MAX);
            let left = content.get(done..).unwrap_or_default();
            self.bytes.reserve(left.len() + left.len() / 1000 + 64);
            match self.deflate.compress_vec(left, &mut self.bytes, FlushCompress::Finish)? {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => {}
            }
        }
        let mut crc = Crc::new();
        crc.update(content);
        self.bytes.extend_from_slice(&crc.sum().to_le_bytes());
        self.bytes.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(STANDARD.encode(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::core::selectors::MatchLabels;

    fn entry(directory: &str) -> Entry {
        let match_labels = MatchLabels::from([("for".to_owned(), directory.to_owned())]);
        Entry { directory: directory.into(), match_labels }
    }

    /// Groups as lines: `directory: source, … | file, …`.
    fn grouped(
        files: &[&str],
        folders: &[&str],
        entries: &[&str],
    ) -> Result<Vec<String>, WorkloadsError> {
        let folders = folders.iter().map(|name| (*name).to_owned()).collect();
        let entries = entries.iter().map(|directory| entry(directory)).collect();
        let groups = group(files, |path| path, &folders, entries, "own")?;
        let line = |group: Group<&&str>| {
            let sources: Vec<_> = group.selectors.into_iter().map(|s| s.source).collect();
            let files: Vec<_> = group.files.into_iter().copied().collect();
            format!("{}: {} | {}", group.directory, sources.join(", "), files.join(", "))
        };
        Ok(groups.into_iter().map(line).collect())
    }

    #[test]
    fn directories_come_in_file_order_and_the_default_group_last() {
        let files = ["bar/c", "bar/foo/x", "foo/a", "foo/deep/b", "foobar", "root"];
        assert_eq!(
            grouped(&files, &["foo", "bar"], &["foo", ".", "bar"]).unwrap(),
            [
                "foo: own | foo/a, foo/deep/b",
                "bar: own | bar/c, bar/foo/x",
                ".: own | foobar, root"
            ]
        );
        assert_eq!(grouped(&["a/b"], &["a"], &[]).unwrap(), [".:  | a/b"]);
    }

    #[test]
    fn an_empty_directory_is_a_group_and_an_empty_rest_is_none() {
        assert_eq!(grouped(&[], &["hollow"], &["hollow", "."]).unwrap(), ["hollow: own | "]);
        assert!(grouped(&[], &[], &["."]).unwrap().is_empty());
    }

    #[test]
    fn a_directory_must_be_there() {
        let error = grouped(&["a/f"], &["a", "b"], &["nope"]).unwrap_err();
        assert!(error.to_string().contains("names the directory `nope`"));
        assert_eq!(error.hint(), "name one of `a`, `b`, or take the entry out");
        let error = grouped(&["f"], &[], &["f"]).unwrap_err();
        assert_eq!(error, WorkloadsError::NotADirectory { directory: "f".into() });
    }

    #[test]
    fn ids_are_those_of_the_contract() {
        for (directory, id) in
            [(".", "5058f1af8388633f609cadb75a75dc9d"), ("foo", "acbd18db4cc2f85cedef654fccc4a4d8")]
        {
            let group: Group<()> =
                Group { directory: directory.into(), selectors: vec![], files: vec![] };
            assert_eq!(group.id(), id);
        }
    }

    #[test]
    fn contents_come_back_and_equal_contents_give_equal_text() {
        let mut packer = Packer::default();
        let noise: Vec<u8> =
            (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for content in [&b""[..], b"a", b"a: 1\n", &[0; 70_000], &noise] {
            let text = packer.pack(content).unwrap();
            assert_eq!(packer.pack(content).unwrap(), text);
            assert_eq!(Packer::default().pack(content).unwrap(), text);
            let bytes = STANDARD.decode(&text).unwrap();
            assert_eq!(bytes[..10], GZIP_HEADER);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, content);
        }
    }
}
