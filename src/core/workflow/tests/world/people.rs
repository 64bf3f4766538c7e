//! People: they edit, label, pause, delete, and change the Promise and the settings.

use std::rc::Rc;

use serde_json::json;

use super::World;
use crate::contract::labels;
use crate::core::promise::WorkflowAction;

impl World<'_> {
    pub(super) fn people_step(&mut self) {
        let what = self.random.below(100);
        let is_set = self.random.percent(50);
        match what {
            0..20 => {
                let size = self.random.below(3);
                self.note(|| format!("spec {size}"));
                if self.server.is_going() && self.server.has_label(labels::WORKFLOW_SUSPENDED) {
                    // It frees a delete workflow that waits (contract.md 8.5).
                    self.ledger.excuse_delete();
                }
                self.server.change(|object| {
                    object.0.insert("spec".into(), json!({"size": size}));
                });
            }
            20..40 => {
                self.note(|| "manual label".into());
                self.ask(labels::MANUAL_RECONCILIATION);
                if self.server.is_going() {
                    self.ledger.excuse_delete();
                }
            }
            40..46 => {
                self.note(|| "from-start label".into());
                self.ask(labels::RUN_FROM_START);
            }
            46..58 => {
                self.note(|| "suspended label off".into());
                self.server.label(labels::WORKFLOW_SUSPENDED, false);
                if self.server.is_going() {
                    self.ledger.excuse_delete();
                }
            }
            58..60 => self.server.label(labels::WORKFLOW_SUSPENDED, true),
            60..68 => {
                self.note(|| format!("paused {is_set}"));
                self.server.label(labels::PAUSED, is_set);
            }
            68..74 => self.delete_job(),
            74..78 => self.server.label("colour", is_set),
            78..84 => {
                self.promise = self.random.below(self.promises.count());
                let number = self.promise;
                self.note(|| format!("promise {number}"));
            }
            84..87 => {
                let kept = u32::try_from(1 + self.random.below(3)).unwrap();
                Rc::make_mut(&mut self.config).jobs_kept = kept;
            }
            _ => self.delete_object(),
        }
        if self.server.is_going() {
            self.note_delete_pipelines();
        }
    }

    fn ask(&mut self, label: &'static str) {
        if !self.server.has_label(label) {
            self.ledger.asked(label);
        }
        self.server.label(label, true);
    }

    fn delete_job(&mut self) {
        let names: Vec<_> = self.server.jobs.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let name = names[self.random.below(names.len())].clone();
        self.note(|| format!("delete job {name}"));
        let job = self.server.jobs.remove(&name).unwrap();
        if job.seen.action == Some(WorkflowAction::Delete) {
            self.ledger.excuse_delete();
        }
        if self.server.is_being_started(&job.seen) {
            // Nobody has seen that it was there: it is started again under its own name.
            self.ledger.forget(&name, job.seen.run);
        }
    }

    fn delete_object(&mut self) {
        if !self.server.is_going() {
            self.note(|| "delete the object".into());
            self.server.change(|object| {
                object.set_metadata("deletionTimestamp", "2027-01-01T00:00:00Z");
            });
            // Deleting makes a new generation.
            self.server.change(|object| {
                let generation = object.generation().unwrap() + 1;
                object.set_metadata("generation", generation);
            });
        }
    }

    /// A Promise without delete pipelines lets a request go, at whatever moment it is like that.
    pub(super) fn note_delete_pipelines(&mut self) {
        let workflow = crate::core::promise::WorkflowType::Resource;
        if self.promise().pipelines(workflow, WorkflowAction::Delete).is_empty() {
            self.ledger.excuse_no_delete_pipeline();
        }
    }
}
