//! What is seen of requests to nodes, and the death of certwright at one of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use crate::chaos::{End, Fault, Way};

/// Bytes towards a node by which its login is over and its worker's program is on the way.
const LOGIN: usize = 5000;

/// When certwright dies, seen from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Instant {
    /// On its way: it never arrives.
    Lost,
    /// On its way: it arrives once the next process has taken the node over, or has ended.
    Late,
    /// As it arrives.
    UnderWay,
    /// When all it started has ended, with the reply on its way: that never arrives.
    Unanswered,
}

/// All of them.
pub(crate) const INSTANTS: [Instant; 4] =
    [Instant::Lost, Instant::Late, Instant::UnderWay, Instant::Unanswered];

/// Whose requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum To {
    /// All nodes together.
    Nodes,
    /// This machine.
    Workstation,
}

/// One request of a process, counted from 1, and one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Whose.
    pub(crate) to: To,
    /// Which.
    pub(crate) request: usize,
    /// When in it.
    pub(crate) instant: Instant,
}

/// The requests of one process so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// The last way of each connection of each node, and how many bytes went to the node.
    pub(crate) ways: BTreeMap<(usize, u64), (Option<Way>, usize)>,
    /// How many there were, on all nodes together.
    pub(crate) requests: usize,
    /// Which one is the last, and when in it.
    pub(crate) at: Option<(usize, Instant)>,
    /// Whom to kill.
    pub(crate) process: Option<Pid>,
    /// The node of that request, once it came.
    pub(crate) hit: Option<usize>,
}

impl Seen {
    /// Counts requests; the fault for the one that is meant.
    pub(crate) fn came(&mut self, node: usize, connection: u64, way: Way, bytes: usize) -> Option<Fault> {
        let (last, up) = self.ways.entry((node, connection)).or_default();
        let is_request = way == Way::Up && *last != Some(Way::Up) && *up > LOGIN;
        *last = Some(way);
        *up += if way == Way::Up { bytes } else { 0 };
        self.requests += usize::from(is_request);
        let (at, instant) = self.at?;
        if !is_request || self.requests != at || self.hit.is_some() {
            return None;
        }
        self.hit = Some(node);
        if instant != Instant::Unanswered {
            self.kill();
        }
        match instant {
            Instant::Lost => Some(Fault::Cut { way: Way::Up, after: 0, how: End::Fin }),
            Instant::Late => Some(Fault::Hold { way: Way::Up, after: 0 }),
            Instant::UnderWay => None,
            Instant::Unanswered => Some(Fault::Hold { way: Way::Down, after: 0 }),
        }
    }

    /// Kills the process.
    pub(crate) fn kill(&self) {
        kill_process(self.process.expect("it runs"), Signal::KILL).expect("it runs or was not waited for");
    }
}

/// Nothing under it panics but a failing test.
pub(crate) fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
