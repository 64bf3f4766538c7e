//! A state store in a folder of this machine: for `dir:PATH`, and the simplest of all stores.
//!
//! Each file is there whole or not at all; a change that ends halfway is mended by the next try. Links below the folder are
//! never followed: one that stands where a file shall be is replaced, one where a folder shall be is a clash. Writers of one
//! folder, in however many processes, go one after the other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::edits::{self, Entry, Known, Phase};
use super::{Applied, Listed, Listing, Store, StoreError, Trouble, contents};
use crate::core::placement::{Change, StorePath};
use crate::files::beneath::{Root, Sort};
use crate::files::folder;

/// How the names of files begin, in the root, that are not yet whole or not of the store.
const OURS: &str = ".bookend-";
/// Start of the names of files that are not yet whole.
const ASIDE: &str = ".bookend-writing-";
/// The lock file, where a folder itself cannot be locked.
const LOCK: &str = ".bookend-lock";

/// A state store in a folder of this machine.
#[derive(Debug, Clone)]
pub struct DirStore {
    root: PathBuf,
}

impl DirStore {
    /// Returns a store in a folder, which is made by the first change when it is not there.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Opens the folder; `None` when it is not there. It may itself be a link: whoever names it means what it leads to.
    fn open(&self) -> io::Result<Option<Root>> {
        match fs::canonicalize(&self.root).and_then(|root| Root::open(&root)) {
            Ok(root) => Ok(Some(root)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn failed<T>(&self, doing: &'static str, trouble: Trouble) -> Result<T, StoreError> {
        Err(StoreError { doing, store: format!("dir:{}", self.root.display()), trouble })
    }

    async fn apply_all(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, Trouble>> {
        let every = |trouble: fn() -> Trouble| changes.iter().map(|_| Err(trouble())).collect();
        if !may_go_on() {
            return every(|| Trouble::Stopped);
        }
        let root = self.root.clone();
        // Others may hold it for long.
        let opened = tokio::task::spawn_blocking(move || Locked::open(&root)).await;
        let mut root = match opened {
            Ok(Ok(root)) => root,
            Ok(Err(error)) => {
                let same = |error: &io::Error| io::Error::new(error.kind(), error.to_string());
                return changes.iter().map(|_| Err(trouble(same(&error), "folder"))).collect();
            }
            Err(_) => return every(|| Trouble::Other("the thread that locks it ended".to_owned())),
        };
        let mut results = Vec::with_capacity(changes.len());
        for change in changes {
            results.push(root.apply(change, may_go_on).await);
        }
        results
    }
}

impl Store for DirStore {
    async fn list(&self, folder: &StorePath) -> Result<Listing, StoreError> {
        let listed = || {
            let mut files = Vec::new();
            let Some(mut root) = self.open().map_err(|error| trouble(error, "folder"))? else {
                return Ok(Listing::default());
            };
            for (at, sort) in walk(&mut root, folder)?.files {
                if sort == Sort::File {
                    let file = root.open_file(Path::new(at.as_str()));
                    let found = file.and_then(|file| file.metadata());
                    let bytes = found.map_err(|error| trouble(error, "file"))?.len();
                    files.push(Listed { at, bytes });
                }
            }
            Ok(Listing { version: None, files })
        };
        listed().or_else(|trouble| self.failed("list", trouble))
    }

    async fn read(&self, path: &StorePath, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = match self.open() {
            Ok(Some(mut root)) => read(&mut root, path, bytes_max),
            Ok(None) => Ok(None),
            Err(error) => Err(trouble(error, "folder")),
        };
        bytes.or_else(|trouble| self.failed("read from", trouble))
    }

    async fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, StoreError>> {
        let results = self.apply_all(changes, may_go_on).await.into_iter();
        results.map(|result| result.or_else(|trouble| self.failed("write to", trouble))).collect()
    }

    async fn check(&self) -> Result<(), StoreError> {
        // What is not there is made by the first change, if the folder above can be written.
        let above = self.root.ancestors().map(|path| match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        });
        let mut found = above.filter_map(|path| Some((path, fs::metadata(path).ok()?)));
        let path = self.root.display();
        let checked = match found.next() {
            Some((at, found)) if !found.is_dir() => {
                Err(Trouble::Missing(format!("folder `{path}`: `{}` is a file", at.display())))
            }
            Some((at, _)) if !is_writable(at) => {
                Err(Trouble::Forbidden(format!("this user cannot write to `{}`", at.display())))
            }
            Some(_) => Ok(()),
            None => Err(Trouble::Missing(format!("folder `{path}`"))),
        };
        checked.or_else(|trouble| self.failed("check", trouble))
    }
}

#[cfg(target_os = "linux")]
fn is_writable(folder: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_writable(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|found| !found.permissions().readonly())
}

/// The folder while nobody else writes to it.
struct Locked {
    root: Root,
    _lock: Lock,
}

/// Released when it is dropped, and by the end of the process.
#[allow(dead_code, reason = "held, not used")]
enum Lock {
    Folder(File),
    File(folder::Lock),
}

impl Locked {
    /// Makes the folder if need be, waits for it, and takes away what a writer that was killed has left.
    fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let path = fs::canonicalize(path)?;
        let itself = File::open(&path)?;
        let lock = match itself.lock() {
            Ok(()) => Lock::Folder(itself),
            // Network file systems lock only files, and only those open for writing.
            Err(_) => Lock::File(folder::lock(&path.join(LOCK)).map_err(io::Error::other)?),
        };
        let mut root = Root::open(&path)?;
        for entry in root.entries(Path::new(""))?.unwrap_or_default() {
            if entry.name.starts_with(ASIDE) && entry.sort == Sort::File {
                root.remove(Path::new(&entry.name))?;
            }
        }
        Ok(Self { root, _lock: lock })
    }

    async fn apply(
        &mut self,
        change: &Change,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Applied, Trouble> {
        let needs = edits::needs(change);
        let mut known = Known::default();
        for folder in &needs.folders {
            let found = walk(&mut self.root, folder)?.files;
            known.listed.extend(found.into_keys());
        }
        for file in needs.files {
            if let Some(bytes) = read(&mut self.root, &file, super::FILE_BYTES_MAX)? {
                known.contents.insert(file, bytes);
            }
        }
        let steps = edits::resolve(change, &known)?;
        let end = steps.clone().at_once();
        edits::with_neighbours(&end.puts, &end.deletes, |folder| entries(&mut self.root, folder))?;

        let mut applied = Applied { attempts: 1, ..Applied::default() };
        for phase in steps.phases {
            self.phase(phase, &mut applied, may_go_on).await?;
        }
        for folder in &needs.folders {
            self.prune(folder)?;
        }
        Ok(applied)
    }

    async fn phase(
        &mut self,
        phase: Phase,
        applied: &mut Applied,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<(), Trouble> {
        for file in phase.puts {
            let bytes = contents::load(&file.at, &file.content)?;
            let path = Path::new(file.at.as_str());
            if self.has(path, &bytes) {
                applied.unchanged = applied.unchanged.saturating_add(1);
                continue;
            }
            if !may_go_on() {
                return Err(Trouble::Stopped);
            }
            let put = self.root.replace(path, &bytes, ASIDE);
            put.map_err(|error| trouble(error, "folder"))?;
            applied.written = applied.written.saturating_add(1);
            applied.bytes = applied.bytes.saturating_add(bytes.len() as u64);
            tokio::task::yield_now().await;
        }
        for at in phase.deletes {
            if !may_go_on() {
                return Err(Trouble::Stopped);
            }
            match self.root.remove(Path::new(at.as_str())) {
                Ok(true) => applied.deleted = applied.deleted.saturating_add(1),
                Ok(false) => continue,
                // A folder is there by its files only, and below a file there is none.
                Err(error) if is_of_folders(&error) => continue,
                Err(error) => return Err(trouble(error, "folder")),
            }
            let mut above = at.split().map(|(folder, _)| folder);
            while let Some(folder) = above.filter(|folder| !folder.is_root()) {
                let gone = self.root.remove_empty(Path::new(folder.as_str()));
                if !gone.map_err(|error| trouble(error, "folder"))? {
                    break;
                }
                above = folder.split().map(|(folder, _)| folder);
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Whether a file has this content already.
    fn has(&mut self, path: &Path, bytes: &[u8]) -> bool {
        let Ok(mut file) = self.root.open_file(path) else { return false };
        let same_size =
            file.metadata().is_ok_and(|found| found.is_file() && found.len() == bytes.len() as u64);
        let mut there = Vec::new();
        same_size && file.read_to_end(&mut there).is_ok() && there == bytes
    }

    /// Removes the folders without files in a folder, and itself: a writer that was killed may have left some.
    fn prune(&mut self, folder: &StorePath) -> Result<(), Trouble> {
        let mut folders = walk(&mut self.root, folder)?.folders;
        folders.sort_by_key(|folder| std::cmp::Reverse(folder.as_str().len()));
        for folder in folders {
            let gone = self.root.remove_empty(Path::new(folder.as_str()));
            gone.map_err(|error| trouble(error, "folder"))?;
        }
        Ok(())
    }
}

/// What is in a folder, wherever below it.
#[derive(Debug, Default)]
struct Walked {
    /// Whatever is no folder.
    files: BTreeMap<StorePath, Sort>,
    /// All folders, itself included.
    folders: Vec<StorePath>,
}

/// Looks at a folder. Names that no path can have are passed over: nothing of ours has one.
fn walk(root: &mut Root, folder: &StorePath) -> Result<Walked, Trouble> {
    let mut walked = Walked::default();
    let mut left = vec![folder.clone()];
    while let Some(folder) = left.pop() {
        let entries = match root.entries(Path::new(folder.as_str())) {
            Ok(Some(entries)) => entries,
            Ok(None) => continue,
            // It is a file, or stands behind one or behind a link.
            Err(error) if error.kind() == ErrorKind::NotADirectory => continue,
            Err(error) => return Err(trouble(error, "folder")),
        };
        for entry in entries {
            let Ok(at) = folder.join(&entry.name) else { continue };
            match entry.sort {
                _ if folder.is_root() && entry.name.starts_with(OURS) => {}
                Sort::Folder => left.push(at),
                sort => _ = walked.files.insert(at, sort),
            }
        }
        walked.folders.push(folder);
    }
    Ok(walked)
}

/// Returns what is in one folder, for the look at neighbours.
fn entries(root: &mut Root, folder: &StorePath) -> Result<Vec<Entry>, Trouble> {
    let found = match root.entries(Path::new(folder.as_str())) {
        Ok(found) => found.unwrap_or_default(),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Vec::new(),
        Err(error) => return Err(trouble(error, "folder")),
    };
    let entry = |entry: crate::files::beneath::Entry| {
        // What no path can have meets none.
        StorePath::exact(&entry.name).ok()?;
        Some(Entry { name: entry.name, is_folder: entry.sort == Sort::Folder })
    };
    Ok(found.into_iter().filter_map(entry).collect())
}

fn read(root: &mut Root, path: &StorePath, bytes_max: u64) -> Result<Option<Vec<u8>>, Trouble> {
    let too_large = || Trouble::TooLarge { path: path.to_string(), bytes_max };
    let failed = |error| trouble(error, "file");
    let file = match root.open_file(Path::new(path.as_str())) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Ok(None);
    }
    if found.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(Some(bytes)) }
}

fn is_of_folders(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::NotADirectory)
}

/// Says what a failure of the disk means.
fn trouble(error: io::Error, what: &'static str) -> Trouble {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Trouble::Forbidden(format!("the {what}: {error}"))
        }
        _ => Trouble::Disk(error.into()),
    }
}
