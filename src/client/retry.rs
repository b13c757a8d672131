//! Decides when to try again: full jitter, floors that a server sets, and a budget and a window that progress renews (API.md,
//! `retry`).
//!
//! Time and seed are arguments. A `Backoff` belongs to one stream. It records when its last request was sent, so that no part of
//! the machine can send requests more often than every quarter of `initialDelayMs`.

use crate::client::io::{Config, Millis};
use crate::protocol::head::{Head, RetryAfter};

/// The longest delay that a server may ask for, in milliseconds.
const LONGEST_FLOOR: Millis = 3_600_000;
/// The delay is doubled this many times at most: 2^20 initial delays exceed every cap.
const MOST_DOUBLINGS: u32 = 20;
/// The default number of retries of a message that has no answer yet.
const SEND_RETRIES: u32 = 3;

/// The number of retries within the window, if the app has not set `maxRetries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// The few retries of a message that has no answer yet.
    Send,
    /// Those of a known task, which only the window limits.
    Task,
}

/// The decision after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again at this time.
    At(Millis),
    /// Give up.
    Exhausted,
}

/// The retry state of one stream.
#[derive(Clone, Debug)]
pub struct Backoff {
    jitter: Jitter,
    initial: Millis,
    max: Millis,
    max_retries: Option<u32>,
    window: Millis,
    retries: u32,
    /// When the current run of failures began.
    failing_since: Option<Millis>,
    last_request: Option<Millis>,
    /// The delay that a `retry` field of the stream asked for, in milliseconds. It applies until the next such field.
    stream_floor: Millis,
    /// The server asked for no request before this time.
    held_until: Millis,
}

impl Backoff {
    /// Makes the retry state with the delays, budget and window of `config`. Each stream has a `seed` of its own.
    #[must_use]
    pub fn new(config: &Config, seed: u64) -> Self {
        Self {
            jitter: Jitter(seed),
            initial: config.initial_delay,
            max: config.max_delay.max(config.initial_delay),
            max_retries: config.max_retries,
            window: config.window,
            retries: 0,
            failing_since: None,
            last_request: None,
            stream_floor: 0,
            held_until: 0,
        }
    }

    /// Records that a request was sent.
    pub fn requested(&mut self, now: Millis) {
        self.last_request = Some(now);
    }

    /// Records that a stream broke. A browser may break the streams of a page before it reports that the page is left. A request
    /// that was sent at once would open a connection for a page that is gone, so the next one waits as after a request.
    pub fn broke(&mut self, now: Millis) {
        self.last_request = Some(now);
    }

    /// Records a new event, which renews the budget and the window.
    pub fn progressed(&mut self) {
        self.retries = 0;
        self.failing_since = None;
    }

    /// Excludes time in which no try was possible (offline, page in the back-forward cache) from the window.
    pub fn excuse(&mut self, now: Millis) {
        if self.failing_since.is_some() {
            self.failing_since = Some(now);
        }
    }

    /// Records a `retry` field of the stream. It delays the next requests after failures, even beyond the app's longest delay.
    pub fn set_stream_floor(&mut self, ms: Millis) {
        self.stream_floor = ms.min(LONGEST_FLOOR);
    }

    /// Returns the number of failures since the last progress.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// Returns the end of a delay that the server asked for, if it is in the future.
    #[must_use]
    pub fn held_until(&self, now: Millis) -> Option<Millis> {
        Some(self.held_until).filter(|until| now < *until)
    }

    /// Returns the earliest time of the next request, whatever its reason.
    #[must_use]
    pub fn soonest(&self, now: Millis) -> Millis {
        self.last_request.map_or(now, |last| now.max(last.saturating_add(self.initial.div_ceil(4))))
    }

    /// Records a failed try and decides when the next one is. `floor` is the delay that the server asked for, in milliseconds.
    /// The times of clients with the same floor are spread over a quarter of it.
    pub fn failed(&mut self, now: Millis, floor: Millis, budget: Budget) -> Next {
        let since = *self.failing_since.get_or_insert(now);
        let window_end = since.saturating_add(self.window);
        if self.retries >= self.allowance(budget) || (self.retries > 0 && now >= window_end) {
            return Next::Exhausted;
        }
        let asked = floor.min(LONGEST_FLOOR).max(self.stream_floor);
        if floor > 0 && now.saturating_add(asked) > window_end {
            return Next::Exhausted;
        }
        let jittered = now.saturating_add(self.jitter.below(self.ceiling())).min(window_end);
        let floor_at = now.saturating_add(asked + self.jitter.below(self.ceiling().min(asked / 4)));
        self.retries += 1;
        self.held_until = if asked > 0 { floor_at } else { 0 };
        Next::At(jittered.max(floor_at).max(self.soonest(now)))
    }

    fn allowance(&self, budget: Budget) -> u32 {
        self.max_retries.unwrap_or(match budget {
            Budget::Send => SEND_RETRIES,
            Budget::Task => u32::MAX,
        })
    }

    fn ceiling(&self) -> Millis {
        self.initial.saturating_mul(1 << self.retries.min(MOST_DOUBLINGS)).min(self.max)
    }
}

/// Returns the delay that a response asks for, in milliseconds. A date counts by the server's clock if the response shows that.
#[must_use]
pub fn pause_of(head: &Head<'_>, now: Millis) -> Option<Millis> {
    let pause = match head.retry_after? {
        RetryAfter::Pause(pause) => pause,
        RetryAfter::At(at) => at.saturating_sub(head.date.unwrap_or(now)),
    };
    Some(pause.min(LONGEST_FLOOR))
}

/// A small random number generator (SplitMix64), which suffices for jitter.
#[derive(Clone, Debug)]
pub struct Jitter(pub u64);

impl Jitter {
    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number in `0..=most`, evenly distributed.
    pub fn below(&mut self, most: u64) -> u64 {
        let range = u128::from(most) + 1;
        ((u128::from(self.bits()) * range) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(seed: u64) -> Backoff {
        Backoff::new(&Config::default(), seed)
    }

    fn at(next: Next) -> Millis {
        match next {
            Next::At(at) => at,
            Next::Exhausted => panic!("exhausted"),
        }
    }

    #[test]
    fn delays_are_spread_below_a_ceiling_that_doubles_up_to_the_cap() {
        let mut longest = [0; 8];
        for seed in 0..500 {
            let mut backoff = backoff(seed);
            for longest in &mut longest {
                *longest = at(backoff.failed(0, 0, Budget::Task)).max(*longest);
            }
        }
        for (retry, longest) in longest.into_iter().enumerate() {
            let ceiling = (1_000 << retry).min(30_000);
            assert!(longest <= ceiling && longest > ceiling * 9 / 10, "{retry}: {longest} of {ceiling}");
        }
    }

    #[test]
    fn requests_are_a_quarter_of_the_initial_delay_apart_whatever_happens() {
        for seed in 0..200 {
            let mut backoff = backoff(seed);
            backoff.requested(10_000);
            assert!(at(backoff.failed(10_001, 0, Budget::Task)) >= 10_250);
            backoff.progressed();
            assert_eq!(backoff.soonest(10_001), 10_250);
            assert_eq!(backoff.soonest(99_000), 99_000);
        }
    }

    #[test]
    fn a_send_is_retried_three_times_by_default() {
        let mut standard = backoff(1);
        for _ in 0..3 {
            at(standard.failed(0, 0, Budget::Send));
        }
        assert_eq!(standard.failed(0, 0, Budget::Send), Next::Exhausted);
        let config = Config { max_retries: Some(0), ..Config::default() };
        assert_eq!(Backoff::new(&config, 1).failed(0, 0, Budget::Send), Next::Exhausted);
    }

    #[test]
    fn a_known_task_is_retried_for_the_whole_window() {
        let mut backoff = backoff(2);
        let mut now = 5_000;
        let mut tries = 0;
        while let Next::At(next) = backoff.failed(now, 0, Budget::Task) {
            now = next;
            tries += 1;
        }
        assert_eq!(now, 605_000);
        assert!(tries > 20);
    }

    #[test]
    fn progress_renews_budget_and_window() {
        let config = Config { max_retries: Some(1), ..Config::default() };
        let mut backoff = Backoff::new(&config, 3);
        at(backoff.failed(0, 0, Budget::Task));
        backoff.progressed();
        at(backoff.failed(10_000_000, 0, Budget::Task));
        assert_eq!(backoff.failed(10_000_001, 0, Budget::Task), Next::Exhausted);
    }

    #[test]
    fn the_delay_that_the_server_asks_for_is_a_floor() {
        let mut backoff = backoff(4);
        assert!(at(backoff.failed(0, 20_000, Budget::Task)) >= 20_000);
        backoff.set_stream_floor(4_000);
        assert!(at(backoff.failed(30_000, 0, Budget::Task)) >= 34_000);
        backoff.set_stream_floor(120_000);
        assert!(at(backoff.failed(60_000, 0, Budget::Task)) >= 180_000, "above the longest delay of the app");
        backoff.set_stream_floor(u64::MAX);
        let at = at(backoff.failed(60_000, 0, Budget::Task));
        assert!((LONGEST_FLOOR..=LONGEST_FLOOR * 5 / 4 + 60_000).contains(&at), "{at}");
    }

    #[test]
    fn a_floor_beyond_the_window_ends_the_retries_and_one_within_it_does_not() {
        assert_eq!(backoff(5).failed(0, 700_000, Budget::Task), Next::Exhausted);
        assert!(at(backoff(5).failed(0, 600_000, Budget::Task)) >= 600_000);
    }

    #[test]
    fn a_window_of_nothing_still_allows_one_try_also_under_the_streams_floor() {
        let mut backoff = Backoff::new(&Config { window: 0, ..Config::default() }, 8);
        backoff.set_stream_floor(5_000);
        assert!(at(backoff.failed(0, 0, Budget::Task)) >= 5_000);
        assert_eq!(backoff.failed(5_000, 0, Budget::Task), Next::Exhausted);
    }

    #[test]
    fn clients_that_were_given_the_same_floor_are_spread_by_a_quarter_of_it() {
        let times: Vec<_> = (0..500).map(|seed| at(backoff(seed).failed(0, 2_000, Budget::Task))).collect();
        let (first, last) = (times.iter().min().copied(), times.iter().max().copied());
        assert!(first.is_some_and(|first| (2_000..2_050).contains(&first)), "{first:?}");
        assert!(last.is_some_and(|last| (2_450..=2_500).contains(&last)), "{last:?}");
    }

    #[test]
    fn time_that_is_excused_does_not_use_up_the_window() {
        let mut backoff = backoff(6);
        at(backoff.failed(0, 0, Budget::Task));
        backoff.excuse(5_000_000);
        assert!(at(backoff.failed(5_000_001, 0, Budget::Task)) > 5_000_000);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_of_the_servers_clock() {
        let pause = |text: &str, date| {
            let retry_after = RetryAfter::read(text, http_date);
            pause_of(&Head { retry_after, date, ..Head::default() }, 9)
        };
        assert_eq!(pause("3", None), Some(3_000));
        assert_eq!(pause("99999999999999999999", None), Some(LONGEST_FLOOR));
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:40 GMT", date), Some(3_000));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:30 GMT", date), Some(0));
        assert_eq!((pause("soon", None), pause("-1", None), pause("", None)), (None, None, None));
    }

    /// Parses a date as `Date.parse` of a browser does.
    fn http_date(text: &str) -> Option<Millis> {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Millis::try_from(since_epoch.as_millis()).ok()
    }

    #[test]
    fn jitter_reaches_both_ends_of_its_range() {
        let mut jitter = Jitter(7);
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| jitter.below(3)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(jitter.below(u64::MAX) > 0);
    }
}
