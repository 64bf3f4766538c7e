//! A bucket in memory that counts what is asked of it, and fails or interferes when told to.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::executor::block_on;
use futures::stream::BoxStream;
use md5::{Digest as _, Md5};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};

use super::super::body::hex;

/// A bucket in memory; a clone is the same bucket.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake(Arc<State>);

#[derive(Debug)]
pub(super) struct State {
    pub inner: InMemory,
    writes: AtomicUsize,
    reads: AtomicUsize,
    pub parts: Arc<AtomicUsize>,
    /// Operations until the crash.
    left: AtomicI64,
    /// ETags are MD5, as in S3 without encryption.
    pub md5_tags: AtomicBool,
    pub no_metadata: AtomicBool,
    pub no_conditions: AtomicBool,
    /// What somebody else writes before the next write.
    intruder: Mutex<Option<(Path, String)>>,
    /// And what before the next look that asks for no content.
    looked_at: Mutex<Option<(Path, String)>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            inner: InMemory::new(),
            writes: AtomicUsize::default(),
            reads: AtomicUsize::default(),
            parts: Arc::default(),
            left: AtomicI64::new(i64::MAX),
            md5_tags: AtomicBool::default(),
            no_metadata: AtomicBool::default(),
            no_conditions: AtomicBool::default(),
            intruder: Mutex::default(),
            looked_at: Mutex::default(),
        }
    }
}

impl std::ops::Deref for Fake {
    type Target = State;
    fn deref(&self) -> &State {
        &self.0
    }
}

impl Fake {
    pub(super) fn keys(&self) -> Vec<String> {
        let found: Vec<_> = block_on(self.inner.list(None).collect());
        let mut keys: Vec<String> =
            found.into_iter().map(|meta| meta.unwrap().location.to_string()).collect();
        keys.sort();
        keys
    }

    pub(super) fn text(&self, key: &str) -> String {
        let bytes =
            block_on(async { self.inner.get(&Path::from(key)).await.unwrap().bytes().await });
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    pub(super) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// After so many more operations all fail.
    pub(super) fn crash_after(&self, operations: i64) {
        self.left.store(operations, Ordering::Relaxed);
    }

    pub(super) fn works_again(&self) {
        self.crash_after(i64::MAX);
    }

    pub(super) fn interfere(&self, key: &str, text: &str) {
        *self.intruder.lock().unwrap() = Some((Path::from(key), text.to_owned()));
    }

    pub(super) fn interfere_with_a_look(&self, key: &str, text: &str) {
        *self.looked_at.lock().unwrap() = Some((Path::from(key), text.to_owned()));
    }

    fn operation(&self) -> Result<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            1.. => Ok(()),
            _ => Err(Error::Generic { store: "fake", source: "crashed".into() }),
        }
    }

    fn tag(&self, meta: &mut ObjectMeta) {
        if self.md5_tags.load(Ordering::Relaxed) {
            let bytes =
                block_on(async { self.inner.get(&meta.location).await.unwrap().bytes().await });
            meta.e_tag = Some(format!("\"{}\"", hex(&Md5::digest(bytes.unwrap()))));
        }
    }
}

impl fmt::Display for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fake")
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    parts: Arc<AtomicUsize>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[async_trait]
impl ObjectStore for Fake {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.operation()?;
        let not = |operation: &str| Error::NotImplemented {
            operation: operation.to_owned(),
            implementer: "fake".to_owned(),
        };
        if self.no_metadata.load(Ordering::Relaxed) && !options.attributes.is_empty() {
            return Err(not("metadata"));
        }
        if self.no_conditions.load(Ordering::Relaxed) && options.mode != PutMode::Overwrite {
            return Err(not("conditions"));
        }
        let intruder = self.intruder.lock().unwrap().take();
        if let Some((key, text)) = intruder {
            self.inner.put(&key, text.into()).await?;
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.operation()?;
        let inner = self.inner.put_multipart_opts(at, options).await?;
        Ok(Box::new(Upload { inner, parts: self.parts.clone() }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let intruder = self.looked_at.lock().unwrap().take_if(|_| options.head);
        if let Some((key, text)) = intruder {
            self.inner.put(&key, text.into()).await?;
        }
        let mut found = self.inner.get_opts(at, options).await?;
        self.tag(&mut found.meta);
        Ok(found)
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let fake = self.clone();
        keys.then(move |key| {
            let fake = fake.clone();
            async move {
                fake.operation()?;
                fake.writes.fetch_add(1, Ordering::Relaxed);
                let key = key?;
                fake.inner.delete(&key).await.map(|()| key)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let fake = self.clone();
        let found = self.inner.list(prefix);
        found
            .map(move |meta| {
                let mut meta = meta?;
                fake.tag(&mut meta);
                Ok(meta)
            })
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
