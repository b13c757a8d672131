//! The one timer of a client, for the one deadline of the core.

use core::cell::{Cell, RefCell};

use wasm_bindgen::prelude::*;

use crate::io::Millis;

#[wasm_bindgen]
extern "C" {
    // A number in browsers, an object in Node.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(ring: &Closure<dyn FnMut()>, ms: u32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

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

/// One call to come; dropping it takes it back.
#[derive(Debug)]
struct Timeout {
    timer: JsValue,
    _ring: Closure<dyn FnMut()>,
}

impl Timeout {
    fn new(ms: u32, ring: impl FnOnce() + 'static) -> Self {
        let ring = Closure::once(ring);
        Self { timer: set_timeout(&ring, ms), _ring: ring }
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}

fn delay(deadline: Millis, now: Millis) -> u32 {
    u32::try_from(deadline.saturating_sub(now).min(LONGEST)).unwrap_or(u32::MAX)
}
