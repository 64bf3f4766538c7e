//! Contents on their way to a bucket: held in memory, or read from the disk part by part.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use hyper::body::Bytes;
use md5::{Digest as _, Md5};
use ring::digest::{Context, SHA256};

use crate::core::placement::{Content, StorePath};
use crate::files::beneath;
use crate::store::{FILE_BYTES_MAX, Trouble, contents};

/// Files of more bytes than this are sent in parts, and those on the disk are never in memory as a whole.
pub(super) const WHOLE_BYTES_MAX: u64 = 8 << 20;
/// Bytes of a part; S3 takes none below 5 MiB but the last, and some servers want all to be of one size.
pub(super) const PART_BYTES: usize = 5 << 20;
/// So much of a file is read at once when it is only looked at.
const LOOK_BYTES: usize = 64 << 10;

/// A content, and what tells it from others.
#[derive(Debug)]
pub(super) struct Body {
    from: From,
    pub bytes: u64,
    /// In hex.
    pub sha256: String,
    /// In hex: what an ETag is, but for encrypted objects and those sent in parts.
    pub md5: String,
}

#[derive(Debug)]
enum From {
    Memory(Bytes),
    Disk(File),
}

impl Body {
    /// Returns a content, read once for its hashes. Blocks.
    pub(super) fn open(at: &StorePath, content: &Content) -> Result<Self, Trouble> {
        let failed = |cause| Trouble::Content { path: at.to_string(), cause };
        let (mut md5, mut sha256) = (Md5::new(), Context::new(&SHA256));
        if let Content::Disk { root, path, .. } = content {
            let (mut file, found) =
                beneath::open(root, path).map_err(|error| failed(error.into()))?;
            if found > WHOLE_BYTES_MAX {
                let mut bytes = 0_u64;
                let mut buffer = vec![0; LOOK_BYTES];
                loop {
                    let read = file.read(&mut buffer).map_err(|error| failed(error.into()))?;
                    let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
                        break;
                    };
                    bytes = bytes.saturating_add(part.len() as u64);
                    if bytes > FILE_BYTES_MAX {
                        return Err(Trouble::TooLarge {
                            path: at.to_string(),
                            bytes_max: FILE_BYTES_MAX,
                        });
                    }
                    md5.update(part);
                    sha256.update(part);
                }
                return Ok(Self {
                    from: From::Disk(file),
                    bytes,
                    sha256: hex(sha256.finish().as_ref()),
                    md5: hex(&md5.finalize()),
                });
            }
        }
        let loaded = Bytes::from_owner(contents::load(at, content)?);
        md5.update(&loaded);
        sha256.update(&loaded);
        Ok(Self {
            bytes: loaded.len() as u64,
            from: From::Memory(loaded),
            sha256: hex(sha256.finish().as_ref()),
            md5: hex(&md5.finalize()),
        })
    }

    /// Returns all of it, if it is in memory.
    pub(super) fn whole(&self) -> Option<Bytes> {
        match &self.from {
            From::Memory(bytes) => Some(bytes.clone()),
            From::Disk(_) => None,
        }
    }

    /// Returns the part that begins at `start`; empty at the end. Blocks.
    pub(super) fn part(&self, start: u64) -> io::Result<Bytes> {
        let end = self.bytes.min(start.saturating_add(PART_BYTES as u64));
        let (from, to) = (place(start)?, place(end)?);
        match &self.from {
            From::Memory(bytes) => {
                Ok(bytes.get(from..to).map(|part| bytes.slice_ref(part)).unwrap_or_default())
            }
            From::Disk(file) => {
                let mut part = vec![0; to.saturating_sub(from)];
                file.read_exact_at(&mut part, start)?;
                Ok(part.into())
            }
        }
    }
}

fn place(place: u64) -> io::Result<usize> {
    usize::try_from(place).map_err(io::Error::other)
}

/// Returns bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
