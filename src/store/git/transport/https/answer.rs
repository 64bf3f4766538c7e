//! What an HTTP answer, or the lack of one, means for a store.

use std::error::Error;
use std::fmt;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::exit::chain;
use crate::store::{Trouble, tls};

/// Most bytes of a message of the server that are told on.
const MESSAGE_BYTES_MAX: usize = 300;

/// A server that has no time for us now.
#[derive(Debug)]
pub struct Busy {
    /// Its HTTP status: 408, 429, 5xx.
    pub status: u16,
    /// How long it asks to be left alone, if it says so in seconds.
    pub retry_after: Option<std::time::Duration>,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answers with HTTP status {}", self.status)?;
        match self.retry_after {
            Some(wait) => write!(f, " and asks to wait {} s", wait.as_secs()),
            None => Ok(()),
        }
    }
}

impl Error for Busy {}

/// Returns the answer when it is one to be read, and else what its status means.
pub(super) async fn checked(response: Response) -> Result<Response, Trouble> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    let headers = response.headers().clone();
    let message = message(response).await;
    Err(of_status(status, &headers, &message))
}

fn of_status(status: StatusCode, headers: &HeaderMap, message: &str) -> Trouble {
    let said = if message.is_empty() {
        format!("HTTP status {}", status.as_u16())
    } else {
        format!("HTTP status {}, {message}", status.as_u16())
    };
    match status.as_u16() {
        401 => Trouble::Credentials(said),
        403 => Trouble::Forbidden(said),
        404 | 410 => Trouble::Missing(format!(
            "repository at this URL, or the credentials may not see it ({said})"
        )),
        407 => Trouble::Credentials(format!("the proxy does not accept them: {said}")),
        413 => Trouble::Refused(format!("more than the server takes in one request: {said}")),
        408 | 429 | 500..=599 => {
            let retry_after = headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                .map(std::time::Duration::from_secs);
            Trouble::Unreachable(Box::new(Busy { status: status.as_u16(), retry_after }))
        }
        _ => Trouble::Other(said),
    }
}

/// Returns the beginning of what the server says in words. A page is not for people who read logs.
async fn message(mut response: Response) -> String {
    let is_text = response.headers().get(CONTENT_TYPE).is_none_or(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"text/plain") || kind.starts_with(b"application/json")
    });
    let mut text = Vec::new();
    while is_text && text.len() < MESSAGE_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            _ => break,
        }
    }
    plain(&text, MESSAGE_BYTES_MAX)
}

/// Makes one short line of what somebody else wrote.
pub(in crate::store::git) fn plain(text: &[u8], bytes_max: usize) -> String {
    let text = String::from_utf8_lossy(text.get(..bytes_max).unwrap_or(text));
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Says why there is no answer. The URL, which can hold a password, is left out.
pub(super) fn of_error(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    if let Some(error) = tls::error_in(&error) {
        return tls::trouble(error);
    }
    let said = chain(&error);
    // What hyper-util calls a proxy that wants to know who we are.
    if said.contains("proxy authorization required") {
        return Trouble::Credentials("the proxy does not accept them".to_owned());
    }
    Trouble::Unreachable(said.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_meaning() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "30".parse().unwrap());
        for (status, expect) in [
            (401, "the credentials are refused: HTTP status 401, go away"),
            (403, "that is not allowed: HTTP status 403, go away"),
            (
                404,
                "there is no repository at this URL, or the credentials may not see it (HTTP status 404, go away)",
            ),
            (
                407,
                "the credentials are refused: the proxy does not accept them: HTTP status 407, go away",
            ),
            (
                413,
                "it was refused: more than the server takes in one request: HTTP status 413, go away",
            ),
            (429, "it cannot be reached: it answers with HTTP status 429 and asks to wait 30 s"),
            (503, "it cannot be reached: it answers with HTTP status 503 and asks to wait 30 s"),
            (418, "it says: HTTP status 418, go away"),
        ] {
            let trouble = of_status(StatusCode::from_u16(status).unwrap(), &headers, "go away");
            assert_eq!(chain(&trouble), expect);
        }
    }

    #[test]
    fn what_others_write_is_one_short_line() {
        for (text, expect) in [
            (&b"a\0b\r\n  c\x1b[31m"[..], "a b c [31m"),
            (b"0123456789abcdefghi", "0123456789abcdef"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(plain(text, 16), expect);
        }
    }
}
