//! Deletes objects: those whose content was read only if they are still as they were, the others many at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use http::{HeaderValue, Method, Request, header};
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{Error, path::Path};

use super::facts::{self, Facts, Seen};
use super::put::Stop;
use super::{BucketStore, trouble};
use crate::core::placement::StorePath;
use crate::store::Trouble;

/// Objects that are deleted between two questions whether to go on; S3 takes up to 1,000 in one request.
const AT_ONCE: usize = 500;
/// How long a signature is good.
const SIGNED_FOR: Duration = Duration::from_secs(60);
/// The pauses before a request is sent again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Deletes on a condition. `object_store` has no way to ask for that: its delete has no options.
pub(super) struct Conditional {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) client: HttpClient,
}

impl fmt::Debug for Conditional {
    /// What the signer would show of itself holds keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conditional")
    }
}

/// What a server says to a delete on a condition.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Gone,
    Changed,
    /// It does not know how, or not from us.
    Unknown,
}

impl BucketStore {
    /// Deletes objects, unless one of them that was read has changed since.
    pub(super) async fn delete_all(
        &self,
        paths: &[StorePath],
        facts: &Facts,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<(), Stop> {
        let (read, others): (Vec<_>, Vec<_>) =
            paths.iter().partition(|at| facts.was_read(at) && facts.seen(at).is_some());
        for at in read {
            if !may_go_on() {
                return Err(Trouble::Stopped.into());
            }
            self.delete_as_read(at, facts.seen(at)).await?;
        }
        for paths in others.chunks(AT_ONCE) {
            if !may_go_on() {
                return Err(Trouble::Stopped.into());
            }
            let keys: Vec<_> = paths.iter().map(|at| self.key(at)).collect::<Result<_, _>>()?;
            self.delete(keys).await?;
        }
        Ok(())
    }

    async fn delete(&self, keys: Vec<Path>) -> Result<(), Trouble> {
        let keys = stream::iter(keys.into_iter().map(Ok)).boxed();
        let mut deleted = self.objects.delete_stream(keys);
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(self.trouble(&error)),
            }
        }
        Ok(())
    }

    /// Whether an object is as it was seen; `None` for one that was not there.
    pub(super) async fn is_still(
        &self,
        at: &StorePath,
        seen: Option<&Seen>,
    ) -> Result<bool, Trouble> {
        let now = facts::head(self, at).await?;
        Ok(match (seen, now) {
            (None, None) => true,
            (Some(seen), Some(now)) => seen.tag.is_empty() || seen.tag == now.tag,
            _ => false,
        })
    }

    /// Deletes an object if it is as it was read. It is looked at before in any case: a server may not know conditions and
    /// not say so, and somebody who writes between a look and a delete is much rarer than one who writes at all.
    async fn delete_as_read(&self, at: &StorePath, seen: Option<&Seen>) -> Result<(), Stop> {
        if !self.is_still(at, seen).await? {
            return Err(Stop::Raced);
        }
        let key = self.key(at)?;
        let version = seen.and_then(|seen| seen.version.as_ref()?.e_tag.as_deref());
        let knows = self.deletes_on_condition.load(Ordering::Relaxed);
        if let (Some(conditional), Some(tag), true) = (&self.conditional, version, knows) {
            match conditional.delete(self, &key, tag).await? {
                Said::Gone => return Ok(()),
                Said::Changed => return Err(Stop::Raced),
                Said::Unknown => self.deletes_on_condition.store(false, Ordering::Relaxed),
            }
        }
        Ok(self.delete(vec![key]).await?)
    }
}

impl Conditional {
    async fn delete(&self, store: &BucketStore, key: &Path, tag: &str) -> Result<Said, Trouble> {
        let Ok(tag) = HeaderValue::from_str(tag) else { return Ok(Said::Unknown) };
        let options = SignedUrlOptions::new().with_signed_header(header::IF_MATCH, tag.clone());
        let mut pauses = PAUSES.into_iter();
        loop {
            let signed = self.signer.signed_url_opts(Method::DELETE, key, SIGNED_FOR, &options);
            let url = signed.await.map_err(|error| store.trouble(&error))?;
            let request = Request::delete(url.as_str()).header(header::IF_MATCH, &tag);
            let Ok(request) = request.body(HttpRequestBody::empty()) else {
                return Ok(Said::Unknown);
            };
            let trouble = match self.client.execute(request).await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    let body = response.into_body().bytes().await.unwrap_or_default();
                    let body = String::from_utf8_lossy(&body);
                    match said(status) {
                        Some(said) => return Ok(said),
                        None => trouble::of_status(status, &body, &store.bucket),
                    }
                }
                Err(error) => {
                    store.trouble(&Error::Generic { store: "S3", source: Box::new(error) })
                }
            };
            match pauses.next().filter(|_| trouble.may_pass()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(trouble),
            }
        }
    }
}

/// What a status means; `None` for trouble. Who may not ask like that may still be allowed to delete: that is tried then.
fn said(status: u16) -> Option<Said> {
    match status {
        200..=299 | 404 => Some(Said::Gone),
        // 409: somebody writes at this very moment.
        409 | 412 => Some(Said::Changed),
        400 | 403 | 405 | 501 => Some(Said::Unknown),
        _ => None,
    }
}
