//! What a bucket's errors mean: the server's own code and words, never keys, signatures or URLs.

use std::error::Error;
use std::time::Duration;

use object_store::Error as Failed;
use object_store::client::{HttpError, HttpErrorKind};
use quick_xml::escape::unescape;

use crate::store::{Trouble, tls};

/// Longest text of a server that is repeated.
const SAID_CHARS_MAX: usize = 300;
/// How object_store begins to tell of an answer.
const ANSWERED: &str = "Server returned non-2xx status code: ";
/// Addresses of servers that give a node or pod its credentials.
const NEIGHBOURS: [&str; 3] = ["http://169.254.", "http://metadata", "http://[fd00:ec2::254]"];

/// Codes for a bucket that is not there.
const NO_BUCKET: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    code: String,
    message: String,
}

/// Returns what an error means. `request` is how long one request may take.
pub(super) fn of(error: &Failed, bucket: &str, request: Duration) -> Trouble {
    if let Some(answer) = answer(error) {
        return answered(answer, bucket);
    }
    if chain(error).any(|error| says_any(error, &NEIGHBOURS)) {
        return Trouble::Credentials("none are set, and none are given to this machine".to_owned());
    }
    if let Some(error) = tls::error_in(error) {
        return tls::trouble(error);
    }
    if let Some(error) = chain(error).find_map(|error| error.downcast_ref::<HttpError>()) {
        let last = chain(error).last().map(ToString::to_string).unwrap_or_default();
        return match error.kind() {
            HttpErrorKind::Timeout => Trouble::Late(request),
            _ => Trouble::Unreachable(last.into()),
        };
    }
    match error {
        Failed::NotFound { path, .. } => Trouble::Missing(format!("object `{path}`")),
        Failed::NotImplemented { operation, .. } => Trouble::Refused(operation.clone()),
        // Text of object_store itself: about its settings, or an answer that it does not understand.
        error => {
            Trouble::Other(said(&chain(error).last().map(ToString::to_string).unwrap_or_default()))
        }
    }
}

/// Returns what an answer with this status and body means.
pub(super) fn of_status(status: u16, body: &str, bucket: &str) -> Trouble {
    let (code, message) = (element(body, "Code"), element(body, "Message"));
    answered(Answer { status, code, message }, bucket)
}

/// Returns what is wrong with settings or credentials, before anything is asked.
pub(super) fn of_settings(error: &Failed) -> Trouble {
    let last = chain(error).last().map(ToString::to_string).unwrap_or_default();
    Trouble::Credentials(said(&last))
}

/// Whether there is no such object; a bucket that is not there is another matter.
pub(super) fn is_absent(error: &Failed) -> bool {
    matches!(error, Failed::NotFound { .. })
        && !answer(error).is_some_and(|answer| NO_BUCKET.contains(&answer.code.as_str()))
}

/// Returns the causes of an error, itself first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn says_any(error: &(dyn Error + 'static), texts: &[&str]) -> bool {
    let said = error.to_string();
    texts.iter().any(|text| said.contains(text))
}

/// Returns what the server answered, if that is what went wrong.
fn answer(error: &Failed) -> Option<Answer> {
    chain(error).find_map(|error| {
        let text = error.to_string();
        match text.strip_prefix(ANSWERED) {
            // `403 Forbidden: <xml>`
            Some(text) => {
                let (status, body) = text.split_once(": ").unwrap_or((text, ""));
                Some(Answer {
                    status: status.get(..3)?.parse().ok()?,
                    code: element(body, "Code"),
                    message: element(body, "Message"),
                })
            }
            // One key of many that were to be deleted.
            None => {
                let text = text.strip_prefix("DeleteObjects request failed for key ")?;
                let code = text.rsplit_once("(code: ")?.1.trim_end_matches(')').to_owned();
                let status = if code == "AccessDenied" { 403 } else { 500 };
                Some(Answer { status, code, message: "an object cannot be deleted".to_owned() })
            }
        }
    })
}

/// Returns the text of an element of an answer; empty when there is none.
fn element(body: &str, name: &str) -> String {
    let text = body
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| Some(rest.split_once(&format!("</{name}>"))?.0));
    text.and_then(|text| unescape(text).ok()).map(|text| said(&text)).unwrap_or_default()
}

/// Returns a text of a server as one line that is not too long.
fn said(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
}

/// Returns what an answer means.
fn answered(answer: Answer, bucket: &str) -> Trouble {
    let Answer { status, code, message } = answer;
    let text = match (code.as_str(), message.as_str()) {
        ("", _) => status.to_string(),
        (code, "") => format!("{status} {code}"),
        (code, message) => format!("{status} {code}: {message}"),
    };
    match (status, code.as_str()) {
        (
            _,
            "InvalidAccessKeyId"
            | "XAdminUserNotFound"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "RequestTimeTooSkewed"
            | "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "ExpiredTokenException"
            | "InvalidIdentityToken",
        )
        | (401 | 407, _) => Trouble::Credentials(text),
        (403, _) => Trouble::Forbidden(text),
        (_, code) if NO_BUCKET.contains(&code) => Trouble::Missing(format!("bucket `{bucket}`")),
        (404, _) => {
            Trouble::Missing(format!("bucket `{bucket}`, or nothing in it has that name ({text})"))
        }
        // The server is full or busy, or two wrote at once: later it may do.
        (408 | 425 | 429 | 500.., _)
        | (_, "OperationAborted" | "ConditionalRequestConflict" | "SlowDown") => {
            Trouble::Other(text)
        }
        (300..=399, _) => Trouble::Refused(format!("{text} (another region or endpoint?)")),
        _ => Trouble::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(text: &str) -> Failed {
        Failed::Generic { store: "S3", source: text.into() }
    }

    fn meant(text: &str) -> String {
        format!("{:?}", of(&failed(text), "b", Duration::from_secs(1)))
    }

    fn xml(code: &str, message: &str) -> String {
        format!(
            "<?xml?><Error><Code>{code}</Code><Message>{message}</Message><AWSAccessKeyId>KEY</AWSAccessKeyId><StringToSign>SIGN</StringToSign></Error>"
        )
    }

    #[test]
    fn answers_are_told_by_the_servers_code_and_nothing_else_of_them() {
        for (status, code, message, expect) in [
            (
                "403 Forbidden",
                "InvalidAccessKeyId",
                "no",
                "Credentials(\"403 InvalidAccessKeyId: no\")",
            ),
            (
                "403 Forbidden",
                "SignatureDoesNotMatch",
                "a &amp; b",
                "Credentials(\"403 SignatureDoesNotMatch: a & b\")",
            ),
            ("400 Bad Request", "ExpiredToken", "old", "Credentials(\"400 ExpiredToken: old\")"),
            ("401 Unauthorized", "", "", "Credentials(\"401\")"),
            ("403 Forbidden", "AccessDenied", "no", "Forbidden(\"403 AccessDenied: no\")"),
            ("404 Not Found", "NoSuchBucket", "gone", "Missing(\"bucket `b`\")"),
            ("409 Conflict", "ObjectParentIsFile", "x", "Refused(\"409 ObjectParentIsFile: x\")"),
            ("409 Conflict", "OperationAborted", "x", "Other(\"409 OperationAborted: x\")"),
            ("503 Service Unavailable", "SlowDown", "", "Other(\"503 SlowDown\")"),
            ("307 Temporary Redirect", "", "", "Refused(\"307 (another region or endpoint?)\")"),
        ] {
            let body = if code.is_empty() { String::new() } else { xml(code, message) };
            assert_eq!(meant(&format!("{ANSWERED}{status}: {body}")), expect);
        }
    }

    #[test]
    fn a_long_answer_is_cut_and_stays_on_one_line() {
        let body = xml("InternalError", &format!("one\ntwo{}", "x".repeat(1000)));
        assert_eq!(
            meant(&format!("{ANSWERED}500 Internal Server Error: {body}")),
            "Other(\"500 InternalError: one\")"
        );
    }

    #[test]
    fn a_machine_without_credentials_is_told_as_that() {
        let text = "Error performing PUT http://169.254.169.254/latest/api/token in 1s";
        assert!(meant(text).starts_with("Credentials("));
    }

    #[test]
    fn an_object_that_cannot_be_deleted_is_told() {
        let text = "DeleteObjects request failed for key a/b: no (code: AccessDenied)";
        assert_eq!(meant(text), "Forbidden(\"403 AccessDenied: an object cannot be deleted\")");
    }
}
