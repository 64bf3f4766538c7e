//! One container of an image, run by podman with the flags of this machine.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What a container ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Ended {
    /// Panics with all that is known unless the container ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.errors);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the streams are UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
    }
}

/// A setting that `tests/images/run` works out.
pub(crate) fn setting(name: &str) -> String {
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
    value.unwrap_or_else(|| panic!("{name} is not set: use tests/images/run"))
}

/// The container tool, with the flags that this machine needs before the subcommand.
fn podman() -> Command {
    let words = setting("BOOKEND_PODMAN");
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().expect("BOOKEND_PODMAN names a program"));
    command.args(words).stdin(Stdio::null());
    command
}

/// A container that is about to run.
pub(crate) struct Container {
    image: String,
    flags: Vec<String>,
    network: &'static str,
    arguments: Vec<String>,
}

impl Container {
    /// Returns a container of a step's image, without network.
    pub(crate) fn of(step: &str) -> Self {
        let tag = setting("BOOKEND_IMAGE_TAG");
        let image = format!("localhost/bookend-{step}:{tag}");
        Self { image, flags: Vec::new(), network: "none", arguments: Vec::new() }
    }

    /// Adds flags of `podman run`.
    pub(crate) fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// Sets a variable.
    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        self.flags(&["--env", &format!("{name}={value}")])
    }

    /// Mounts a folder.
    pub(crate) fn mount(self, from: &Path, to: &str) -> Self {
        self.flags(&["--volume", &format!("{}:{to}", from.display())])
    }

    /// Mounts a folder that cannot be written to.
    pub(crate) fn mount_read_only(self, from: &Path, to: &str) -> Self {
        self.flags(&["--volume", &format!("{}:{to}:ro", from.display())])
    }

    /// Starts this file instead of what the image starts.
    pub(crate) fn entry_point(self, path: &str) -> Self {
        self.flags(&["--entrypoint", path])
    }

    /// Gives it this machine's network.
    pub(crate) fn network_of_host(mut self) -> Self {
        self.network = "host";
        self
    }

    /// Adds arguments for the entry point.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        let words = format!("{} {:?}", self.image, self.arguments);
        let ended = Ended::from(self.command(None).output().expect("podman starts"));
        record(&words, ended.code);
        ended
    }

    /// Starts it under a name of its own.
    pub(crate) fn start(self) -> Running {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("bookend-test-{}-{number}", std::process::id());
        let words = format!("{} {:?}", self.image, self.arguments);
        let mut command = self.command(Some(&name));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running { name, words, child: Some(child.expect("podman starts")) }
    }

    fn command(self, name: Option<&str>) -> Command {
        let mut command = podman();
        command.args(["run", "--rm", "--network", self.network]);
        command.args(setting("BOOKEND_PODMAN_RUN").split_whitespace());
        command.args(name.into_iter().flat_map(|name| ["--name", name]));
        command.args(self.flags).arg(self.image).args(self.arguments);
        command
    }
}

/// A container that runs.
pub(crate) struct Running {
    name: String,
    words: String,
    child: Option<Child>,
}

impl Running {
    /// Sends SIGTERM to the container's own process, as a kubelet does, without the time that podman takes.
    ///
    /// Returns when it was sent.
    pub(crate) fn terminate(&self) -> Instant {
        let inspect = ["inspect", "--format", "{{.State.Pid}}", &self.name];
        let shown = Ended::from(podman().args(inspect).output().expect("podman starts")).expect(0);
        let process = shown.out.trim().to_owned();
        assert!(process.parse::<u32>().is_ok_and(|process| process > 1), "{process}");
        let begun = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &process]).status().expect("kill starts");
        assert!(sent.success(), "kill {process}");
        begun
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        let child = self.child.take().expect("nobody has waited yet");
        let ended = Ended::from(child.wait_with_output().expect("podman ends"));
        record(&self.words, ended.code);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only when a test failed before the end: nothing to report to.
        if let Some(mut child) = self.child.take() {
            let _ = podman().args(["rm", "--force", &self.name]).output();
            let _ = child.wait();
        }
    }
}

/// Writes down that a container ran, for the count at the end.
fn record(words: &str, code: Option<i32>) {
    let path = setting("BOOKEND_IMAGE_RUNS");
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the list opens");
    writeln!(file, "{words} -> {code:?}").expect("the list can be written");
}
