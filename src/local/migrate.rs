//! `migrate`: a Promise of the old form becomes one of today's, as text.

use std::path::Path;

use super::run::{Findings, RunError, input};
use crate::contract::Object;
use crate::core::legacy;
use crate::core::promise::{Promise, PromiseError, check};
use crate::files::yaml;

/// What kubectl keeps of what it has applied: it would be the old form.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A file in today's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The objects of the file, each a YAML document.
    pub text: String,
    /// What could not be translated and what to do about it, a sentence each.
    pub notes: Vec<String>,
}

/// Rewrites the Promises of a file (`-` is stdin) in today's form; its other objects stay as they are.
///
/// # Errors
/// When the file holds no Promise, or one that says nothing that can be run.
pub fn migrate(path: &Path) -> Result<Migrated, RunError> {
    let mut objects = input::objects(path)?;
    let promises = objects.iter().filter(|object| input::is_promise(object)).count();
    if promises == 0 {
        // Says what the file holds instead.
        input::take_one(path, "a Promise", &mut objects, input::is_promise)?;
    }
    let mut migrated = Migrated { text: String::new(), notes: Vec::new() };
    for (index, object) in objects.into_iter().enumerate() {
        let object = if input::is_promise(&object) {
            promise(path, object, &mut migrated.notes)?
        } else {
            object
        };
        if index > 0 {
            migrated.text.push_str("---\n");
        }
        migrated.text.push_str(&yaml::write(&object.into_value()));
    }
    Ok(migrated)
}

fn promise(path: &Path, old: Object, notes: &mut Vec<String>) -> Result<Object, RunError> {
    let name = old.name().to_owned();
    let failed = |source| RunError::Promise { path: path.to_owned(), source: Box::new(source) };
    let translated = legacy::translate(&old)
        .map_err(|source| failed(PromiseError::OldForm { promise: name.clone(), source }))?;
    let Some(translated) = translated else {
        notes.push(format!("Promise `{name}` is in today's form already"));
        return Ok(old);
    };
    let mut object = translated.object;
    object.remove_annotation(LAST_APPLIED);
    let read = Promise::from_object(&object).map_err(failed)?;
    let fatal: Vec<_> = check(&read).into_iter().filter(|finding| finding.fatal).collect();
    if !fatal.is_empty() {
        return Err(RunError::Refused { path: path.to_owned(), source: Findings(fatal) });
    }
    notes.extend(translated.notes.iter().map(|note| format!("Promise `{name}`: {note}")));
    Ok(object)
}
