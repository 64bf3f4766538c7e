//! What the status step would change: the same decision, and nothing but reads.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Look, Status, StatusError, Update};
use crate::cluster::Reads;
use crate::contract::{ObjectKey, labels};
use crate::core::status::{Change, Ending, changes};
use crate::core::text::visible;
use crate::steps::Context;

/// What the status step would do now.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The object.
    pub key: ObjectKey,
    /// Every field of its status that would change; none when nothing would be written.
    pub changes: Vec<Change>,
    /// Whether it would get the label that stops its workflow.
    pub label: bool,
    /// What would happen with its workflow.
    pub ending: Ending,
}

/// Decides what becomes of the status, and writes nothing. One request.
///
/// # Errors
/// All of [`super::run`] but those of the cluster when it refuses the status.
pub async fn preview(
    context: &Context,
    cluster: &impl Reads,
    args: &Status,
) -> Result<Preview, StatusError> {
    let update = Update::read(context, cluster, args)?;
    let Look { object, decision, .. } = update.look(&mut None).await?;
    let nothing = Map::new();
    let before = object.status().and_then(Value::as_object).unwrap_or(&nothing);
    let changes = decision.status.as_ref().map(|after| changes(before, after)).unwrap_or_default();
    let (label, ending) = (decision.label, decision.ending);
    Ok(Preview { key: args.key.clone(), changes, label, ending })
}

impl Preview {
    /// Describes it for people.
    pub fn describe(&self) -> String {
        let mut text = match self.changes.as_slice() {
            [] => format!("would leave the status of {} as it is\n", self.key),
            _ => format!("would update the status of {}\n", self.key),
        };
        for Change { path, old, new } in &self.changes {
            let line = match (old, new) {
                (Some(old), Some(new)) => format!("{path}: {old} -> {new}"),
                (Some(old), None) => format!("{path}: {old} -> removed"),
                (None, Some(new)) => format!("{path}: added {new}"),
                (None, None) => continue,
            };
            let _ = writeln!(text, "  {}", visible(&line));
        }
        let (label, value) = (labels::WORKFLOW_SUSPENDED, labels::TRUE);
        if self.label {
            let _ = writeln!(text, "would set the label {label}={value}");
        }
        let _ = writeln!(text, "{}", then(self.ending));
        text
    }
}

fn then(ending: Ending) -> String {
    match ending {
        Ending::GoesOn => "then the workflow goes on".to_owned(),
        Ending::Completed => "then the configure workflow is complete".to_owned(),
        Ending::Suspended { until: None } => {
            "then the workflow waits until somebody resumes it".to_owned()
        }
        Ending::Suspended { until: Some(until) } => {
            format!("then the workflow waits, and is tried again at {until}")
        }
    }
}
