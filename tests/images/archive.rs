//! An image as it lies in a docker-archive, read without any container tool.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tar::{Archive, EntryType};

use crate::container::setting;

/// A file, folder or link of an image.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) kind: EntryType,
    pub(crate) mode: u32,
    pub(crate) owner: (u64, u64),
    pub(crate) bytes: u64,
    pub(crate) link: Option<PathBuf>,
    pub(crate) time: u64,
}

/// What an image is made of.
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) config: Value,
    /// Digests of the layers.
    pub(crate) layers: Vec<String>,
    /// Entries of all layers.
    pub(crate) entries: Vec<Entry>,
    /// Bytes of all layers.
    pub(crate) bytes: u64,
}

/// Processors as container tools call them, of which each has a folder of archives.
pub(crate) const PROCESSORS: [&str; 2] = ["amd64", "arm64"];

/// The folder that `images/build` has filled for a processor.
pub(crate) fn folder(processor: &str) -> PathBuf {
    Path::new(&setting("BOOKEND_IMAGES")).join(processor)
}

/// Reads the image of a step for a processor.
pub(crate) fn read(processor: &str, step: &str) -> Image {
    let path = folder(processor).join(format!("{step}.tar"));
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut members = BTreeMap::new();
    for member in Archive::new(file).entries().unwrap() {
        let mut member = member.unwrap();
        let name = member.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.insert(name, bytes);
    }
    let member = |name: &Value| &members[name.as_str().unwrap()];
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let manifest = &manifest[0];
    let config: Value = serde_json::from_slice(member(&manifest["Config"])).unwrap();
    let layers: Vec<&Vec<u8>> = manifest["Layers"].as_array().unwrap().iter().map(member).collect();
    Image {
        name: manifest["RepoTags"][0].as_str().unwrap().to_owned(),
        layers: config["rootfs"]["diff_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|digest| digest.as_str().unwrap().to_owned())
            .collect(),
        entries: layers.iter().flat_map(|layer| entries(layer)).collect(),
        bytes: layers.iter().map(|layer| layer.len() as u64).sum(),
        config,
    }
}

fn entries(layer: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    for entry in Archive::new(layer).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        found.push(Entry {
            path: entry.path().unwrap().display().to_string().trim_end_matches('/').to_owned(),
            kind: header.entry_type(),
            mode: header.mode().unwrap(),
            owner: (header.uid().unwrap(), header.gid().unwrap()),
            bytes: header.size().unwrap(),
            link: entry.link_name().unwrap().map(|link| link.into_owned()),
            time: header.mtime().unwrap(),
        });
    }
    found
}
