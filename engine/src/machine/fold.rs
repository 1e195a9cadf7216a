//! One turn of the loop, in memory: inputs in, records out.

use super::{Input, Machine, Record};
use crate::clock::Mono;

/// Decides each input and applies what was decided, in order, then gives [`Input::Tick`] until nothing more is
/// decided. The records are one batch, numbered on from the last one applied; they must be durable before
/// anything follows from them.
pub fn fold(
    machine: &mut Machine,
    inputs: impl IntoIterator<Item = Input>,
    now: Mono,
    wall_ms: u64,
) -> Vec<Record> {
    let mut turn = Turn { batch: machine.batch() + 1, now, wall_ms, records: Vec::new() };
    for input in inputs {
        turn.take(machine, &input);
    }
    while turn.take(machine, &Input::Tick) > 0 {}
    turn.records
}

struct Turn {
    batch: u64,
    now: Mono,
    wall_ms: u64,
    records: Vec<Record>,
}

impl Turn {
    /// Number of events decided.
    fn take(&mut self, machine: &mut Machine, input: &Input) -> usize {
        let events = machine.decide(input, self.now);
        let count = events.len();
        for body in events {
            let Self { batch, now: mono, wall_ms, .. } = *self;
            let record = Record { seq: machine.seq() + 1, batch, wall_ms, mono, body };
            machine.apply(&record).expect("what the machine decides fits its state");
            self.records.push(record);
        }
        count
    }
}
