//! When the next chunk is due.

use std::time::Duration;

use tokio::time::Instant;

/// A rate. By the clock and not by pauses, so that lateness does not add up.
#[derive(Debug)]
pub struct Pace {
    step: Duration,
    next: Instant,
}

impl Pace {
    /// So many per second; 0: at once.
    pub fn new(rate: u64) -> Self {
        let step =
            if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX) };
        Self { step, next: Instant::now() }
    }

    /// Until the next chunk is due.
    pub async fn wait(&mut self) {
        if !self.step.is_zero() {
            tokio::time::sleep_until(self.next).await;
            self.next += self.step;
        }
    }

    /// A silence on top of the rate.
    pub async fn pause(&mut self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
        self.next = Instant::now();
    }
}
