//! The workers of one host: an idle one is taken, else one more is opened, else one is waited for.
//!
//! Invariant: one worker is enough (MaxSessions 1). A worker comes back only when another request can be sent
//! on it; any other is dropped, and its line with it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::line::{Connect, Ended, OpenError};
use super::serve::Worker;
use super::stream::Nonce;
use crate::host::HostError;

/// Workers of a host at most.
const MOST: usize = 4;

/// The workers of one host.
pub(super) struct Pool<C> {
    connect: C,
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    idle: Vec<Worker>,
    /// Workers there are, those being opened among them.
    open: usize,
    /// Workers the server grants, as far as is known.
    granted: usize,
}

/// Why there is no worker.
pub(super) enum NoWorker {
    /// None was free, and no other one could be opened, in time.
    Late,
    /// None could be opened.
    Host(HostError),
}

/// A worker that nobody else uses, or the place of one that is being opened; given back when dropped.
pub(super) struct Lease<'p, C> {
    pool: &'p Pool<C>,
    worker: Option<Worker>,
}

impl<C: Connect> Pool<C> {
    /// No worker yet.
    pub(super) fn new(connect: C) -> Self {
        let state = Mutex::new(State { idle: Vec::new(), open: 0, granted: MOST });
        Self { connect, state, freed: Notify::new() }
    }

    /// Who opens its workers' lines.
    pub(super) fn connect(&self) -> &C {
        &self.connect
    }

    /// Takes an idle worker, or opens one more, or waits for one until `until`.
    pub(super) async fn take(&self, until: Instant) -> Result<Lease<'_, C>, NoWorker> {
        let mut pause = Duration::from_millis(10);
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let Some(mut lease) = self.idle_or_place() else {
                timeout_at(until, freed).await.map_err(|_elapsed| NoWorker::Late)?;
                continue;
            };
            if lease.worker.is_some() {
                return Ok(lease);
            }
            match timeout_at(until, self.open(until)).await {
                Ok(Ok(worker)) => {
                    lease.worker = Some(worker);
                    return Ok(lease);
                }
                Ok(Err(OpenError::Host(error))) => return Err(NoWorker::Host(error)),
                Ok(Err(OpenError::Full)) => drop(lease),
                Err(_elapsed) => return Err(NoWorker::Late),
            }
            if self.state().refused() {
                // Not ours: a channel that is just closing, or another program's.
                if Instant::now() + pause >= until {
                    return Err(NoWorker::Late);
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }

    /// An idle worker that can be used, or the place for one more; None when all are taken.
    fn idle_or_place(&self) -> Option<Lease<'_, C>> {
        let mut dead = Vec::new();
        let mut state = self.state();
        while let Some(mut worker) = state.idle.pop() {
            if worker.is_usable() {
                return Some(Lease { pool: self, worker: Some(worker) });
            }
            state.open -= 1;
            dead.push(worker);
        }
        if state.open == 0 {
            state.granted = MOST;
        }
        let is_free = state.open < state.granted;
        state.open += usize::from(is_free);
        drop(state);
        drop(dead);
        is_free.then(|| Lease { pool: self, worker: None })
    }

    async fn open(&self, until: Instant) -> Result<Worker, OpenError> {
        let mut again = true;
        loop {
            let start = Nonce::random();
            let pipes = self.connect.open(&start, until).await?;
            match Worker::start(pipes, &start).await {
                Ok(worker) => return Ok(worker),
                // A connection of before may be dead without knowing it; nothing was asked yet.
                Err((Ended::Lost(_), _)) if again => again = false,
                Err((ended, noise)) => return Err(self.connect.not_ready(ended, &noise).into()),
            }
        }
    }

    /// Ends the idle workers.
    pub(super) fn clear(&self) {
        let idle = {
            let mut state = self.state();
            state.open -= state.idle.len();
            std::mem::take(&mut state.idle)
        };
        drop(idle);
        self.freed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic is done under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The server granted no more than there are; true when there is none to wait for.
    fn refused(&mut self) -> bool {
        self.granted = self.open.max(1);
        self.open == 0
    }
}

impl<C> Lease<'_, C> {
    /// The worker.
    pub(super) fn worker(&mut self) -> &mut Worker {
        self.worker.as_mut().expect("a lease that was handed out has its worker")
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        let mut worker = self.worker.take();
        let is_usable = worker.as_mut().is_some_and(Worker::is_usable);
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        match worker {
            Some(worker) if is_usable => state.idle.push(worker),
            dead => {
                state.open -= 1;
                drop(state);
                drop(dead);
            }
        }
        self.pool.freed.notify_one();
    }
}
