//! What is kept of a Promise, and what is left out of objects.

use serde_json::{Value, json};

use crate::contract::Object;
use crate::core::promise::{Promise, PromiseError};
use crate::core::workflow::promise::{OtherPromise, is_available, resources_run};

/// A Promise as it was read once for all of its requests.
#[derive(Debug)]
pub(super) struct KnownPromise {
    read: Result<Promise, Box<(Object, PromiseError)>>,
    /// What other Promises see of it.
    pub(super) other: OtherPromise,
}

impl KnownPromise {
    /// Reads it. One that cannot be used is told so in its status.
    pub(super) fn from_object(object: &Object) -> Self {
        let read = Promise::from_object(object).map_err(|error| Box::new((object.clone(), error)));
        Self { read, other: OtherPromise::from_object(object) }
    }

    /// The object.
    pub(super) fn object(&self) -> &Object {
        match &self.read {
            Ok(promise) => &promise.object,
            Err(unread) => &unread.0,
        }
    }

    /// What was read, or why nothing could be.
    pub(super) fn promise(&self) -> Result<&Promise, &PromiseError> {
        self.read.as_ref().map_err(|unread| &unread.1)
    }
}

/// What of a Promise matters to its requests. Its status changes often while its own workflow runs.
pub(super) fn fingerprint(promise: &Object) -> Value {
    let metadata = |key| promise.at(&["metadata", key]).cloned().unwrap_or_default();
    json!([
        metadata("generation"),
        metadata("labels"),
        metadata("annotations"),
        metadata("deletionTimestamp"),
        is_available(promise),
        resources_run(promise),
    ])
}

/// Whether an object is being deleted.
pub(super) fn is_going(object: &Object) -> bool {
    object.text_at(&["metadata", "deletionTimestamp"]).is_some()
}

/// Leaves out `managedFields`: what is written back without them keeps them.
pub(super) fn without_managers(mut object: Object) -> Object {
    object.metadata_mut().remove("managedFields");
    object
}
