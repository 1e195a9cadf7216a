//! Random walks: what a run's records say after a trip through JSON is the run itself, at every turn.

use std::sync::Arc;

use certwright_engine::machine::{Event, Machine, Record, Shape};

use crate::actions::Action;
use crate::node::Rig;
use crate::shapes::CASES;
use crate::transitions::Taken;

const WALKS: u64 = 150;
const TURNS: usize = 60;

#[test]
fn replaying_the_written_records_gives_the_same_run_at_every_turn() {
    let (mut turns, mut restarts) = (0, 0);
    for case in CASES {
        let case = crate::shapes::Case { faults: 6, restarts: 6, ..case };
        let rig = Rig { case, mutant: None, keeps_history: true };
        for seed in 0..WALKS {
            let mut draw = Draw(seed);
            let mut node = rig.start(&mut Taken::new()).expect("no rule is broken");
            let mut reader: Option<Machine> = None;
            let mut read = 0;
            for _ in 0..TURNS {
                let history = node.history.as_ref().expect("the walk keeps its records");
                for record in &history[read..] {
                    follow(&mut reader, &reread(record));
                }
                read = history.len();
                assert_eq!(reader.as_ref(), Some(&node.machine), "{}, walk {seed}", case.name);
                // Giving up ends a walk, so walks do not.
                let actions = rig.actions(&node).into_iter().filter(|action| *action != Action::Abandon);
                let actions: Vec<Action> = actions.collect();
                let Some(action) = draw.choose(&actions) else { break };
                node = rig.step(&node, *action, &mut Taken::new()).expect("no rule is broken");
                turns += 1;
            }
            restarts += usize::from(node.world.restarts);
        }
    }
    println!("{turns} turns of {} walks replayed, over {restarts} restarts", WALKS * CASES.len() as u64);
    assert!(restarts > 1_000);
}

fn reread(record: &Record) -> Record {
    let line = serde_json::to_string(record).expect("a record is JSON");
    serde_json::from_str(&line).expect("a record is read back")
}

/// As a process does that takes a run up: the machine is made from what record 1 holds.
fn follow(machine: &mut Option<Machine>, record: &Record) {
    if let Event::RunStarted { header } = &record.body {
        let shape = Shape::from_plan(&header.plan, header.seed, 2).expect("a shape");
        *machine = Some(Machine::new(Arc::new(shape)));
    }
    machine.as_mut().expect("record 1 comes first").apply(record).expect("a record fits");
}

/// A sequence of choices (SplitMix64).
struct Draw(u64);

impl Draw {
    fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16;
        (!from.is_empty()).then(|| &from[x as usize % from.len()])
    }
}
