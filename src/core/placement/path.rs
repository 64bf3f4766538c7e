//! Paths below the root of a state store: none of them can leave it, and none can reach what belongs to Git.

use std::borrow::Cow;
use std::fmt;

/// Longest path, in bytes; object stores allow no more.
pub const PATH_BYTES_MAX: usize = 1024;
/// Longest name in a path, in bytes; file systems allow no more.
pub const NAME_BYTES_MAX: usize = 255;

/// A path below the root of a state store: names with `/` between them; empty for the root itself.
///
/// No name is empty, `.`, `..`, `.git` in any spelling that a file system or Git takes for it, or holds a control
/// character or backslash. Equal paths have equal bytes; [`StorePath::folded`] tells which would meet on a disk that ignores case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StorePath(Box<str>);

/// Why a text is no path below the root of a state store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path `{}` {fault}", shown(.path))]
pub struct PathError {
    /// The path as it was given.
    pub path: String,
    /// What is wrong with it.
    pub fault: Cow<'static, str>,
}

/// Shows a path with what cannot be printed escaped.
fn shown(path: &str) -> String {
    path.escape_debug().to_string()
}

impl StorePath {
    /// The root of a state store.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a path that a setting or an object gives: a `/` at its ends, `//` and `.` mean nothing, as in
    /// `Destination.spec.path` (contract.md 5.3: `.` and `/` are the root).
    pub fn of_setting(text: &str) -> Result<Self, PathError> {
        let names: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        Self::exact(&names.join("/")).map_err(|error| PathError { path: text.to_owned(), ..error })
    }

    /// Reads a path as it stands; empty for the root.
    pub fn exact(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let fault = match text {
            _ if text.len() > PATH_BYTES_MAX => Some("has more than 1024 bytes"),
            _ if text.starts_with('/') => Some("begins with `/`"),
            _ => text.split('/').find_map(name_fault),
        };
        match fault {
            None => Ok(Self(text.into())),
            Some(fault) => Err(PathError { path: text.to_owned(), fault: fault.into() }),
        }
    }

    /// Returns the path of what stands below it; `text` may hold `/`.
    pub fn join(&self, text: &str) -> Result<Self, PathError> {
        // Checked by itself: an error names what was given.
        let below = Self::exact(text)?;
        if self.is_root() || below.is_root() {
            return Ok(if below.is_root() { self.clone() } else { below });
        }
        Self::exact(&format!("{self}/{below}"))
    }

    /// Returns the path as text, without `/` at its ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns its names, from the root on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Returns the folder it stands in and its name; `None` for the root.
    pub fn split(&self) -> Option<(Self, &str)> {
        match self.0.rsplit_once('/') {
            Some((folder, name)) => Some((Self(folder.into()), name)),
            None => (!self.is_root()).then(|| (Self::default(), &*self.0)),
        }
    }

    /// Whether it is that folder or stands below it.
    pub fn is_in(&self, folder: &Self) -> bool {
        folder.is_root()
            || self
                .0
                .strip_prefix(&*folder.0)
                .is_some_and(|rest| matches!(rest.as_bytes().first(), None | Some(b'/')))
    }

    /// Returns what two paths have in common that would be one file on a disk that ignores case and Unicode form.
    pub fn folded(&self) -> String {
        let form = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd();
        // Folding a letter can leave a form that is not normal any more.
        form.normalize(&form.normalize(&self.0).to_lowercase()).into_owned()
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what is wrong with one name.
fn name_fault(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("has an empty name in it"),
        "." => Some("has `.` in it"),
        ".." => Some("has `..` in it, which leaves the folder it is for"),
        _ if name.len() > NAME_BYTES_MAX => Some("has a name of more than 255 bytes in it"),
        _ if name.contains('\\') => Some("has a backslash in it"),
        _ if name.chars().any(char::is_control) => Some("has a control character in it"),
        _ if is_git(name) => Some("has `.git` in it, which belongs to Git"),
        _ => None,
    }
}

/// Whether Git or a file system may take a name for `.git`: by case, as the short name on Windows, with what
/// macOS ignores or Windows drops.
fn is_git(name: &str) -> bool {
    let ignored = |c: &char| matches!(*c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let name: String = name.chars().filter(|c| !ignored(c)).collect();
    // Windows reads `.git::$INDEX_ALLOCATION` as `.git`, and drops dots and spaces at the end.
    let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    name.eq_ignore_ascii_case(".git") || name.eq_ignore_ascii_case("git~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_store_or_reaches_git_is_no_path() {
        for (text, fault) in [
            ("/a", "begins with `/`"),
            ("a//b", "empty name"),
            ("a/", "empty name"),
            ("./a", "has `.` in it"),
            ("a/../b", "has `..`"),
            ("..", "has `..`"),
            ("a\\b", "backslash"),
            ("a\nb", "control character"),
            (".git/config", "belongs to Git"),
            ("a/.GiT", "belongs to Git"),
            ("git~1/x", "belongs to Git"),
            (".g\u{200c}it/x", "belongs to Git"),
            (".git. /x", "belongs to Git"),
            (".git::$INDEX_ALLOCATION/x", "belongs to Git"),
        ] {
            let error = StorePath::exact(text).unwrap_err();
            assert!(error.to_string().contains(fault), "{text}: {error}");
        }
        let long = "a".repeat(NAME_BYTES_MAX);
        assert!(StorePath::exact(&long).is_ok());
        assert!(StorePath::exact(&format!("{long}a")).is_err());
        assert!(StorePath::exact(&"ab/".repeat(PATH_BYTES_MAX)).is_err());
    }

    #[test]
    fn what_is_no_danger_is_a_path() {
        for text in
            ["a", "a/b.yaml", ".gitignore", ".github/x", "a b", "\u{e4}/\u{1f600}", "...", "a:b"]
        {
            assert_eq!(StorePath::exact(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn settings_name_the_root_in_more_than_one_way() {
        for text in ["", ".", "/", "./", "//"] {
            assert!(StorePath::of_setting(text).unwrap().is_root(), "{text}");
        }
        assert_eq!(StorePath::of_setting("/a//b/./").unwrap().as_str(), "a/b");
        let error = StorePath::of_setting("/a/../b").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the path `/a/../b` has `..` in it, which leaves the folder it is for"
        );
    }

    #[test]
    fn a_folder_holds_what_stands_below_it() {
        let path = |text| StorePath::exact(text).unwrap();
        assert!(path("a/b").is_in(&path("a")));
        assert!(path("a").is_in(&path("a")));
        assert!(path("a").is_in(&StorePath::root()));
        assert!(!path("ab").is_in(&path("a")));
        assert!(!path("a").is_in(&path("a/b")));
        assert_eq!(path("a/b").split(), Some((path("a"), "b")));
        assert_eq!(path("a").split(), Some((StorePath::root(), "a")));
        assert_eq!(StorePath::root().split(), None);
        assert_eq!(path("a").join("b/c").unwrap(), path("a/b/c"));
        assert_eq!(StorePath::root().join("b").unwrap(), path("b"));
        assert!(path("a").join("../b").is_err());
    }

    #[test]
    fn case_and_form_are_folded() {
        let folded = |text| StorePath::exact(text).unwrap().folded();
        assert_eq!(folded("A/B"), folded("a/b"));
        assert_eq!(folded("\u{c4}"), folded("a\u{308}"));
        assert_ne!(folded("a"), folded("b"));
    }
}
