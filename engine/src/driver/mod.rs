//! The one loop that owns the machine and the journal.
//!
//! ```text
//!   inputs --decide, apply--> records --one write, one sync--> journal
//!     ^                                                          |
//!     '-- operations in flight <--start, drop-- wants <----------'--> reporter
//! ```
//!
//! Invariants: nothing is started and nothing is reported before its records are durable; what is in flight is
//! what the machine wants; an error of the journal ends the process, a failing reporter nothing. A new run, a
//! resumed one and an undo differ in their first input only.
//!
//! Deliberately absent: shared state and locks (operations return values to this loop), threads, retry rules
//! (the machine's), signals (they come in as [`Stop`]s), and closing of hosts (their owner's).

mod error;

mod steps;

mod operation;

mod ahead;

mod awaited;

mod flights;

mod report;

use tokio::sync::mpsc;

pub use error::DriverError;
pub use report::Reporter;

use crate::clock::Clock;
use crate::host::Hosts;
use crate::journal::{Journal, Room};
use crate::machine::{Input, Machine, Outcome, Stop, fold};
use crate::plan::Plan;
use crate::step::Registry;
use flights::Flights;
use operation::Bench;
use report::Guarded;
use steps::Steps;

/// Lines of progress that wait to be shown; more are dropped.
const PROGRESS: usize = 1024;

/// What a run needs beside its machine and its journal.
pub struct Env<'a> {
    /// The plan, as record 1 has it.
    pub plan: &'a Plan,
    /// The kinds its steps are made of.
    pub registry: &'a Registry,
    /// The hosts its tasks run on, and those they look at.
    pub hosts: Hosts,
    /// Time.
    pub clock: Clock,
    /// What shows the run.
    pub reporter: &'a mut dyn Reporter,
    /// The operator's interrupts.
    pub stops: mpsc::UnboundedReceiver<Stop>,
}

/// Drives a run to its end, or to the end of what can be done: [`Input::Tick`] starts one whose record 1 is in the
/// journal, [`Input::Resume`] and [`Input::Undo`] take one up whose records the machine has applied.
///
/// A first input that does not fit the run decides nothing: the outcome it has already comes back.
///
/// Dropping the future is a crash, which a resume recovers from.
///
/// # Panics
/// When machine and journal are not at the same record, or no record was applied yet: bugs of the caller.
pub async fn drive(
    machine: &mut Machine,
    journal: &mut Journal,
    first: Input,
    env: Env<'_>,
) -> Result<Outcome, DriverError> {
    let Env { plan, registry, hosts, clock, reporter, mut stops } = env;
    assert_eq!((machine.seq(), machine.batch()), (journal.seq(), journal.batch()), "one run");
    assert!(machine.seq() > 0, "a run is driven once its record 1 is durable");
    let (progress, mut lines) = mpsc::channel(PROGRESS);
    let steps = Steps::build(plan, registry)?;
    let bench = Bench::new(plan, steps, hosts, journal.run(), clock.clone(), progress)?;
    let mut flights = Flights::new(bench);
    let mut reporter = Guarded::new(plan, reporter);
    let mut inputs = vec![first];
    let mut disk_full = false;
    loop {
        let now = clock.mono();
        let records = fold(machine, inputs, now, clock.wall_ms());
        journal.append(&records)?;
        for record in &records {
            reporter.record(record);
        }
        if let Some(outcome) = machine.outcome() {
            return if disk_full && outcome == Outcome::Interrupted {
                Err(DriverError::DiskFull { run: journal.run().to_owned(), path: journal.path().to_owned() })
            } else {
                Ok(outcome)
            };
        }
        if journal.room() == Room::Closing && !disk_full {
            disk_full = true;
            inputs = vec![Input::Interrupt(Stop::Drain)];
            continue;
        }
        flights.reconcile(machine, clock.mono());
        // A retry that is due and was not started by this turn waits for a place, not for time.
        let deadline = machine.deadline().filter(|due| *due > now);
        inputs = flights.wait(deadline, &mut stops, &mut lines, &mut reporter).await;
    }
}
