//! Why an object is no Promise that can be used.

use super::ApiError;
use crate::contract::kinds;
use crate::core::control::DurationError;
use crate::core::legacy::OldFormError;
use crate::core::strict::StrictError;

/// Why an object is no Promise that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromiseError {
    /// Another kind of object.
    #[error("expected a Promise of `{}`, found kind `{kind}` of `{api_version}`", kinds::PROMISE.api_version())]
    Kind {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },

    /// A Promise without name.
    #[error("the Promise has no `metadata.name`")]
    Unnamed,

    /// A Promise of the first form, before `spec.workflows`, that means nothing in today's.
    #[error("failed to read the old form of Promise `{promise}`")]
    OldForm {
        /// Name of the Promise.
        promise: String,
        /// What is wrong with it.
        source: OldFormError,
    },

    /// A key below `spec.workflows` that does not exist.
    #[error("unknown workflow `{path}`")]
    UnknownWorkflow {
        /// Where.
        path: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
    },

    /// A field with a value that does not fit.
    #[error("failed to read `{path}` of Promise `{promise}`")]
    Field {
        /// Name of the Promise.
        promise: String,
        /// Where.
        path: String,
        /// What is wrong there.
        source: StrictError,
    },

    /// An interval that is no Go duration.
    #[error("failed to read the duration `{path}`")]
    Interval {
        /// Where.
        path: String,
        /// Why it is none.
        source: DurationError,
    },

    /// An unusable `spec.api`.
    #[error("failed to read the API in `spec.api` of Promise `{promise}`")]
    Api {
        /// Name of the Promise.
        promise: String,
        /// What is wrong with it.
        source: ApiError,
    },

    /// A list entry that is no Pipeline.
    #[error("`{path}` is no Pipeline: found kind `{kind}` of `{api_version}`")]
    UnsupportedPipeline {
        /// Where.
        path: String,
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },

    /// A Pipeline without name.
    #[error("the pipeline `{path}` has no `metadata.name`")]
    UnnamedPipeline {
        /// Where.
        path: String,
    },

    /// A Pipeline that cannot be decoded.
    #[error("failed to read the pipeline `{path}` (`{name}`)")]
    Pipeline {
        /// Where.
        path: String,
        /// Its name, as far as it has one.
        name: String,
        /// What is wrong with it.
        source: StrictError,
    },
}

impl PromiseError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kind { .. } => Some("give the Promise first, then its request".into()),
            Self::Unnamed => Some("set `metadata.name`".into()),
            Self::OldForm { source, .. } => Some(source.hint()),
            Self::UnknownWorkflow { nearest: Some(nearest), path } => {
                Some(format!("write `{nearest}` instead of the last part of `{path}`"))
            }
            Self::UnknownWorkflow { nearest: None, .. } => Some(
                "use `spec.workflows.{promise,resource}.{configure,delete}` and `spec.workflows.config`".into(),
            ),
            Self::Field { source, .. } | Self::Pipeline { source, .. } => source.hint(),
            Self::Interval { source, .. } => Some(source.hint()),
            Self::Api { source, .. } => source.hint(),
            Self::UnsupportedPipeline { .. } => Some(format!(
                "set `apiVersion: {}` and `kind: {}`",
                kinds::PROMISE.api_version(),
                kinds::PIPELINE_KIND
            )),
            Self::UnnamedPipeline { .. } => Some("set `metadata.name` of the pipeline".into()),
        }
    }
}
