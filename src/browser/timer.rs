//! The one timer of a client, for the one deadline of the core.

use core::cell::{Cell, RefCell};

use gloo_timers::callback::Timeout;

use crate::io::Millis;

/// `setTimeout` counts in 31 bits; a longer wait is taken in parts, and an early [`Input::Timeout`](crate::io::Input) is
/// harmless.
const LONGEST: Millis = 1 << 30;

/// Armed for at most one deadline; dropping it disarms it.
#[derive(Debug, Default)]
pub struct Timer {
    deadline: Cell<Option<Millis>>,
    timeout: RefCell<Option<Timeout>>,
}

impl Timer {
    /// Makes `ring` run at `deadline`, unless it is armed for that already.
    pub fn arm(&self, deadline: Option<Millis>, now: Millis, ring: impl FnOnce() + 'static) {
        if self.deadline.replace(deadline) == deadline {
            return;
        }
        let timeout = deadline.map(|at| Timeout::new(delay(at, now), ring));
        self.timeout.replace(timeout);
    }

    /// To be called when it rang: the same deadline may be armed again.
    pub fn rang(&self) {
        self.deadline.set(None);
    }
}

fn delay(deadline: Millis, now: Millis) -> u32 {
    u32::try_from(deadline.saturating_sub(now).min(LONGEST)).unwrap_or(u32::MAX)
}
