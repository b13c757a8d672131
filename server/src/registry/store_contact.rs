//! How long this process has been in contact with the store. A process that was not, for whatever reason, cannot know
//! whether a writer is gone or could not renew its lease either (PROTOCOL §6, writer).

use std::time::Duration;

use tokio::time::Instant;

/// Whether this process has been in contact with the store without a gap.
pub struct StoreContact {
    lease: Duration,
    every: Duration,
    last: Instant,
    steady_from: Instant,
}

impl StoreContact {
    /// In contact from now on.
    pub fn begun(lease: Duration, every: Duration, now: Instant) -> Self {
        Self { lease, every, last: now, steady_from: now }
    }

    /// The store has answered now what was asked then. Whether leases that have run out may be believed to have.
    pub fn is_steady(&mut self, asked: Instant, now: Instant) -> bool {
        let slack = self.lease / 4 + Duration::from_millis(250);
        if now - self.last > self.every + slack || now - asked > slack {
            self.steady_from = now + self.lease;
        }
        self.last = now;
        now >= self.steady_from
    }

    /// The store did not answer.
    pub fn lost(&mut self, now: Instant) {
        self.last = now;
        self.steady_from = now + self.lease;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_gap_writers_get_a_lease_of_time_before_they_are_believed_lost() {
        let (lease, every) = (Duration::from_secs(2), Duration::from_millis(500));
        let mut now = Instant::now();
        let mut contact = StoreContact::begun(lease, every, now);
        assert!(contact.is_steady(now, now));
        now += Duration::from_secs(5);
        assert!(!contact.is_steady(now, now));
        for _ in 0..3 {
            now += every;
            assert!(!contact.is_steady(now, now));
        }
        now += every;
        assert!(contact.is_steady(now, now));
    }

    #[test]
    fn an_answer_that_took_long_is_a_gap_too() {
        let now = Instant::now();
        let mut contact = StoreContact::begun(Duration::from_secs(2), Duration::from_millis(500), now);
        assert!(!contact.is_steady(now, now + Duration::from_secs(1)));
    }
}
