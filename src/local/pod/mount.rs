//! What a container sees where: its mounts, resolved to folders of this machine.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Container;

use super::PodError;
use super::env::Variables;
use super::volume::{Folder, join, make_dir};
use crate::local::engine::Mount;

/// Resolves the mounts of a container; a `subPath` that is not there becomes a folder.
pub(super) fn mounts(
    container: &Container,
    variables: &Variables,
    folders: &[Folder],
) -> Result<Vec<Mount>, PodError> {
    let mut mounts = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let folder = folders.iter().find(|folder| folder.name == mount.name);
        let folder = folder.ok_or_else(|| PodError::UnknownVolume {
            container: container.name.clone(),
            volume: mount.name.clone(),
        })?;
        let expression = mount.sub_path_expr.as_ref().map(|path| variables.expand(path));
        let sub_path = expression.or_else(|| mount.sub_path.clone()).unwrap_or_default();
        let user =
            format!("the mount of volume `{}` in container `{}`", mount.name, container.name);
        let source = match sub_path.as_str() {
            "" => folder.path.clone(),
            sub_path => join(&user, &folder.path, sub_path)?,
        };
        if !source.exists() {
            make_dir(&source)?;
        }
        mounts.push(Mount {
            source,
            target: Path::new("/").join(&mount.mount_path),
            read_only: folder.read_only || mount.read_only.unwrap_or_default(),
        });
    }
    Ok(mounts)
}

/// Returns where a path of the container is on this machine; below no mount it stays what it is.
pub(super) fn on_this_machine(mounts: &[Mount], path: &Path) -> PathBuf {
    let around = mounts.iter().filter(|mount| path.starts_with(&mount.target));
    let nearest = around.max_by_key(|mount| mount.target.components().count());
    let inside = nearest.and_then(|mount| {
        let rest = path.strip_prefix(&mount.target).ok()?;
        Some(if rest.as_os_str().is_empty() {
            mount.source.clone()
        } else {
            mount.source.join(rest)
        })
    });
    inside.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mount = |source: &str, target: &str| Mount {
            source: source.into(),
            target: target.into(),
            read_only: false,
        };
        let mounts = [mount("/tmp/a", "/w/input"), mount("/tmp/b", "/w/input/deep")];
        let check = |path: &str, expect: &str| {
            assert_eq!(on_this_machine(&mounts, Path::new(path)), PathBuf::from(expect));
        };
        check("/w/input", "/tmp/a");
        check("/w/input/x/y", "/tmp/a/x/y");
        check("/w/input/deep/z", "/tmp/b/z");
        check("/w/inputs", "/w/inputs");
    }
}
