//! An API server with one object, which can be late or be overtaken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::http::{Backend, Reply, Request, listen};

/// What it holds and how it behaves.
#[derive(Default)]
pub(super) struct Api {
    /// The object that triggered the pipeline.
    pub(super) object: Value,
    /// So many first requests are answered with "later".
    pub(super) late: AtomicUsize,
    /// So many first writes meet somebody who was faster.
    pub(super) conflicts: AtomicUsize,
    /// Refuses to read the object.
    pub(super) refuses: bool,
    /// The `traceparent` annotation of every Work that was written.
    pub(super) works: Mutex<Vec<Value>>,
}

impl Api {
    /// Starts to listen and returns the address.
    pub(super) fn start(self) -> (String, Arc<Self>) {
        let api = Arc::new(self);
        let backend: Arc<dyn Backend> = Arc::<Self>::clone(&api);
        (listen(backend), api)
    }

    fn say(&self, request: &Request) -> (u16, Value) {
        if counts_down(&self.late) {
            return status(503, "ServiceUnavailable");
        }
        if request.method != "GET" && counts_down(&self.conflicts) {
            return status(409, "Conflict");
        }
        let body = || serde_json::from_slice(&request.body).unwrap();
        match request.method.as_str() {
            "GET" if request.path.ends_with("/works") => {
                (200, json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": []}))
            }
            "GET" if self.refuses => status(403, "Forbidden"),
            "GET" | "PATCH" => (200, self.object.clone()),
            "POST" => {
                let work: Value = body();
                self.works.lock().unwrap().push(work["metadata"]["annotations"].clone());
                (201, work)
            }
            _ => (200, body()),
        }
    }
}

impl Backend for Api {
    fn answer(&self, request: &Request) -> Option<Reply> {
        let (status, body) = self.say(request);
        let content_type = "application/json".to_owned();
        Some(Reply { status, content_type, body: body.to_string().into_bytes() })
    }
}

fn counts_down(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"kind": "Status", "message": "because", "reason": reason, "code": code}))
}
