//! A store on a real server, the writers that go there, and what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Output;
use crate::remotes::certificates::Authority;
use crate::remotes::https;
use crate::remotes::repository::Repository;
use crate::remotes::s3::{Gateway, KEY, KEY_ID, Options};

/// What kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Git,
    S3,
}

/// A store, until it is dropped.
pub(super) struct Site {
    pub(super) kind: Kind,
    /// What the writers have for themselves.
    pub(super) own: tempfile::TempDir,
    /// Where the server keeps things.
    storage: PathBuf,
    pub(super) https: Option<https::Server>,
    pub(super) gateway: Option<Gateway>,
    url: String,
}

impl Site {
    /// Starts a server that keeps everything in a folder.
    pub(super) fn new(kind: Kind, storage: &Path) -> Self {
        let own = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        fs::write(own.path().join("ca.pem"), authority.pem()).unwrap();
        let mut site = Self {
            kind,
            own,
            storage: storage.to_owned(),
            https: None,
            gateway: None,
            url: String::new(),
        };
        match kind {
            Kind::Git => {
                Repository::with_commit(storage.join("r.git"));
                site.repository().git(&["config", "http.receivepack", "true"]);
                let server = https::Server::start(storage, &authority.certify("localhost", false));
                site.url = format!("git+{}#main:p", server.url("r.git"));
                site.https = Some(server);
            }
            Kind::S3 => {
                let gateway = Gateway::start(storage, &Options::default());
                gateway.bucket("bucket");
                site.url = format!("s3://bucket/p?endpoint={}&insecure=true", gateway.endpoint());
                site.gateway = Some(gateway);
            }
        }
        site
    }

    /// Starts the server again where it was.
    pub(super) fn starts_again(&mut self) {
        let port = self.gateway.as_ref().map(|gateway| gateway.port);
        self.gateway = None;
        self.gateway = Some(Gateway::start(&self.storage, &Options { port, ..Options::default() }));
    }

    /// Lets writers go to another port of this machine.
    pub(super) fn goes_by(&mut self, port: u16) {
        let end = self.url.split_once("localhost:").map(|(start, rest)| {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{start}localhost:{port}{rest}")
        });
        self.url = end.unwrap();
    }

    /// The port that writers go to.
    pub(super) fn port(&self) -> u16 {
        match self.kind {
            Kind::Git => self.https.as_ref().unwrap().port,
            Kind::S3 => self.gateway.as_ref().unwrap().port,
        }
    }

    fn repository(&self) -> Repository {
        Repository { path: self.storage.join("r.git") }
    }

    /// Returns a writer of the output of a request.
    pub(super) fn writer(&self, request: u64, input: &Path) -> Command {
        let mut writer = Command::new(env!("CARGO_BIN_EXE_bookend"));
        writer
            .env_clear()
            .env("SSL_CERT_FILE", self.own.path().join("ca.pem"))
            .env("AWS_ACCESS_KEY_ID", KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", KEY)
            .env("TMPDIR", self.own.path())
            .arg("writer")
            .args(["--promise-name", "redis", "--pipeline-name", "pipe", "--namespace", "default"])
            .arg(format!("--resource-name=rr-{request}"))
            .arg("--input-directory")
            .arg(input)
            .args(["--to", &self.url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        writer
    }

    /// Returns all files below the store's root as the server has them: by request and name.
    pub(super) fn found(&self) -> BTreeMap<u64, Output> {
        let mut files: Vec<(String, Vec<u8>)> = match &self.gateway {
            Some(gateway) => gateway.objects("bucket"),
            None => self.repository().files("main").into_iter().collect(),
        };
        files.retain(|(path, _)| path != "README");
        let mut found: BTreeMap<u64, Output> = BTreeMap::new();
        for (path, content) in files {
            let names: Vec<&str> = path.splitn(8, '/').collect();
            let ["p", "resources", "default", "redis", request, "pipe", _, name] = names[..] else {
                panic!("a stray file: {path}");
            };
            let request = request.strip_prefix("rr-").unwrap().parse().unwrap();
            found.entry(request).or_default().insert(name.to_owned(), content);
        }
        found
    }

    /// Fails when anything of the history is broken, or a lock was left.
    pub(super) fn is_sound(&self) {
        if self.kind == Kind::Git {
            self.repository().is_sound();
            let locks = walkdir::WalkDir::new(self.storage.join("r.git")).into_iter();
            let locks = locks
                .filter_map(Result::ok)
                .filter(|entry| entry.path().extension().is_some_and(|end| end == "lock"));
            assert_eq!(
                locks.map(|entry| entry.path().to_owned()).collect::<Vec<_>>(),
                Vec::<PathBuf>::new()
            );
        }
    }

    /// How many commits there are; 0 for a bucket.
    pub(super) fn commits(&self) -> usize {
        match self.kind {
            Kind::Git => self.repository().git(&["rev-list", "--count", "main"]).parse().unwrap(),
            Kind::S3 => 0,
        }
    }
}
