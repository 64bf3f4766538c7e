//! Whether this run leaves a trace, by what it does and the variables of OpenTelemetry; nearly always it does not.

use std::path::PathBuf;

use super::args::{Cli, Command};
use super::step;
use crate::contract::{env, layout};
use crate::telemetry::{Settings, Telemetry};

/// What the environment asks for.
pub(super) enum Choice {
    /// Nothing.
    Off,
    /// A trace.
    On(Telemetry),
    /// Something that we cannot do, with what to do instead.
    Unsupported(&'static str),
}

impl Choice {
    /// Returns the trace, if any.
    pub(super) fn telemetry(&self) -> Option<&Telemetry> {
        match self {
            Self::On(telemetry) => Some(telemetry),
            Self::Off | Self::Unsupported(_) => None,
        }
    }
}

/// Reads the environment; without an endpoint that is two look-ups.
pub(super) fn choose(cli: &Cli) -> Choice {
    if !cli.command.as_ref().is_some_and(takes_effect) {
        return Choice::Off;
    }
    let for_traces = |name: &str| {
        variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
            .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
    };
    if for_traces("ENDPOINT").is_none()
        || variable("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|word| word == "none")
    {
        return Choice::Off;
    }
    match for_traces("PROTOCOL").as_deref() {
        None | Some("http/protobuf") => {}
        Some(_) => {
            return Choice::Unsupported(
                "the trace is not sent: set `OTEL_EXPORTER_OTLP_PROTOCOL` to `http/protobuf`, the only protocol \
                 supported, and the endpoint to the collector's port for it, usually 4318",
            );
        }
    }
    let settings = Settings {
        endpoint: None,
        service_name: variable("OTEL_SERVICE_NAME"),
        resource: resource(cli),
        certificate: for_traces("CERTIFICATE").map(PathBuf::from),
    };
    Choice::On(match cli.command {
        Some(Command::Reconcile(_)) => Telemetry::of_many(settings),
        _ => Telemetry::new(settings),
    })
}

/// Whoever only looks leaves nothing behind: not a span in the trace of the real run, and no wait for a collector.
fn takes_effect(command: &Command) -> bool {
    matches!(command, Command::Run(_) | Command::Reconcile(_))
        || step::is_preview(command) == Some(false)
}

/// What is known of this process. In a pod its name is that of the host.
fn resource(cli: &Cli) -> Vec<(&'static str, String)> {
    let namespace = std::fs::read_to_string(layout::SERVICE_ACCOUNT_NAMESPACE).ok();
    let pod = namespace.as_ref().and_then(|_| variable("HOSTNAME"));
    let (promise, pipeline) = match &cli.command {
        Some(Command::Writer(args)) => (&args.promise_name, &args.pipeline_name),
        Some(Command::Status(args)) => (&args.promise_name, &args.pipeline_name),
        // It takes neither, but Kratix sets both.
        Some(Command::Reader(_)) => (
            &variable(env::PROMISE_NAME).unwrap_or_default(),
            &variable(env::PIPELINE_NAME).unwrap_or_default(),
        ),
        _ => (&String::new(), &String::new()),
    };
    let known = [
        ("k8s.namespace.name", namespace),
        ("k8s.pod.name", pod),
        ("kratix.promise.name", Some(promise.clone())),
        ("kratix.pipeline.name", Some(pipeline.clone())),
    ];
    let given = |(name, value): (_, Option<String>)| Some((name, value?.trim().to_owned()));
    known.into_iter().filter_map(given).filter(|(_, value)| !value.is_empty()).collect()
}

/// Returns a variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.into_string().ok()?.trim().to_owned();
    Some(value).filter(|value| !value.is_empty())
}
