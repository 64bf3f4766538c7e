//! What a container of the platform is asked to do, from its arguments and variables alone.
//!
//! The command line reads the same through clap (`cli::args`), which knows flags for everything. This is for the
//! local run, which has the container of a Job in its hand and no process to pass it to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::missing::{NotTold, Told};
use super::reader::Reader;
use super::status::{FILE_BYTES_MAX, Status};
use super::writer::Writer;
use crate::contract::pod::{command, flag};
use crate::contract::{Kind, ObjectKey, env, labels, layout};
use crate::core::legacy::PodLayout;
use crate::exit::{Exit, Fault};

/// One of the three steps, and the folder of the pod it works on.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes the object to this folder of the pod.
    Reader(Reader, PathBuf),
    /// Reads the output below this folder of the pod.
    Writer(Box<Writer>, PathBuf),
    /// Reads the report from where it always is.
    Status(Status),
}

/// Why there is no step in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No subcommand, or one that no version of Kratix uses.
    #[error("unknown command `{word}` for a container of the platform")]
    Command {
        /// The first argument.
        word: String,
    },
    /// A flag that the writer does not have.
    #[error("unknown argument `{word}` for the writer")]
    Argument {
        /// The argument.
        word: String,
    },
    /// Settings without which a step has nothing to do.
    #[error("{0}")]
    NotTold(NotTold),
    /// A layout that does not exist.
    #[error("unknown layout `{word}` for the writer")]
    Layout {
        /// The name.
        word: String,
    },
    /// A flag without a value.
    #[error("the flag `{flag}` of the writer has no value")]
    NoValue {
        /// The flag.
        flag: &'static str,
    },
}

impl Fault for SettingsError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotTold(missing) => Some(missing.hint()),
            Self::Command { .. }
            | Self::Argument { .. }
            | Self::Layout { .. }
            | Self::NoValue { .. } => None,
        }
    }
}

/// Kratix compares with exactly this word; `True` and `1` mean no (contract.md 1.4).
pub fn is_true(word: &str) -> bool {
    word == labels::TRUE
}

/// The variables that name the object, as they came.
#[derive(Debug, Clone, Copy)]
pub struct ObjectVariables<'a> {
    /// API group.
    pub group: &'a str,
    /// API version without the group.
    pub version: &'a str,
    /// Kind; may be empty.
    pub kind: &'a str,
    /// Plural of the kind.
    pub plural: &'a str,
    /// Name.
    pub name: &'a str,
    /// Namespace; empty means `default` (contract.md 1.4).
    pub namespace: &'a str,
    /// Exactly `true` for an object without namespace.
    pub cluster_scoped: &'a str,
}

impl ObjectVariables<'_> {
    /// Returns the key of the object, or every variable that is missing, also of the `useful` ones.
    pub fn key(
        self,
        step: Told,
        useful: &[(&'static str, &str)],
    ) -> Result<ObjectKey, SettingsError> {
        let needed = [
            (env::OBJECT_GROUP, self.group),
            (env::OBJECT_VERSION, self.version),
            (env::OBJECT_NAME, self.name),
            (env::CRD_PLURAL, self.plural),
        ];
        let useful = [&[(env::OBJECT_NAMESPACE, self.namespace_or_none())], useful].concat();
        step.check(&needed, &useful).map_err(SettingsError::NotTold)?;
        let kind = Kind {
            group: self.group.to_owned().into(),
            version: self.version.to_owned().into(),
            kind: self.kind.to_owned().into(),
            plural: self.plural.to_owned().into(),
            namespaced: !is_true(self.cluster_scoped),
        };
        let namespace = if self.namespace.is_empty() { "default" } else { self.namespace };
        Ok(kind.object(Some(namespace), self.name))
    }

    /// Not empty for an object without namespace: none is missing.
    fn namespace_or_none(&self) -> &str {
        if is_true(self.cluster_scoped) { self.cluster_scoped } else { self.namespace }
    }
}

/// The variables of the status step, as they came.
#[derive(Debug, Clone, Copy)]
pub struct StatusVariables<'a> {
    /// Those that name the object.
    pub object: ObjectVariables<'a>,
    /// `configure` or `delete`.
    pub action: &'a str,
    /// `promise` or `resource`.
    pub workflow_type: &'a str,
    /// Name of the Pipeline.
    pub pipeline: &'a str,
    /// Exactly `true` for the last Pipeline of the workflow.
    pub is_last: &'a str,
    /// Exactly `true` for a dry run.
    pub dry_run: &'a str,
}

impl StatusVariables<'_> {
    /// Returns what the step is asked to do, or every variable that is missing.
    pub fn status(self) -> Result<Status, SettingsError> {
        let useful = [
            (env::WORKFLOW_ACTION, self.action),
            (env::WORKFLOW_TYPE, self.workflow_type),
            (env::PIPELINE_NAME, self.pipeline),
            (env::IS_LAST_PIPELINE, self.is_last),
        ];
        Ok(Status {
            key: self.object.key(Told::Status, &useful)?,
            workflow_type: self.workflow_type.to_owned(),
            action: self.action.to_owned(),
            pipeline: self.pipeline.to_owned(),
            is_last: is_true(self.is_last),
            dry_run: is_true(self.dry_run),
            file_bytes_max: FILE_BYTES_MAX,
        })
    }
}

/// What the writer cannot do without, or every flag of it that is missing.
pub fn check_writer(root: &str, promise: &str, pipeline: &str) -> Result<(), SettingsError> {
    let needed = [
        (flag::INPUT_DIRECTORY, root),
        (flag::PROMISE_NAME, promise),
        (flag::PIPELINE_NAME, pipeline),
    ];
    Told::Writer.check(&needed, &[]).map_err(SettingsError::NotTold)
}

/// Reads the arguments and variables of a container (contract.md 1 and 2).
pub fn parse(
    arguments: &[String],
    variables: &BTreeMap<String, String>,
) -> Result<Step, SettingsError> {
    let variables = Variables(variables);
    let (word, rest) = arguments.split_first().map_or(("", arguments), |(word, rest)| (word, rest));
    match word {
        command::READER => Ok(Step::Reader(reader(variables)?, variables.input_dir())),
        command::WORK_CREATOR => {
            let flags = flags(rest)?;
            let writer = writer(&flags, variables)?;
            Ok(Step::Writer(Box::new(writer), text(&flags, flag::INPUT_DIRECTORY).into()))
        }
        command::UPDATE_STATUS => Ok(Step::Status(status(variables)?)),
        word => Err(SettingsError::Command { word: word.to_owned() }),
    }
}

#[derive(Clone, Copy)]
struct Variables<'a>(&'a BTreeMap<String, String>);

impl<'a> Variables<'a> {
    fn text(self, name: &str) -> &'a str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    fn is_true(self, name: &str) -> bool {
        is_true(self.text(name))
    }

    fn input_dir(self) -> PathBuf {
        let dir = Some(self.text(env::INPUT_DIR)).filter(|dir| !dir.is_empty());
        dir.unwrap_or(layout::INPUT_DIR).into()
    }

    fn object(self) -> ObjectVariables<'a> {
        ObjectVariables {
            group: self.text(env::OBJECT_GROUP),
            version: self.text(env::OBJECT_VERSION),
            kind: self.text(env::OBJECT_KIND),
            plural: self.text(env::CRD_PLURAL),
            name: self.text(env::OBJECT_NAME),
            namespace: self.text(env::OBJECT_NAMESPACE),
            cluster_scoped: self.text(env::CLUSTER_SCOPED),
        }
    }
}

fn reader(variables: Variables<'_>) -> Result<Reader, SettingsError> {
    Ok(Reader {
        key: variables.object().key(Told::Reader, &[])?,
        dry_run: variables.is_true(env::DRY_RUN),
        keep_managed_fields: false,
    })
}

fn status(variables: Variables<'_>) -> Result<Status, SettingsError> {
    let variables = StatusVariables {
        object: variables.object(),
        action: variables.text(env::WORKFLOW_ACTION),
        workflow_type: variables.text(env::WORKFLOW_TYPE),
        pipeline: variables.text(env::PIPELINE_NAME),
        is_last: variables.text(env::IS_LAST_PIPELINE),
        dry_run: variables.text(env::DRY_RUN),
    };
    variables.status()
}

fn writer(flags: &BTreeMap<&str, &str>, variables: Variables<'_>) -> Result<Writer, SettingsError> {
    let given = |flag: &str| flags.get(flag).map(|text| (*text).to_owned());
    let [root, promise, pipeline] =
        [flag::INPUT_DIRECTORY, flag::PROMISE_NAME, flag::PIPELINE_NAME]
            .map(|flag| text(flags, flag));
    check_writer(root, promise, pipeline)?;
    Ok(Writer {
        namespace: given(flag::NAMESPACE).unwrap_or_default(),
        resource_name: given(flag::RESOURCE_NAME),
        resource_namespace: given(flag::RESOURCE_NAMESPACE),
        workflow_type: given(flag::WORKFLOW_TYPE).unwrap_or_else(|| "resource".into()),
        dry_run: variables.is_true(env::DRY_RUN),
        layout: layout(text(flags, flag::LAYOUT))?,
        trace_parent: variables.text(env::TRACE_PARENT).to_owned(),
        trace_state: variables.text(env::TRACE_STATE).to_owned(),
        ..Writer::new(promise, pipeline)
    })
}

/// Returns the layout of that name; an empty one is today's.
fn layout(word: &str) -> Result<PodLayout, SettingsError> {
    match word {
        "" => Ok(PodLayout::Today),
        word => PodLayout::from_name(word)
            .ok_or_else(|| SettingsError::Layout { word: word.to_owned() }),
    }
}

const WRITER_FLAGS: [&str; 8] = [
    flag::INPUT_DIRECTORY,
    flag::PROMISE_NAME,
    flag::PIPELINE_NAME,
    flag::NAMESPACE,
    flag::WORKFLOW_TYPE,
    flag::RESOURCE_NAME,
    flag::RESOURCE_NAMESPACE,
    flag::LAYOUT,
];

/// Reads `--flag value` and `--flag=value`; the last of a flag counts.
fn flags(arguments: &[String]) -> Result<BTreeMap<&str, &str>, SettingsError> {
    let mut flags = BTreeMap::new();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, words.next()),
        };
        let unknown = || SettingsError::Argument { word: word.to_owned() };
        let flag = WRITER_FLAGS.into_iter().find(|known| *known == flag).ok_or_else(unknown)?;
        flags.insert(flag, value.ok_or(SettingsError::NoValue { flag })?);
    }
    Ok(flags)
}

fn text<'a>(flags: &BTreeMap<&str, &'a str>, flag: &str) -> &'a str {
    flags.get(flag).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Step, SettingsError> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        parse(&arguments, &variables.collect())
    }

    const OBJECT: [(&str, &str); 4] = [
        (env::OBJECT_GROUP, "example.org"),
        (env::OBJECT_VERSION, "v1"),
        (env::CRD_PLURAL, "databases"),
        (env::OBJECT_NAME, "orders"),
    ];

    #[test]
    fn the_reader_takes_its_object_from_variables() {
        let check = |more: &[(&str, &str)], expect: &str| {
            let step = parsed(&["reader"], &[OBJECT.as_slice(), more].concat()).unwrap();
            let Step::Reader(reader, dir) = step else { panic!("{step:?}") };
            assert_eq!(reader.key.to_string(), expect);
            assert_eq!(dir, PathBuf::from(layout::INPUT_DIR));
        };
        check(&[], "databases.example.org default/orders");
        check(&[(env::OBJECT_NAMESPACE, "team-a")], "databases.example.org team-a/orders");
        check(&[(env::CLUSTER_SCOPED, "true")], "databases.example.org orders");
        check(&[(env::CLUSTER_SCOPED, "True")], "databases.example.org default/orders");
    }

    #[test]
    fn the_writer_takes_flags_in_both_forms() {
        let arguments = [
            "work-creator",
            "--input-directory",
            "/w",
            "--promise-name=p",
            "--pipeline-name",
            "n",
            "--resource-name",
            "r",
        ];
        let step = parsed(&arguments, &[(env::DRY_RUN, "true")]).unwrap();
        let Step::Writer(writer, root) = step else { panic!("{step:?}") };
        assert_eq!((writer.promise.as_str(), writer.pipeline.as_str()), ("p", "n"));
        assert_eq!(writer.resource_name.as_deref(), Some("r"));
        assert_eq!(writer.workflow_type, "resource");
        assert!(writer.dry_run);
        assert_eq!(root, PathBuf::from("/w"));
    }

    #[test]
    fn the_status_step_takes_all_from_variables() {
        let more = [(env::PIPELINE_NAME, "n"), (env::IS_LAST_PIPELINE, "true")];
        let step = parsed(&["update-status"], &[OBJECT.as_slice(), &more].concat()).unwrap();
        let Step::Status(status) = step else { panic!("{step:?}") };
        assert_eq!((status.pipeline.as_str(), status.is_last), ("n", true));
    }

    #[test]
    fn what_is_no_step_is_refused() {
        let check = |arguments: &[&str], expect: &str| {
            assert_eq!(parsed(arguments, &[]).unwrap_err().to_string(), expect);
        };
        check(&[], "unknown command `` for a container of the platform");
        check(&["frobnicate"], "unknown command `frobnicate` for a container of the platform");
        check(&["work-creator", "--what", "x"], "unknown argument `--what` for the writer");
        check(
            &["work-creator", "--promise-name", "p"],
            "the writer is not told what to write: --input-directory, --pipeline-name not given",
        );
        check(
            &["work-creator", "--namespace"],
            "the flag `--namespace` of the writer has no value",
        );
    }
}
