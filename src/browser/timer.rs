//! The one timer of a client, for the one deadline of the core.

use std::cell::{Cell, RefCell};

use gloo_timers::callback::Timeout;

use crate::client::io::Millis;

/// `setTimeout` counts in 31 bits; a longer wait is taken in parts, and an early [`Input::Timeout`](crate::client::io::Input)
/// is harmless.
const LONGEST: Millis = 1 << 30;

/// Armed for at most one deadline; dropping it disarms it.
#[derive(Debug, Default)]
pub struct Timer {
    deadline: Cell<Option<Millis>>,
    timeout: RefCell<Option<Timeout>>,
}

impl Timer {
    /// Makes `ring` run at `deadline`. A deadline moves on with every read: the timer that is armed for an earlier one
    /// stays, rings too early, and is armed anew only then.
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

    /// To be called when it rang: it is armed for nothing any more.
    pub fn rang(&self) {
        self.deadline.set(None);
    }

    /// Rings no more.
    pub fn disarm(&self) {
        self.deadline.set(None);
        drop(self.timeout.take());
    }
}

fn delay(deadline: Millis, now: Millis) -> u32 {
    u32::try_from(deadline.saturating_sub(now).min(LONGEST)).unwrap_or(u32::MAX)
}
