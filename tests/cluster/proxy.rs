//! Stands between a command and the API server: counts, answers in its place, acts as another user, or stops time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::api::Api;
use crate::support::case::Case;
use crate::support::http::{Backend, Reply, Request, listen};
use crate::support::server::Answers;

/// A running proxy; it ends with the process.
pub(crate) struct Proxy {
    address: String,
    inner: Arc<Inner>,
    stopped: Receiver<()>,
}

struct Inner {
    api: &'static Api,
    impersonate: Option<String>,
    /// The request whose answer is kept back; counted from 1.
    stop_at: Option<usize>,
    stopped: Mutex<Sender<()>>,
    state: Mutex<State>,
}

struct State {
    answers: Answers,
    requests: Vec<String>,
}

impl Proxy {
    /// Starts a proxy with the answers and the user of a case.
    pub(crate) fn start(api: &'static Api, case: &Case) -> Self {
        Self::new(api, case, None)
    }

    /// Starts a proxy that sends the `stop_at`th request on and keeps its answer back for ever.
    pub(crate) fn stopping(api: &'static Api, case: &Case, stop_at: usize) -> Self {
        Self::new(api, case, Some(stop_at))
    }

    fn new(api: &'static Api, case: &Case, stop_at: Option<usize>) -> Self {
        let (sender, stopped) = channel();
        let answers = Answers::new(case.inject.iter().cloned());
        let inner = Arc::new(Inner {
            api,
            impersonate: case.impersonate.clone(),
            stop_at,
            stopped: Mutex::new(sender),
            state: Mutex::new(State { answers, requests: Vec::new() }),
        });
        let backend: Arc<dyn Backend> = Arc::<Inner>::clone(&inner);
        Self { address: listen(backend), inner, stopped }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Every request so far: method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.inner.state.lock().unwrap().requests.clone()
    }

    /// Returns once the request was answered by the server and the answer kept back.
    pub(crate) fn has_stopped(&self, limit: std::time::Duration) -> bool {
        self.stopped.recv_timeout(limit).is_ok()
    }
}

impl Backend for Inner {
    fn answer(&self, request: &Request) -> Option<Reply> {
        let number = {
            let mut state = self.state.lock().unwrap();
            state.requests.push(format!("{} {}", request.method, request.path));
            if let Some(reply) = state.answers.take(request) {
                return Some(reply);
            }
            state.requests.len()
        };
        let target = format!("{}{}", request.path, request.query);
        let headers = [
            ("accept", &*request.accept),
            ("content-type", &*request.content_type),
            ("impersonate-user", self.impersonate.as_deref().unwrap_or_default()),
        ];
        let reply = self.api.send(&request.method, &target, &headers, request.body.clone());
        if self.stop_at.is_some_and(|stop_at| number >= stop_at) {
            self.stopped.lock().unwrap().send(()).unwrap();
            std::thread::park();
        }
        Some(reply)
    }
}
