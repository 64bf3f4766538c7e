//! Buckets on a real S3 server: versitygw over a folder, on loopback.

mod refused;
mod written;

use bookend::core::placement::{Change, Content, Edit, File, StorePath};
use bookend::store::address::{Address, BucketAddress};
use bookend::store::bucket::{BucketOptions, BucketStore, Timeouts};
use bookend::store::credentials::{Credentials, Secret};
use bookend::store::{Applied, Store as _, Trouble};

use crate::remotes::s3::{Gateway, KEY, KEY_ID};

/// Who may.
fn keys(key_id: &str, key: &str) -> Credentials {
    Credentials::Keys {
        access_key_id: key_id.to_owned(),
        secret_access_key: Secret::new(key),
        session_token: None,
    }
}

/// Few tries: these tests have no network that comes back by itself.
fn options() -> BucketOptions {
    let timeouts = Timeouts { retries_max: 1, ..Timeouts::default() };
    BucketOptions { timeouts, ..BucketOptions::default() }
}

fn address(text: &str) -> BucketAddress {
    match text.parse() {
        Ok(Address::Bucket(bucket)) => bucket,
        other => panic!("{other:?}"),
    }
}

/// Opens `BUCKET[/PATH]` of a server that is asked without TLS.
fn open(gateway: &Gateway, place: &str) -> BucketStore {
    let text = format!("s3://{place}?endpoint={}&insecure=true", gateway.endpoint());
    BucketStore::open(&address(&text), &keys(KEY_ID, KEY), &options()).unwrap()
}

fn at(text: &str) -> StorePath {
    StorePath::exact(text).unwrap()
}

fn file(path: &str, content: impl AsRef<[u8]>) -> File {
    File { at: at(path), content: Content::Bytes(content.as_ref().into()) }
}

fn folder(path: &str, files: Vec<File>) -> Change {
    Change { edits: vec![Edit::Folder { at: at(path), files }], ..Change::default() }
}

async fn made(store: &BucketStore, change: &Change) -> Applied {
    store.apply(std::slice::from_ref(change), &|| true).await.remove(0).unwrap()
}

async fn trouble(store: &BucketStore) -> Trouble {
    let change = folder("g", vec![file("g/a", "1")]);
    store.apply(&[change], &|| true).await.remove(0).unwrap_err().trouble
}
