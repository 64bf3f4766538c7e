//! What libgit2 says, in the words of the seam.

use std::error::Error;

use git2::{ErrorClass, ErrorCode};

use crate::store::{Cause, Trouble};

/// Why a step with a repository failed: for good, or because the repository on this machine cannot be used.
#[derive(Debug)]
pub(super) enum Failure {
    /// What is to be told.
    Trouble(Trouble),
    /// libgit2's own.
    Git(git2::Error),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<git2::Error> for Failure {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

impl Failure {
    /// Whether objects are missing or broken, which a fresh copy of the repository mends.
    pub(super) fn is_damage(&self) -> bool {
        let Self::Git(error) = self else { return false };
        let place = matches!(
            error.class(),
            ErrorClass::Odb
                | ErrorClass::Object
                | ErrorClass::Zlib
                | ErrorClass::Indexer
                | ErrorClass::Tree
                | ErrorClass::Repository
                | ErrorClass::Reference
                | ErrorClass::Config
                | ErrorClass::Sha1
        );
        place || error.code() == ErrorCode::HashsumMismatch || error.code() == ErrorCode::NotFound
    }

    /// Says it in the words of the seam; `local` when no network was in it.
    pub(super) fn told(self) -> Trouble {
        match self {
            Self::Trouble(trouble) => trouble,
            Self::Git(error) => told(error),
        }
    }
}

fn told(error: git2::Error) -> Trouble {
    let says = cleaned(error.message().as_bytes());
    match (error.code(), error.class()) {
        (ErrorCode::Auth, _) => Trouble::Credentials(says),
        (ErrorCode::Certificate, _) => Trouble::Untrusted(error.into()),
        (ErrorCode::Owner, _) => Trouble::Forbidden(says),
        (_, ErrorClass::Os | ErrorClass::Filesystem | ErrorClass::NoMemory) => {
            Trouble::Disk(error.into())
        }
        (_, ErrorClass::Odb | ErrorClass::Object | ErrorClass::Zlib | ErrorClass::Indexer)
        | (_, ErrorClass::Tree | ErrorClass::Repository | ErrorClass::Sha1) => {
            Trouble::Damaged(says)
        }
        (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssh | ErrorClass::Ssl) => {
            Trouble::Other(says)
        }
        _ => Trouble::Other(says),
    }
}

/// Says the same trouble once more, for another change of the same batch.
pub(super) fn again(trouble: &Trouble) -> Trouble {
    let cause = |cause: &Cause| -> Cause { chain(&**cause).into() };
    match trouble {
        Trouble::Unreachable(one) => Trouble::Unreachable(cause(one)),
        Trouble::Late(limit) => Trouble::Late(*limit),
        Trouble::Untrusted(one) => Trouble::Untrusted(cause(one)),
        Trouble::Credentials(says) => Trouble::Credentials(says.clone()),
        Trouble::Forbidden(says) => Trouble::Forbidden(says.clone()),
        Trouble::Missing(what) => Trouble::Missing(what.clone()),
        Trouble::Refused(says) => Trouble::Refused(says.clone()),
        Trouble::Raced { attempts } => Trouble::Raced { attempts: *attempts },
        Trouble::Path(error) => Trouble::Path(error.clone()),
        Trouble::Clash { one, other, why } => {
            Trouble::Clash { one: one.clone(), other: other.clone(), why }
        }
        Trouble::TooLarge { path, bytes_max } => {
            Trouble::TooLarge { path: path.clone(), bytes_max: *bytes_max }
        }
        Trouble::Content { path, cause: one } => {
            Trouble::Content { path: path.clone(), cause: cause(one) }
        }
        Trouble::Damaged(says) => Trouble::Damaged(says.clone()),
        Trouble::DamagedFile(says) => Trouble::DamagedFile(says.clone()),
        Trouble::Disk(one) => Trouble::Disk(cause(one)),
        Trouble::Stopped => Trouble::Stopped,
        Trouble::Other(says) => Trouble::Other(says.clone()),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Longest text of a server that is repeated, in bytes.
const TEXT_BYTES_MAX: usize = 1000;

/// Returns what a server says as one line of text that can be printed: without control characters, the `remote: ` of its
/// lines, progress that was overwritten, and with an end.
pub(super) fn cleaned(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').map(|line| line.trim_end().rsplit('\r').next().unwrap_or(line));
    let lines: Vec<String> = lines
        .map(|line| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    let mut text = lines.join("; ");
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_line_that_can_be_printed() {
        for (said, expect) in [
            ("", ""),
            ("no ticket id\n", "no ticket id"),
            (
                "Counting: 1%\rCounting: 100%\nno\u{1b}[31m red\u{7}\n\n",
                "Counting: 100%; no [31m red",
            ),
            ("a\r\nb\t c", "a; b c"),
        ] {
            assert_eq!(cleaned(said.as_bytes()), expect);
        }
        let long = cleaned("\u{e4}".repeat(TEXT_BYTES_MAX).as_bytes());
        assert!(long.len() <= TEXT_BYTES_MAX + 4 && long.ends_with(" ..."), "{}", long.len());
        assert_eq!(cleaned(b"\xff!"), "\u{fffd}!");
    }

    #[test]
    fn trouble_of_a_batch_is_told_to_each() {
        let cause = std::io::Error::other("inner");
        let disk = again(&Trouble::Disk(cause.into()));
        assert!(matches!(&disk, Trouble::Disk(cause) if cause.to_string() == "inner"));
        assert!(
            matches!(again(&Trouble::Refused("no".into())), Trouble::Refused(says) if says == "no")
        );
    }
}
