//! From arguments to what a step takes: which words mean true, what may not be empty.

use std::fmt::Write as _;

use super::args;
use crate::contract::kinds::SYSTEM_NAMESPACE;
use crate::contract::{Kind, ObjectKey, env};
use crate::exit::{Exit, Fault};
use crate::files::tree::Limits;
use crate::steps::{reader, status, writer};

/// A command line that cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum UsageError {
    /// Settings that name the object are not there.
    #[error("the object is not named: {missing} not set")]
    NoObject {
        /// `VARIABLE (--flag), …`.
        missing: String,
    },
    /// The machine gives no event loop.
    #[error("failed to start the event loop")]
    Runtime {
        /// Why.
        source: std::io::Error,
    },
}

impl Fault for UsageError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoObject { .. } => Exit::Usage,
            Self::Runtime { .. } => Exit::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoObject { .. } => Some(
                "run this in a pod that Kratix made, which sets these variables, or give the flags"
                    .into(),
            ),
            Self::Runtime { .. } => {
                Some("raise the limit of open files (`ulimit -n`) and try again".into())
            }
        }
    }
}

/// Kratix compares with exactly this word; `True` and `1` mean no (contract.md 1.4).
fn is_true(word: &str) -> bool {
    word == "true"
}

fn key(target: &args::Target) -> Result<ObjectKey, UsageError> {
    let needed = [
        (&target.object_group, env::OBJECT_GROUP, "--object-group"),
        (&target.object_version, env::OBJECT_VERSION, "--object-version"),
        (&target.crd_plural, env::CRD_PLURAL, "--crd-plural"),
        (&target.object_name, env::OBJECT_NAME, "--object-name"),
    ];
    let mut missing = String::new();
    for (_, variable, flag) in needed.iter().filter(|(value, ..)| value.is_empty()) {
        let separator = if missing.is_empty() { "" } else { ", " };
        let _ = write!(missing, "{separator}{variable} ({flag})");
    }
    if !missing.is_empty() {
        return Err(UsageError::NoObject { missing });
    }
    let kind = Kind {
        group: target.object_group.clone().into(),
        version: target.object_version.clone().into(),
        kind: target.object_kind.clone().into(),
        plural: target.crd_plural.clone().into(),
        namespaced: !is_true(&target.cluster_scoped),
    };
    let namespace = match target.object_namespace.as_str() {
        "" => "default",
        namespace => namespace,
    };
    Ok(kind.object(Some(namespace), &target.object_name))
}

/// What the reader takes.
pub(super) fn reader(args: &args::Reader) -> Result<reader::Reader, UsageError> {
    Ok(reader::Reader {
        key: key(&args.target)?,
        dry_run: is_true(&args.dry_run.dry_run),
        keep_managed_fields: args.keep_managed_fields,
    })
}

/// What the writer takes.
pub(super) fn writer(args: &args::Writer) -> writer::Writer {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    writer::Writer {
        promise: args.promise_name.clone(),
        pipeline: args.pipeline_name.clone(),
        namespace: given(&args.namespace).unwrap_or_else(|| SYSTEM_NAMESPACE.to_owned()),
        resource_name: given(&args.resource_name),
        resource_namespace: given(&args.resource_namespace),
        workflow_type: args.workflow_type.clone(),
        dry_run: is_true(&args.dry_run.dry_run),
        trace_parent: args.trace_parent.clone(),
        trace_state: args.trace_state.clone(),
        limits: Limits {
            files_max: args.limits.max_files,
            file_bytes_max: args.limits.max_file_bytes,
            total_bytes_max: args.limits.max_total_bytes,
        },
        work_bytes_max: args.limits.max_work_bytes,
    }
}

/// What the status step takes.
pub(super) fn status(args: &args::Status) -> Result<status::Status, UsageError> {
    Ok(status::Status {
        key: key(&args.target)?,
        workflow_type: args.workflow_type.clone(),
        action: args.workflow_action.clone(),
        pipeline: args.pipeline_name.clone(),
        is_last: is_true(&args.is_last_pipeline),
        dry_run: is_true(&args.dry_run.dry_run),
        file_bytes_max: status::FILE_BYTES_MAX,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn step_of(arguments: &[&str]) -> Result<reader::Reader, UsageError> {
        let all = ["bookend", "reader"].iter().chain(arguments);
        match Cli::try_parse_from(all).unwrap().command {
            Some(Command::Reader(args)) => reader(&args),
            other => panic!("{other:?}"),
        }
    }

    const FULL: [&str; 8] = [
        "--object-group",
        "g.io",
        "--object-version",
        "v1",
        "--crd-plural",
        "things",
        "--object-name",
        "one",
    ];

    #[test]
    fn an_empty_namespace_is_default_and_none_for_a_cluster_scoped_object() {
        assert_eq!(step_of(&FULL).unwrap().key.namespace.as_deref(), Some("default"));
        let scoped = |word| {
            let arguments: Vec<_> = FULL.into_iter().chain(["--cluster-scoped", word]).collect();
            step_of(&arguments).unwrap().key.namespace
        };
        assert_eq!(scoped("true"), None);
        assert_eq!(scoped("True").as_deref(), Some("default"));
    }

    #[test]
    fn every_missing_setting_is_named() {
        let error = step_of(&["--object-name", "one"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the object is not named: KRATIX_OBJECT_GROUP (--object-group), \
             KRATIX_OBJECT_VERSION (--object-version), KRATIX_CRD_PLURAL (--crd-plural) not set"
        );
        assert_eq!(error.exit(), Exit::Usage);
    }
}
