//! The parent's side of a stage: starts the child, keeps its output, waits, and ends all that it started.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::child::{Refusal, Spec};
use super::{End, Ended, Engine, EngineError, Process, STAGE_WORD, Stage, Tail};

/// Time between SIGTERM and SIGKILL for a stage that is asked to end.
const GRACE: Duration = Duration::from_secs(3);
/// Time for the rest of the output once the stage has ended; only a process that left the stage's group uses it up.
const REST_OF_OUTPUT: Duration = Duration::from_millis(300);

impl Engine for Process {
    /// Dropping the future ends the stage: it is asked to, and made to after [`GRACE`].
    async fn run(&self, stage: &Stage) -> Result<Ended, EngineError> {
        if let Some(what) = holds_nul(stage) {
            return Err(EngineError::Nul { stage: stage.name.clone(), what });
        }
        let started = |source| EngineError::Start { stage: stage.name.clone(), source };
        let (child, channel, pipe) = self.start(stage).map_err(started)?;
        let group = Group::of(&child);
        let (output, output_ended) = collect(pipe, &stage.name, self.echo);
        let waiting = wait(child, channel, Spec::of(stage), Arc::clone(&group.0));
        let outcome = waiting.await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(io::Error::other("the waiting thread is gone")));
        let (status, refusal, elapsed) = outcome.map_err(started)?;
        if let Some(refusal) = refusal {
            return Err(self.explain(stage, refusal));
        }
        // Elapsed: somebody outside the stage's group holds the pipe. What came until now is all we wait for.
        let _ = timeout(REST_OF_OUTPUT, output_ended).await;
        let tail = std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Ended { end: end(status), elapsed, tail })
    }
}

impl Process {
    /// Starts the child in a process group of its own, so that Ctrl-C reaches us alone and all of it can be ended.
    ///
    /// The child is tied to the thread that starts it: it must not be one of ours that ends early.
    fn start(&self, stage: &Stage) -> io::Result<(Child, UnixStream, PipeReader)> {
        let (channel, its_channel) = UnixStream::pair()?;
        let (pipe, its_pipe) = io::pipe()?;
        let mut command = Command::new(&self.program);
        command
            .arg(STAGE_WORD)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(stage.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(OwnedFd::from(its_channel)))
            .stdout(its_pipe.try_clone()?)
            .stderr(its_pipe)
            .process_group(0);
        // Our copies of the child's ends are closed with `command`: otherwise no end of output would ever come.
        Ok((command.spawn()?, channel, pipe))
    }

    /// Turns what the child reported into what the reader needs to know.
    fn explain(&self, stage: &Stage, refusal: Refusal) -> EngineError {
        let name = stage.name.clone();
        let error = io::Error::from_raw_os_error;
        match refusal {
            Refusal::Namespaces { errno } => {
                EngineError::Namespaces { stage: name, source: error(errno) }
            }
            Refusal::Mount { target, errno } => {
                EngineError::Mount { stage: name, target, source: error(errno) }
            }
            Refusal::WorkingDir { errno } => EngineError::WorkingDir {
                stage: name,
                path: stage.working_dir.clone(),
                source: error(errno),
            },
            Refusal::Exec { errno } => {
                let command = stage.command.first().cloned().unwrap_or_default();
                let source = error(errno);
                match source.kind() {
                    io::ErrorKind::NotFound if !exists_as_path(&stage.working_dir, &command) => {
                        EngineError::NotFound { stage: name, command, path: self.path_of(stage) }
                    }
                    _ => EngineError::Exec { stage: name, command, source },
                }
            }
            Refusal::Lost => EngineError::Start {
                stage: name,
                source: io::Error::other("the child did not understand what to do"),
            },
        }
    }

    fn path_of(&self, stage: &Stage) -> String {
        let own = stage.environment.iter().rev().find(|(name, _)| name == "PATH");
        let host = || self.environment.iter().find(|(name, _)| name == "PATH");
        own.map(|(_, value)| value.clone())
            .or_else(|| host().map(|(_, value)| value.to_string_lossy().into_owned()))
            .unwrap_or_default()
    }
}

/// Returns what of a stage the system would cut off at a NUL byte, or refuse.
fn holds_nul(stage: &Stage) -> Option<String> {
    let word = stage.command.iter().find(|word| word.contains('\0'));
    let variable = stage
        .environment
        .iter()
        .find(|(name, value)| [name, value].iter().any(|text| text.contains('\0')));
    let path = |path: &Path| path.as_os_str().as_encoded_bytes().contains(&0);
    if word.is_some() {
        Some("a word of its command".into())
    } else if let Some((name, _)) = variable {
        Some(format!("the variable `{}`", name.escape_debug()))
    } else if path(&stage.working_dir) || stage.mounts.iter().any(|mount| path(&mount.target)) {
        Some("one of its paths".into())
    } else {
        None
    }
}

/// A script whose interpreter is missing is "not found" too; then the file itself is there.
fn exists_as_path(working_dir: &Path, command: &str) -> bool {
    command.contains('/') && working_dir.join(command).exists()
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}

/// The processes of a stage. Dropping it ends them.
struct Group(Arc<Members>);

/// Shared with the waiting thread, which says when the number of the group may belong to somebody else.
struct Members {
    leader: Pid,
    is_waited: Mutex<bool>,
    waited: Condvar,
}

impl Group {
    fn of(child: &Child) -> Self {
        // A process id is positive and fits: the kernel's own limit is 2^22.
        let leader = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        Self(Arc::new(Members { leader, is_waited: Mutex::new(false), waited: Condvar::new() }))
    }
}

impl Drop for Group {
    /// Blocks while a stage that was still running comes to its end; the run is over then, too.
    fn drop(&mut self) {
        let is_waited = self.0.is_waited.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_waited {
            // Fails only when nobody is left, which is what we want.
            let _ = killpg(self.0.leader, Signal::SIGTERM);
        }
        let rest = self.0.waited.wait_timeout_while(is_waited, GRACE, |is_waited| !*is_waited);
        let (is_waited, _) = rest.unwrap_or_else(PoisonError::into_inner);
        if !*is_waited {
            let _ = killpg(self.0.leader, Signal::SIGKILL);
        }
    }
}

impl Members {
    /// Waits for the leader, ends whoever it left behind, and only then gives its number back to the system.
    fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while let Err(nix::errno::Errno::EINTR) = waitid(Id::Pid(self.leader), flags) {}
        let mut is_waited = self.is_waited.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = killpg(self.leader, Signal::SIGKILL);
        *is_waited = true;
        self.waited.notify_all();
        child.wait()
    }
}

type Outcome = io::Result<(ExitStatus, Option<Refusal>, Duration)>;

/// Tells the child what to do and waits for it, on a thread: both block.
fn wait(
    mut child: Child,
    mut channel: UnixStream,
    spec: Spec,
    members: Arc<Members>,
) -> oneshot::Receiver<Outcome> {
    let (done, waiting) = oneshot::channel();
    thread::spawn(move || {
        let refusal = instruct(&mut channel, &spec);
        let begin = Instant::now();
        let status = members.wait(&mut child);
        // Nobody listens any more when the run was stopped.
        let _ = done.send(status.and_then(|status| Ok((status, refusal?, begin.elapsed()))));
    });
    waiting
}

/// Returns why the child could not become the stage; `None` once it has.
fn instruct(channel: &mut UnixStream, spec: &Spec) -> io::Result<Option<Refusal>> {
    channel.write_all(&serde_json::to_vec(spec)?)?;
    channel.shutdown(Shutdown::Write)?;
    // The child's end is closed by its exec; until then it can say what went wrong.
    let mut answer = Vec::new();
    channel.read_to_end(&mut answer)?;
    if answer.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(&answer)?)) }
}

/// Reads the output on a thread until nobody can write any more.
fn collect(
    mut pipe: PipeReader,
    stage: &str,
    echo: Option<fn(&str)>,
) -> (Arc<Mutex<Tail>>, oneshot::Receiver<()>) {
    let tail = Arc::new(Mutex::new(Tail::default()));
    let shared = Arc::clone(&tail);
    let (done, ended) = oneshot::channel();
    let stage = stage.to_owned();
    thread::spawn(move || {
        let each = |line: &str| {
            if let Some(echo) = echo {
                echo(&format!("{stage} | {line}\n"));
            }
        };
        let mut buffer = vec![0; 1 << 16];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    let read = buffer.get(..count).unwrap_or_default();
                    shared.lock().unwrap_or_else(PoisonError::into_inner).push(read, each);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        shared.lock().unwrap_or_else(PoisonError::into_inner).finish(each);
        let _ = done.send(());
    });
    (tail, ended)
}
