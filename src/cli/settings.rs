//! From arguments to what a step takes: which words mean true, what may not be empty.

use std::ffi::OsStr;
use std::time::Duration;

use jiff::Timestamp;

use super::args;
use super::step::{ignore_surplus, in_pod};
use crate::cluster::live::RetryPolicy;
use crate::contract::kinds::SYSTEM_NAMESPACE;
use crate::contract::{Layout, env, kinds, layout};
use crate::core::legacy::PodLayout;
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::sidecar::Words;
use crate::files::tree::Limits;
use crate::local::run::Run;
use crate::show::ShowWork;
use crate::show::status::{self as show_status, ShowStatus, StatusError};
use crate::steps::missing::Told;
use crate::steps::settings::{
    ObjectVariables, SettingsError, StatusVariables, check_writer, is_true,
};
use crate::steps::{reader, sidecar, status, writer};

fn object(target: &args::Target) -> ObjectVariables<'_> {
    ObjectVariables {
        group: &target.object_group,
        version: &target.object_version,
        kind: &target.object_kind,
        plural: &target.crd_plural,
        name: &target.object_name,
        namespace: &target.object_namespace,
        cluster_scoped: &target.cluster_scoped,
    }
}

/// How long an API server is waited for. Somebody who only looks is told of a refusal at once, and can look again.
pub(super) fn retry_policy(common: &args::Common, only_looks: bool) -> RetryPolicy {
    let policy = RetryPolicy::default();
    let unless_told = if only_looks { Duration::ZERO } else { policy.refusal_time_max };
    refusals(common, RetryPolicy { refusal_time_max: unless_told, ..policy })
}

/// A policy, with the time for which refusals are doubted where one is told.
pub(super) fn refusals(common: &args::Common, policy: RetryPolicy) -> RetryPolicy {
    let told = common.refusal_wait.map(Duration::from_secs);
    RetryPolicy { refusal_time_max: told.unwrap_or(policy.refusal_time_max), ..policy }
}

/// What the reader takes.
pub(super) fn reader(args: &args::Reader) -> Result<reader::Reader, SettingsError> {
    Ok(reader::Reader {
        key: object(&args.target).key(Told::Reader, &[])?,
        dry_run: is_true(&args.dry_run.dry_run),
        keep_managed_fields: args.keep_managed_fields,
    })
}

/// What the writer takes.
pub(super) fn writer(args: &args::Writer) -> Result<writer::Writer, SettingsError> {
    // Only whether it is empty counts, whatever its bytes are.
    writer_with(args, &args.input_directory.to_string_lossy())
}

fn writer_with(args: &args::Writer, root: &str) -> Result<writer::Writer, SettingsError> {
    check_writer(root, &args.promise_name, &args.pipeline_name)?;
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Ok(writer::Writer {
        promise: args.promise_name.clone(),
        pipeline: args.pipeline_name.clone(),
        namespace: given(&args.namespace).unwrap_or_else(|| SYSTEM_NAMESPACE.to_owned()),
        resource_name: given(&args.resource_name),
        resource_namespace: given(&args.resource_namespace),
        workflow_type: args.workflow_type.clone(),
        dry_run: is_true(&args.dry_run.dry_run),
        layout: pod_layout(args.layout),
        trace_parent: args.trace_parent.clone(),
        trace_state: args.trace_state.clone(),
        limits: Limits {
            files_max: args.limits.max_files,
            file_bytes_max: args.limits.max_file_bytes,
            total_bytes_max: args.limits.max_total_bytes,
        },
        work_bytes_max: args.limits.max_work_bytes,
    })
}

/// By whose rules an output is taken.
pub(super) fn pod_layout(layout: args::OutputLayout) -> PodLayout {
    match layout {
        args::OutputLayout::Today => PodLayout::Today,
        args::OutputLayout::Early => PodLayout::Early,
        args::OutputLayout::Xaas => PodLayout::Xaas,
    }
}

/// Whether it is a dry run of Kratix.
pub(super) fn is_dry_run(args: &args::DryRun) -> bool {
    is_true(&args.dry_run)
}

/// Fails when it is not told whose files are looked at.
pub(super) fn told_whose(whose: &args::Whose) -> Result<(), SettingsError> {
    check_writer(layout::POD_DIR, &whose.promise_name, &whose.pipeline_name)
}

/// What the writer takes that writes itself, and the folders it sees: those of a stage, unless it is told of the writer's.
pub(super) fn direct_writer(
    common: &args::Common,
    args: &args::Writer,
) -> Result<(Layout, writer::Writer), SettingsError> {
    ignore_surplus(&args.surplus);
    let told = Some(args.input_directory.as_os_str()).filter(|dir| !dir.is_empty());
    let Some(told) = told else {
        let direct = &args.direct;
        let mut writer = writer_with(args, layout::POD_DIR)?;
        if writer.workflow_type.starts_with(WorkflowType::Resource.as_str()) {
            let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
            writer.resource_name = writer.resource_name.or_else(|| given(&direct.object_name));
            if args.namespace.is_empty() {
                writer.namespace = given(&direct.object_namespace).unwrap_or(writer.namespace);
            }
        }
        let root = in_pod(common, OsStr::new(layout::POD_DIR));
        return Ok((Layout::under(&root), writer));
    };
    Ok((Layout::writer_root(&in_pod(common, told)), writer(args)?))
}

/// What the status step takes.
pub(super) fn status(args: &args::Status) -> Result<status::Status, SettingsError> {
    let variables = StatusVariables {
        object: object(&args.target),
        action: &args.workflow_action,
        workflow_type: &args.workflow_type,
        pipeline: &args.pipeline_name,
        is_last: &args.is_last_pipeline,
        dry_run: &args.dry_run.dry_run,
    };
    variables.status()
}

/// What the status sidecar takes.
pub(super) fn sidecar(args: &args::Sidecar) -> Result<sidecar::Sidecar, SettingsError> {
    let useful = [(env::PIPELINE_NAME, args.pipeline_name.as_str())];
    let pod = args.pod_name.as_deref().filter(|name| !name.is_empty());
    let words = Words { lines: args.failure_lines, bytes: args.failure_bytes };
    Ok(sidecar::Sidecar {
        key: object(&args.target).key(Told::Status, &useful)?,
        pipeline: args.pipeline_name.clone(),
        pod: pod.map(|name| kinds::POD.object(Some(&args.pod_namespace), name)),
        words,
        every: sidecar::EVERY,
        file_bytes_max: status::FILE_BYTES_MAX,
    })
}

/// What the local run takes.
pub(super) fn run(common: &args::Common, args: args::Run) -> Run {
    Run {
        promise: args.promise,
        request: args.request,
        with: args.with,
        action: match args.action {
            args::Action::Configure => WorkflowAction::Configure,
            args::Action::Delete => WorkflowAction::Delete,
        },
        workflow: args.workflow_type.map(|workflow| match workflow {
            args::WorkflowKind::Promise => WorkflowType::Promise,
            args::WorkflowKind::Resource => WorkflowType::Resource,
        }),
        cluster: common.cluster.clone(),
        out: args.out,
        commands: args.stages.into_iter().collect(),
    }
}

/// What `show work` takes.
pub(super) fn show(args: &args::ShowWork, now: Timestamp) -> ShowWork {
    ShowWork {
        name: args.name.clone(),
        other: args.diff.clone(),
        namespace: args.namespace.clone(),
        file: args.file.clone(),
        now,
    }
}

/// What `show status` takes: the object that is named, else that of the pod.
pub(super) fn show_status(
    common: &args::Common,
    args: &args::ShowStatus,
    now: Timestamp,
) -> Result<ShowStatus, StatusError> {
    let target = match (&args.kind, &args.name) {
        (Some(kind), Some(name)) => show_status::Target::Named {
            kind: kind.clone(),
            name: name.clone(),
            namespace: args.namespace.clone(),
        },
        _ => {
            let key = object(&args.target).key(Told::Reader, &[]);
            show_status::Target::Key(key.map_err(|error| StatusError::Unnamed {
                missing: match error {
                    SettingsError::NotTold(missing) => missing.names.join(", "),
                    other => other.to_string(),
                },
            })?)
        }
    };
    let as_json = args.output == args::Output::Json;
    Ok(ShowStatus { target, as_json, with_commands: common.cluster.is_none(), now })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::exit::{Exit, Fault as _};

    fn step_of(arguments: &[&str]) -> Result<reader::Reader, SettingsError> {
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
            "the reader is not told what to read: KRATIX_OBJECT_GROUP, KRATIX_OBJECT_VERSION, \
             KRATIX_CRD_PLURAL, KRATIX_OBJECT_NAMESPACE not set"
        );
        assert_eq!(error.exit(), Exit::Usage);
    }

    #[test]
    fn the_flag_that_is_named_for_a_missing_variable_takes_it() {
        use clap::CommandFactory as _;
        let command = Cli::command();
        for (step, variables) in [
            ("reader", &env::OBJECT_VARIABLES[4..]),
            ("status", &env::OBJECT_VARIABLES[..]),
            ("status", &[env::IS_LAST_PIPELINE]),
            ("writer", &[env::PROMISE_NAME, env::PIPELINE_NAME]),
        ] {
            let step = command.find_subcommand(step).unwrap();
            for variable in variables {
                let has = |arg: &clap::Arg| arg.get_env().is_some_and(|name| name == *variable);
                let arg = step.get_arguments().find(|arg| has(arg)).unwrap();
                let flag = format!("--{}", arg.get_long().unwrap());
                assert_eq!(flag, crate::steps::missing::flag_of(variable));
            }
        }
    }
}
