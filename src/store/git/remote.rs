//! One branch of a remote repository: fetched at depth 1, and pushed to. libgit2 speaks, a [`Line`] carries.

use std::cell::RefCell;

use git2::{
    AutotagOption, Direction, ErrorCode, FetchOptions, Oid, PushOptions, RemoteCallbacks,
    Repository,
};

use super::transport::{Line, Traffic};
use super::trouble::{Failure, cleaned};
use crate::store::Trouble;

/// Most bytes of what a server says beside its answer that are kept.
const WORDS_BYTES_MAX: usize = 16 << 10;

/// How often it is looked at most where a branch is that is rewritten again and again.
const LOOKS_MAX: u32 = 5;

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The branch, at this commit.
    Branch(Oid),
    /// Other branches, but not this one.
    NoBranch,
    /// Nothing at all.
    Empty,
}

/// What became of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The branch is there now.
    Done,
    /// It is not where it was thought to be. With the server's words when it was the server that found out.
    Raced(Option<String>),
    /// The server does not want it, and says why.
    Refused(String),
    /// The scratch repository lacks what it should have.
    Damaged,
}

/// A way to a remote repository.
pub(super) enum Way {
    /// Over https or ssh.
    Line(Line),
    /// By a URL that libgit2 understands itself.
    #[cfg(test)]
    Url(String),
}

impl Way {
    fn url(&self) -> &str {
        match self {
            Self::Line(line) => line.url(),
            #[cfg(test)]
            Self::Url(url) => url,
        }
    }

    /// What was carried since it was opened.
    pub(super) fn traffic(&self) -> Option<Traffic> {
        match self {
            Self::Line(line) => Some(line.traffic()),
            #[cfg(test)]
            Self::Url(_) => None,
        }
    }

    /// Tells a failure of a fetch or push: our own cause, when there is one.
    fn failure(&self, error: git2::Error, words: &Words) -> Failure {
        let cause = match self {
            Self::Line(line) => line.cause(),
            #[cfg(test)]
            Self::Url(_) => None,
        };
        let words = words.told();
        match cause {
            Some(cause) => cause.into(),
            None if words.is_empty() => error.into(),
            None => {
                Trouble::Other(format!("{}: {words}", cleaned(error.message().as_bytes()))).into()
            }
        }
    }
}

/// What a server says beside its answer.
#[derive(Default)]
struct Words(RefCell<Vec<u8>>);

impl Words {
    fn hear(&self, said: &[u8]) {
        let mut words = self.0.borrow_mut();
        let room = WORDS_BYTES_MAX.saturating_sub(words.len());
        words.extend_from_slice(&said[..said.len().min(room)]);
    }

    fn told(&self) -> String {
        cleaned(&self.0.borrow())
    }
}

/// Sees where the branch is, and gets what is needed of it unless `known` is it.
pub(super) fn fetch(
    repository: &Repository,
    way: &Way,
    branch: &str,
    known: Option<Oid>,
) -> Result<Seen, Failure> {
    let mut tried = None;
    let mut looks = 0;
    loop {
        looks += 1;
        let words = Words::default();
        let mut listed = None;
        match fetch_once(repository, way, branch, known, &words, &mut listed) {
            Ok(seen) => return Ok(seen),
            Err(error) => {
                let failure = way.failure(error, &words);
                let is_where_it_was = listed.is_none() || listed == tried;
                if looks >= LOOKS_MAX || is_where_it_was || !is_of_server(&failure) {
                    return Err(failure);
                }
                tried = listed;
            }
        }
    }
}

/// Whether the server did not give what it had listed. It may have no more of it, for over https each question is answered by another
/// process: the branch was rewritten meanwhile. libgit2 does not always hand on the words in which a server says so.
fn is_of_server(failure: &Failure) -> bool {
    let is_other = matches!(failure, Failure::Git(_) | Failure::Trouble(Trouble::Other(_)));
    is_other && !failure.is_damage()
}

fn fetch_once(
    repository: &Repository,
    way: &Way,
    branch: &str,
    known: Option<Oid>,
    words: &Words,
    listed: &mut Option<Oid>,
) -> Result<Seen, git2::Error> {
    let mut remote = repository.remote_anonymous(way.url())?;
    let mut connection = remote.connect_auth(Direction::Fetch, None, None)?;
    let seen = look(connection.list()?, branch);
    let Seen::Branch(tip) = seen else { return Ok(seen) };
    if known == Some(tip) {
        return Ok(seen);
    }
    *listed = Some(tip);
    let mut callbacks = RemoteCallbacks::new();
    // Progress is of no use, but an error that ends the answer comes the same way.
    callbacks.sideband_progress(|said| {
        words.hear(said);
        true
    });
    let mut options = FetchOptions::new();
    options.depth(1).download_tags(AutotagOption::None).update_fetchhead(false);
    options.remote_callbacks(callbacks);
    let reference = format!("refs/heads/{branch}");
    connection.remote().download(&[&reference], Some(&mut options))?;
    repository.find_commit(tip)?;
    Ok(seen)
}

fn look(heads: &[git2::RemoteHead<'_>], branch: &str) -> Seen {
    let reference = format!("refs/heads/{branch}");
    let mut seen = Seen::Empty;
    for head in heads {
        if head.name() == reference {
            return Seen::Branch(head.oid());
        }
        if head.name().starts_with("refs/heads/") {
            seen = Seen::NoBranch;
        }
    }
    seen
}

/// Moves the branch from `old` to `new`; from nothing when there is no `old`. Nothing is ever forced.
pub(super) fn push(
    repository: &Repository,
    way: &Way,
    branch: &str,
    old: Option<Oid>,
    new: Oid,
) -> Result<Pushed, Failure> {
    let words = Words::default();
    let status = RefCell::new(None);
    let pushed = || -> Result<Pushed, git2::Error> {
        let mut remote = repository.remote_anonymous(way.url())?;
        let mut connection = remote.connect_auth(Direction::Push, None, None)?;
        let at = match look(connection.list()?, branch) {
            Seen::Branch(tip) => Some(tip),
            Seen::NoBranch | Seen::Empty => None,
        };
        if at != old {
            return Ok(Pushed::Raced(None));
        }
        let mut callbacks = RemoteCallbacks::new();
        callbacks.sideband_progress(|said| {
            words.hear(said);
            true
        });
        callbacks.push_update_reference(|_, says| {
            *status.borrow_mut() = says.map(|says| cleaned(says.as_bytes()));
            Ok(())
        });
        let mut options = PushOptions::new();
        options.packbuilder_parallelism(1).remote_callbacks(callbacks);
        connection.remote().push(&[format!("{new}:refs/heads/{branch}")], Some(&mut options))?;
        Ok(Pushed::Done)
    };
    match pushed() {
        // The branch is where the new commit begins; libgit2 would only deny that if it could not find it.
        Err(error) if error.code() == ErrorCode::NotFastForward => Ok(Pushed::Damaged),
        // A server that refuses one reference may call the whole pack refused, too.
        Err(error) if status.borrow().is_none() => Err(way.failure(error, &words)),
        Ok(Pushed::Done) | Err(_) => Ok(match status.take() {
            None => Pushed::Done,
            Some(says) if is_race(&says) => Pushed::Raced(Some(says)),
            Some(says) => {
                let says = with_words(says, words.told());
                if has_no_room(&says) {
                    // No rule, and no fault of what was sent: later there may be room.
                    return Err(Trouble::Other(says).into());
                }
                Pushed::Refused(says)
            }
        }),
        Ok(other) => Ok(other),
    }
}

/// Asks for what is asked for before a push; servers answer it to those who may push only.
pub(super) fn may_push(repository: &Repository, way: &Way) -> Result<(), Failure> {
    let asked = || -> Result<(), git2::Error> {
        repository.remote_anonymous(way.url())?.connect_auth(Direction::Push, None, None)?;
        Ok(())
    };
    asked().map_err(|error| way.failure(error, &Words::default()))
}

fn with_words(says: String, words: String) -> String {
    if words.is_empty() { says } else { format!("{says}: {words}") }
}

/// Whether a server says that its disk is full.
fn has_no_room(says: &str) -> bool {
    let says = says.to_ascii_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|full| says.contains(full))
}

/// Whether what a server says of a reference means that it is not where it was.
fn is_race(says: &str) -> bool {
    let says = says.to_ascii_lowercase();
    let races = [
        "fetch first",
        "non-fast-forward",
        "failed to update ref",
        "failed to lock",
        "cannot lock ref",
        "unable to lock",
        "reference already exists",
        "stale info",
        "but expected",
        "incorrect old value",
    ];
    races.iter().any(|race| says.contains(race))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_rule() {
        for (says, full) in [
            ("unpacker error: fatal: write error: No space left on device", true),
            ("unpacker error: error: file write error: Disk quota exceeded", true),
            ("unpacker error: fatal: pack exceeds maximum allowed size", false),
            ("pre-receive hook declined: no space in the title", false),
        ] {
            assert_eq!(has_no_room(says), full, "{says}");
        }
    }

    #[test]
    fn what_a_server_says_of_a_reference_is_a_race_or_a_rule() {
        for (says, race) in [
            ("failed to update ref", true),
            ("cannot lock ref 'refs/heads/main': is at 1 but expected 2", true),
            ("non-fast-forward", true),
            ("pre-receive hook declined", false),
            ("protected branch hook declined", false),
            ("deny updating a hidden ref", false),
        ] {
            assert_eq!(is_race(says), race, "{says}");
        }
    }
}
