//! One run of a plan under virtual time, and what came of it.

use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::driver::DriverError;
use certwright_engine::machine::{Event, Input, Outcome, Stop};
use certwright_engine::plan::Plan;
use certwright_engine::step::{Registry, StepError};
use tokio::sync::mpsc;

use crate::life::{Life, Told};
use crate::random::Random;
use crate::world::World;

pub(crate) struct Ran {
    pub(crate) result: Result<Outcome, DriverError>,
    pub(crate) told: Told,
    pub(crate) took: Duration,
}

impl Ran {
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.told.records.iter().map(|r| &r.body)
    }

    pub(crate) fn failure(&self) -> &StepError {
        let is_failure = |event: &&Event| matches!(event, Event::StepFailed { .. });
        match self.events().find(is_failure) {
            Some(Event::StepFailed { error, .. }) => error,
            other => panic!("no step failed: {other:?}"),
        }
    }
}

/// Runs a plan from its start, with interrupts at these times.
pub(crate) async fn run(plan: &Plan, registry: &Registry, stops: &[(u64, Stop)]) -> Ran {
    let world = World::new(plan, 0, Random(1));
    let mut life = Life::new(plan, &Clock::virtual_from(0));
    go_on(&mut life, plan, registry, &world, Input::Tick, stops).await
}

pub(crate) async fn go_on(
    life: &mut Life,
    plan: &Plan,
    registry: &Registry,
    world: &World,
    first: Input,
    stops: &[(u64, Stop)],
) -> Ran {
    let (sender, receiver) = mpsc::unbounded_channel();
    for (ms, stop) in stops.iter().copied() {
        let sender = sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            sender.send(stop).unwrap();
        });
    }
    let (mut told, start) = (Told::default(), tokio::time::Instant::now());
    let result = life.drive(plan, registry, world, first, &mut told, receiver).await;
    Ran { result, told, took: start.elapsed() }
}

pub(crate) fn operator() -> String {
    "ops@desk".into()
}
