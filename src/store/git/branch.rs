//! The branch that is written: in a remote repository, behind a scratch repository, or in one on this machine.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::remote::{self, Pushed, Seen, Way};
use super::scratch::Scratch;
use super::trouble::Failure;
use crate::store::Trouble;

/// How old may be what is known of the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Whatever was seen last.
    Any,
    /// Not older than this.
    AtMost(Duration),
}

/// After so many fetches and pushes a scratch repository is made anew: every fetch leaves a pack, every commit loose objects.
const STEPS_MAX: u32 = 2_000;

/// For so many changes after it was seen that others write, too, the server is asked where the branch is before a change is
/// worked out: a question costs less than a push in vain. Without others there is none to ask for.
const CROWDED: u32 = 8;

/// A branch.
pub(super) struct Branch {
    name: String,
    /// Whether it is created in a repository that has others.
    create: bool,
    at: At,
}

enum At {
    Remote(Box<Remote>),
    Here { path: PathBuf, repository: Option<Repository> },
}

struct Remote {
    way: Way,
    scratch_parent: PathBuf,
    scratch: Option<Scratch>,
    known: Option<Known>,
    steps: u32,
    /// For how many changes more it is thought that others write.
    crowded: u32,
}

/// Where the branch was seen.
#[derive(Clone, Copy)]
struct Known {
    tip: Option<Oid>,
    when: Instant,
    /// Whether it is where we have put it.
    is_ours: bool,
}

/// How long a tip that others have made is believed to be the last one: whoever had to wait for a turn meanwhile would begin
/// with what is stale, and once more.
const TRUST: Duration = Duration::from_secs(1);

impl Branch {
    pub(super) fn remote(name: String, create: bool, way: Way, scratch_parent: PathBuf) -> Self {
        let remote =
            Remote { way, scratch_parent, scratch: None, known: None, steps: 0, crowded: 0 };
        Self { name, create, at: At::Remote(Box::new(remote)) }
    }

    pub(super) fn here(name: String, create: bool, path: PathBuf) -> Self {
        Self { name, create, at: At::Here { path, repository: None } }
    }

    /// Returns where the branch is, and the repository that has it; no commit when it is to be created.
    pub(super) fn tip(&mut self, age: Age) -> Result<(&Repository, Option<Oid>), Failure> {
        let Self { name, create, at } = self;
        match at {
            At::Remote(remote) => remote.tip(name, *create, age),
            At::Here { path, repository } => {
                if repository.is_none() {
                    *repository = Some(open(path)?);
                }
                let Some(repository) = repository else { return Err(Trouble::Stopped.into()) };
                let tip = tip_here(repository, name, *create)?;
                Ok((repository, tip))
            }
        }
    }

    /// Moves it, unless it is no longer where it was.
    pub(super) fn publish(&mut self, old: Option<Oid>, new: Oid) -> Result<Pushed, Failure> {
        match &mut self.at {
            At::Remote(remote) => remote.publish(&self.name, old, new),
            At::Here { repository: Some(repository), .. } => {
                publish_here(repository, &self.name, old, new)
            }
            At::Here { .. } => Err(Trouble::Stopped.into()),
        }
    }

    /// Fetches it, and does not take where it is for the last word.
    pub(super) fn prefetch(&mut self) -> Result<(), Failure> {
        if let At::Remote(remote) = &mut self.at {
            remote.tip(&self.name, self.create, Age::AtMost(Duration::ZERO))?;
            remote.known = None;
        }
        Ok(())
    }

    /// Makes sure that the server lets it be pushed to, as far as it tells before a push.
    pub(super) fn may_push(&mut self) -> Result<(), Failure> {
        match &mut self.at {
            At::Remote(remote) => match &remote.scratch {
                Some(scratch) => remote::may_push(scratch.repository(), &remote.way),
                None => Ok(()),
            },
            At::Here { .. } => Ok(()),
        }
    }

    /// Throws away what is on this machine of a remote repository, when there is something: whether it helps to try again.
    pub(super) fn forget_all(&mut self) -> bool {
        match &mut self.at {
            At::Remote(remote) => {
                remote.known = None;
                remote.steps = 0;
                remote.scratch.take().is_some()
            }
            At::Here { repository, .. } => {
                *repository = None;
                false
            }
        }
    }

    /// What was carried over the network so far.
    pub(super) fn traffic(&self) -> Option<super::transport::Traffic> {
        match &self.at {
            At::Remote(remote) => remote.way.traffic(),
            At::Here { .. } => None,
        }
    }
}

impl Remote {
    fn tip(
        &mut self,
        branch: &str,
        create: bool,
        age: Age,
    ) -> Result<(&Repository, Option<Oid>), Failure> {
        // Whoever tidies a folder of temporary files takes the scratch repository along.
        if self.steps > STEPS_MAX || !self.scratch.as_ref().is_some_and(Scratch::is_there) {
            self.scratch = None;
            self.steps = 0;
        }
        if self.scratch.is_none() {
            self.known = None;
            self.scratch = Some(Scratch::new(&self.scratch_parent)?);
        }
        let Some(scratch) = &self.scratch else { return Err(Trouble::Stopped.into()) };
        let known = self.known.filter(|known| match age {
            Age::Any => self.crowded == 0 && (known.is_ours || known.when.elapsed() < TRUST),
            Age::AtMost(age) => known.when.elapsed() < age,
        });
        if let Some(known) = known {
            return Ok((scratch.repository(), known.tip));
        }
        let here = scratch.tip();
        let tip = match remote::fetch(scratch.repository(), &self.way, branch, here)? {
            Seen::Branch(tip) => Some(tip),
            Seen::Empty => None,
            Seen::NoBranch if create => None,
            Seen::NoBranch => return Err(no_branch(branch)),
        };
        self.crowded = self.crowded.saturating_sub(1);
        if let Some(tip) = tip.filter(|tip| here != Some(*tip)) {
            if here.is_some() {
                self.crowded = CROWDED;
            }
            scratch.set_tip(tip, true)?;
            self.steps = self.steps.saturating_add(1);
        }
        self.known = Some(Known { tip, when: Instant::now(), is_ours: false });
        Ok((scratch.repository(), tip))
    }

    fn publish(&mut self, branch: &str, old: Option<Oid>, new: Oid) -> Result<Pushed, Failure> {
        let Some(scratch) = &mut self.scratch else { return Err(Trouble::Stopped.into()) };
        // Until the server has answered nobody knows where it is.
        self.known = None;
        let pushed = match remote::push(scratch.repository(), &self.way, branch, old, new) {
            Err(failure) if failure.is_damage() => Pushed::Damaged,
            pushed => pushed?,
        };
        match pushed {
            Pushed::Done => {
                scratch.set_tip(new, false)?;
                self.steps = self.steps.saturating_add(1);
                self.known = Some(Known { tip: Some(new), when: Instant::now(), is_ours: true });
                // What is pushed is pushed; if this fails, the scratch repository is made anew.
                if scratch.reopen().is_err() {
                    self.scratch = None;
                }
            }
            Pushed::Damaged => self.scratch = None,
            Pushed::Raced(_) | Pushed::Refused(_) => {}
        }
        Ok(pushed)
    }
}

fn no_branch(branch: &str) -> Failure {
    Trouble::Missing(format!("branch `{branch}` in it")).into()
}

fn open(path: &std::path::Path) -> Result<Repository, Failure> {
    let none: [&std::ffi::OsStr; 0] = [];
    match Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, none) {
        Ok(repository) => Ok(repository),
        Err(error) if error.code() == ErrorCode::Owner => bare_of_others(path).ok_or(error.into()),
        Err(error) if error.code() == ErrorCode::NotFound => {
            Err(Trouble::Missing(format!("Git repository at `{}`", path.display())).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens a repository that belongs to another user, as on a pod's volume; `None` unless it is bare.
///
/// Git and libgit2 refuse that because of what the owner could have put into it: hooks, filters, programs in its settings. None
/// of them is run here.
fn bare_of_others(path: &std::path::Path) -> Option<Repository> {
    let repository = Repository::open_bare(path).ok()?;
    let is_bare = repository.config().ok()?.get_bool("core.bare").unwrap_or(false);
    is_bare.then_some(repository)
}

fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

fn tip_here(repository: &Repository, branch: &str, create: bool) -> Result<Option<Oid>, Failure> {
    match repository.find_reference(&reference(branch)) {
        Ok(reference) => match reference.target() {
            Some(tip) => Ok(Some(tip)),
            None => Err(Trouble::Damaged(format!("branch `{branch}` is a name of another")).into()),
        },
        Err(error) if error.code() == ErrorCode::NotFound => {
            let has_others = repository.references_glob("refs/heads/*")?.next().is_some();
            if has_others && !create { Err(no_branch(branch)) } else { Ok(None) }
        }
        Err(error) => Err(error.into()),
    }
}

fn publish_here(
    repository: &Repository,
    branch: &str,
    old: Option<Oid>,
    new: Oid,
) -> Result<Pushed, Failure> {
    let name = reference(branch);
    let is_head = |head: git2::Reference<'_>| head.symbolic_target().ok().flatten() == Some(&name);
    if !repository.is_bare() && repository.find_reference("HEAD").is_ok_and(is_head) {
        let why = format!("`{branch}` is checked out there; only a bare repository can be written");
        return Ok(Pushed::Refused(why));
    }
    let was_empty = old.is_none() && repository.references_glob("refs/heads/*")?.next().is_none();
    let current = old.unwrap_or(Oid::ZERO_SHA1);
    match repository.reference_matching(&name, new, true, current, "bookend") {
        Ok(_) => {}
        Err(error) => {
            return match error.code() {
                ErrorCode::Modified | ErrorCode::NotFound => Ok(Pushed::Raced(None)),
                // Whoever holds the lock moves the branch, or died: then its words tell which file is to be removed.
                ErrorCode::Locked => Ok(Pushed::Raced(Some(error.message().to_owned()))),
                _ => Err(error.into()),
            };
        }
    }
    if was_empty {
        repository.set_head(&name)?;
    }
    Ok(Pushed::Done)
}
