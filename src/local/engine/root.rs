//! A root folder with the machine's own files and more mount points than the machine has.
//!
//! `/kratix` is not there on a laptop, and only root could make it. So the stage gets a root of its own, in memory,
//! with every entry of the machine's `/` mounted into it. Where a mount point is missing deeper, that one folder is
//! taken apart in the same way. Nothing is ever made on the machine itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{chroot, pivot_root};

use super::child::code;

const NOTHING: Option<&str> = None;

/// Cuts the tree of mounts off from that of the machine: nothing that follows shows up there.
pub(super) fn keep_to_ourselves() -> nix::Result<()> {
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)
}

/// The root in the making, before it is entered.
pub(super) struct Root {
    dir: PathBuf,
    /// Folders of the machine that were taken apart: what is missing in them can be made.
    opened: Vec<PathBuf>,
    /// Mounts of the pod so far: what is missing in them is made in the pod's own folders.
    mounted: Vec<PathBuf>,
}

impl Root {
    /// Builds a root at an empty folder, in which these mount points and this folder can be made.
    pub(super) fn build(dir: &Path, targets: &[&Path], folder: &Path) -> nix::Result<Self> {
        let opened = to_open(targets, folder);
        let root = Self { dir: dir.to_owned(), opened, mounted: Vec::new() };
        root.opened.iter().try_for_each(|folder| root.open(folder))?;
        Ok(root)
    }

    /// Puts a file or folder of the machine at a path.
    pub(super) fn bind(&mut self, source: &Path, target: &Path) -> nix::Result<()> {
        let target = resolve(target);
        if target == Path::new("/") {
            return Err(Errno::EBUSY);
        }
        self.make(&target, source.is_dir())?;
        bind(source, &self.inside(&target))?;
        self.mounted.push(target);
        Ok(())
    }

    /// Makes a folder, where there is none.
    pub(super) fn make_dir(&self, target: &Path) -> nix::Result<()> {
        self.make(&resolve(target), true)
    }

    /// Refuses writing below a path that was bound.
    pub(super) fn make_read_only(&self, target: &Path) -> nix::Result<()> {
        let path = self.inside(&resolve(target));
        // In a user namespace a flag that the machine has set cannot be dropped: each must be named again. How
        // times of access are kept need not: a remount that names none of its flags keeps them.
        let flags = statvfs(&path)?.flags();
        let kept = [
            (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
            (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
            (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        ];
        let kept = kept.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, kept)| kept);
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(NOTHING, &path, NOTHING, kept.fold(read_only, |all, one| all | one), NOTHING)
    }

    /// Makes this the root of the process.
    pub(super) fn enter(self) -> nix::Result<()> {
        std::env::set_current_dir(&self.dir).map_err(|error| Errno::from_raw(code(&error)))?;
        // Over each other: the old root comes to lie on the new one and is taken off.
        match pivot_root(".", ".") {
            Ok(()) => umount2(".", MntFlags::MNT_DETACH)?,
            // The machine's own root cannot be moved when it is the kernel's first one (some virtual machines).
            Err(Errno::EINVAL) => chroot(".")?,
            Err(errno) => return Err(errno),
        }
        std::env::set_current_dir("/").map_err(|error| Errno::from_raw(code(&error)))?;
        // Undoes what `open` did to `/`: a stage may want to mount it somewhere itself.
        mount(NOTHING, "/", NOTHING, MsFlags::MS_PRIVATE, NOTHING)
    }

    fn inside(&self, path: &Path) -> PathBuf {
        self.dir.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Makes the mount point `target`, a folder or an empty file, where there is none.
    fn make(&self, target: &Path, folder: bool) -> nix::Result<()> {
        let in_the_pod = self.mounted.iter().any(|mounted| target.starts_with(mounted));
        if !in_the_pod {
            match existing(target) {
                there if there == target => return Ok(()),
                there if self.opened.iter().any(|opened| opened == there) => {}
                // A folder of the machine: whatever led here, nothing is made in it.
                _ => return Err(Errno::EROFS),
            }
        }
        let path = self.inside(target);
        let made = if folder {
            fs::create_dir_all(&path)
        } else {
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
                fs::OpenOptions::new().create(true).append(true).open(&path).map(drop)
            })
        };
        made.map_err(|error| Errno::from_raw(code(&error)))
    }

    /// Takes a folder of the machine apart: an empty one in its place, with the machine's entries mounted into it.
    fn open(&self, folder: &Path) -> nix::Result<()> {
        let inside = self.inside(folder);
        mount(Some("bookend"), &inside, Some("tmpfs"), MsFlags::MS_NODEV, Some("mode=0755"))?;
        // The root must not be copied into itself where the folder that holds it is mounted below.
        mount(NOTHING, &inside, NOTHING, MsFlags::MS_UNBINDABLE, NOTHING)?;
        let entries = fs::read_dir(folder).map_err(|error| Errno::from_raw(code(&error)))?;
        for entry in entries.flatten() {
            // An entry that cannot be had (a dead network mount) is left out; a stage that needs it will say so.
            let _ = copy(&entry.path(), &inside.join(entry.file_name()));
        }
        if let Ok(metadata) = fs::metadata(folder) {
            let _ = fs::set_permissions(&inside, metadata.permissions());
        }
        Ok(())
    }
}

/// Returns the folders of the machine in which something must be made, outer ones first, and always `/`.
fn to_open(targets: &[&Path], folder: &Path) -> Vec<PathBuf> {
    let targets: Vec<PathBuf> = targets.iter().map(|target| resolve(target)).collect();
    let in_a_mount =
        |path: &Path| targets.iter().any(|target| path != target && path.starts_with(target));
    let mut folders: Vec<PathBuf> = targets
        .iter()
        .chain([&resolve(folder)])
        .filter(|path| !path.exists() && !in_a_mount(path))
        .map(|path| existing(path).to_owned())
        .chain([PathBuf::from("/")])
        .collect();
    folders.sort_by(|a, b| (a.components().count(), a).cmp(&(b.components().count(), b)));
    folders.dedup();
    folders
}

/// Returns the longest start of a path that the machine has.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"))
}

/// Puts an entry of the machine into a folder that was taken apart.
fn copy(from: &Path, to: &Path) -> nix::Result<()> {
    let done = fs::symlink_metadata(from).and_then(|metadata| {
        if metadata.is_symlink() {
            return fs::read_link(from).and_then(|link| symlink(link, to)).map(|()| false);
        }
        let made = if metadata.is_dir() { fs::create_dir(to) } else { fs::write(to, "") };
        made.map(|()| true)
    });
    match done {
        Ok(true) => bind(from, to),
        Ok(false) => Ok(()),
        Err(error) => Err(Errno::from_raw(code(&error))),
    }
}

fn bind(source: &Path, target: &Path) -> nix::Result<()> {
    mount(Some(source), target, NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)
}

/// Returns the path with the links of the machine followed as far as it exists, and without `.` and `..`.
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                resolved.push(name);
                if let Ok(real) = resolved.canonicalize() {
                    resolved = real;
                }
            }
            Component::ParentDir => {
                resolved.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_that_lack_something_are_taken_apart() {
        let targets = ["/etc/none/deep/er", "/etc", "/none/a", "/none/b", "/usr/none", "/usr/bin"];
        let check = |targets: &[&str], expect: &[&str]| {
            let targets: Vec<&Path> = targets.iter().map(Path::new).collect();
            assert_eq!(
                to_open(&targets, Path::new("/")),
                expect.iter().map(PathBuf::from).collect::<Vec<_>>()
            );
        };
        check(&targets, &["/", "/usr"]);
        check(&["/etc/none/deep/er"], &["/", "/etc"]);
        check(&[], &["/"]);
    }

    #[test]
    fn links_are_followed_as_far_as_the_path_exists() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir(dir.join("real")).unwrap();
        symlink("real", dir.join("link")).unwrap();
        assert_eq!(resolve(&dir.join("link/a/../b")), dir.join("real/b"));
        assert_eq!(
            resolve(Path::new("/a-folder-that-is-not-there/b/./c")),
            Path::new("/a-folder-that-is-not-there/b/c")
        );
    }
}
