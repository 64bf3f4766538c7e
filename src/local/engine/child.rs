//! The child's side of a stage: enters its namespaces, mounts the pod's folders and becomes the stage's command.
//!
//! It runs in a process of its own that has one thread, as the kernel wants it for a user namespace. What to do comes
//! on stdin, which is a socket: when something is refused, the answer goes back the same way.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, getppid};
use serde::{Deserialize, Serialize};

use super::root::Root;
use super::{Mount, Stage};
use crate::exit::Exit;

/// What the child shall become.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    command: Vec<String>,
    working_dir: PathBuf,
    mounts: Vec<Mount>,
    scratch: PathBuf,
    parent: u32,
}

impl Spec {
    pub(super) fn of(stage: &Stage) -> Self {
        Self {
            command: stage.command.clone(),
            working_dir: stage.working_dir.clone(),
            mounts: stage.mounts.clone(),
            scratch: stage.scratch.clone(),
            parent: std::process::id(),
        }
    }
}

/// Why the child did not become the stage.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// No namespaces on this machine.
    Namespaces { errno: i32 },
    /// A mount failed.
    Mount { target: PathBuf, errno: i32 },
    /// The working directory cannot be made or entered.
    WorkingDir { errno: i32 },
    /// The command does not start.
    Exec { errno: i32 },
    /// What came on stdin is nothing we know.
    Lost,
}

/// Becomes the stage that stdin describes; returns only when that failed.
pub(super) fn main() -> Exit {
    let Ok(channel) = std::io::stdin().as_fd().try_clone_to_owned() else { return Exit::Usage };
    let mut channel = UnixStream::from(channel);
    let mut text = Vec::new();
    let refusal = match channel.read_to_end(&mut text).map(|_| serde_json::from_slice(&text)) {
        Ok(Ok(spec)) => become_stage(&spec),
        _ => Refusal::Lost,
    };
    let _ = serde_json::to_vec(&refusal).map(|answer| channel.write_all(&answer));
    Exit::Usage
}

fn become_stage(spec: &Spec) -> Refusal {
    if let Err(errno) = enter_namespaces(spec.parent) {
        return Refusal::Namespaces { errno: errno as i32 };
    }
    if let Err(refusal) = change_root(spec) {
        return refusal;
    }
    if let Err(error) = std::env::set_current_dir(&spec.working_dir) {
        return Refusal::WorkingDir { errno: code(&error) };
    }
    let Some((program, arguments)) = spec.command.split_first() else { return Refusal::Lost };
    let error = Command::new(program).args(arguments).stdin(Stdio::null()).exec();
    Refusal::Exec { errno: code(&error) }
}

/// Enters a mount namespace, and the user namespace without which only root may have one.
///
/// Root goes without, where it can: in a user namespace it would own nothing but its own files.
fn enter_namespaces(parent: u32) -> nix::Result<()> {
    let (user, group) = (Uid::effective(), Gid::effective());
    if !user.is_root() || unshare(CloneFlags::CLONE_NEWNS).is_err() {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
        // The stage stays who we are. Without `deny` the kernel takes no group from somebody who is not root.
        map("setgroups", "deny")?;
        map("uid_map", &format!("{user} {user} 1"))?;
        map("gid_map", &format!("{group} {group} 1"))?;
    }
    // After the change of rights, which resets it: a stage does not outlive us, however we end.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if u32::try_from(getppid().as_raw()) != Ok(parent) {
        return Err(Errno::ESRCH);
    }
    super::root::keep_to_ourselves()
}

fn map(file: &str, text: &str) -> nix::Result<()> {
    fs::write(format!("/proc/self/{file}"), text).map_err(|error| Errno::from_raw(code(&error)))
}

fn change_root(spec: &Spec) -> Result<(), Refusal> {
    // The tree of mounts itself: where a namespace exists but has no rights (AppArmor), this is what fails.
    let targets: Vec<&Path> = spec.mounts.iter().map(|mount| mount.target.as_path()).collect();
    let root = Root::build(&spec.scratch, &targets, &spec.working_dir);
    let mut root = root.map_err(|errno| Refusal::Namespaces { errno: errno as i32 })?;
    let mut mounts: Vec<&Mount> = spec.mounts.iter().collect();
    // A mount inside another one comes after it.
    mounts.sort_by_key(|mount| mount.target.components().count());
    for mount in &mounts {
        let done = root.bind(&mount.source, &mount.target);
        done.map_err(|errno| refused(mount, errno))?;
    }
    let working_dir = root.make_dir(&spec.working_dir);
    working_dir.map_err(|errno| Refusal::WorkingDir { errno: errno as i32 })?;
    // Only now: mount points inside a read-only mount had to be made.
    for mount in mounts.iter().filter(|mount| mount.read_only) {
        root.make_read_only(&mount.target).map_err(|errno| refused(mount, errno))?;
    }
    root.enter().map_err(|errno| Refusal::Namespaces { errno: errno as i32 })
}

fn refused(mount: &Mount, errno: Errno) -> Refusal {
    Refusal::Mount { target: mount.target.clone(), errno: errno as i32 }
}

/// Number of an error of the system; `EIO` for one that has none.
pub(super) fn code(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::EIO as i32)
}
