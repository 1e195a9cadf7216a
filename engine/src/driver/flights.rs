//! The operations in flight, kept equal to what the machine wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;

use super::ahead::Ahead;
use super::operation::{Bench, Operation};
use super::report::Guarded;
use crate::clock::{Clock, Mono};
use crate::machine::{Input, Machine, Stop, Want};
use crate::plan::TaskId;

/// The attempts in flight, and their operations.
pub(super) struct Flights<'a> {
    bench: Bench<'a>,
    attempts: BTreeMap<TaskId, Flight>,
    operations: FuturesUnordered<Abortable<Operation<'a>>>,
    ahead: Ahead,
}

struct Flight {
    want: Want,
    /// When the attempt has used up its timeout, all its operations together.
    deadline: Mono,
    /// Drops the operation; None once it has ended.
    abort: Option<AbortHandle>,
}

impl<'a> Flights<'a> {
    pub(super) fn new(bench: Bench<'a>) -> Self {
        let ahead = Ahead::new(bench.plan());
        Self { bench, attempts: BTreeMap::new(), operations: FuturesUnordered::new(), ahead }
    }

    /// Drops what is no longer wanted and starts what is wanted and missing.
    pub(super) fn reconcile(&mut self, machine: &Machine, now: Mono) {
        let mut known = std::mem::take(&mut self.attempts);
        for want in machine.wants() {
            let flight = match known.remove(&want.task) {
                Some(flight) if flight.want == want && flight.abort.is_some() => flight,
                Some(flight) if flight.want.attempt == want.attempt => {
                    flight.drop_operation();
                    self.start(machine, want, flight.deadline, now)
                }
                Some(flight) => {
                    flight.drop_operation();
                    self.start_attempt(machine, want, now)
                }
                None => self.start_attempt(machine, want, now),
            };
            self.attempts.insert(want.task, flight);
        }
        known.values().for_each(Flight::drop_operation);
    }

    fn start_attempt(&mut self, machine: &Machine, want: Want, now: Mono) -> Flight {
        let bench = &self.bench;
        self.ahead.started(want.task, |host| Arc::clone(bench.host(host)));
        self.start(machine, want, now.plus(self.bench.limit_ms(want)), now)
    }

    fn start(&self, machine: &Machine, want: Want, deadline: Mono, now: Mono) -> Flight {
        let operation = self.bench.operation(machine, want, deadline.since(now));
        let (abort, registration) = AbortHandle::new_pair();
        self.operations.push(Abortable::new(operation, registration));
        Flight { want, deadline, abort: Some(abort) }
    }

    /// Waits until something happened and takes all that happened meanwhile: one write and one sync for it.
    ///
    /// # Panics
    /// When nothing is in flight and no retry waits: the machine would have finished the run.
    pub(super) async fn wait(
        &mut self,
        deadline: Option<Mono>,
        stops: &mut mpsc::UnboundedReceiver<Stop>,
        lines: &mut mpsc::Receiver<(TaskId, String)>,
        reporter: &mut Guarded<'_>,
    ) -> Vec<Input> {
        assert!(!self.attempts.is_empty() || deadline.is_some(), "a run that goes on waits for something");
        let clock = self.bench.clock().clone();
        let mut inputs = Vec::new();
        while inputs.is_empty() {
            tokio::select! {
                biased;
                Some(stop) = stops.recv() => inputs.push(Input::Interrupt(stop)),
                Some(ended) = self.operations.next() => inputs.extend(self.land(ended)),
                Some((task, line)) = lines.recv() => reporter.progress(task, &line),
                Some(()) = self.ahead.next() => {}
                () = until(&clock, deadline.unwrap_or_default()), if deadline.is_some() => {
                    inputs.push(Input::Tick);
                }
            }
        }
        inputs.extend(std::iter::from_fn(|| stops.try_recv().ok()).map(Input::Interrupt));
        while let Some(Some(ended)) = self.operations.next().now_or_never() {
            inputs.extend(self.land(ended));
        }
        while let Ok((task, line)) = lines.try_recv() {
            reporter.progress(task, &line);
        }
        inputs
    }

    /// The input of an operation that ended; none of one that was dropped.
    fn land(
        &mut self,
        ended: Result<super::operation::Ended, futures_util::future::Aborted>,
    ) -> Option<Input> {
        let ended = ended.ok()?;
        if let Some(flight) = self.attempts.get_mut(&ended.want.task).filter(|f| f.want == ended.want) {
            flight.abort = None;
        }
        Some(ended.into_input())
    }
}

impl Flight {
    fn drop_operation(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

async fn until(clock: &Clock, instant: Mono) {
    clock.sleep(std::time::Duration::from_millis(instant.since(clock.mono()))).await;
}
