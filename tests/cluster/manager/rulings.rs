//! What is different on purpose from what Kratix's manager does, and why.
//!
//! A place is `case step Kind/namespace/name/path`, or `case step Event/type reason Kind/namespace/name: text`, with
//! `: what is different` after it where that matters; `*` stands for anything. A place that comes up no more, in several
//! runs, has to go: the test prints them.

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
            "* CustomResourceDefinition/*/workflows/properties/resourcesRun",
            "* CustomResourceDefinition/*/workflows/properties/run",
            "* CustomResourceDefinition/*/workflows/properties/trigger",
            "* CustomResourceDefinition/*/workflows/x-kubernetes-preserve-unknown-fields",
        ],
    },
    Ruling {
        because: "a ClusterRole that two namespaces share names the one that came last, in the recording and here",
        places: &["permissions * ClusterRole/-/*/metadata/labels/kratix.io/pipeline-namespace*"],
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
        because: "requests are told to run again only when that is asked for, and not when a Promise is new",
        places: &["* Event/Normal ReconcilingResources *"],
    },
    Ruling {
        because: "a Promise goes without waits of 15 s between the steps (contract.md 17.2): the recording was still waiting",
        places: &[
            "*-delete-promise *: is missing",
            "promise-workflows 06-down-finished *: is missing",
            "asset-suspend-promise 16-promise-delete-finished *: is missing",
        ],
    },
    Ruling {
        because: "counters are those of the run that is on its way, not of the one before",
        places: &["first-pipeline-fails */status/workflowsFailed"],
    },
    Ruling {
        because: "there are no PromiseRevisions: a request is at the version that its Promise has now, and what a Promise \
                  requires is asked of the others as they are",
        places: &["versioned * Versioned/*/status/promiseVersion", "asset-compound-promise *"],
    },
    Ruling {
        because: "the entry of a delete pipeline that failed says so",
        places: &[
            "delete-workflow-fails */status/kratix/workflows/pipelines/0/phase: is \"Failed\", *",
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
    Ruling {
        because: "`observedGeneration` of a Promise is the generation that has been brought about, and of every Promise",
        places: &["* Promise/*/status/observedGeneration"],
    },
    Ruling {
        because: "a Promise is available when its workflow has succeeded, and not for a moment before (contract.md 17.1)",
        places: &[
            "* Event/Normal Available Promise/*: was not told",
            "* Event/Normal Available Promise/*: should not have been told",
            "*-install Promise/*/lastAvailableTime: is missing*",
        ],
    },
    Ruling {
        because: "how Works stand is said as soon as it is so; in the recording, when something else happened",
        places: &[
            "* Promise/*/status/conditions/WorksSucceeded: should not be there*",
            "* Event/Normal WorksSucceeded Promise/*: should not have been told",
        ],
    },
    Ruling {
        because: "the Works of a request are looked for where they are, in the pipelineNamespace (contract.md 12.D)",
        places: &[
            "asset-pipeline-namespace */conditions/WorksSucceeded/*",
            "asset-pipeline-namespace */conditions/Reconciled/*",
            "asset-pipeline-namespace * Event/Normal *",
            "pipeline-namespace-two-requests */conditions/WorksSucceeded/*",
            "pipeline-namespace-two-requests */conditions/Reconciled/*",
            "pipeline-namespace-two-requests * Event/Normal *",
        ],
    },
    Ruling {
        because: "the end of one request leaves that of the same name in another namespace alone (contract.md 12.D)",
        places: &[
            "pipeline-namespace-two-requests 07-delete-finished *",
            "pipeline-namespace-two-requests 08-first-gone *",
            "pipeline-namespace-two-requests 09-second-after *",
        ],
    },
    Ruling {
        because: "the recording was a moment early: what it lacks is in its next step",
        places: &[
            "asset-suspend-promise 01-pipe-0-finished *",
            "asset-suspend-promise 02-pipe-1-suspended *",
            "market-redis 01-promise-job-1-finished *",
            "asset-pipeline-namespace 05-delete-job-finished *: is missing",
        ],
    },
    Ruling {
        because: "requests stand still for 60 s when their Promise changes (contract.md 17.2); here they go on",
        places: &[
            "asset-promise-revision *",
            "promise-update */conditions/PromiseAvailable*",
            "promise-update 07-next-1 *",
        ],
    },
    Ruling {
        because: "a request without pipelines is not told to have been reconciled: nothing has run",
        places: &[
            "asset-healthchecks * Event/Normal ReconcileSucceeded *: was not told",
            "no-workflows * Event/Normal ReconcileSucceeded *: was not told",
        ],
    },
    Ruling {
        because: "that a request is reconciled is told once, with the version of its Promise",
        places: &["placements * Event/Normal ReconcileSucceeded *"],
    },
    Ruling {
        because: "how often requests were told to run again is counted in the status; no label is written onto each",
        places: &["* Promise/*/status/kratix/resourcesRun: should not be there*"],
    },
    Ruling {
        because: "a Promise that is unavailable while it is renewed says so in an event",
        places: &["promise-update * Event/Warning Unavailable *: should not have been told"],
    },
    Ruling {
        because: "rights of a Promise without API go with it (contract.md 17.1)",
        places: &["permissions-promise-workflow 0*: is missing"],
    },
    Ruling {
        because: "which Works are not ready is said anew when others are",
        places: &["promise-update */conditions/WorksSucceeded/message*"],
    },
    Ruling {
        because: "a pipeline that has succeeded is counted, also when its object is being deleted",
        places: &["delete-while-running 03-configure-finished */status/workflowsSucceeded: is 1*"],
    },
];
