//! Repositories behind https beside the cluster, and what is in them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::path::PathBuf;

use base64::Engine as _;
use serde_json::json;
use tempfile::TempDir;

use super::kit::Stage;
use crate::reconcile::process::Reconciler;
use crate::remotes::certificates::{Authority, Certified};
use crate::remotes::https::Server;
use crate::remotes::repository::Repository;

pub(crate) const STORE: &str = "GitStateStore";
const USER: &str = "bookend";
pub(crate) const PASSWORD: &str = "not-a-secret";

/// The cluster, and a server with repositories beside it.
pub(crate) struct Fleet {
    stage: Stage,
    folder: TempDir,
    certified: Certified,
    port: u16,
    server: Option<Server>,
}

impl Deref for Fleet {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Fleet {
    /// Has a state store of each name, with a repository of its own.
    pub(crate) fn new(stores: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let authority = Authority::new();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let certified = authority.certify("localhost", false);
        let server = Server::start(folder.path(), &certified);
        let port = server.port;
        let fleet = Self { stage: Stage::new(), folder, certified, port, server: Some(server) };
        fleet.lets_in(PASSWORD);
        fleet.password(PASSWORD);
        for name in stores {
            Repository::with_commit(fleet.path(name)).git(&["config", "http.receivepack", "true"]);
            let url = fleet.server().url(&format!("{name}.git"));
            let spec =
                json!({"url": url, "branch": "main", "path": ".", "authMethod": "basicAuth"});
            fleet.state_store(STORE, name, spec);
        }
        fleet
    }

    fn path(&self, store: &str) -> PathBuf {
        self.folder.path().join(format!("{store}.git"))
    }

    pub(crate) fn repository(&self, store: &str) -> Repository {
        Repository { path: self.path(store) }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Ends the server; the repositories stay.
    pub(crate) fn stop_server(&mut self) {
        self.server = None;
    }

    /// Starts it where it was.
    pub(crate) fn start_server(&mut self) {
        self.server = Some(Server::start_at(self.port, self.folder.path(), &self.certified));
        self.lets_in(PASSWORD);
    }

    /// Has the server take this password and no other.
    pub(crate) fn lets_in(&self, password: &str) {
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"));
        self.server().let_in(&format!("Basic {both}"));
    }

    /// Has the server take the password that it took at first.
    pub(crate) fn lets_back_in(&self) {
        self.lets_in(PASSWORD);
    }

    /// Sets the password in the Secret of the state stores.
    pub(crate) fn password(&self, password: &str) {
        self.secret(&json!({"username": USER, "password": password}));
    }

    /// A program under test, which shares its turn to lead with others if there are.
    pub(crate) fn reconcile(&self, name: &str, arguments: &[&str]) -> Reconciler {
        let authority = self.folder.path().join("ca.pem");
        let scratch = self.folder.path().join(name);
        fs::create_dir_all(&scratch).unwrap();
        let variables = [
            ("SSL_CERT_FILE", authority.as_os_str()),
            ("HOSTNAME", OsStr::new(name)),
            ("TMPDIR", scratch.as_os_str()),
        ];
        Reconciler::start_with(arguments, &variables)
    }

    /// All that we have put into a repository, by path.
    pub(crate) fn files(&self, store: &str) -> BTreeMap<String, String> {
        let mut files = self.repository(store).files("main");
        assert!(files.remove("README").is_some(), "the file of a stranger is gone");
        files.into_iter().map(|(path, text)| (path, String::from_utf8(text).unwrap())).collect()
    }
}
