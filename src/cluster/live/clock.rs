//! The API server's clock, as its answers tell it.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::time::Instant;

/// When the server last told the time, and which; clones share it.
///
/// The header `Date` has whole seconds, cut off: the time is up to a second behind the server's, never ahead of it.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl ServerClock {
    /// Takes the time from an answer that has just come. An answer without a readable time changes nothing.
    pub(super) fn hear(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let told = date.and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        if let Some(told) = told {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((told, Instant::now()));
        }
    }

    /// Returns the server's time in whole seconds, `None` when it has told none.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (told, heard) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        // The time that has passed, not the time of day: nobody can set that clock.
        let now = told.checked_add(heard.elapsed()).ok()?;
        Timestamp::from_second(now.as_second()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(date: &[u8]) -> Option<String> {
        let clock = ServerClock::default();
        hear(&clock, date);
        clock.now().map(|time| time.to_string())
    }

    fn hear(clock: &ServerClock, date: &[u8]) {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, date.try_into().unwrap());
        clock.hear(&headers);
    }

    #[tokio::test(start_paused = true)]
    async fn dates_of_http_are_read_and_others_are_none() {
        for (date, expect) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("1994-11-06T08:49:37Z")),
            ("Thu, 31 Dec 2026 23:59:59 GMT", Some("2026-12-31T23:59:59Z")),
            ("Thu, 31 Dec 2026 23:59:59 +0100", Some("2026-12-31T22:59:59Z")),
            ("Mon, 31 Dec 2026 23:59:59 GMT", None),
            ("2026-12-31T23:59:59Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(told(date.as_bytes()).as_deref(), expect, "{date}");
        }
        assert_eq!(told(b"\xff"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_goes_on_and_the_last_answer_counts() {
        let clock = ServerClock::default();
        clock.hear(&HeaderMap::new());
        assert_eq!(clock.now(), None);
        hear(&clock, b"Sun, 06 Nov 1994 08:49:37 GMT");
        tokio::time::advance(Duration::from_millis(61_900)).await;
        assert_eq!(clock.now().unwrap().to_string(), "1994-11-06T08:50:38Z");
        hear(&clock, b"no time at all");
        assert_eq!(clock.clone().now().unwrap().to_string(), "1994-11-06T08:50:38Z");
        hear(&clock, b"Sun, 06 Nov 1994 08:00:00 GMT");
        assert_eq!(clock.now().unwrap().to_string(), "1994-11-06T08:00:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_time_is_no_time() {
        let clock = ServerClock::default();
        hear(&clock, b"Fri, 31 Dec 9999 12:00:00 GMT");
        tokio::time::advance(Duration::from_secs(86_400 * 365)).await;
        assert_eq!(clock.now(), None);
    }
}
