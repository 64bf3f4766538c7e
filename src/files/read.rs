//! Reads one file, with a limit and only if it is a file.
//!
//! Stand-in until the real reader is merged.

use std::io;
use std::path::Path;

use super::FileError;

/// Returns the file's bytes, `None` when it is not there.
pub fn limited(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() as u64 > bytes_max => {
            Err(failed(io::Error::other(format!("larger than {bytes_max} bytes"))))
        }
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}
