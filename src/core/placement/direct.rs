//! Which files a writer has that writes its output itself, without Work and WorkPlacement (contract.md 10.4).
//!
//! They are where a WorkPlacement would have them, as long as the Promise sets no `pipelineNamespace`: a direct writer
//! knows nobody else, so the namespace in its paths is always that of the request, and no two requests share a folder.

use super::change::{Content, Edit, File};
use super::destination::Mode;
use super::path::{PathError, StorePath};
use crate::contract::placement::file;
use crate::core::hash::md5_hex;
use crate::core::workloads::Group;

/// Longest name of somebody in the name of a state file, in bytes: four of them are a name that every disk takes.
const NAME_BYTES_MAX: usize = 60;
/// How much of the id of a group stands in a folder, in bytes.
const SHORT_ID_BYTES: usize = 5;

/// Whose output it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output<'a> {
    /// Namespace of the request.
    pub namespace: &'a str,
    /// Name of the Promise.
    pub promise: &'a str,
    /// Name of the request; `None` for the output of a Promise's own workflow.
    pub resource: Option<&'a str>,
    /// Name of the Pipeline.
    pub pipeline: &'a str,
}

/// One file of an output: its path below the output folder, and what is in it.
pub type OutputFile = (String, Content);

/// How all that an object has written is found again, when it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// All files in a folder.
    Folder(StorePath),
    /// All that state files of these names, in this folder, list.
    StateFiles {
        /// The folder.
        folder: StorePath,
        /// Whose they are.
        names: Names,
    },
    /// Parts of these names in a file.
    Parts {
        /// The file.
        file: StorePath,
        /// Whose they are.
        names: Names,
    },
}

/// Names of all that is of one object, whatever the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    start: String,
    separator: char,
    end: &'static str,
}

impl Names {
    /// Whether a name is one of them.
    pub fn has(&self, name: &str) -> bool {
        let middle =
            name.strip_prefix(self.start.as_str()).and_then(|rest| rest.strip_suffix(self.end));
        middle.is_some_and(|pipeline| !pipeline.is_empty() && !pipeline.contains(self.separator))
    }
}

impl Output<'_> {
    /// Returns what makes the files of the output be there, and nothing else of this pipeline.
    pub fn put(
        &self,
        base: &StorePath,
        mode: &Mode,
        groups: Vec<Group<OutputFile>>,
    ) -> Result<Edit, PathError> {
        match mode {
            Mode::Nested => {
                let at = segment(&self.folder(base)?, self.pipeline)?;
                let mut files = Vec::new();
                for group in groups {
                    let id = group.id();
                    let folder = at.join(&id[..id.floor_char_boundary(SHORT_ID_BYTES)])?;
                    files.extend(placed(&folder, group.files)?);
                }
                Ok(Edit::Folder { at, files })
            }
            Mode::Plain => {
                let state = format!("{}{}.yaml", self.start('_', short), short(self.pipeline));
                let state = segment(&base.join(file::STATE)?, &state)?;
                let files = groups.into_iter().flat_map(|group| group.files).collect();
                Ok(Edit::Listed { base: base.clone(), state, files: placed(base, files)? })
            }
            Mode::Aggregated { file } => {
                let at = base.join(file.as_str())?;
                let of = format!("{}{}", self.start('/', str::to_owned), self.pipeline);
                let files = groups.into_iter().flat_map(|group| group.files);
                let content: Vec<Content> = files.map(|(_, content)| content).collect();
                Ok(Edit::Part { at, of, content: (!content.is_empty()).then_some(content) })
            }
        }
    }

    /// Returns where all is that any pipeline of the object has written.
    pub fn trace(&self, base: &StorePath, mode: &Mode) -> Result<Trace, PathError> {
        Ok(match mode {
            Mode::Nested => Trace::Folder(self.folder(base)?),
            Mode::Plain => {
                let start = self.start('_', short);
                let names = Names { start, separator: '_', end: ".yaml" };
                Trace::StateFiles { folder: base.join(file::STATE)?, names }
            }
            Mode::Aggregated { file } => {
                let start = self.start('/', str::to_owned);
                Trace::Parts {
                    file: base.join(file.as_str())?,
                    names: Names { start, separator: '/', end: "" },
                }
            }
        })
    }

    /// The folder of the object.
    fn folder(&self, base: &StorePath) -> Result<StorePath, PathError> {
        let names: &[&str] = match &self.resource {
            Some(resource) => &[file::RESOURCES, self.namespace, self.promise, resource],
            None => &[file::DEPENDENCIES, self.promise],
        };
        names.iter().try_fold(base.clone(), |at, name| segment(&at, name))
    }

    /// What names of the object's own begin with. No name of Kubernetes holds the separator.
    fn start(&self, separator: char, name: fn(&str) -> String) -> String {
        let Self { namespace, promise, resource, .. } = self;
        let names: &[&str] = match resource {
            Some(resource) => &[file::RESOURCES, namespace, promise, resource],
            None => &[file::DEPENDENCIES, promise],
        };
        names.iter().map(|one| format!("{}{separator}", name(one))).collect()
    }
}

/// Returns the path of what has this one name in a folder.
fn segment(folder: &StorePath, name: &str) -> Result<StorePath, PathError> {
    match name {
        "" => Err(PathError { path: name.to_owned(), fault: "is empty".into() }),
        _ if name.contains('/') => Err(PathError {
            path: name.to_owned(),
            fault: "has `/` in it, and is to be one name".into(),
        }),
        name => folder.join(name),
    }
}

fn placed(folder: &StorePath, files: Vec<OutputFile>) -> Result<Vec<File>, PathError> {
    let place = |(path, content): OutputFile| Ok(File { at: folder.join(&path)?, content });
    files.into_iter().map(place).collect()
}

/// Cuts a long name; the cut one ends in a hash of all of it.
fn short(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let end = name.floor_char_boundary(NAME_BYTES_MAX - 11);
    format!("{}-{}", &name[..end], &md5_hex(name)[..10])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output<'a>(resource: Option<&'a str>, pipeline: &'a str) -> Output<'a> {
        Output { namespace: "team-a", promise: "redis", resource, pipeline }
    }

    fn groups() -> Vec<Group<OutputFile>> {
        let group = |directory: &str, path: &str| Group {
            directory: directory.to_owned(),
            selectors: vec![],
            files: vec![(path.to_owned(), Content::Bytes(path.as_bytes().into()))],
        };
        vec![group("foo", "foo/b.yaml"), group(".", "a.yaml")]
    }

    fn path(text: &str) -> StorePath {
        StorePath::exact(text).unwrap()
    }

    fn paths(files: &[File]) -> Vec<&str> {
        files.iter().map(|file| file.at.as_str()).collect()
    }

    #[test]
    fn folders_are_those_of_the_contract() {
        let base = path("dev");
        let edit = output(Some("r1"), "main").put(&base, &Mode::Nested, groups()).unwrap();
        let Edit::Folder { at, files } = edit else { panic!("{edit:?}") };
        assert_eq!(at.as_str(), "dev/resources/team-a/redis/r1/main");
        assert_eq!(
            paths(&files),
            [
                "dev/resources/team-a/redis/r1/main/acbd1/foo/b.yaml",
                "dev/resources/team-a/redis/r1/main/5058f/a.yaml"
            ]
        );
        let edit = output(None, "main").put(&base, &Mode::Nested, vec![]).unwrap();
        let at = path("dev/dependencies/redis/main");
        assert_eq!(edit, Edit::Folder { at, files: vec![] });
    }

    #[test]
    fn files_between_others_are_listed_in_a_state_file_of_their_own() {
        let edit = output(Some("r1"), "main").put(&path("dev"), &Mode::Plain, groups()).unwrap();
        let Edit::Listed { base, state, files } = edit else { panic!("{edit:?}") };
        assert_eq!(base.as_str(), "dev");
        assert_eq!(state.as_str(), "dev/.kratix/resources_team-a_redis_r1_main.yaml");
        assert_eq!(paths(&files), ["dev/foo/b.yaml", "dev/a.yaml"]);
        let long = "r".repeat(250);
        let edit = output(Some(&long), "main").put(&path("dev"), &Mode::Plain, groups()).unwrap();
        let Edit::Listed { state, .. } = edit else { panic!("{edit:?}") };
        assert!(state.as_str().len() < 150, "{state}");
    }

    #[test]
    fn a_part_of_the_one_file_has_the_name_of_its_writer() {
        let mode = Mode::Aggregated { file: path("all.yaml") };
        let edit = output(Some("r1"), "main").put(&path("dev"), &mode, groups()).unwrap();
        let Edit::Part { at, of, content } = edit else { panic!("{edit:?}") };
        assert_eq!((at.as_str(), of.as_str()), ("dev/all.yaml", "resources/team-a/redis/r1/main"));
        assert_eq!(content.map(|all| all.len()), Some(2));
        let edit = output(None, "main").put(&path("dev"), &mode, vec![]).unwrap();
        let Edit::Part { of, content, .. } = edit else { panic!("{edit:?}") };
        assert_eq!((of.as_str(), content), ("dependencies/redis/main", None));
    }

    #[test]
    fn all_of_an_object_is_found_again_and_nothing_of_others() {
        let trace =
            |mode: &Mode, resource| output(resource, "x").trace(&path("dev"), mode).unwrap();
        let folder = |text| Trace::Folder(path(text));
        assert_eq!(trace(&Mode::Nested, Some("r1")), folder("dev/resources/team-a/redis/r1"));
        assert_eq!(trace(&Mode::Nested, None), folder("dev/dependencies/redis"));
        let Trace::StateFiles { names, .. } = trace(&Mode::Plain, Some("r1")) else { panic!() };
        for (name, is_ours) in [
            ("resources_team-a_redis_r1_main.yaml", true),
            ("resources_team-a_redis_r1_other.yaml", true),
            ("resources_team-a_redis_r1_.yaml", false),
            ("resources_team-a_redis_r11_main.yaml", false),
            ("dependencies_redis_main.yaml", false),
            ("team-a-redis-r1-main-1a2b3.worker-1-5058f.yaml", false),
        ] {
            assert_eq!(names.has(name), is_ours, "{name}");
        }
        let mode = Mode::Aggregated { file: path("all.yaml") };
        let Trace::Parts { names, .. } = trace(&mode, None) else { panic!() };
        assert!(names.has("dependencies/redis/main"));
        assert!(!names.has("dependencies/redis-2/main"));
        assert!(!names.has("dependencies/redis/main/more"));
    }

    #[test]
    fn a_name_that_is_no_name_is_refused() {
        for (namespace, resource) in [("a/b", "r"), ("", "r"), ("..", "r"), ("a", "r/x")] {
            let output = Output { namespace, resource: Some(resource), ..output(None, "p") };
            assert!(output.put(&path("dev"), &Mode::Nested, groups()).is_err(), "{namespace}");
        }
        let bad = vec![Group {
            directory: ".".into(),
            selectors: vec![],
            files: vec![("../x".to_owned(), Content::Bytes((*b"").into()))],
        }];
        assert!(output(None, "p").put(&path("dev"), &Mode::Plain, bad).is_err());
    }
}
