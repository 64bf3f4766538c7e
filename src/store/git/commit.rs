//! Commits: their message, author, trailers and signature.

use std::time::{SystemTime, UNIX_EPOCH};

use git2::{ObjectType, Oid, Repository};
use russh::keys::ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

use super::template::{Template, TemplateError, line};
use super::trouble::Failure;
use crate::core::placement::Change;
use crate::store::Trouble;

/// Who commits when nobody is named (contract.md 5.3).
const AUTHOR: &str = "kratix";
/// Message of a commit that changes nothing.
const FENCE: &str = "Another one writes from here";
/// Message of a commit that writes (contract.md 10.6).
const UPDATE: &str = "Update from: {name}";
/// Message of a commit that only deletes (contract.md 10.6).
const DELETE: &str = "Delete from: {name}";
/// Namespace of Git's signatures by ssh keys; `git verify-commit` asks for it.
const NAMESPACE: &str = "git";
/// Most changes that the message of a commit for a whole batch names.
const NAMED_MAX: usize = 20;

/// How commits are made.
#[derive(Debug, Clone)]
pub struct Commits {
    update: Template,
    delete: Template,
    author: Person,
    committer: Person,
    trailers: Vec<(String, Template)>,
    together: bool,
    key: Option<SigningKey>,
}

/// What settings say about commits; what is empty or absent is as in Kratix.
#[derive(Debug, Clone, Default)]
pub struct CommitSettings {
    /// Template of the message of a commit that writes: `Update from: {name}` by default.
    pub update: Option<String>,
    /// Template of the message of a commit that only deletes: that of `update` when only that is set, else
    /// `Delete from: {name}`.
    pub delete: Option<String>,
    /// Template of the author's name: that of the committer by default.
    pub author_name: Option<String>,
    /// Template of the author's address.
    pub author_email: Option<String>,
    /// Name of the committer: `kratix` by default, also when it is empty, with which Git would refuse to commit.
    pub committer_name: Option<String>,
    /// Address of the committer; may be empty.
    pub committer_email: Option<String>,
    /// Trailers: a key, and a template of its value. A value that is empty makes no trailer.
    pub trailers: Vec<(String, String)>,
    /// Whether changes that are made at once share one commit.
    pub together: bool,
    /// Signs each commit.
    pub key: Option<SigningKey>,
}

/// A private ssh key that signs commits.
#[derive(Clone)]
pub struct SigningKey(PrivateKey);

impl std::fmt::Debug for SigningKey {
    /// Tells which key it is, not the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.0.fingerprint(HashAlg::Sha256))
    }
}

#[derive(Debug, Clone)]
struct Person {
    name: Template,
    email: Template,
}

/// Why settings of commits cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The key of a trailer.
    #[error("`{0}` is no key of a trailer: it has letters, digits and `-`")]
    Trailer(String),
    /// The key for signatures. Nothing of it is repeated.
    #[error("the key that signs commits is no private ssh key without a passphrase")]
    Key,
}

impl SigningKey {
    /// Reads a private key in OpenSSH's form, without a passphrase.
    ///
    /// # Errors
    /// When it is none, or locked.
    pub fn parse(text: &str) -> Result<Self, CommitError> {
        let text = format!("{}\n", text.trim());
        let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|_| CommitError::Key)?;
        if key.is_encrypted() { Err(CommitError::Key) } else { Ok(Self(key)) }
    }

    fn sign(&self, commit: &[u8]) -> Result<String, Trouble> {
        let signed = SshSig::sign(&self.0, NAMESPACE, HashAlg::Sha512, commit)
            .and_then(|signature| signature.to_pem(LineEnding::LF));
        signed.map_err(|error| Trouble::Other(format!("a commit cannot be signed: {error}")))
    }
}

impl Commits {
    /// Reads settings.
    ///
    /// # Errors
    /// When a template asks for what is not known, or a key of a trailer is none.
    pub fn new(settings: CommitSettings) -> Result<Self, CommitError> {
        let set = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let update = set(settings.update);
        let delete = set(settings.delete).or_else(|| update.clone());
        let constant = |text: Option<String>| {
            Template::parse(&set(text).unwrap_or_default().replace('{', "{{").replace('}', "}}"))
        };
        let committer = Person {
            name: constant(settings.committer_name)?,
            email: constant(settings.committer_email)?,
        };
        let person = |text: Option<String>, default: &Template| match set(text) {
            Some(text) => Template::parse(&text),
            None => Ok(default.clone()),
        };
        let author = Person {
            name: person(settings.author_name, &committer.name)?,
            email: person(settings.author_email, &committer.email)?,
        };
        let mut trailers = Vec::new();
        for (key, value) in settings.trailers {
            let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if key.is_empty() || !key.chars().all(is_key) {
                return Err(CommitError::Trailer(key.escape_debug().to_string()));
            }
            trailers.push((key, Template::parse(&value)?));
        }
        Ok(Self {
            update: Template::parse(update.as_deref().unwrap_or(UPDATE))?,
            delete: Template::parse(delete.as_deref().unwrap_or(DELETE))?,
            author,
            committer,
            trailers,
            together: settings.together,
            key: settings.key,
        })
    }

    /// Whether changes that are made at once share one commit.
    pub(super) fn together(&self) -> bool {
        self.together
    }

    /// Returns the message of a commit for changes, of which each says whether it writes.
    fn message(&self, changes: &[(&Change, bool)]) -> String {
        let subject = |(change, writes): &(&Change, bool)| {
            let (template, default) =
                if *writes { (&self.update, "Update") } else { (&self.delete, "Delete") };
            let text = template.fill(change);
            let text = text.trim();
            if text.is_empty() {
                format!("{default} from: {}", line(&change.name))
            } else {
                text.to_owned()
            }
        };
        let mut message = match changes {
            [] => FENCE.to_owned(),
            [change] => subject(change),
            [first, ..] => {
                let more = changes.len().saturating_sub(1);
                let mut text = format!("{} and {more} more\n", line(&subject(first)));
                for change in changes.iter().take(NAMED_MAX) {
                    text.push_str(&format!("\n- {}", line(&subject(change))));
                }
                if changes.len() > NAMED_MAX {
                    text.push_str("\n- ...");
                }
                text
            }
        };
        let mut trailers: Vec<String> = Vec::new();
        for (change, _) in changes {
            for (key, value) in &self.trailers {
                let value = line(&value.fill(change));
                let trailer = format!("{key}: {value}");
                if !value.is_empty() && !trailers.contains(&trailer) {
                    trailers.push(trailer);
                }
            }
        }
        if !trailers.is_empty() {
            message.push_str("\n\n");
            message.push_str(&trailers.join("\n"));
        }
        message.push('\n');
        message
    }

    /// Writes a commit, and returns its id.
    pub(super) fn write(
        &self,
        repository: &Repository,
        tree: Oid,
        parent: Option<Oid>,
        changes: &[(&Change, bool)],
    ) -> Result<Oid, Failure> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let nobody = Change::default();
        let first = changes.first().map_or(&nobody, |(change, _)| *change);
        let author = self.author.line(first, seconds);
        let committer = self.committer.line(first, seconds);
        let message = self.message(changes);
        // Written by hand: libgit2 has no commits whose author has no address, which Git and Kratix allow.
        let mut head = format!("tree {tree}\n");
        if let Some(parent) = parent {
            head.push_str(&format!("parent {parent}\n"));
        }
        head.push_str(&format!("author {author}\ncommitter {committer}\n"));
        let mut commit = format!("{head}\n{message}");
        if let Some(key) = &self.key {
            let signature = key.sign(commit.as_bytes())?;
            let signature = signature.trim_end().replace('\n', "\n ");
            commit = format!("{head}gpgsig {signature}\n\n{message}");
        }
        Ok(repository.odb()?.write(ObjectType::Commit, commit.as_bytes())?)
    }
}

impl Person {
    /// Returns the line of a commit that names it.
    fn line(&self, change: &Change, seconds: u64) -> String {
        let clean = |text: String| line(&text.replace(['<', '>'], ""));
        let name = clean(self.name.fill(change));
        // Git takes these away from both ends.
        let name = name.trim_matches(|c: char| c.is_whitespace() || ".,:;\"\\'".contains(c));
        let name = if name.is_empty() { AUTHOR } else { name };
        format!("{name} <{}> {seconds} +0000", clean(self.email.fill(change)))
    }
}
