//! What differs between the two layouts of a status.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::promise;
use crate::core::config::Config;
use crate::core::promise::WorkflowType;
use crate::core::workflow::{Draft, Layout, Seen, engine};

/// Kratix's own CRD of Promises asks for the counters in every status; the keyed layout has none.
#[test]
fn a_promise_without_pipelines_has_counters_in_the_flat_layout_only() {
    let promise = promise(&[], &[], false);
    for (layout, expected) in [
        (
            Layout::Flat,
            json!({
                "workflows": 0, "workflowsSucceeded": 0, "workflowsFailed": 0,
                "kratix": {"workflows": {}},
            }),
        ),
        (Layout::Keyed, json!({})),
    ] {
        let seen = Seen {
            promise: &promise,
            object: &promise.object,
            workflow: WorkflowType::Promise,
            jobs: &[],
            absent: &[],
            taken: &[],
            works: &[],
            config: &Config::default(),
            layout,
            may_start: true,
            promise_is_available: true,
            now: Timestamp::UNIX_EPOCH,
        };
        let mut draft = Draft::new(&seen);
        assert_eq!(engine::configure(&seen, &mut draft), Ok(engine::Step::Done));
        assert_eq!(Value::Object(draft.status), expected);
    }
}
