//! Reads one file, with a limit and only if it is a file.
//!
//! Stand-in until the real one is merged.

use std::io::{self, Read as _};
use std::path::Path;

use super::FileError;

/// Returns the content, `None` when the file is absent.
pub fn limited(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(failed)?,
    };
    if !found.is_file() {
        return Err(failed(io::Error::other("no file")));
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(failed(io::Error::other("more bytes than the limit")));
    }
    Ok(Some(bytes))
}
