//! When a request is sent again, and after which pause.

use std::time::Duration;

/// Into how many pauses at the least the time is divided in which refusals are doubted: a long one would waste it.
const DOUBTS: u32 = 6;

/// How long and how often an API server is asked before it counts as unreachable.
///
/// This is the one place where somebody waits for a server: the steps do not ask again what was asked here. The default
/// survives ten seconds without a server, as at a restart of the only one, and gives up after 13 to 40 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most requests for one question.
    pub tries_max: u32,
    /// The pause after the first try; each further one is twice as long.
    pub pause_first: Duration,
    /// The longest pause, also when the server asks for a longer one.
    pub pause_max: Duration,
    /// The longest time for one request: to connect, send it and read the answer.
    pub try_time_max: Duration,
    /// No try begins later than this after the first.
    pub total_time_max: Duration,
    /// For how long a refusal of access (401, 403) is doubted: no try begins later than this after the first one.
    ///
    /// A server that has just started knows neither accounts nor rights for a moment, and a role binding that has just
    /// been made takes one to arrive. Zero believes every refusal.
    pub refusal_time_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            // Nine pauses, of 13 s at the least and 26 s at the most.
            tries_max: 10,
            pause_first: Duration::from_millis(200),
            pause_max: Duration::from_secs(5),
            try_time_max: Duration::from_secs(10),
            total_time_max: Duration::from_secs(30),
            // Seen after restarts: 0.1 s mostly, 1.3 s once (docs/decisions/0008). Much longer would be a nuisance where a right
            // is really missing.
            refusal_time_max: Duration::from_secs(3),
        }
    }
}

impl RetryPolicy {
    /// Returns the pause before the next try, or `None` when it was the last one.
    ///
    /// `tries` were made in the time `spent`; `asked` is what the server wants; `random` spreads the pause over its
    /// second half, so that many clients do not come back at once.
    pub(super) fn pause(
        &self,
        tries: u32,
        spent: Duration,
        asked: Option<Duration>,
        random: u64,
    ) -> Option<Duration> {
        if tries >= self.tries_max {
            return None;
        }
        // Never earlier than the server asked for, within our own bounds.
        let asked = asked.unwrap_or_default().min(self.pause_max);
        let pause = self.spread(tries, random).max(asked);
        (spent + pause < self.total_time_max).then_some(pause)
    }

    /// Returns the pause before a refusal of access is doubted again, or `None` when it is to be believed.
    ///
    /// `refusals` were given, the first one `since` ago. They are counted by themselves: after a long outage the pauses
    /// would be longer than the doubt.
    pub(super) fn doubt(&self, refusals: u32, since: Duration, random: u64) -> Option<Duration> {
        let pause = self.spread(refusals, random).min(self.refusal_time_max / DOUBTS);
        (since + pause < self.refusal_time_max).then_some(pause)
    }

    /// The pause after a number of tries: twice as long each time, of which the second half is left to chance.
    fn spread(&self, tries: u32, random: u64) -> Duration {
        let doublings = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        let half = self.pause_first.saturating_mul(doublings).min(self.pause_max) / 2;
        half + half.mul_f64((random % 1024) as f64 / 1023.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        tries_max: 4,
        pause_first: Duration::from_millis(100),
        pause_max: Duration::from_millis(300),
        try_time_max: Duration::from_secs(1),
        total_time_max: Duration::from_secs(2),
        refusal_time_max: Duration::from_millis(900),
    };

    fn millis(tries: u32, spent: u64, asked: Option<u64>, random: u64) -> Option<u128> {
        POLICY
            .pause(tries, Duration::from_millis(spent), asked.map(Duration::from_millis), random)
            .map(|pause| pause.as_millis())
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let longest = |tries| millis(tries, 0, None, 1023);
        assert_eq!(
            [longest(1), longest(2), longest(3), longest(4)],
            [Some(100), Some(200), Some(300), None]
        );
    }

    #[test]
    fn the_default_outlives_a_restart_and_ends_after_half_a_minute() {
        let policy = RetryPolicy::default();
        let waited = |random| {
            let mut spent = Duration::ZERO;
            for tries in 1.. {
                match policy.pause(tries, spent, None, random) {
                    Some(pause) => spent += pause,
                    None => break,
                }
            }
            spent.as_secs()
        };
        // The spread is a multiple of the random number's remainder: 0 is none of it, 1023 all.
        assert!(waited(0) >= 10, "{}", waited(0));
        assert!(waited(1023) <= 30, "{}", waited(1023));
        // A server that takes connections and says nothing.
        assert_eq!(policy.pause(3, Duration::from_secs(31), None, 0), None);
    }

    #[test]
    fn pauses_are_spread_over_their_second_half() {
        assert_eq!(millis(1, 0, None, 0), Some(50));
        assert_eq!(millis(1, 0, None, u64::MAX), Some(100));
    }

    #[test]
    fn the_server_may_ask_for_a_longer_pause_but_not_for_any() {
        assert_eq!(millis(1, 0, Some(250), 0), Some(250));
        assert_eq!(millis(1, 0, Some(60_000), 0), Some(300));
        assert_eq!(millis(1, 0, Some(0), 0), Some(50));
    }

    #[test]
    fn no_try_begins_after_the_time_is_over() {
        assert_eq!(millis(1, 1_990, None, 1023), None);
    }

    #[test]
    fn a_refusal_is_doubted_for_a_short_time_only() {
        let doubt = |refusals, since| {
            let pause = POLICY.doubt(refusals, Duration::from_millis(since), 1023);
            pause.map(|pause| pause.as_millis())
        };
        assert_eq!([doubt(1, 0), doubt(2, 100), doubt(9, 800)], [Some(100), Some(150), None]);
        let trusting = RetryPolicy { refusal_time_max: Duration::ZERO, ..POLICY };
        assert_eq!(trusting.doubt(1, Duration::ZERO, 0), None);
        // By default the time is used, whatever chance says.
        for random in [0, 1023] {
            let (mut since, mut refusals) = (Duration::ZERO, 1);
            while let Some(pause) = RetryPolicy::default().doubt(refusals, since, random) {
                (since, refusals) = (since + pause, refusals + 1);
            }
            assert!((7..=13).contains(&refusals), "{refusals}");
            assert!((2_400..3_000).contains(&since.as_millis()), "{since:?}");
        }
    }

    #[test]
    fn many_tries_do_not_overflow() {
        let policy = RetryPolicy { tries_max: u32::MAX, ..POLICY };
        assert!(policy.pause(1_000_000, Duration::ZERO, None, 5).is_some());
    }
}
