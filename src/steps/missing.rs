//! What a step is not told: all of it at once, where Kratix sets it, and the flag to give by hand.

use std::fmt;

use tracing::warn;

use crate::contract::env;
use crate::contract::pod::{container, flag};

/// One of the steps, as the container that Kratix runs it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// By the variables of the first container.
    Reader,
    /// By the arguments of the second of the platform's.
    Writer,
    /// By the variables of the last.
    Status,
}

/// Settings without which a step has nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTold {
    /// Which step.
    pub step: Told,
    /// Names of the variables (reader, status) or flags (writer), at least one.
    pub names: Vec<&'static str>,
}

impl Told {
    /// Refuses when one of `needed` is empty: then every empty one is named, of `useful` too. Of `useful` alone it
    /// only warns: the original does without.
    pub fn check(
        self,
        needed: &[(&'static str, &str)],
        useful: &[(&'static str, &str)],
    ) -> Result<(), NotTold> {
        let empty = |settings: &[(&'static str, &str)]| -> Vec<&'static str> {
            settings.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| *name).collect()
        };
        let (mut names, useful) = (empty(needed), empty(useful));
        if names.is_empty() {
            if !useful.is_empty() {
                warn!(not_set = useful.join(", "), "some variables are not set");
            }
            return Ok(());
        }
        names.extend(useful);
        Err(NotTold { step: self, names })
    }

    fn container(self) -> &'static str {
        match self {
            Self::Reader => container::READER,
            Self::Writer => container::WORK_WRITER,
            Self::Status => container::STATUS_WRITER,
        }
    }

    /// The command that prints what the container of a pod is told.
    fn look(self) -> String {
        let list = if self == Self::Status { "containers" } else { "initContainers" };
        let container = format!(".spec.{list}[?(@.name==\"{}\")]", self.container());
        let what = match self {
            Self::Writer => format!("{{{container}.args}}"),
            Self::Reader | Self::Status => {
                format!("{{range {container}.env[*]}}{{.name}}={{.value}}{{\"\\n\"}}{{end}}")
            }
        };
        format!("kubectl get pod POD -o jsonpath='{what}'")
    }
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            Told::Reader => "the reader is not told what to read",
            Told::Writer => "the writer is not told what to write",
            Told::Status => "the status step is not told whose status to update",
        };
        let given = if self.step == Told::Writer { "given" } else { "set" };
        write!(f, "{what}: {} not {given}", self.names.join(", "))
    }
}

impl NotTold {
    /// Returns where Kratix sets them, how to see them, and the flags.
    pub fn hint(&self) -> String {
        let container = self.step.container();
        let mut text = match self.step {
            Told::Writer => {
                format!("Kratix gives these flags to the container `{container}` of its pods")
            }
            Told::Reader | Told::Status => {
                format!("Kratix sets these variables on the container `{container}` of its pods")
            }
        };
        text.push_str("; see them in a pod with\n  ");
        text.push_str(&self.step.look());
        text.push_str("\nand give by hand");
        for name in &self.names {
            text.push_str(&match (self.step, *name) {
                (Told::Writer, flag::INPUT_DIRECTORY) => {
                    format!("\n  {name} with the folder that holds `input` and `metadata`")
                }
                (Told::Writer, flag) => format!("\n  {flag} or the variable {}", variable(flag)),
                (Told::Reader | Told::Status, name) => format!("\n  {} for {name}", flag_of(name)),
            });
        }
        text
    }
}

/// The flag that says the same as a variable of Kratix.
pub fn flag_of(variable: &str) -> String {
    let name = variable.strip_prefix(env::PREFIX).unwrap_or(variable);
    format!("--{}", name.to_lowercase().replace('_', "-"))
}

fn variable(flag: &str) -> &'static str {
    if flag == flag::PROMISE_NAME { env::PROMISE_NAME } else { env::PIPELINE_NAME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let needed = [(env::OBJECT_GROUP, ""), (env::OBJECT_NAME, "a"), (env::CRD_PLURAL, "")];
        let useful = [(env::WORKFLOW_TYPE, "promise"), (env::IS_LAST_PIPELINE, "")];
        let error = Told::Status.check(&needed, &useful).unwrap_err();
        assert_eq!(
            error.names,
            [env::OBJECT_GROUP, env::CRD_PLURAL, env::IS_LAST_PIPELINE],
            "{error}"
        );
    }

    #[test]
    fn what_is_useful_only_is_no_error() {
        assert_eq!(Told::Status.check(&[(env::OBJECT_NAME, "a")], &[("X", "")]), Ok(()));
    }

    #[test]
    fn the_writer_is_told_by_flags() {
        let names = vec![flag::INPUT_DIRECTORY, flag::PIPELINE_NAME];
        let error = NotTold { step: Told::Writer, names };
        assert_eq!(
            format!("{error}\n{}", error.hint()),
            "the writer is not told what to write: --input-directory, --pipeline-name not given\n\
             Kratix gives these flags to the container `work-writer` of its pods; see them in a pod with\n  \
             kubectl get pod POD -o jsonpath='{.spec.initContainers[?(@.name==\"work-writer\")].args}'\n\
             and give by hand\n  \
             --input-directory with the folder that holds `input` and `metadata`\n  \
             --pipeline-name or the variable KRATIX_PIPELINE_NAME"
        );
    }

    #[test]
    fn the_status_step_is_told_by_variables() {
        let names = vec![env::OBJECT_NAME, env::IS_LAST_PIPELINE];
        let error = NotTold { step: Told::Status, names };
        assert_eq!(
            format!("{error}\n{}", error.hint()),
            "the status step is not told whose status to update: KRATIX_OBJECT_NAME, IS_LAST_PIPELINE not set\n\
             Kratix sets these variables on the container `status-writer` of its pods; see them in a pod with\n  \
             kubectl get pod POD -o jsonpath='{range .spec.containers[?(@.name==\"status-writer\")].env[*]}\
             {.name}={.value}{\"\\n\"}{end}'\n\
             and give by hand\n  \
             --object-name for KRATIX_OBJECT_NAME\n  \
             --is-last-pipeline for IS_LAST_PIPELINE"
        );
    }
}
