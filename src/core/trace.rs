//! The W3C trace context that Kratix hands on (contract.md 4.2): read strictly, so that a trace is joined or not.

/// The span that caused this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span in it; never 0.
    pub span_id: u64,
    /// Whether whoever began the trace wants it recorded.
    pub is_sampled: bool,
}

/// Bytes of `00-<32 digits>-<16 digits>-<2 digits>`.
const LENGTH: usize = 55;

impl Parent {
    /// Reads a `traceparent` of W3C Trace Context, level 1; `None` for anything else.
    ///
    /// A version after 00 may have more after another `-`, which is left out, as the specification wants it.
    pub fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let mut next = |digits| hexadecimal(parts.next()?, digits);
        let version = next(2)?;
        let (trace_id, span_id, flags) = (next(32)?, next(16)?, next(2)?);
        let fits = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        let span_id = u64::try_from(span_id).ok()?;
        let is_valid = fits && trace_id != 0 && span_id != 0;
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }

    /// The trace as it is written.
    pub fn trace_id_text(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// Reads exactly so many digits in lower case.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_trace_parent_is_read() {
        let parent = Parent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(parent.trace_id_text(), TRACE);
        assert_eq!((parent.span_id, parent.is_sampled), (0x00f0_67aa_0ba9_02b7, true));
        for (flags, is_sampled) in [("00", false), ("02", false), ("03", true), ("ff", true)] {
            let text = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            assert_eq!(Parent::parse(&text).unwrap().is_sampled, is_sampled, "{flags}");
        }
    }

    #[test]
    fn a_later_version_may_say_more_and_version_00_not() {
        let of = |version, more| {
            Parent::parse(&format!("{version}-{TRACE}-00f067aa0ba902b7-01{more}")).is_some()
        };
        assert!(of("cc", "") && of("cc", "-what-comes"));
        assert!(!of("cc", "x") && !of("00", "-more") && !of("ff", ""));
    }

    #[test]
    fn what_is_not_exactly_a_trace_parent_is_none() {
        for text in [
            "",
            "garbage",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-1",
        ] {
            assert_eq!(Parent::parse(text), None, "{text}");
        }
    }
}
