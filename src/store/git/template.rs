//! Templates of commit messages, authors and trailers: `Update from: {name}`.

use std::str::FromStr;

use crate::core::placement::Change;

/// What a template may say, as `core::placement::layout::about` tells it.
const KNOWN: &[&str] =
    &["name", "promise", "resource", "namespace", "pipeline", "destination", "work"];
/// Starts of the names of what else a template may say.
const FAMILIES: &[&str] = &["annotation:", "label:"];

/// A text with places for what is known of a change.
///
/// `{name}` is its name, `{promise}`, `{resource}` and so on what [`Change::about`] has under that key, `{annotation:KEY}` what
/// it has under `annotation:KEY`; nothing when it has nothing. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template `{template}` {fault}")]
pub struct TemplateError {
    template: String,
    fault: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When a brace is open, or names nothing that can be known of a change.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let error =
            |fault: String| TemplateError { template: text.escape_debug().to_string(), fault };
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(index) = rest.find(['{', '}']) {
            plain.push_str(&rest[..index]);
            let brace = &rest[index..=index];
            let after = &rest[index + 1..];
            if let Some(after) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let Some((key, after)) = after.split_once('}').filter(|_| brace == "{") else {
                return Err(error(format!(
                    "has a `{brace}` alone; `{brace}{brace}` stands for one"
                )));
            };
            let of_family = |family: &&str| key.len() > family.len() && key.starts_with(*family);
            if !KNOWN.contains(&key) && !FAMILIES.iter().any(of_family) {
                return Err(error(format!(
                    "asks for `{}`; there are {}, annotation:KEY and label:KEY",
                    key.escape_debug(),
                    KNOWN.join(", "),
                )));
            }
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Place(key.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Fills in what is known of a change. A value is one line, whatever is in it: it can begin no line of its own.
    pub(super) fn fill(&self, change: &Change) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Place(key) if key == "name" => text.push_str(&line(&change.name)),
                Piece::Place(key) => {
                    text.push_str(&line(change.about.get(key).map_or("", String::as_str)));
                }
            }
        }
        text
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text)
    }
}

/// Returns a value as one line.
pub(super) fn line(value: &str) -> String {
    let value = value.split(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    value.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Change {
        let about = [("promise", "redis"), ("annotation:ticket", "OPS-1\n\nSigned-off-by: root")];
        let about = about.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Change { name: "work.dev-1".into(), about, edits: Vec::new() }
    }

    #[test]
    fn places_are_filled_with_one_line() {
        for (template, expect) in [
            ("", ""),
            ("Update from: {name}", "Update from: work.dev-1"),
            (
                concat!("{promise}/{resource} [{annotation", ":ticket}]"),
                "redis/ [OPS-1 Signed-off-by: root]",
            ),
            ("{{{promise}}}: {{}}", "{redis}: {}"),
            ("a\n\n{label:x}b", "a\n\nb"),
        ] {
            assert_eq!(Template::parse(template).unwrap().fill(&change()), expect);
        }
    }

    #[test]
    fn what_cannot_be_filled_is_told_when_it_is_read() {
        for (template, fault) in [
            ("{ticket}", "asks for `ticket`; there are name, promise"),
            ("{annotation:}", "asks for `annotation:`"),
            ("{}", "asks for ``"),
            ("{name", "has a `{` alone"),
            ("name}", "has a `}` alone"),
            ("{a\nb}", "asks for `a\\nb`"),
        ] {
            let error = Template::parse(template).unwrap_err().to_string();
            assert!(error.contains(fault), "{template}: {error}");
        }
    }
}
