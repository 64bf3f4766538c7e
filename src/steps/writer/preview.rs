//! What the writer would send, and where that would go: the same decision, and nothing but reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use tracing::info;

use super::put::{aim, find, warn_of};
use super::{Draft, Plan, Writer, WriterError, plan};
use crate::cluster::{ClusterError, Reads};
use crate::contract::kinds::{DESTINATION, WORK};
use crate::contract::{Kind, Object, ObjectKey, labels};
use crate::core::control::{Control, format_go_duration};
use crate::core::placement;
use crate::core::text::visible;
use crate::core::work;
use crate::core::work_view::{self, FileChange, WorkView};
use crate::steps::Context;
use crate::steps::backoff::answered;

/// In a place of its own, so that a call can be made twice.
const DESTINATIONS: &Kind = &DESTINATION;

/// What the writer would do now.
#[derive(Debug)]
pub enum Preview {
    /// Nothing: the pipeline asks its workflow to wait.
    Stopped(Control),
    /// Create or update a Work.
    Put(Box<Sending>),
}

/// A Work that would be sent.
#[derive(Debug)]
pub struct Sending {
    /// The Work, byte for byte as it would be sent now.
    pub work: Object,
    /// The one that is there, which it would replace.
    pub replaced: Option<Object>,
    /// The Destinations that there are, or why they are not known: the account of a pipeline may not list them.
    pub destinations: Result<Vec<Object>, ClusterError>,
    /// Most bytes that it may have.
    pub bytes_max: u64,
}

/// Decides what to send, and sends nothing.
///
/// Without a request where the pipeline asks its workflow to wait; else with two, three when there is a Work already,
/// and more only where a list has several pages, or an answer comes late, gets lost or is a refusal that is doubted.
///
/// # Errors
/// All of [`super::run`] but those of the cluster when it refuses a Work.
pub async fn preview(
    context: &Context,
    cluster: &impl Reads,
    args: &Writer,
) -> Result<Preview, WriterError> {
    let Draft { identity, mut work, .. } = match plan(context, args)? {
        Plan::Stop(control) => return Ok(Preview::Stopped(control)),
        Plan::Put(draft) => draft,
    };
    let found = find(cluster, &identity).await?;
    warn_of(found.existing.as_ref(), &found.others);
    let existing = found.existing.as_ref();
    if let Some(time) = cluster.time() {
        work::date(&mut work, &time.to_string());
    }
    aim(&mut work, &identity, args.trace(), existing, 0)?;
    let replaced = match existing {
        Some(existing) => read(cluster, &existing.key(&WORK)).await?,
        None => None,
    };
    let destinations = answered(|| cluster.list(DESTINATIONS, None, &[])).await;
    if let Err(error) = &destinations {
        info!(%error, "the Destinations are not known");
    }
    let bytes_max = args.work_bytes_max;
    Ok(Preview::Put(Box::new(Sending { work, replaced, destinations, bytes_max })))
}

async fn read(cluster: &impl Reads, key: &ObjectKey) -> Result<Option<Object>, WriterError> {
    answered(|| cluster.get(key)).await.map_err(WriterError::Cluster)
}

impl Preview {
    /// Describes it for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Stopped(control) => stopped(control, "no Work"),
            Self::Put(sending) => sending.describe(),
        }
    }

    /// Returns the Work for programs; `null` when none would be sent.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Stopped(_) => Value::Null,
            Self::Put(sending) => sending.work.clone().into_value(),
        }
    }
}

/// Says that nothing would be written, and for how long.
pub fn stopped(control: &Control, what: &str) -> String {
    let until = match control.retry_after {
        Some(wait) => format!("until it is tried again after {}", format_go_duration(wait)),
        None => "until somebody resumes it".to_owned(),
    };
    let mut text = format!("would write {what}: the pipeline asks its workflow to wait {until}\n");
    if !control.message.is_empty() {
        let _ = writeln!(text, "  message  {}", visible(&control.message));
    }
    text
}

impl Sending {
    fn describe(&self) -> String {
        let view = WorkView::of(&self.work);
        let mut text = match &self.replaced {
            None => format!("would create the Work {}\n", view.title),
            Some(_) => format!("would update the Work {}\n", view.title),
        };
        let (bytes, max) = (self.work.json_bytes(), self.bytes_max);
        let percent = bytes.saturating_mul(100) / max.max(1);
        let _ = writeln!(text, "  holds  {}", work_view::holding(&view));
        let _ = writeln!(text, "  sends  {bytes} bytes, {percent} % of the {max} that it may have");
        if let Some(replaced) = &self.replaced {
            changes(&mut text, &work_view::file_changes(&WorkView::of(replaced), &view));
        }
        let groups = self.work.at(&["spec", "workloadGroups"]).and_then(Value::as_array);
        for (shown, group) in view.groups.iter().zip(groups.into_iter().flatten()) {
            let note = self.goes_to(&labels_of(group));
            let _ = write!(text, "\n{}", work_view::group_tree(shown, &note));
        }
        if view.groups.is_empty() {
            text.push_str("\nno files: nothing is scheduled, and what was before is removed\n");
        }
        match &self.destinations {
            Ok(_) => {}
            Err(ClusterError::Forbidden { .. }) => text.push_str(
                "\nthe Destinations are not known: this account may not list them, and need not\n",
            ),
            Err(error) => drop(writeln!(text, "\nthe Destinations are not known: {error}")),
        }
        text
    }

    /// Says which Destinations a group with these labels goes to (contract.md 10.2, 10.3).
    fn goes_to(&self, wanted: &BTreeMap<String, String>) -> String {
        let is_dry_run = self.work.label(labels::DRY_RUN) == Some(labels::TRUE);
        let Ok(destinations) = &self.destinations else {
            return how_to_find(wanted, is_dry_run);
        };
        let names = placement::candidates(wanted, is_dry_run, destinations);
        let is_resource = self.work.text_at(&["spec", "resourceName"]).is_some();
        match names.as_slice() {
            [] if destinations.is_empty() => "goes nowhere: there are no Destinations".to_owned(),
            [] if is_dry_run => {
                format!("goes nowhere: no Destination has {}={}", labels::DRY_RUN, labels::TRUE)
            }
            [] => "goes nowhere: no Destination has these labels".to_owned(),
            // One that was chosen before stays.
            several @ [_, _, ..] if is_resource => {
                format!("goes to one of {}", several.join(", "))
            }
            all => format!("goes to {}", all.join(", ")),
        }
    }
}

/// Returns the labels that a Destination must have for a group of a Work.
fn labels_of(group: &Value) -> BTreeMap<String, String> {
    let selectors = group.get("destinationSelectors").and_then(Value::as_array);
    placement::combine(selectors.map_or(&[], Vec::as_slice))
}

/// Says how to ask for the Destinations that [`placement::candidates`] would find.
fn how_to_find(wanted: &BTreeMap<String, String>, is_dry_run: bool) -> String {
    let dry_run = |is: &str| format!("{}{is}{}", labels::DRY_RUN, labels::TRUE);
    let terms: Vec<String> = match is_dry_run {
        true => vec![dry_run("=")],
        false => {
            let wanted = wanted.iter().map(|(key, value)| format!("{key}={value}"));
            wanted.chain([dry_run("!=")]).collect()
        }
    };
    // No label selector can say this.
    let but = match !is_dry_run && wanted.is_empty() {
        true => " (but not those that have labels and `spec.strictMatchLabels`)",
        false => "",
    };
    format!("find them{but}: kubectl get destinations -l {}", quoted(&terms.join(",")))
}

/// Quotes a text for a shell; an interactive one would take a bare `!` for its history.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn changes(text: &mut String, changes: &[FileChange<'_>]) {
    if changes.is_empty() {
        text.push_str("  files  as in the one that is there\n");
        return;
    }
    text.push_str("  files  not as in the one that is there:\n");
    for FileChange { what, path } in changes {
        let _ = writeln!(text, "    {what} {}", visible(path));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_is_shown_also_when_one_of_its_files_cannot_be() {
        let work = Object::from_value(json!({
            "metadata": {"name": "w", "namespace": "n"},
            "spec": {"workloadGroups": [{
                "directory": ".",
                "destinationSelectors": [{"matchLabels": {"env": "dev"}, "source": "promise"}],
                "workloads": [{"filepath": "a.yaml", "content": "%"}],
            }]},
        }));
        let destination = json!({"metadata": {"name": "d", "labels": {"env": "dev"}}});
        let destinations = Ok(vec![Object::from_value(destination).unwrap()]);
        let sending =
            Sending { work: work.unwrap(), replaced: None, destinations, bytes_max: 1_000 };
        let expected = "\
\n.
  to env=dev (from promise)
  goes to d
└── a.yaml  unreadable: it is no base64
";
        let seen = Preview::Put(Box::new(sending)).describe();
        assert!(seen.ends_with(expected), "{seen}");
    }

    #[track_caller]
    fn check(wanted: &[(&str, &str)], is_dry_run: bool, expect: &str) {
        let wanted = wanted.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        assert_eq!(how_to_find(&wanted, is_dry_run), expect);
    }

    #[test]
    fn it_is_told_how_to_find_the_destinations_that_kratix_would_choose_from() {
        check(
            &[("a", "1"), ("env", "it's")],
            false,
            r"find them: kubectl get destinations -l 'a=1,env=it'\''s,kratix.io/dry-run!=true'",
        );
        check(
            &[],
            false,
            "find them (but not those that have labels and `spec.strictMatchLabels`): \
             kubectl get destinations -l 'kratix.io/dry-run!=true'",
        );
        let dry_run = "find them: kubectl get destinations -l 'kratix.io/dry-run=true'";
        check(&[("a", "1")], true, dry_run);
        check(&[], true, dry_run);
    }
}
