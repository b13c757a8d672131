use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen_test::wasm_bindgen_test;

use crate::browser::clock::{Browser, Clock, Source};

/// Clocks that the test sets.
#[derive(Clone, Default)]
struct Fake(Rc<State>);

#[derive(Default)]
struct State {
    wall: Cell<f64>,
    steady: Cell<Option<f64>>,
}

impl Source for Fake {
    fn wall(&self) -> f64 {
        self.0.wall.get()
    }

    fn steady(&self) -> Option<f64> {
        self.0.steady.get()
    }
}

impl Fake {
    fn at(wall: f64, steady: Option<f64>) -> Self {
        let fake = Self::default();
        fake.set(wall, steady);
        fake
    }

    fn set(&self, wall: f64, steady: Option<f64>) {
        self.0.wall.set(wall);
        self.0.steady.set(steady);
    }
}

#[wasm_bindgen_test]
fn it_begins_at_the_wall_clock() {
    let ahead = js_sys::Date::now() - Clock::new(Browser).now() as f64;
    assert!(ahead.abs() < 1_000.0);
}

#[wasm_bindgen_test]
fn coarse_clocks_do_not_make_it_fast() {
    // An earlier version added the longer step of the two clocks at each reading, and ran twice as fast here.
    let source = Fake::at(1_000_000.0, Some(0.0));
    let clock = Clock::new(source.clone());
    let started = clock.now();
    for ms in 0..60_000_u32 {
        let passed = f64::from(ms);
        let coarse = |grain: f64, phase: f64| ((passed + phase) / grain).floor() * grain;
        source.set(1_000_000.0 + coarse(100.0, 0.0), Some(coarse(100.0, 50.0)));
        let elapsed = (clock.now() - started) as f64;
        assert!(elapsed <= passed + 100.0 && elapsed >= passed - 100.0, "{elapsed} after {passed} ms");
    }
}

#[wasm_bindgen_test]
fn a_wall_clock_that_is_set_back_changes_nothing() {
    let source = Fake::at(5_000_000.0, Some(10.0));
    let clock = Clock::new(source.clone());
    assert_eq!(clock.now(), 5_000_000);
    source.set(1_000_000.0, Some(510.0));
    assert_eq!(clock.now(), 5_000_500);
    // The clock is corrected: no hour counts twice.
    source.set(5_001_000.0, Some(1_010.0));
    assert_eq!(clock.now(), 5_001_000);
}

#[wasm_bindgen_test]
fn the_time_that_a_machine_slept_passed() {
    let source = Fake::at(1_000.0, Some(0.0));
    let clock = Clock::new(source.clone());
    assert_eq!(clock.now(), 1_000);
    source.set(3_601_000.0, Some(5.0));
    assert_eq!(clock.now(), 3_601_000);
}

#[wasm_bindgen_test]
fn without_a_steady_clock_time_still_does_not_run_back_or_stand() {
    let source = Fake::at(9_000.0, None);
    let clock = Clock::new(source.clone());
    assert_eq!(clock.now(), 9_000);
    source.set(2_000.0, None);
    assert_eq!(clock.now(), 9_000);
    source.set(2_500.0, None);
    assert_eq!(clock.now(), 9_500);
}

#[wasm_bindgen_test]
fn clocks_that_are_no_clocks_are_survived() {
    let source = Fake::at(1_000.0, Some(0.0));
    let clock = Clock::new(source.clone());
    assert_eq!(clock.now(), 1_000);
    source.set(f64::NAN, Some(f64::NAN));
    assert_eq!(clock.now(), 1_000);
    source.set(2_000.0, Some(1_000.0));
    assert_eq!(clock.now(), 2_000);
}
