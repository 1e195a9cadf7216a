//! Connections made ahead: while a task works, the hosts of those that wait for it are connected to.
//!
//! Each host once a drive. Whether that works is nobody's business here: the task that needs the host will tell.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::host::Host;
use crate::plan::{HostIndex, Plan, TaskId};

/// Connections under way, and those that were made.
pub(super) struct Ahead {
    /// For each task the hosts, other than its own, of the tasks that wait for it.
    next: Vec<BTreeSet<u32>>,
    known: BTreeSet<u32>,
    connecting: FuturesUnordered<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Ahead {
    /// Nothing is connected to yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut next = vec![BTreeSet::new(); plan.tasks.len()];
        for task in &plan.tasks {
            for before in &task.after {
                if plan.task(*before).host != task.host {
                    next[before.0 as usize].insert(task.host.0);
                }
            }
        }
        Self { next, known: BTreeSet::new(), connecting: FuturesUnordered::new() }
    }

    /// Connects to the hosts that come after this task.
    pub(super) fn started(&mut self, task: TaskId, host: impl Fn(HostIndex) -> Arc<dyn Host>) {
        for index in std::mem::take(&mut self.next[task.0 as usize]) {
            if self.known.insert(index) {
                let host = host(HostIndex(index));
                self.connecting.push(Box::pin(async move {
                    // The first call says what is wrong.
                    let _told_later = host.connect().await;
                }));
            }
        }
    }

    /// Waits until one of them is done; None where none is under way.
    pub(super) async fn next(&mut self) -> Option<()> {
        self.connecting.next().await
    }
}
