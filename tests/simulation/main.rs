//! The machine in a seeded simulation: a virtual clock, a network that does what networks do, a server that restarts,
//! pages that are reloaded, stopped, detached, hidden (API.md, guarantees 1 to 4).
//!
//! One seed is one run. `REJOIN_SEEDS=100000 cargo test --release --test simulation` runs longer, from `REJOIN_FIRST_SEED`
//! on; `REJOIN_SEED=17` runs one seed and prints its trace. A seed that fails is shrunk first: faults and actions are left out
//! one by one as long as the failure stays. `REJOIN_SURVEY=1` goes on after a failure and prints one line for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod backend;
#[path = "../support/codec.rs"]
mod codec;
mod coverage;
mod oracle;
mod page;
mod plan;
mod rows;
mod world;

use coverage::Coverage;
use plan::Plan;
use world::{Failure, Tracing, World};

fn run(plan: &Plan, tracing: Tracing) -> Result<World, Failure> {
    let mut world = World::new(plan.clone(), tracing);
    world.run()?;
    Ok(world)
}

fn fail(seed: u64) -> ! {
    let plan = shrink(Plan::new(seed));
    let Err(failure) = run(&plan, Tracing::On) else { panic!("seed {seed} fails only without a trace") };
    panic!("seed {seed}: {}\nplan: {plan:#?}\ntrace:\n{}", failure.reason, failure.trace.join("\n"));
}

/// Removes actions and faults one by one as long as the run still fails in the same way.
fn shrink(mut plan: Plan) -> Plan {
    let complaint = complaint(&plan);
    while let Some(smaller) = plan.smaller().into_iter().find(|plan| self::complaint(plan) == complaint) {
        plan = smaller;
    }
    plan
}

/// What a run breaks, without the tasks and places that it breaks it for.
fn complaint(plan: &Plan) -> Option<String> {
    let failure = run(plan, Tracing::Off).err()?;
    Some(failure.reason.replace(|letter: char| letter.is_ascii_digit(), ""))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_guarantee_holds_under_every_seed() {
    if let Some(seed) = number("REJOIN_SEED") {
        match run(&Plan::new(seed), Tracing::On) {
            Ok(world) => println!("{}", world.trace.join("\n")),
            Err(_) => fail(seed),
        }
        return;
    }
    let seeds = number("REJOIN_SEEDS").unwrap_or(10_000);
    let first = number("REJOIN_FIRST_SEED").unwrap_or(0);
    let goes_on = number("REJOIN_SURVEY").is_some();
    let (mut coverage, mut failed) = (Coverage::default(), 0);
    for seed in first..first + seeds {
        match run(&Plan::new(seed), Tracing::Off) {
            Ok(world) => coverage.add(&world.coverage),
            Err(failure) if goes_on => {
                failed += 1;
                println!("seed {seed}: {}", failure.reason);
            }
            Err(_) => fail(seed),
        }
    }
    println!("{seeds} seeds, {failed} failed: {coverage:?}");
    println!(
        "{:.3} % of {} streams of backends that name their tasks were reset without need",
        coverage.share_of_needless_resets(),
        coverage.named_streams
    );
    println!(
        "in {:.3} % of {} streams of backends that do not name their tasks an answer was given as new again",
        coverage.share_of_unknown_turns(),
        coverage.nameless_streams
    );
    assert_eq!(failed, 0, "seeds failed");
    if seeds >= 10_000 {
        coverage.assert_that_everything_happened();
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..50 {
        let plan = Plan::new(seed);
        let traces = [run(&plan, Tracing::On), run(&plan, Tracing::On)]
            .map(|run| run.map_or_else(|failure| failure.trace, |world| world.trace));
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}
