//! The time of the core: milliseconds since the Unix epoch that never run back.

use core::cell::Cell;

use js_sys::Date;
use wasm_bindgen::prelude::*;

use crate::io::Millis;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now, catch)]
    fn performance_now() -> Result<f64, JsValue>;
}

/// Starts at the wall clock and then goes on by whichever clock moved further since the last look: `performance.now`
/// ignores a user who sets the clock back, but in some engines it stops while the machine sleeps.
#[derive(Debug)]
pub struct Clock {
    now: Cell<f64>,
    wall: Cell<f64>,
    monotonic: Cell<f64>,
}

impl Default for Clock {
    fn default() -> Self {
        let wall = Date::now();
        Self { now: Cell::new(wall), wall: Cell::new(wall), monotonic: Cell::new(monotonic()) }
    }
}

impl Clock {
    /// The time now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
    pub fn now(&self) -> Millis {
        let (wall, monotonic) = (Date::now(), monotonic());
        let passed = (wall - self.wall.replace(wall)).max(monotonic - self.monotonic.replace(monotonic));
        self.now.set(self.now.get() + passed.max(0.0));
        self.now.get() as Millis
    }
}

fn monotonic() -> f64 {
    performance_now().unwrap_or_else(|_| Date::now())
}
