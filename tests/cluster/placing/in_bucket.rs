//! A bucket beside the cluster, whose objects are files.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::kit::Stage;
use crate::bucket::{BUCKET, Bucket, KEY, KEY_ID};
use crate::reconcile::process::Reconciler;

const STORE: (&str, &str) = ("BucketStateStore", "store");

/// The cluster, and a bucket beside it.
pub(super) struct World {
    stage: Stage,
    store: Bucket,
}

impl Deref for World {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl World {
    pub(super) fn new() -> Self {
        let store = Bucket::start(Ipv4Addr::LOCALHOST.into());
        let world = Self { stage: Stage::new(), store };
        world.password(KEY);
        let endpoint = world.store.address.to_string();
        world.state_store(
            STORE.0,
            STORE.1,
            json!({"bucketName": BUCKET, "endpoint": endpoint, "insecure": true}),
        );
        world
    }

    /// The program under test.
    pub(super) fn reconcile(&self) -> Reconciler {
        Reconciler::start_placing(&["--alone"])
    }

    pub(super) fn start_store(&mut self) {
        self.store.start_again();
    }

    pub(super) fn stop_store(&mut self) {
        self.store.stop();
    }

    /// Sets the password of the store's Secret.
    pub(super) fn password(&self, password: &str) {
        self.secret(&json!({"accessKeyID": KEY_ID, "secretAccessKey": password}));
    }

    pub(super) fn destination(&self, name: &str, labels: Value, spec: Value) {
        self.stage.destination(STORE, name, labels, spec);
    }

    /// Whether the store's `Ready` has that status.
    pub(super) fn store_is(&self, status: &str) -> bool {
        self.condition("/bucketstatestores/store", "Ready")["status"] == status
    }

    /// All files in the store.
    pub(super) fn files(&self) -> BTreeSet<String> {
        self.store.files()
    }

    pub(super) fn read(&self, path: &str) -> String {
        self.store.read(path)
    }

    /// When each file in the store was written.
    pub(super) fn stamps(&self) -> BTreeMap<String, SystemTime> {
        self.store.stamps()
    }

    /// Waits until the store holds these files and no others.
    pub(super) fn wait_files(&self, expected: &[impl AsRef<str>]) {
        let expected = expected.iter().map(|path| path.as_ref().to_owned()).collect();
        self.wait_same(&expected, || self.files());
    }
}
