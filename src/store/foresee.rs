//! What a change would do to a store, found out by looking alone.

use std::fmt::Write as _;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::edits::{self, Known};
use super::{FILE_BYTES_MAX, Store, StoreError, Trouble, contents};
use crate::core::placement::{Change, Content, StorePath};
use crate::core::text::visible;
use crate::core::work_view;

/// How many files are read at once: who looks waits for a bucket's answers, not for its bytes.
const READS_AT_ONCE: usize = 8;

/// What would become of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub at: StorePath,
    /// Its size now; `None` when it is not there.
    pub before: Option<u64>,
    /// What would be in it; `None` when it would be gone.
    pub after: Option<Content>,
    /// The size of that.
    pub after_bytes: u64,
}

impl Difference {
    /// Returns `added`, `changed` or `removed`.
    pub fn what(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        }
    }

    /// Returns one line for people: what becomes of it, its path, its sizes.
    pub fn line(&self) -> String {
        let size = |bytes: u64| work_view::size(usize::try_from(bytes).unwrap_or(usize::MAX));
        let sizes = match (self.before, &self.after) {
            (Some(before), Some(_)) => format!("{} to {}", size(before), size(self.after_bytes)),
            (Some(before), None) => size(before),
            (None, _) => size(self.after_bytes),
        };
        format!("{:<7}  {}  {sizes}", self.what(), visible(self.at.as_str()))
    }
}

/// What a change would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreseen {
    /// Files that would not be as they are, by path.
    pub differences: Vec<Difference>,
    /// How many files would stay as they are.
    pub unchanged: usize,
}

impl Foreseen {
    /// How many files would be written.
    pub fn written(&self) -> usize {
        self.differences.iter().filter(|one| one.after.is_some()).count()
    }

    /// Returns a line for each file that would change, and one for the others.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for difference in &self.differences {
            let _ = writeln!(text, "  {}", difference.line());
        }
        let rest = match (self.differences.is_empty(), self.unchanged) {
            (true, 0) => "  nothing is there, and nothing is to be\n".to_owned(),
            (true, unchanged) => format!("  nothing: {} there already\n", files_are(unchanged)),
            (false, 0) => String::new(),
            (false, unchanged) => format!("  {} there already\n", files_are(unchanged)),
        };
        text.push_str(&rest);
        text
    }

    /// How many files would be deleted.
    pub fn deleted(&self) -> usize {
        self.differences.len().saturating_sub(self.written())
    }
}

fn files_are(count: usize) -> String {
    match count {
        1 => "1 file is".to_owned(),
        count => format!("{count} files are"),
    }
}

/// Says what a change would do to a store as it is now.
///
/// `shown` names the store in errors.
pub async fn foresee(
    store: &impl Store,
    change: &Change,
    shown: &str,
) -> Result<Foreseen, StoreError> {
    let failed = |trouble| StoreError { doing: "look at", store: shown.to_owned(), trouble };
    let needs = edits::needs(change);
    let mut known = Known::default();
    for folder in &needs.folders {
        known.listed.extend(store.list(folder).await?.files.into_iter().map(|file| file.at));
    }
    for path in &needs.files {
        let content = store.read(path, FILE_BYTES_MAX).await?;
        known.contents.extend(content.map(|content| (path.clone(), content)));
    }
    let once = edits::resolve(change, &known).map_err(failed)?.at_once();
    let deletes = stream::iter(once.deletes).map(|at| async move {
        let before = size(store, &at).await?;
        Ok(before.map(|before| Difference {
            at,
            before: Some(before),
            after: None,
            after_bytes: 0,
        }))
    });
    let mut foreseen = Foreseen::default();
    let gone: Vec<Option<Difference>> = deletes.buffered(READS_AT_ONCE).try_collect().await?;
    foreseen.differences.extend(gone.into_iter().flatten());
    let mut puts = stream::iter(once.puts)
        .map(|file| async move {
            let before = store.read(&file.at, FILE_BYTES_MAX).await?;
            Ok::<_, StoreError>((file, before))
        })
        .buffered(READS_AT_ONCE);
    while let Some((file, before)) = puts.try_next().await? {
        let after = contents::load(&file.at, &file.content).map_err(failed)?;
        if before.as_deref() == Some(&*after) {
            foreseen.unchanged = foreseen.unchanged.saturating_add(1);
            continue;
        }
        foreseen.differences.push(Difference {
            before: before.map(|bytes| bytes.len() as u64),
            after_bytes: after.len() as u64,
            after: Some(file.content),
            at: file.at,
        });
    }
    foreseen.differences.sort_by(|a, b| a.at.cmp(&b.at));
    Ok(foreseen)
}

/// Returns the size of a file; `None` when it is not there.
async fn size(store: &impl Store, at: &StorePath) -> Result<Option<u64>, StoreError> {
    match store.read(at, FILE_BYTES_MAX).await {
        Ok(bytes) => Ok(bytes.map(|bytes| bytes.len() as u64)),
        // Too large to be one of ours, and there.
        Err(StoreError { trouble: Trouble::TooLarge { bytes_max, .. }, .. }) => Ok(Some(bytes_max)),
        Err(error) => Err(error),
    }
}
