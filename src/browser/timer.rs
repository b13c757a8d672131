//! The timer of a client, for the one deadline of the core.

use std::cell::{Cell, RefCell};

use gloo_timers::callback::Timeout;

use crate::client::io::Millis;

/// The longest delay of the timer in milliseconds. `setTimeout` counts in 31 bits, so a longer one is split, and an early
/// [`Input::Timeout`](crate::client::io::Input) is harmless.
const LONGEST: Millis = 1 << 30;

/// A timer for at most one deadline. Dropping it disarms it.
#[derive(Debug, Default)]
pub struct Timer {
    deadline: Cell<Option<Millis>>,
    timeout: RefCell<Option<Timeout>>,
}

impl Timer {
    /// Calls `ring` at `deadline`. Every read moves the deadline forward, so a timer that is armed for an earlier time is kept:
    /// it fires too early and is armed again then.
    pub fn arm(&self, deadline: Option<Millis>, now: Millis, ring: impl FnOnce() + 'static) {
        let is_covered = match (self.deadline.get(), deadline) {
            (Some(armed), Some(deadline)) => armed <= deadline,
            (armed, deadline) => armed == deadline,
        };
        if is_covered {
            return;
        }
        self.deadline.set(deadline);
        let before = self.timeout.replace(deadline.map(|at| Timeout::new(delay(at, now), ring)));
        drop(before);
    }

    /// Records that the timer has fired. `ring` has to call it.
    pub fn rang(&self) {
        self.deadline.set(None);
    }

    /// Stops the timer.
    pub fn disarm(&self) {
        self.deadline.set(None);
        drop(self.timeout.take());
    }
}

fn delay(deadline: Millis, now: Millis) -> u32 {
    u32::try_from(deadline.saturating_sub(now).min(LONGEST)).unwrap_or(u32::MAX)
}
