use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::browser::timer::Timer;

#[wasm_bindgen_test]
async fn it_fires_once_for_the_earliest_deadline() {
    let (timer, rung) = (Timer::default(), Rc::new(RefCell::new(Vec::new())));
    for deadline in [500, 20, 40] {
        let rung = rung.clone();
        timer.arm(Some(deadline), 0, move || rung.borrow_mut().push(deadline));
    }
    TimeoutFuture::new(120).await;
    assert_eq!(*rung.borrow(), [20]);
}

#[wasm_bindgen_test]
async fn it_may_be_armed_again_from_within_its_callback() {
    let (timer, rung) = (Rc::new(Timer::default()), Rc::new(RefCell::new(0)));
    let (again, count) = (timer.clone(), rung.clone());
    timer.arm(Some(5), 0, move || {
        *count.borrow_mut() += 1;
        again.rang();
        again.arm(Some(10), 5, move || *count.borrow_mut() += 1);
    });
    TimeoutFuture::new(100).await;
    assert_eq!(*rung.borrow(), 2);
}

#[wasm_bindgen_test]
async fn disarmed_or_dropped_it_does_not_ring() {
    let rung = Rc::new(RefCell::new(0));
    let (kept, dropped) = (Timer::default(), Timer::default());
    for timer in [&kept, &dropped] {
        let rung = rung.clone();
        timer.arm(Some(5), 0, move || *rung.borrow_mut() += 1);
    }
    kept.disarm();
    drop(dropped);
    TimeoutFuture::new(60).await;
    assert_eq!(*rung.borrow(), 0);
}

#[wasm_bindgen_test]
async fn a_deadline_beyond_the_timers_range_does_not_ring_at_once() {
    let (timer, rung) = (Timer::default(), Rc::new(RefCell::new(0)));
    let count = rung.clone();
    timer.arm(Some(u64::MAX), 0, move || *count.borrow_mut() += 1);
    TimeoutFuture::new(30).await;
    assert_eq!(*rung.borrow(), 0);
}
