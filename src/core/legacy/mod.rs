//! Older systems: a Promise with `xaasRequestPipeline`, and the early layout of a pod (contract.md 14).
//!
//! An old Promise is translated into today's form once, when it is read ([`translate`]): its images become one Pipeline,
//! whose own volumes and mounts chain `/output` to `/input`. All that is left of its age is an annotation of that
//! Pipeline, [`labels::LAYOUT`], which says by whose rules the writer takes the output ([`PodLayout`]).

mod output;
mod selectors;
#[cfg(test)]
mod tests;
mod translate;

#[cfg(doc)]
use crate::contract::labels;
use crate::contract::layout;

pub use output::{OutputError, check_objects, check_paths};
pub use selectors::parse_selectors;
pub use translate::{OldFormError, Translated, translate};

/// By whose rules the pod of a Pipeline is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodLayout {
    /// Those of contract.md 1 to 7.
    #[default]
    Today,
    /// Those of the first pipelines below `/kratix`.
    ///
    /// `KRATIX_OPERATION` is set. Every stage may write to the input. The output holds Kubernetes documents, all at its
    /// root. A delete pipeline has no metadata, and nothing of the platform runs after its stages.
    Early,
    /// Those of `xaasRequestPipeline`: selectors in `cluster-selectors.yaml`, and the output as in [`Self::Early`].
    Xaas,
}

impl PodLayout {
    /// All, in the order of this file.
    pub const ALL: [Self; 3] = [Self::Today, Self::Early, Self::Xaas];

    /// The value of the annotation [`labels::LAYOUT`] and of the writer's flag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Early => "early",
            Self::Xaas => "xaas",
        }
    }

    /// Returns the layout of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == name)
    }

    /// Whether the output holds Kubernetes documents and nothing else, all at its root.
    pub fn takes_only_documents(self) -> bool {
        self != Self::Today
    }

    /// Name of the selectors' file in the metadata folder.
    pub fn selectors_file(self) -> &'static str {
        match self {
            Self::Today | Self::Early => layout::DESTINATION_SELECTORS_FILE,
            Self::Xaas => layout::CLUSTER_SELECTORS_FILE,
        }
    }
}
