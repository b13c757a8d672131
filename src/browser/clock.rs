//! The time of the core: milliseconds since the Unix epoch that never run back and never run fast.
//!
//! The base is the monotonic clock of the page. It stops in some engines while the machine sleeps, so the wall clock
//! corrects it, but only forward: a user who sets the wall clock back changes nothing. Clocks that are coarse disagree by
//! their grain; the correction adds at most one grain in all, and not one per look.

use std::cell::Cell;

use js_sys::Date;
use wasm_bindgen::prelude::*;

use crate::client::io::Millis;

#[wasm_bindgen]
extern "C" {
    // Looked up at each call, because a test may replace it.
    #[wasm_bindgen(js_namespace = performance, js_name = now, catch)]
    fn performance_now() -> Result<f64, JsValue>;
}

/// The clocks that a [`Clock`] reads. Tests bring their own.
pub trait Source {
    /// Returns milliseconds since the Unix epoch. The user may set this clock at any moment.
    fn wall(&self) -> f64;

    /// Returns milliseconds since an arbitrary moment, by a clock that nobody can set. Returns `None` if the page has no such
    /// clock.
    fn steady(&self) -> Option<f64>;
}

/// `Date.now` and `performance.now`.
#[derive(Debug)]
pub struct Browser;

impl Source for Browser {
    fn wall(&self) -> f64 {
        Date::now()
    }

    fn steady(&self) -> Option<f64> {
        performance_now().ok()
    }
}

/// The time of one client.
#[derive(Debug)]
pub struct Clock<S = Browser> {
    source: S,
    last: Cell<Reading>,
}

/// The last reading of both clocks.
#[derive(Clone, Copy, Debug)]
struct Reading {
    wall: f64,
    steady: f64,
    /// The most that the wall clock was ever ahead of the steady clock, in milliseconds.
    lead: f64,
    now: f64,
}

impl Default for Reading {
    fn default() -> Self {
        Self { wall: f64::INFINITY, steady: 0.0, lead: f64::NEG_INFINITY, now: 0.0 }
    }
}

impl<S: Source> Clock<S> {
    /// Returns a clock that starts at the time of the wall clock.
    pub fn new(source: S) -> Self {
        Self { source, last: Cell::default() }
    }

    /// Returns the time in whole milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
    pub fn now(&self) -> Millis {
        let last = self.last.get();
        let wall = self.source.wall();
        // Without a steady clock, only the forward steps of the wall clock count.
        let steady = self.source.steady().unwrap_or(last.steady + (wall - last.wall).max(0.0));
        let lead = last.lead.max(wall - steady);
        let now = last.now.max(steady + lead);
        self.last.set(Reading { wall, steady, lead, now });
        now as Millis
    }
}
