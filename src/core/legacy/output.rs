//! What older systems take as output: Kubernetes documents, all at the root of the folder.

use serde_json::Value;

use crate::contract::Object;

/// Kinds of objects that hold others, as `kubectl` knows them.
const LIST: &str = "List";

/// Why an output cannot be scheduled by the rules of its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// A folder.
    #[error("the output has the folder `{folder}`; every file must be at its root")]
    Folder {
        /// Its name.
        folder: String,
    },
    /// A file without a document.
    #[error("the output file `{file}` holds no Kubernetes document")]
    Empty {
        /// Its name.
        file: String,
    },
    /// A document that lacks what every object has.
    #[error(
        "document {number} of the output file `{file}` is no Kubernetes document: `{field}` is missing"
    )]
    Missing {
        /// Name of the file.
        file: String,
        /// Which document, from 1; empty ones do not count.
        number: usize,
        /// What is missing, or no text.
        field: String,
    },
}

impl OutputError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Folder { .. } => {
                "write the files to the root of the output folder, or move the pipeline to today's layout, which takes folders".into()
            }
            Self::Empty { file } => format!("remove `{file}`, or write an object into it"),
            Self::Missing { field, .. } => format!(
                "set `{field}`, or move the pipeline to today's layout, which takes files of any kind"
            ),
        }
    }
}

/// Checks the paths of an output: the names of its folders, sorted, and nothing below them.
pub fn check_paths<'a>(mut folders: impl Iterator<Item = &'a str>) -> Result<(), OutputError> {
    match folders.next() {
        None => Ok(()),
        Some(folder) => Err(OutputError::Folder { folder: folder.to_owned() }),
    }
}

/// Checks the documents of one output file: at least one, and each an object that can be applied.
pub fn check_objects(file: &str, objects: &[Object]) -> Result<(), OutputError> {
    if objects.is_empty() {
        return Err(OutputError::Empty { file: file.to_owned() });
    }
    for (number, object) in (1..).zip(objects) {
        if let Some(field) = missing(object) {
            return Err(OutputError::Missing { file: file.to_owned(), number, field });
        }
    }
    Ok(())
}

/// Returns the first field that an object lacks; of a `List`, that one of its items lacks.
fn missing(object: &Object) -> Option<String> {
    let head = [("apiVersion", object.api_version()), ("kind", object.kind())];
    if let Some((field, _)) = head.into_iter().find(|(_, text)| text.is_empty()) {
        return Some(field.to_owned());
    }
    let items = object.at(&["items"]).and_then(Value::as_array);
    match items.filter(|_| object.kind() == LIST) {
        None => object.name().is_empty().then(|| "metadata.name".to_owned()),
        Some(items) => items.iter().enumerate().find_map(|(index, item)| {
            let inner = Object::from_value(item.clone()).unwrap_or_default();
            missing(&inner).map(|field| format!("items[{index}].{field}"))
        }),
    }
}
