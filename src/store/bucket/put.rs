//! Writes the files of a change: only those that differ, few at a time, in bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{FutureExt as _, StreamExt as _, stream};
use hyper::body::Bytes;
use object_store::{
    Attribute, Attributes, Error, MultipartUpload, PutMode, PutMultipartOptions, PutOptions,
    PutResult,
};
use ring::digest::{Context, SHA256};
use tokio::task::spawn_blocking;

use super::body::{Body, PART_BYTES, WHOLE_BYTES_MAX, hex};
use super::facts::{self, Facts, Seen};
use super::{AT_ONCE, BUDGET_KIB, BucketStore};
use crate::core::placement::{Content, File, StorePath};
use crate::core::work_view;
use crate::store::Trouble;

/// Metadata of an object: SHA-256 of its content, in hex. Azure allows no hyphen in such names, proxies no underscore.
pub(super) const HASH: &str = "bookendsha256";
/// Parts of one upload that are under way at once.
const PARTS_AT_ONCE: usize = 2;
/// An object of unknown origin and no more bytes than this is read to see whether it is the same; a larger one is written.
const COMPARED_BYTES_MAX: u64 = 1 << 20;

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum Stop {
    /// What was read has changed since.
    Raced,
    Trouble(Trouble),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A file that is as it shall be.
#[derive(Debug)]
pub(super) struct Put {
    pub written: bool,
    pub seen: Seen,
}

impl BucketStore {
    /// Sees to it that files are as they shall be; after the first that fails no other is begun.
    pub(super) async fn put_all(
        &self,
        files: Vec<File>,
        facts: &Facts,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Vec<(StorePath, Put)>, Stop> {
        let failed = &AtomicBool::new(false);
        let work = files.into_iter().map(|file| {
            async move {
                if failed.load(Ordering::Relaxed) {
                    return None;
                }
                let put = self.put(&file, facts, may_go_on).await;
                failed.fetch_or(put.is_err(), Ordering::Relaxed);
                Some(put.map(|put| (file.at, put)))
            }
            .boxed()
        });
        // What is under way when one fails is not dropped half-way: an upload in parts would stay behind.
        let done: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().flatten().collect()
    }

    async fn put(
        &self,
        file: &File,
        facts: &Facts,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Put, Stop> {
        let cost = self.budget.acquire_many(cost(&file.content)).await;
        let _cost = cost.map_err(|_| Trouble::Stopped)?;
        let (at, content) = (file.at.clone(), file.content.clone());
        let body = spawn_blocking(move || Body::open(&at, &content)).await;
        let body = Arc::new(body.map_err(|error| Trouble::Other(error.to_string()))??);

        let seen = facts.seen(&file.at);
        if let Some(seen) = seen
            && self.is_same(&file.at, &body, seen, facts.content(&file.at)).await?
        {
            return Ok(Put { written: false, seen: seen.clone() });
        }
        if !may_go_on() {
            return Err(Trouble::Stopped.into());
        }
        let mode = match seen.map(|seen| seen.version.clone()) {
            _ if !facts.was_read(&file.at) => PutMode::Overwrite,
            None => PutMode::Create,
            Some(Some(version)) => PutMode::Update(version),
            Some(None) => PutMode::Overwrite,
        };
        let done = match body.whole().filter(|bytes| bytes.len() as u64 <= WHOLE_BYTES_MAX) {
            Some(bytes) => self.put_whole(&file.at, &body, bytes, mode).await?,
            None => {
                let seen = facts.was_read(&file.at).then_some(seen);
                self.put_in_parts(&file.at, &body, seen, may_go_on).await?
            }
        };
        let tag = facts::tag(done.e_tag.as_deref());
        let version =
            Some(object_store::UpdateVersion { e_tag: done.e_tag, version: done.version });
        let hash = self.keeps_hashes.load(Ordering::Relaxed).then(|| body.sha256.clone());
        Ok(Put { written: true, seen: Seen { bytes: body.bytes, tag, version, hash: Some(hash) } })
    }

    /// Whether an object is the same as what is to be written.
    ///
    /// An ETag that is the MD5 of the new content proves it: no other kind of ETag is that by chance. One that is not proves
    /// nothing (encrypted, sent in parts: contract.md 12.F), so our own hash is asked for, and for small objects of others
    /// the content.
    async fn is_same(
        &self,
        at: &StorePath,
        body: &Body,
        seen: &Seen,
        content: Option<&[u8]>,
    ) -> Result<bool, Trouble> {
        if seen.bytes != body.bytes {
            return Ok(false);
        }
        if let (Some(content), Some(bytes)) = (content, body.whole()) {
            return Ok(bytes == content);
        }
        if seen.tag.eq_ignore_ascii_case(&body.md5) {
            return Ok(true);
        }
        let asked = match &seen.hash {
            Some(_) => None,
            None => match facts::head(self, at).await? {
                Some(asked) if asked.bytes == body.bytes => Some(asked),
                _ => return Ok(false),
            },
        };
        let hash = asked.as_ref().map_or(&seen.hash, |asked| &asked.hash);
        match hash.as_ref().and_then(Option::as_ref) {
            Some(hash) => Ok(*hash == body.sha256),
            None if body.bytes <= COMPARED_BYTES_MAX => {
                let there = facts::read(self, at, COMPARED_BYTES_MAX).await?;
                Ok(there.is_some_and(|(there, _)| body.whole().is_some_and(|bytes| bytes == there)))
            }
            None => Ok(false),
        }
    }

    async fn put_whole(
        &self,
        at: &StorePath,
        body: &Body,
        bytes: Bytes,
        mut mode: PutMode,
    ) -> Result<PutResult, Stop> {
        let key = self.key(at)?;
        loop {
            let keeps = self.keeps_hashes.load(Ordering::Relaxed);
            if !self.knows_conditions.load(Ordering::Relaxed) {
                mode = PutMode::Overwrite;
            }
            let attributes = if keeps { hash(body) } else { Attributes::new() };
            let options = PutOptions { mode: mode.clone(), attributes, ..PutOptions::default() };
            match self.objects.put_opts(&key, bytes.clone().into(), options).await {
                Ok(done) => return Ok(done),
                Err(Error::Precondition { .. } | Error::AlreadyExists { .. })
                    if !matches!(mode, PutMode::Overwrite) =>
                {
                    return Err(Stop::Raced);
                }
                // Conditions and metadata: a server that has neither can do without.
                Err(Error::NotImplemented { .. }) if !matches!(mode, PutMode::Overwrite) => {
                    self.knows_conditions.store(false, Ordering::Relaxed);
                }
                Err(Error::NotImplemented { .. }) if keeps => {
                    self.keeps_hashes.store(false, Ordering::Relaxed);
                }
                Err(error) => return Err(self.trouble(&error).into()),
            }
        }
    }

    /// Sends a file in parts: it is there when the last one is, and until then it is as it was. One that was read must be as it was
    /// `seen` just before that: an upload in parts has no condition.
    async fn put_in_parts(
        &self,
        at: &StorePath,
        body: &Arc<Body>,
        seen: Option<Option<&Seen>>,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<PutResult, Stop> {
        let attributes = match self.keeps_hashes.load(Ordering::Relaxed) {
            true => hash(body),
            false => Attributes::new(),
        };
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let begun = self.objects.put_multipart_opts(&self.key(at)?, options).await;
        let mut upload = begun.map_err(|error| self.trouble(&error))?;
        let done = async {
            self.send_parts(at, body, &mut *upload, may_go_on).await?;
            if let Some(seen) = seen
                && !self.is_still(at, seen).await?
            {
                return Err(Stop::Raced);
            }
            Ok(upload.complete().await.map_err(|error| self.trouble(&error))?)
        };
        let done = done.await;
        if done.is_err() {
            // Only a courtesy: what is left of it costs space, and no reader sees it.
            _ = upload.abort().await;
        }
        done
    }

    async fn send_parts(
        &self,
        at: &StorePath,
        body: &Arc<Body>,
        upload: &mut dyn MultipartUpload,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<(), Trouble> {
        let failed = |cause| Trouble::Content { path: at.to_string(), cause };
        let mut sha256 = Context::new(&SHA256);
        let mut start = 0;
        while start < body.bytes {
            if !may_go_on() {
                return Err(Trouble::Stopped);
            }
            let mut parts = Vec::new();
            for _ in 0..PARTS_AT_ONCE {
                let whole = body.clone();
                let read = spawn_blocking(move || whole.part(start)).await;
                let part = read
                    .map_err(|error| failed(error.into()))?
                    .map_err(|error| failed(error.into()))?;
                if part.is_empty() {
                    break;
                }
                sha256.update(&part);
                start = start.saturating_add(part.len() as u64);
                parts.push(upload.put_part(part.into()));
            }
            let sent = futures::future::try_join_all(parts).await;
            sent.map_err(|error| self.trouble(&error))?;
        }
        if hex(sha256.finish().as_ref()) != body.sha256 {
            return Err(failed("it was changed while it was read".into()));
        }
        match may_go_on() {
            true => Ok(()),
            false => Err(Trouble::Stopped),
        }
    }
}

/// Returns the metadata that goes with an object.
fn hash(body: &Body) -> Attributes {
    let name = Attribute::Metadata(HASH.into());
    Attributes::from_iter([(name, body.sha256.clone())])
}

/// Returns how much of the budget a content takes, in KiB: about what it is in memory, and so much at least that no more
/// than [`AT_ONCE`] are under way, of whatever change.
fn cost(content: &Content) -> u32 {
    let bytes = match content {
        // In memory anyway.
        Content::Bytes(_) => 0,
        Content::Packed(text) => {
            let says = usize::try_from(work_view::says_unpacked(text)).unwrap_or(usize::MAX);
            says.max(text.len())
        }
        Content::Disk { bytes, .. } => usize::try_from(*bytes)
            .unwrap_or(usize::MAX)
            .min(PART_BYTES.saturating_mul(PARTS_AT_ONCE)),
    };
    u32::try_from((bytes / 1024).clamp(BUDGET_KIB / AT_ONCE, BUDGET_KIB)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::workloads::Packer;

    #[test]
    fn what_unpacks_to_much_is_written_alone() {
        let packed = |bytes: usize| {
            let text = Packer::default().pack(&vec![0; bytes]).unwrap();
            Content::Packed(text.into())
        };
        assert_eq!(cost(&packed(1_000)) as usize, BUDGET_KIB / AT_ONCE);
        assert_eq!(cost(&packed(5 << 20)), 5 << 10);
        assert_eq!(cost(&packed(40 << 20)) as usize, BUDGET_KIB);
    }
}
