//! Pages of a bucket's listing, without the keys that nothing here could have written.
//!
//! object_store refuses a whole page for a key like `a//b`, and takes `a/`, with which consoles mark folders, for `a`.
//! Such keys are other people's: they are neither files of ours nor leftovers, and one of them must not keep all others
//! from being written.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use object_store::path::Path;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;

/// Whether a query asks for a listing: S3 and GCS, or Azure.
pub(super) fn asks_for(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair, "list-type=2" | "comp=list"))
}

/// Counts keys that cannot be paths, and tells of the first.
#[derive(Debug, Default)]
pub(super) struct Strays(AtomicUsize);

impl Strays {
    /// Returns a page without them.
    pub(super) fn taken_out(&self, page: Bytes) -> Bytes {
        let strays = strays(&page);
        let Some((key, _)) = strays.first() else {
            return page;
        };
        self.told(key);
        let mut kept = Vec::with_capacity(page.len());
        let mut from = 0;
        for (_, place) in &strays {
            kept.extend_from_slice(page.get(from..place.start).unwrap_or_default());
            from = place.end;
        }
        kept.extend_from_slice(page.get(from..).unwrap_or_default());
        kept.into()
    }

    /// Tells, the first time, of a key that is no path of a store.
    pub(super) fn told(&self, key: &str) {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                key = %key.escape_debug(),
                "an object whose key is no path that could be written here is left alone, as all of its kind"
            );
        }
    }
}

/// Returns the keys of a page that are no paths, and the places of their entries; none when it is no page.
fn strays(page: &[u8]) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let Ok(text) = std::str::from_utf8(page) else {
        return found;
    };
    let mut reader = Reader::from_str(text);
    let position = |reader: &Reader<&[u8]>| usize::try_from(reader.buffer_position()).unwrap_or(0);
    let mut entry = 0;
    let mut key = None;
    loop {
        let before = position(&reader);
        match reader.read_event() {
            Ok(Event::Start(tag)) => match tag.name().as_ref() {
                b"Contents" | b"Blob" => (entry, key) = (before, None),
                // Azure's metadata can have elements of any name, below others.
                b"Key" | b"Name" if key.is_none() => {
                    let Ok(raw) = reader.read_text(tag.name()) else { break };
                    key = raw.decode().ok().and_then(|raw| Some(unescape(&raw).ok()?.into_owned()));
                }
                _ => {}
            },
            Ok(Event::End(tag)) if matches!(tag.name().as_ref(), b"Contents" | b"Blob") => {
                if let Some(key) = key.take_if(|key| !is_path(key)) {
                    found.push((key, entry..position(&reader)));
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    found
}

/// Whether object_store can say a key as it is.
fn is_path(key: &str) -> bool {
    Path::parse(key).is_ok_and(|path| path.as_ref() == key && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(page: &str) -> String {
        let page = Strays::default().taken_out(Bytes::copy_from_slice(page.as_bytes()));
        String::from_utf8(page.to_vec()).unwrap()
    }

    #[test]
    fn keys_that_are_no_paths_are_taken_out_of_a_page() {
        let entry = |key: &str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
        let page = |keys: &[&str]| {
            let entries: String = keys.iter().map(|key| entry(key)).collect();
            format!(
                "<?xml version=\"1.0\"?>\n<ListBucketResult><Name>b</Name>{entries}<KeyCount>3</KeyCount></ListBucketResult>"
            )
        };
        for stray in ["a/", "/a", "a//b", "a/../b", "a/./b", "..", "a/&#x2e;&#x2E;/b", "a&#10;b"] {
            assert_eq!(out(&page(&["a/b", stray, "a/c"])), page(&["a/b", "a/c"]), "{stray}");
            assert_eq!(out(&page(&[stray])), page(&[]), "{stray}");
        }
        for key in ["a", "a/b c", "a&amp;b", "\u{e4}/%2F", "a/.b", "a..b"] {
            assert_eq!(out(&page(&[key])), page(&[key]));
        }
    }

    #[test]
    fn azures_pages_have_other_names() {
        let blob = |name: &str| {
            format!("<Blob><Name>{name}</Name><Metadata><Name>a//b</Name></Metadata></Blob>")
        };
        let page = |blobs: String| {
            format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>")
        };
        assert_eq!(out(&page(blob("a") + &blob("a//b"))), page(blob("a")));
    }

    #[test]
    fn what_is_no_page_stays_as_it_is() {
        for text in ["", "no", "<a>", "<Contents><Key>a//b</Contents>", "\u{0}"] {
            assert_eq!(out(text), text);
        }
    }

    #[test]
    fn listings_are_told_by_their_query() {
        assert!(asks_for("list-type=2&prefix=a%2F"));
        assert!(asks_for("restype=container&comp=list"));
        assert!(!asks_for("uploads="));
        assert!(!asks_for("prefix=list-type%3D2"));
    }
}
