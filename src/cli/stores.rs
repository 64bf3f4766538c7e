//! Opens state stores as arguments and the environment say.

use std::path::{Path, PathBuf};

use super::AnyFault;
use super::args::{PathMode, StoreFiles, StoreFlags};
use crate::contract::Layout;
use crate::core::placement::{Mode, PathError, StorePath};
use crate::destination::Place;
use crate::exit::{Exit, Fault};
use crate::files::{folder, read};
use crate::store::address::Address;
use crate::store::credentials;
use crate::store::git::{CommitError, CommitSettings, Commits, SigningKey};
use crate::store::open::{AnyStore, Options, open};

/// Largest file of a key.
const KEY_BYTES_MAX: u64 = 1 << 20;

/// Why the flags for a store cannot be used.
#[derive(Debug, thiserror::Error)]
enum FlagError {
    /// `--aggregated-file` is no path.
    #[error("`--aggregated-file` cannot be used")]
    AggregatedFile(#[source] PathError),
    /// A person without name.
    #[error("`{flag}` names nobody: `{text}`")]
    Person { flag: &'static str, text: String },
    /// A trailer without key.
    #[error("`--commit-trailer` is no trailer: `{text}`")]
    Trailer { text: String },
    /// There is no such key.
    #[error("there is no file `{}`, which `--commit-signing-key-file` names", path.display())]
    NoKey { path: PathBuf },
    /// What is said of commits cannot be followed.
    #[error("the flags for commits cannot be used")]
    Commits(#[from] CommitError),
}

impl Fault for FlagError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AggregatedFile(_) => "give a path below that of the URL, without `..`",
            Self::Person { .. } => "write it as `NAME <EMAIL>`, or the name alone",
            Self::Trailer { .. } => "write it as `KEY: TEXT`",
            Self::NoKey { .. } => "name a private ssh key without a passphrase",
            Self::Commits(_) => {
                "see docs/writing.md for what templates fill in; a brace itself is written twice"
            }
        };
        Some(hint.to_owned())
    }
}

/// A store that a URL names.
pub(super) struct Opened {
    pub(super) store: AnyStore,
    /// Its address, for people.
    pub(super) shown: String,
    /// What its writers take turns at.
    pub(super) contended: String,
    pub(super) base: StorePath,
    pub(super) mode: Mode,
}

/// Opens the store of `--to`, with credentials from variables.
pub(super) fn open_url(
    url: &str,
    files: &StoreFiles,
    flags: &StoreFlags,
    scratch: &Path,
) -> Result<Opened, AnyFault> {
    let address: Address = url.parse()?;
    let credentials = credentials::from_variables(&address, &variable)?;
    let commits = commits(flags, None)?;
    let store = open(&address, &credentials, &options(flags, scratch, commits))?;
    let mode = match files.path_mode {
        PathMode::Nested => Mode::Nested,
        PathMode::Plain => Mode::Plain,
        PathMode::Aggregated => Mode::Aggregated {
            file: StorePath::exact(&files.aggregated_file).map_err(FlagError::AggregatedFile)?,
        },
    };
    let (shown, contended) = (address.to_string(), address.contended());
    Ok(Opened { store, shown, contended, base: StorePath::root(), mode })
}

/// Opens the store of a Destination.
pub(super) fn open_place(
    place: &Place,
    flags: &StoreFlags,
    scratch: &Path,
) -> Result<AnyStore, AnyFault> {
    let commits = commits(flags, Some(place))?;
    Ok(open(&place.address, &place.credentials, &options(flags, scratch, commits))?)
}

fn options(flags: &StoreFlags, scratch: &Path, commits: Commits) -> Options {
    Options { create_branch: flags.create_branch, ..Options::new(scratch, commits) }
}

/// How commits are made: as flags say, and where they say nothing as the state store does (contract.md 5.4).
fn commits(flags: &StoreFlags, place: Option<&Place>) -> Result<Commits, AnyFault> {
    let said = |field| {
        let text = place.and_then(|place| place.store.text_at(&["spec", "gitAuthor", field]));
        text.map(str::to_owned)
    };
    let (author_name, author_email) = person("--commit-author", flags.commit_author.as_deref())?;
    let (name, email) = person("--committer", flags.committer.as_deref())?;
    let trailer = |text: &String| match text.split_once(':') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(FlagError::Trailer { text: text.clone() }),
    };
    let trailers = flags.commit_trailers.iter().filter(|text| !text.trim().is_empty());
    let settings = CommitSettings {
        update: flags.commit_message.clone(),
        author_name,
        author_email,
        committer_email: if name.is_none() { said("email") } else { email },
        committer_name: name.or_else(|| said("name")),
        trailers: trailers.map(trailer).collect::<Result<_, _>>()?,
        key: flags.commit_signing_key_file.as_deref().map(signing_key).transpose()?,
        ..CommitSettings::default()
    };
    Ok(Commits::new(settings).map_err(FlagError::Commits)?)
}

/// Reads `NAME <EMAIL>` or `NAME`.
fn person(
    flag: &'static str,
    text: Option<&str>,
) -> Result<(Option<String>, Option<String>), FlagError> {
    let Some(text) = text else { return Ok((None, None)) };
    let nobody = || FlagError::Person { flag, text: text.to_owned() };
    let (name, email) = match text.split_once('<') {
        Some((name, rest)) => (name, Some(rest.trim_end().strip_suffix('>').ok_or_else(nobody)?)),
        None => (text, None),
    };
    match name.trim() {
        "" => Err(nobody()),
        name => Ok((Some(name.to_owned()), email.map(|email| email.trim().to_owned()))),
    }
}

fn signing_key(path: &Path) -> Result<SigningKey, AnyFault> {
    let missing = || FlagError::NoKey { path: path.to_owned() };
    let bytes = read::limited(path, KEY_BYTES_MAX)?.ok_or_else(missing)?;
    let text = String::from_utf8(bytes).map_err(|_| FlagError::Commits(CommitError::Key))?;
    Ok(SigningKey::parse(&text).map_err(FlagError::Commits)?)
}

/// Returns the folder for repositories that live as long as a write: where temporary files go, and where a container may
/// write nothing but its volumes, the one for metadata.
pub(super) fn scratch(flags: &StoreFlags, layout: &Layout) -> PathBuf {
    if let Some(told) = &flags.scratch {
        return told.clone();
    }
    let usual = std::env::temp_dir();
    match folder::is_writable(&usual) || !folder::is_writable(&layout.metadata_dir) {
        true => usual,
        false => layout.metadata_dir.clone(),
    }
}

/// The flags of who only looks: nothing of a commit matters.
pub(super) fn only_looking() -> StoreFlags {
    StoreFlags {
        scratch: None,
        create_branch: false,
        commit_message: None,
        commit_author: None,
        committer: None,
        commit_trailers: Vec::new(),
        commit_signing_key_file: None,
    }
}

/// Names this process for people who look at a Lease.
pub(super) fn instance() -> String {
    variable("HOSTNAME").unwrap_or_else(|| "bookend".to_owned())
}

/// What is no UTF-8 is no credential either.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}
