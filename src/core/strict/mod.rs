//! Decodes JSON into typed Kubernetes shapes as strictly as Kratix decodes a Pipeline (contract.md 5.7).
//!
//! A field nobody knows is an error with its path and the nearest known name; names match whatever their case.
//! `null` counts as absent, as in Go. Values never appear in a message: they may be secrets.

mod access;
mod decoder;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use decoder::{Decoder, Trail};

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as in `spec.containers[0].imagee`; empty for the document itself.
    pub path: String,
    /// What.
    pub fault: Fault,
}

/// What can be wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No such field.
    Unknown {
        /// The known name that looks most like it.
        nearest: Option<&'static str>,
    },
    /// Two spellings of one field in one map.
    Twice {
        /// The name both stand for.
        name: &'static str,
    },
    /// A value of the wrong type or out of range; the text says what was expected and found.
    Value(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { .. } => f.write_str("unknown field"),
            Self::Twice { name } => write!(f, "repeats the field `{name}`"),
            Self::Value(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the document" } else { &self.path };
        match &self.fault {
            Fault::Unknown { .. } => write!(f, "unknown field `{place}`"),
            fault @ Fault::Twice { .. } => write!(f, "`{place}` {fault}"),
            fault @ Fault::Value(_) => write!(f, "`{place}`: {fault}"),
        }
    }
}

/// Everything that is wrong with a document: all unknown fields, and the first value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", join(problems))]
pub struct StrictError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl StrictError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        let is_misspelled =
            |problem: &&Problem| matches!(problem.fault, Fault::Unknown { nearest: Some(_) });
        let misspelled = self.problems.iter().find(is_misspelled);
        let problem = misspelled.or_else(|| self.problems.first())?;
        let path = &problem.path;
        Some(match &problem.fault {
            Fault::Unknown { nearest: Some(nearest) } => {
                format!("write `{nearest}`, or remove `{path}`")
            }
            Fault::Unknown { nearest: None } => format!("remove `{path}`"),
            Fault::Twice { .. } => format!("remove one of the two, such as `{path}`"),
            // The usual reason: `name: no`, `value: 5`.
            Fault::Value(what)
                if what.starts_with("expected text, found a number")
                    || what == "expected text, found a boolean" =>
            {
                format!("put the value of `{path}` in quotes")
            }
            Fault::Value(_) if path.is_empty() => return None,
            Fault::Value(_) => format!("change `{path}`"),
        })
    }

    /// Returns the error with paths that begin at `path`, where the decoded value stands.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        for problem in &mut self.problems {
            let dot =
                if problem.path.is_empty() || problem.path.starts_with('[') { "" } else { "." };
            problem.path = format!("{path}{dot}{}", problem.path);
        }
        self
    }
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// Decodes a value; unknown fields are errors.
pub fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, StrictError> {
    let trail = Trail::default();
    let decoded = T::deserialize(Decoder::new(value, &trail));
    let mut problems = trail.problems.take();
    match decoded {
        Ok(decoded) if problems.is_empty() => return Ok(decoded),
        Ok(_) => {}
        Err(error) => problems.push(Problem { path: trail.path(), fault: Fault::Value(error.0) }),
    }
    Err(StrictError { problems })
}

/// Decodes a value as [`decode`] does, but passes over fields that nobody knows.
pub fn decode_known<T: DeserializeOwned>(value: &Value) -> Result<T, StrictError> {
    let trail = Trail::default();
    T::deserialize(Decoder::new(value, &trail)).map_err(|error| StrictError {
        problems: vec![Problem { path: trail.path(), fault: Fault::Value(error.0) }],
    })
}

/// Returns the name among `known` that looks most like `name`, when one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
