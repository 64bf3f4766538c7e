//! What is different on purpose from what Kratix's manager does, and why.
//!
//! A place is `case step Kind/namespace/name/path`, or `case step Event/type reason Kind/namespace/name: text`; `*`
//! stands for anything. A place that comes up no more has to go: the test says so.

/// A reason, and where it shows.
pub(super) struct Ruling {
    pub(super) because: &'static str,
    pub(super) places: &'static [&'static str],
}

pub(super) const RULINGS: &[Ruling] = &[
    Ruling {
        because: "`datetime` is no format of OpenAPI (contract.md 12.D)",
        places: &["* CustomResourceDefinition/*/lastTransitionTime/format"],
    },
    Ruling {
        because: "the status schema has both layouts, and what says how far a workflow is (contract.md 16)",
        places: &[
            "* CustomResourceDefinition/*/workflows/properties/action",
            "* CustomResourceDefinition/*/workflows/properties/configure",
            "* CustomResourceDefinition/*/workflows/properties/delete",
            "* CustomResourceDefinition/*/workflows/properties/pipelines/items/properties/hash",
            "* CustomResourceDefinition/*/workflows/properties/pipelines/items/properties/run",
            "* CustomResourceDefinition/*/workflows/properties/run",
            "* CustomResourceDefinition/*/workflows/properties/trigger",
            "* CustomResourceDefinition/*/workflows/x-kubernetes-preserve-unknown-fields",
        ],
    },
    Ruling {
        because: "what the user declared is kept, and no version takes longer names (contract.md 12.D, 17.2)",
        places: &[
            "crd-injection * CustomResourceDefinition/*/subresources/scale",
            "crd-injection * CustomResourceDefinition/*/status/properties/mine",
            "crd-injection * CustomResourceDefinition/*/metadata/properties",
        ],
    },
];
