//! OpenSSH's server as an ordinary process, on a free port of loopback, with keys of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::wait_for;

/// Its place on Debian: it wants to be called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";

/// A server, until it is dropped.
pub(crate) struct Sshd {
    pub(crate) port: u16,
    /// Its host keys: `ed25519`, `ecdsa`, `rsa`.
    folder: PathBuf,
    child: Child,
}

impl Sshd {
    /// Starts one whose files are in `folder`, with these kinds of host keys. It lets in the keys of [`Sshd::user_key`].
    pub(crate) fn start(folder: &Path, host_keys: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("authorized_keys"), "").unwrap();
        for kind in host_keys {
            generate(kind, "", &folder.join(format!("host_{kind}")));
        }
        // Where the server of a user with rights locks itself in.
        let _ = fs::create_dir_all("/run/sshd");
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = spawn(folder, host_keys, port);
            let mut has_ended = false;
            wait_for("sshd", || {
                has_ended = child.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            // Somebody else may have taken the port in between.
            if !has_ended {
                return Self { port, folder: folder.to_owned(), child };
            }
        }
        panic!("sshd does not start: {}", fs::read_to_string(folder.join("log")).unwrap());
    }

    /// Makes a key that is let in, and returns its private half. `form` is empty or `PEM`, `PKCS8`.
    pub(crate) fn user_key(&self, kind: &str, form: &str) -> String {
        let path = self.folder.join(format!("user_{kind}_{form}"));
        generate(kind, form, &path);
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        let known = self.folder.join("authorized_keys");
        fs::write(&known, fs::read_to_string(&known).unwrap() + &public).unwrap();
        fs::read_to_string(path).unwrap()
    }

    /// The public half of a host key: `ssh-ed25519 AAAA…`.
    pub(crate) fn host_key(&self, kind: &str) -> String {
        let public = fs::read_to_string(self.folder.join(format!("host_{kind}.pub"))).unwrap();
        public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// A line of `known_hosts` for one of its keys.
    pub(crate) fn known_hosts(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.host_key(kind))
    }

    /// The URL of a repository.
    pub(crate) fn url(&self, path: &Path) -> String {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, path.display())
    }

    /// Ends the connections that are there, and goes on.
    pub(crate) fn hang_up(&self) {
        let sessions = Command::new("pgrep").arg("-P").arg(self.child.id().to_string()).output();
        for session in String::from_utf8(sessions.unwrap().stdout).unwrap().lines() {
            assert!(Command::new("kill").args(["-9", session]).status().unwrap().success());
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, host_keys: &[&str], port: u16) -> Child {
    let mut config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nUsePAM no\nStrictModes no\nLogLevel VERBOSE\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         AuthorizedKeysFile {}\n",
        folder.join("authorized_keys").display()
    );
    for kind in host_keys {
        config += &format!("HostKey {}\n", folder.join(format!("host_{kind}")).display());
    }
    fs::write(folder.join("config"), config).unwrap();
    Command::new(SSHD)
        .arg("-D")
        .arg("-f")
        .arg(folder.join("config"))
        .arg("-E")
        .arg(folder.join("log"))
        .stdin(Stdio::null())
        .spawn()
        .expect("sshd is there (Debian: openssh-server)")
}

/// Makes a key without a passphrase.
pub(crate) fn generate(kind: &str, form: &str, path: &Path) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", "test", "-t", kind, "-f"]).arg(path);
    if !form.is_empty() {
        command.args(["-m", form]);
    }
    assert!(command.stdin(Stdio::null()).status().unwrap().success());
}
