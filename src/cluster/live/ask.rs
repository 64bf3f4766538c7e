//! One question, asked until there is an answer that can be used, or no more patience.

use std::time::Duration;

use http::{Method, Request, header};
use kube::client::Body;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;

use super::answer::{Answer, Refusal, Verdict, judge};
use super::connection::ConnectionError;
use super::{LiveCluster, config, effort};
use crate::cluster::ClusterError;
use crate::cluster::chance::number as random;
use crate::contract::{Object, ObjectKey};

/// One question to the server.
pub(super) struct Question<'a> {
    /// As RBAC names it.
    pub(super) verb: &'static str,
    /// What it is about, for messages.
    pub(super) key: &'a ObjectKey,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) accept: &'static str,
    pub(super) body: Option<(&'static str, Vec<u8>)>,
}

/// How often in a row a question was refused, and since when.
#[derive(Default)]
struct Refusals {
    count: u32,
    since: Option<Instant>,
}

impl Refusals {
    fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl LiveCluster {
    /// Asks until there is an answer that can be used, or no more patience.
    pub(super) async fn ask(&self, mut question: Question<'_>) -> Result<Object, Refusal> {
        let (verb, key) = (question.verb, question.key);
        let (content_type, body) = question.body.take().unzip();
        let body = Body::from(body.unwrap_or_default());
        let started = Instant::now();
        // Refusals have a patience of their own: they cost none of that for a server that is away, and begin anew after
        // it was, when they are most likely to be wrong.
        let (mut tries, mut lost, mut refusals, mut doubted) =
            (0, 0, Refusals::default(), Duration::ZERO);
        loop {
            tries += 1;
            let body = body.try_clone().unwrap_or_else(Body::empty);
            let request = request(&question, content_type, body).map_err(|error| {
                let detail = config::chain(&error);
                ClusterError::Malformed { verb, key: Box::new(key.clone()), detail }
            })?;
            let (detail, after) = match self.try_once(&question, request, tries).await {
                Verdict::Done(object) => return Ok(object),
                Verdict::Refused(refusal) => {
                    let Some(pause) = self.doubt(&refusal, &mut refusals) else {
                        return Err(refusal);
                    };
                    self.tally.waits(pause);
                    sleep(pause).await;
                    continue;
                }
                Verdict::Later { detail, after } => (detail, after),
            };
            lost += 1;
            doubted += std::mem::take(&mut refusals).waited();
            let waited = started.elapsed();
            let away = waited.saturating_sub(doubted);
            let Some(pause) = self.policy.pause(lost, away, after, random()) else {
                let key = Box::new(key.clone());
                return Err(ClusterError::Unreachable { verb, key, tries, waited, detail }.into());
            };
            let waited_ms = waited.as_millis() as u64;
            // Said once: the error says how it ended.
            if lost == 1 {
                tracing::warn!(verb, object = %key, waited_ms, "will ask again for a while: {detail}");
            } else {
                tracing::debug!(verb, object = %key, tries, waited_ms, "will ask again: {detail}");
            }
            self.tally.waits(pause);
            sleep(pause).await;
        }
    }

    /// Sends one request, in a span of its own. No answer is one that says "later".
    async fn try_once(
        &self,
        question: &Question<'_>,
        request: Request<Body>,
        tries: u32,
    ) -> Verdict {
        let Question { method, path, .. } = question;
        let (verb, key) = (question.verb, question.key);
        // Nobody closes it.
        let _slot = self.slots.acquire().await.ok();
        let span = effort::request_span(&self.server, verb, method, path, key, tries);
        self.tally.asks();
        let answer = timeout(self.policy.try_time_max, self.send(request));
        let answer = answer.instrument(span.clone()).await;
        if !matches!(answer, Ok(Ok(_))) {
            self.calls.tell(verb, &key.kind, 0);
        }
        let detail = match answer {
            Ok(Ok(answer)) => {
                tracing::trace!(%method, path, code = answer.code, tries, "answered");
                effort::answered(&span, answer.code);
                self.calls.tell(verb, &key.kind, answer.code);
                return judge(verb, key, &answer);
            }
            Ok(Err(error)) if is_final(&error) => {
                let detail = effort::lost(&span, config::of_client(&error));
                let key = Box::new(key.clone());
                return Verdict::Refused(ClusterError::Untrusted { verb, key, detail }.into());
            }
            Ok(Err(error)) => config::of_client(&error),
            Err(_) => format!("no answer within {:?}", self.policy.try_time_max),
        };
        Verdict::Later { detail: effort::lost(&span, detail), after: None }
    }

    /// Returns the pause before a refusal is put to the test, `None` when it is to be believed.
    fn doubt(&self, refusal: &Refusal, refusals: &mut Refusals) -> Option<Duration> {
        if !refusal.error.may_be_of_the_moment() {
            return None;
        }
        refusals.count += 1;
        refusals.since.get_or_insert_with(Instant::now);
        let waited = refusals.waited();
        let pause = self.policy.doubt(refusals.count, waited, random())?;
        let (error, waited_ms) = (&refusal.error, waited.as_millis() as u64);
        if refusals.count == 1 {
            tracing::warn!(waited_ms, "will ask again for a moment: {error}");
        } else {
            tracing::debug!(waited_ms, "will ask again: {error}");
        }
        Some(pause)
    }

    async fn send(&self, request: Request<Body>) -> Result<Answer, kube::Error> {
        let response = self.client.send(request).await?;
        self.clock.hear(response.headers());
        let code = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = response.into_body().collect_bytes().await?.into();
        Ok(Answer { code, retry_after, body })
    }
}

fn request(
    question: &Question<'_>,
    content_type: Option<&str>,
    body: Body,
) -> Result<Request<Body>, http::Error> {
    let Question { method, path, accept, .. } = question;
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, *accept);
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    request.body(body)
}

/// Whether the next try would end in the same way.
fn is_final(error: &kube::Error) -> bool {
    let bad_certificate = match error {
        kube::Error::Service(cause) => cause.downcast_ref().is_some_and(ConnectionError::is_final),
        _ => false,
    };
    bad_certificate || config::failed_login(error).is_some()
}
