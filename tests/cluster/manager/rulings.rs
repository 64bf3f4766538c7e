//! What is different on purpose from what Kratix's manager does, and why.
//!
//! A place is `case step Kind/namespace/name/path`, or `case step Event/type reason Kind/namespace/name: text`, with
//! `: what is different` after it where that matters; `*` stands for anything. A place that comes up no more has to
//! go: the test says so.

/// A reason, and where it shows.
pub(super) struct Ruling {
    pub(super) because: &'static str,
    pub(super) places: &'static [&'static str],
}

pub(super) const RULINGS: &[Ruling] = &[
    Ruling {
        because: "a Promise that Kratix's webhook refuses is refused (recorded without a webhook): an interval under \
                  a minute, a pipeline whose id is longer than 60 characters, one with an unknown field",
        places: &["interval *", "long-names *", "unknown-pipeline-field *"],
    },
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
            "market-runtime * CustomResourceDefinition/*/status/properties/url",
        ],
    },
    Ruling {
        because: "why something is pending is said of what it waits for (contract.md 7.9)",
        places: &[
            "*/status/conditions/Reconciled/reason: is \"WorksPending\", should be \"WorkflowPending\"",
        ],
    },
    Ruling {
        because: "a Promise without a workflow has an empty list of pipelines, as a request has",
        places: &["* Promise/*/status/kratix/workflows/pipelines: should not be there: []"],
    },
    Ruling {
        because: "requests are told to run again only when that is asked for, and not when a Promise is new",
        places: &["* Event/Normal ReconcilingResources *"],
    },
    Ruling {
        because: "a Promise goes without waits of 15 s between the steps (contract.md 17.2): the recording was still waiting",
        places: &["*-delete-promise *: is missing"],
    },
    Ruling {
        because: "counters are those of the run that is on its way, not of the one before",
        places: &["first-pipeline-fails * /status/workflowsFailed"],
    },
    Ruling {
        because: "without PromiseRevisions a request is at the version that its Promise has now",
        places: &["versioned * Versioned/*/status/promiseVersion"],
    },
    Ruling {
        because: "the entry of a delete pipeline that failed says so",
        places: &[
            "delete-workflow-fails * /status/kratix/workflows/pipelines/0/phase: is \"Failed\", *",
        ],
    },
    Ruling {
        because: "a pipeline cannot set Kratix's own labels, so its run is recognised (contract.md 12.B)",
        places: &["label-override *"],
    },
    Ruling {
        because: "in a dry run the variables of a container are its own, not those of a later one (contract.md 12.B)",
        places: &["config-dry-run * Job/*/env/*/value"],
    },
    Ruling {
        because: "the only pipeline of a delete workflow that runs is its last (contract.md 12.C)",
        places: &["delete-workflow * Job/*/containers/0/env/0/value"],
    },
    Ruling {
        because: "an obsolete permission goes also when its rules equal those of another (contract.md 17.2)",
        places: &[
            "permissions * ClusterRole/-/perms-resource-configure-one-kube-public-7222c: is missing",
        ],
    },
    Ruling {
        because: "what the API server refuses is told, and nothing is started without it (contract.md 12.C, 17.2)",
        places: &["pipeline-namespace-missing *", "permissions-nonresource-urls-in-role *"],
    },
];
