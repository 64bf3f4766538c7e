//! What an answer of the API server means.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::ClusterError;
use crate::contract::{Object, ObjectKey};

/// Longest part of a server's text that is kept.
const DETAIL_CHARACTERS_MAX: usize = 1_000;
/// Longest part of something that is no Kubernetes answer, such as a gateway's page.
const EXCERPT_CHARACTERS_MAX: usize = 120;

/// One answer as it came.
pub(super) struct Answer {
    /// HTTP status.
    pub(super) code: u16,
    /// The header `Retry-After`, if it holds seconds.
    pub(super) retry_after: Option<u64>,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// What to do with it.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Done.
    Done(Object),
    /// Ask again, after this time if the server named one.
    Later { detail: String, after: Option<Duration> },
    /// Asking again does not help.
    Refused(Refusal),
}

/// A refusal, with what only some verbs care about.
#[derive(Debug)]
pub(super) struct Refusal {
    /// HTTP status; 0 when there was no answer.
    pub(super) code: u16,
    /// Whether a 404 is about the object itself, and not about its kind or an address.
    pub(super) object_is_missing: bool,
    /// The error for everybody else.
    pub(super) error: ClusterError,
}

impl From<ClusterError> for Refusal {
    fn from(error: ClusterError) -> Self {
        Self { code: 0, object_is_missing: false, error }
    }
}

/// Decides what an answer to `verb` on `key` means, by its code and by the reason in its body.
pub(super) fn judge(verb: &'static str, key: &ObjectKey, answer: &Answer) -> Verdict {
    if (200..300).contains(&answer.code) {
        return match serde_json::from_slice::<Object>(&answer.body) {
            Ok(object) => Verdict::Done(object),
            Err(error) => {
                refused(answer.code, malformed(verb, key, not_json(&answer.body, &error)))
            }
        };
    }
    let status = Status::read(&answer.body);
    let detail = match &status {
        Some(status) => shorten(&status.message, DETAIL_CHARACTERS_MAX),
        None => format!("HTTP {} {}", answer.code, excerpt(&answer.body)).trim_end().to_owned(),
    };
    let status = status.unwrap_or_default();
    let key = || Box::new(key.clone());
    let error = match answer.code {
        401 => ClusterError::Unauthorized { detail },
        403 => ClusterError::Forbidden { verb, key: key(), detail },
        404 => return missing(*key(), &status, detail),
        409 if status.reason == "AlreadyExists" => ClusterError::Exists { key: key() },
        409 => ClusterError::Conflict { key: key(), detail },
        413 => ClusterError::TooLarge { key: key(), detail },
        // etcd's own limit is reported as a fault of the server, and asking again does not help.
        500 if status.is_too_large() => ClusterError::TooLarge { key: key(), detail },
        // Ours, too, and no better the next time.
        500 if status.message.starts_with("resourceVersion should not be set") => {
            ClusterError::Invalid { key: key(), detail }
        }
        408 | 429 | 500 | 502 | 503 | 504 => {
            let seconds = answer.retry_after.or(status.retry_after);
            return Verdict::Later { detail, after: seconds.map(Duration::from_secs) };
        }
        400..500 => ClusterError::Invalid { key: key(), detail },
        _ => malformed(verb, &key(), detail),
    };
    refused(answer.code, error)
}

fn refused(code: u16, error: ClusterError) -> Verdict {
    Verdict::Refused(Refusal { code, object_is_missing: false, error })
}

fn malformed(verb: &'static str, key: &ObjectKey, detail: String) -> ClusterError {
    ClusterError::Malformed { verb, key: Box::new(key.clone()), detail }
}

/// A 404 names the object when only the object is missing; it names nothing for an unknown kind, and the namespace
/// where that is missing.
fn missing(key: ObjectKey, status: &Status, detail: String) -> Verdict {
    let is_object =
        status.name == key.name && (status.kind == key.kind.plural || status.kind == key.kind.kind);
    let detail = if is_object { String::new() } else { detail };
    let error = ClusterError::Missing { key: Box::new(key), detail };
    Verdict::Refused(Refusal { code: 404, object_is_missing: is_object, error })
}

/// The part of `meta/v1.Status` that matters here.
#[derive(Debug, Default)]
struct Status {
    message: String,
    reason: String,
    name: String,
    kind: String,
    retry_after: Option<u64>,
}

impl Status {
    fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        if value.get("kind")?.as_str()? != "Status" {
            return None;
        }
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let details = value.get("details");
        let detail = |name: &str| details.and_then(|details| details.get(name));
        Some(Self {
            message: text(value.get("message")),
            reason: text(value.get("reason")),
            name: text(detail("name")),
            kind: text(detail("kind")),
            retry_after: detail("retryAfterSeconds")
                .and_then(Value::as_u64)
                .filter(|seconds| *seconds > 0),
        })
    }

    fn is_too_large(&self) -> bool {
        self.message.contains("request is too large")
            || self.message.contains("message larger than max")
    }
}

/// Says why something is no JSON object. A page of a gateway is quoted; anything else could be part of an object
/// and is not.
fn not_json(body: &[u8], error: &serde_json::Error) -> String {
    if body.is_empty() {
        "it is empty".to_owned()
    } else if body.trim_ascii_start().starts_with(b"<") {
        format!("it is no JSON but `{}`", excerpt(body))
    } else if error.is_data() {
        "it is no JSON object".to_owned()
    } else {
        format!("it is no JSON, from line {}, column {} on", error.line(), error.column())
    }
}

fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(4 * EXCERPT_CHARACTERS_MAX)];
    shorten(String::from_utf8_lossy(start).trim(), EXCERPT_CHARACTERS_MAX)
}

/// Returns text on one line, without control characters, cut at a number of characters.
fn shorten(text: &str, characters_max: usize) -> String {
    let mut short: String = text
        .chars()
        .take(characters_max)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().nth(characters_max).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds;

    fn judged(code: u16, body: &str) -> Verdict {
        let key = kinds::WORK.object(Some("team-a"), "x");
        judge("update", &key, &Answer { code, retry_after: None, body: body.into() })
    }

    fn status(code: u16, reason: &str, message: &str) -> String {
        format!(
            r#"{{"kind":"Status","status":"Failure","message":"{message}","reason":"{reason}","code":{code}}}"#
        )
    }

    /// Returns the name of the variant and the message.
    fn told(verdict: Verdict) -> String {
        match verdict {
            Verdict::Done(object) => format!("done: {}", object.into_value()),
            Verdict::Later { detail, after } => format!("later {after:?}: {detail}"),
            Verdict::Refused(refusal) => {
                let variant = format!("{:?}", refusal.error);
                let variant = variant.split([' ', '{']).next().unwrap_or_default();
                format!("{variant}: {}", refusal.error)
            }
        }
    }

    #[test]
    fn errors_are_told_apart_by_code_and_reason() {
        let cases = [
            (
                401,
                "Unauthorized",
                "Unauthorized",
                "Unauthorized: not logged in to the cluster: Unauthorized",
            ),
            (
                403,
                "Forbidden",
                "no",
                "Forbidden: not allowed to update works.platform.kratix.io team-a/x: no",
            ),
            (
                409,
                "AlreadyExists",
                "is there",
                "Exists: works.platform.kratix.io team-a/x exists already",
            ),
            (
                409,
                "Conflict",
                "modified",
                "Conflict: works.platform.kratix.io team-a/x has been changed by somebody else meanwhile: modified",
            ),
            (
                409,
                "",
                "?",
                "Conflict: works.platform.kratix.io team-a/x has been changed by somebody else meanwhile: ?",
            ),
            (
                413,
                "RequestEntityTooLarge",
                "limit",
                "TooLarge: works.platform.kratix.io team-a/x is too large for the cluster: limit",
            ),
            (
                500,
                "",
                "etcdserver: request is too large",
                "TooLarge: works.platform.kratix.io team-a/x is too large for the cluster: etcdserver: request is too large",
            ),
            (
                500,
                "",
                "rpc error: trying to send message larger than max (3 vs. 2)",
                "TooLarge: works.platform.kratix.io team-a/x is too large for the cluster: rpc error: trying to send \
                 message larger than max (3 vs. 2)",
            ),
            (
                500,
                "",
                "resourceVersion should not be set on objects to be created",
                "Invalid: works.platform.kratix.io team-a/x was refused: resourceVersion should not be set on objects \
                 to be created",
            ),
            (
                422,
                "Invalid",
                "spec.a",
                "Invalid: works.platform.kratix.io team-a/x was refused: spec.a",
            ),
            (400, "BadRequest", "b", "Invalid: works.platform.kratix.io team-a/x was refused: b"),
            (500, "InternalError", "boom", "later None: boom"),
            (503, "ServiceUnavailable", "s", "later None: s"),
            (429, "TooManyRequests", "t", "later None: t"),
            (
                302,
                "",
                "m",
                "Malformed: failed to update works.platform.kratix.io team-a/x: the answer cannot be understood: m",
            ),
            (
                501,
                "",
                "n",
                "Malformed: failed to update works.platform.kratix.io team-a/x: the answer cannot be understood: n",
            ),
        ];
        for (code, reason, message, expected) in cases {
            assert_eq!(told(judged(code, &status(code, reason, message))), expected);
        }
    }

    #[test]
    fn a_missing_object_is_told_from_a_missing_kind() {
        let missing = |body: &str| match judged(404, body) {
            Verdict::Refused(refusal) => (refusal.object_is_missing, refusal.error.to_string()),
            other => panic!("{other:?}"),
        };
        let named = r#"{"kind":"Status","message":"works \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"works"}}"#;
        assert_eq!(missing(named), (true, "works.platform.kratix.io team-a/x not found".into()));
        let namespace = r#"{"kind":"Status","message":"namespaces \"x\" not found","details":{"name":"x","kind":"namespaces"}}"#;
        assert!(!missing(namespace).0);
        assert!(
            !missing(r#"{"kind":"Status","message":"the server could not find it","details":{}}"#)
                .0
        );
        assert_eq!(
            missing("<html>nope</html>").1,
            "works.platform.kratix.io team-a/x not found: HTTP 404 <html>nope</html>"
        );
    }

    #[test]
    fn an_answer_that_is_no_object_is_malformed_and_not_quoted() {
        let end =
            |body: &str| told(judged(200, body)).rsplit(": ").next().unwrap_or_default().to_owned();
        assert_eq!(end("<html>gateway</html>"), "it is no JSON but `<html>gateway</html>`");
        assert_eq!(
            end(r#"{"data":{"password":"hunter2""#),
            "it is no JSON, from line 1, column 29 on"
        );
        assert_eq!(end(r#"["hunter2"]"#), "it is no JSON object");
        assert_eq!(end(""), "it is empty");
    }

    #[test]
    fn texts_are_short_and_on_one_line() {
        assert_eq!(shorten("a\nb\u{1b}[0m", 10), "a b [0m");
        assert_eq!(shorten("äöü", 2), "äö…");
        assert_eq!(excerpt(&[0xff, b'a']), "\u{fffd}a");
    }

    #[test]
    fn the_server_says_when_to_come_back() {
        let key = kinds::WORK.object(Some("n"), "x");
        let after = |retry_after, body: &str| match judge(
            "get",
            &key,
            &Answer { code: 429, retry_after, body: body.into() },
        ) {
            Verdict::Later { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        let body = r#"{"kind":"Status","message":"slow down","details":{"retryAfterSeconds":2}}"#;
        assert_eq!(after(Some(7), body), Some(7));
        assert_eq!(after(None, body), Some(2));
        assert_eq!(after(None, "slow down"), None);
    }
}
