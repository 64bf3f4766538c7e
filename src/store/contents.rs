//! What is in a file that is to be written: had when it is written, one at a time, and up to a limit.

use std::sync::Arc;

use super::{Cause, FILE_BYTES_MAX, Trouble};
use crate::core::placement::{Content, StorePath};
use crate::core::work_view::{self, UnpackError};
use crate::files::{FileError, beneath};

/// Returns what is in a file that is to be written.
///
/// It may read the disk: not for a thread that others wait for.
///
/// # Errors
/// [`Trouble::TooLarge`] beyond [`FILE_BYTES_MAX`], for what is packed [`work_view::FILE_BYTES_MAX`]; else [`Trouble::Content`]; both name the file as it is in the store.
pub fn load(at: &StorePath, content: &Content) -> Result<Arc<[u8]>, Trouble> {
    let failed = |cause: Cause| Trouble::Content { path: at.to_string(), cause };
    let beyond = |bytes_max| Trouble::TooLarge { path: at.to_string(), bytes_max };
    let too_large = || beyond(FILE_BYTES_MAX);
    match content {
        Content::Bytes(bytes) if bytes.len() as u64 > FILE_BYTES_MAX => Err(too_large()),
        Content::Bytes(bytes) => Ok(bytes.clone()),
        // Half a megabyte of a Work can be as many gigabytes as it likes, in the memory of a controller that is everybody's.
        Content::Packed(text) => match work_view::unpack(text, work_view::FILE_BYTES_MAX) {
            Ok(bytes) => Ok(bytes.into()),
            Err(UnpackError::TooLarge { bytes_max }) => Err(beyond(bytes_max)),
            Err(error) => Err(failed(error.into())),
        },
        Content::Disk { root, path, .. } => match beneath::read(root, path, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(bytes.into()),
            Err(FileError::TooLarge { .. }) => Err(too_large()),
            Err(error) => Err(failed(error.into())),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;
    use crate::core::workloads::Packer;

    fn at() -> StorePath {
        StorePath::exact("a/b.yaml").unwrap()
    }

    #[test]
    fn content_is_had_from_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("x")).unwrap();
        std::fs::write(folder.path().join("x/y"), "disk").unwrap();
        let root = Arc::new(folder.path().to_owned());
        let packed = Packer::default().pack(b"packed").unwrap();
        for (content, expect) in [
            (Content::Bytes(b"bytes".as_slice().into()), "bytes"),
            (Content::Packed(packed.into()), "packed"),
            (Content::Disk { root, path: PathBuf::from("x/y"), bytes: 0 }, "disk"),
        ] {
            assert_eq!(&*load(&at(), &content).unwrap(), expect.as_bytes());
        }
    }

    #[test]
    fn what_is_packed_does_not_fill_the_memory() {
        let bomb = vec![0; work_view::FILE_BYTES_MAX as usize + 1];
        let packed = Packer::default().pack(&bomb).unwrap();
        assert!(packed.len() < 1 << 20, "it fits into a Work");
        let error = load(&at(), &Content::Packed(packed.into())).unwrap_err();
        let expect = work_view::FILE_BYTES_MAX;
        assert!(matches!(error, Trouble::TooLarge { bytes_max, .. } if bytes_max == expect));
    }

    #[test]
    fn what_cannot_be_had_names_the_file_of_the_store() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("real"), "secret").unwrap();
        symlink("real", folder.path().join("link")).unwrap();
        symlink(".", folder.path().join("around")).unwrap();
        let root = Arc::new(folder.path().to_owned());
        let disk = |path: &str| Content::Disk { root: root.clone(), path: path.into(), bytes: 6 };
        for content in [
            Content::Packed("%".into()),
            disk("absent"),
            disk("link"),
            disk("around/real"),
            disk("../real"),
            disk("/etc/hostname"),
            disk(""),
        ] {
            let error = load(&at(), &content).unwrap_err();
            assert_eq!(error.to_string(), "failed to read `a/b.yaml`, which is to be written");
        }
    }
}
