//! Limits what one user, or one address, may have and do in this process (SERVER.md, `--user-tasks`, `--user-streams`,
//! `--user-rate`). The registry has the limit of all tasks (`--max-tasks`), and `http` that of all streams
//! (`--max-streams`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use crate::config::Config;
use crate::error::ApiError;

/// The size of a burst of new tasks, as a multiple of the number per second.
const BURST: u32 = 3;
/// The time between two rounds that forget users who have not begun a task for a while.
const SWEEP: Duration = Duration::from_secs(60);

/// The subject of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    User(String),
    Address(IpAddr),
}

impl Subject {
    /// An address as it is counted: a network of IPv6 by its first 64 bits, which one customer has for itself.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        })
    }
}

/// See the module.
pub struct Limits {
    rate: Option<DefaultKeyedRateLimiter<Subject>>,
    tasks: Slots,
    streams: Slots,
}

impl Limits {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let rate = NonZeroU32::new(config.user_rate);
        let quota = |rate: NonZeroU32| {
            Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1)))
        };
        Self {
            rate: rate.map(|rate| RateLimiter::keyed(quota(rate))),
            tasks: Slots::new(config.user_tasks),
            streams: Slots::new(config.user_streams),
        }
    }

    /// Takes room for one more open stream. Without a subject there is no limit.
    pub fn stream(&self, subject: Option<&Subject>) -> Result<Slot, ApiError> {
        self.streams.take(subject).ok_or(ApiError::RateLimited("You have as many streams open as you may."))
    }

    /// Takes room for one more running task, which also counts against the rate.
    pub fn task(&self, subject: Option<&Subject>) -> Result<Slot, ApiError> {
        let slot = self.tasks.take(subject);
        let slot = slot.ok_or(ApiError::RateLimited("You have as many tasks running as you may."))?;
        if let (Some(rate), Some(subject)) = (&self.rate, subject) {
            rate.check_key(subject).map_err(|until| ApiError::TooFast(until.wait_time_from(rate.clock().now())))?;
        }
        Ok(slot)
    }

    /// Forgets users who have not begun a task for a while, again and again.
    pub async fn sweep_for_ever(self: Arc<Self>) {
        let Some(rate) = &self.rate else { return };
        loop {
            tokio::time::sleep(SWEEP).await;
            rate.retain_recent();
            rate.shrink_to_fit();
        }
    }
}

/// How many slots each subject has taken. A subject without slots has no entry.
type Taken = Arc<Mutex<HashMap<Subject, usize>>>;

/// Counts the slots of each subject.
struct Slots {
    /// The largest number of slots; 0 is no limit.
    most: usize,
    taken: Taken,
}

/// One of a subject's slots, which is free again when this is dropped.
pub struct Slot(Option<(Subject, Taken)>);

impl Slots {
    fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    fn take(&self, subject: Option<&Subject>) -> Option<Slot> {
        let Some(subject) = subject.filter(|_| self.most > 0) else { return Some(Slot(None)) };
        let mut taken = self.taken.lock();
        let count = taken.entry(subject.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Slot(Some((subject.clone(), self.taken.clone()))))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some((subject, taken)) = self.0.take() else { return };
        let mut taken = taken.lock();
        if let Some(count) = taken.get_mut(&subject) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn limits(flags: &[&str]) -> Limits {
        Limits::new(&Config::try_parse_from(["rejoin-server"].iter().chain(flags)).unwrap())
    }

    fn ada() -> Subject {
        Subject::User("ada".into())
    }

    #[test]
    fn a_slot_is_free_again_when_it_is_dropped() {
        let limits = limits(&["--user-streams", "2"]);
        let (first, _second) = (limits.stream(Some(&ada())), limits.stream(Some(&ada())));
        assert!(limits.stream(Some(&ada())).is_err());
        assert!(limits.stream(Some(&Subject::User("bob".into()))).is_ok(), "another user has slots of its own");
        drop(first);
        assert!(limits.stream(Some(&ada())).is_ok());
    }

    #[test]
    fn who_has_nothing_is_not_remembered() {
        let limits = limits(&[]);
        drop(limits.stream(Some(&ada())));
        assert!(limits.streams.taken.lock().is_empty());
    }

    #[test]
    fn new_tasks_come_at_a_rate_with_a_burst_of_three_times_as_many() {
        let limits = limits(&["--user-rate", "2", "--user-tasks", "0"]);
        for _ in 0..6 {
            assert!(limits.task(Some(&ada())).is_ok());
        }
        let Err(ApiError::TooFast(after)) = limits.task(Some(&ada())) else { panic!("seven at once") };
        assert!(after <= Duration::from_millis(500), "{after:?}");
    }

    #[test]
    fn nought_is_no_limit_and_nobody_in_particular_has_none() {
        let free = limits(&["--user-rate", "0", "--user-tasks", "0", "--user-streams", "0"]);
        let slots: Vec<_> = (0..200).map(|_| (free.task(Some(&ada())), free.stream(Some(&ada())))).collect();
        assert!(slots.iter().all(|(task, stream)| task.is_ok() && stream.is_ok()));
        let strict = limits(&["--user-tasks", "1"]);
        assert!((0..50).all(|_| strict.task(None).is_ok()));
    }

    #[test]
    fn an_address_of_ipv6_counts_with_its_network() {
        let subject = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8:1:2::3"), subject("2001:db8:1:2:ffff::9"));
        assert_ne!(subject("2001:db8:1:2::3"), subject("2001:db8:1:3::3"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
    }
}
