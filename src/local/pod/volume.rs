//! The volumes of a pod, as folders of this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, KeyToPath, PodSpec, Volume, VolumeProjection,
};

use super::PodError;
use super::data::{Holder, fetch};
use super::env::missing;
use super::field::{Identity, resource};
use crate::cluster::Cluster;

/// A volume that is ready to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Its name in the pod.
    pub(super) name: String,
    /// Where it is on this machine.
    pub(super) path: PathBuf,
    /// Whether containers may only read it, whatever their mounts say.
    pub(super) read_only: bool,
}

/// Fills the volumes of one pod.
pub(super) struct Volumes<'a, C> {
    pub(super) cluster: &'a C,
    pub(super) identity: &'a Identity,
    pub(super) spec: &'a PodSpec,
    /// Folder that gets one folder for each volume.
    pub(super) dir: &'a Path,
    /// What stands in for something else, a sentence each.
    pub(super) warnings: Vec<String>,
}

/// What a projection says about the files it makes.
struct Files<'a> {
    user: &'a str,
    dir: &'a Path,
    mode: i32,
}

impl<C: Cluster> Volumes<'_, C> {
    /// Makes and fills the folder of every volume.
    pub(super) async fn fill(&mut self) -> Result<Vec<Folder>, PodError> {
        let spec = self.spec;
        let mut folders = Vec::new();
        for volume in spec.volumes.iter().flatten() {
            let path = self.dir.join(&volume.name);
            make_dir(&path)?;
            let read_only = self.fill_one(volume, &path).await?;
            folders.push(Folder { name: volume.name.clone(), path, read_only });
        }
        Ok(folders)
    }

    /// Fills one folder, and returns whether it is for reading only.
    async fn fill_one(&mut self, volume: &Volume, dir: &Path) -> Result<bool, PodError> {
        let user = format!("volume `{}`", volume.name);
        let files = |mode: Option<i32>| Files { user: &user, dir, mode: mode.unwrap_or(0o644) };
        if let Some(map) = &volume.config_map {
            let source = (Holder::ConfigMap, map.name.as_str(), map.optional);
            self.put_data(&files(map.default_mode), source, map.items.as_deref()).await?;
        } else if let Some(secret) = &volume.secret {
            let name = secret.secret_name.as_deref().unwrap_or_default();
            let source = (Holder::Secret, name, secret.optional);
            self.put_data(&files(secret.default_mode), source, secret.items.as_deref()).await?;
        } else if let Some(downward) = &volume.downward_api {
            self.put_fields(&files(downward.default_mode), downward.items.as_deref())?;
        } else if let Some(projected) = &volume.projected {
            for source in projected.sources.iter().flatten() {
                self.put_projection(&files(projected.default_mode), source).await?;
            }
        } else {
            if volume.empty_dir.is_none() {
                let kind = kind_of(volume);
                self.warnings.push(format!("an empty folder stands in for {user}, a {kind}"));
            }
            return Ok(false);
        }
        Ok(true)
    }

    async fn put_projection(
        &self,
        files: &Files<'_>,
        source: &VolumeProjection,
    ) -> Result<(), PodError> {
        if let Some(map) = &source.config_map {
            let from = (Holder::ConfigMap, map.name.as_str(), map.optional);
            self.put_data(files, from, map.items.as_deref()).await
        } else if let Some(secret) = &source.secret {
            let from = (Holder::Secret, secret.name.as_str(), secret.optional);
            self.put_data(files, from, secret.items.as_deref()).await
        } else if let Some(downward) = &source.downward_api {
            self.put_fields(files, downward.items.as_deref())
        } else {
            let kind = match source {
                VolumeProjection { service_account_token: Some(_), .. } => "serviceAccountToken",
                VolumeProjection { cluster_trust_bundle: Some(_), .. } => "clusterTrustBundle",
                _ => "podCertificate",
            };
            Err(PodError::Source { user: files.user.to_owned(), kind })
        }
    }

    async fn put_data(
        &self,
        files: &Files<'_>,
        (holder, name, optional): (Holder, &str, Option<bool>),
        items: Option<&[KeyToPath]>,
    ) -> Result<(), PodError> {
        let optional = optional.unwrap_or_default();
        let place = (self.identity.namespace.as_str(), name);
        let Some(data) = fetch(self.cluster, files.user, holder, place, optional).await? else {
            return Ok(());
        };
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            return data
                .entries
                .iter()
                .try_for_each(|(name, bytes)| files.write(name, bytes, None));
        };
        for item in items {
            match data.entries.get(&item.key) {
                Some(bytes) => files.write(&item.path, bytes, item.mode)?,
                None if optional => {}
                None => return Err(missing(files.user.to_owned(), data, &item.key)),
            }
        }
        Ok(())
    }

    fn put_fields(
        &self,
        files: &Files<'_>,
        items: Option<&[DownwardAPIVolumeFile]>,
    ) -> Result<(), PodError> {
        for item in items.unwrap_or_default() {
            let text = match (&item.field_ref, &item.resource_field_ref) {
                (Some(field), _) => self.identity.field(files.user, field)?,
                (None, Some(selector)) => {
                    let name = selector.container_name.as_deref().unwrap_or_default();
                    resource(files.user, self.container(name), selector)?
                }
                (None, None) => String::new(),
            };
            files.write(&item.path, text.as_bytes(), item.mode)?;
        }
        Ok(())
    }

    fn container(&self, name: &str) -> Option<&Container> {
        let mut all = self.spec.init_containers.iter().flatten().chain(&self.spec.containers);
        all.find(|container| container.name == name)
    }
}

impl Files<'_> {
    fn write(&self, path: &str, bytes: &[u8], mode: Option<i32>) -> Result<(), PodError> {
        let file = join(self.user, self.dir, path)?;
        let failed = |source| PodError::File { path: file.clone(), source };
        if let Some(parent) = file.parent() {
            make_dir(parent)?;
        }
        fs::write(&file, bytes).map_err(failed)?;
        let mode = u32::try_from(mode.unwrap_or(self.mode)).unwrap_or(0o644);
        // Readable for us at least: everything here runs as one user, and the kubelet's root reads anything.
        let mode = (mode & 0o777) | 0o400;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).map_err(failed)
    }
}

/// Returns `path` below `dir`; it may not leave it.
pub(super) fn join(user: &str, dir: &Path, path: &str) -> Result<PathBuf, PodError> {
    let is_inside =
        |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if Path::new(path).components().all(is_inside) {
        return Ok(dir.join(path));
    }
    Err(PodError::Path { user: user.to_owned(), path: path.to_owned() })
}

/// Makes a folder with all above it.
pub(super) fn make_dir(path: &Path) -> Result<(), PodError> {
    fs::create_dir_all(path).map_err(|source| PodError::File { path: path.to_owned(), source })
}

/// Returns the kind of a volume that only a cluster has.
fn kind_of(volume: &Volume) -> String {
    let value = serde_json::to_value(volume).unwrap_or_default();
    let kind = value.as_object().and_then(|map| map.keys().find(|key| *key != "name").cloned());
    kind.unwrap_or_else(|| "volume without source".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_not_leave_its_folder() {
        let check = |path: &str| join("volume `v`", Path::new("/v"), path).ok();
        assert_eq!(check("a/b"), Some("/v/a/b".into()));
        assert_eq!(check("..data"), Some("/v/..data".into()));
        assert_eq!(check("../a"), None);
        assert_eq!(check("a/../b"), None);
        assert_eq!(check("/etc"), None);
    }

    #[test]
    fn a_volume_of_another_kind_is_named() {
        let text = r#"{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}"#;
        assert_eq!(kind_of(&serde_json::from_str(text).unwrap()), "persistentVolumeClaim");
        assert_eq!(kind_of(&Volume::default()), "volume without source");
    }
}
