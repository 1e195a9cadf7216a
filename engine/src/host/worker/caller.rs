//! Sends one job to a host, and says what is certain where no answer came.
//!
//! Knows nothing of owners: an answer about them is the caller's business.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::frame::Job;
use super::line::{Connect, Ended};
use super::pool::{NoWorker, Pool};
use super::serve::{Answer, Lost};
use crate::host::{HostError, Output};

/// A host's name and its workers.
pub(super) struct Caller<C> {
    name: String,
    pool: Pool<C>,
}

/// What a job came to, and on which boot of the host.
pub(super) struct Reply {
    /// The answer.
    pub(super) answer: Answer,
    /// The boot id of the worker that gave it.
    pub(super) boot: String,
}

impl<C: Connect> Caller<C> {
    /// No worker yet.
    pub(super) fn new(name: String, connect: C) -> Self {
        Self { name, pool: Pool::new(connect) }
    }

    /// The host's name in the plan.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Who opens its lines.
    pub(super) fn connector(&self) -> &C {
        self.pool.connect()
    }

    /// Ends the workers that nothing uses.
    pub(super) fn close(&self) {
        self.pool.clear();
    }

    /// The boot id of the host, as its worker was told when it started; opens one where there is none.
    pub(super) async fn boot(&self, until: Instant) -> Result<String, HostError> {
        let within = until.saturating_duration_since(Instant::now());
        let mut lease = self.pool.take(until).await.map_err(|no| self.no_worker(no, within))?;
        Ok(lease.worker().boot().to_owned())
    }

    /// Sends one job; once more over a fresh worker when certainly nothing of it arrived, or nothing is lost by that:
    /// a worker that was idle may be dead without anybody having noticed.
    pub(super) async fn ask(&self, job: Job<'_>, until: Instant) -> Result<Reply, HostError> {
        let mut again = true;
        loop {
            let mut lease = self.pool.take(until).await.map_err(|no| self.no_worker(no, job.deadline()))?;
            let worker = lease.worker();
            let lost = match timeout_at(until, worker.request(job)).await {
                Ok(Ok(answer)) => return Ok(Reply { answer, boot: worker.boot().to_owned() }),
                Ok(Err(lost)) => lost,
                // Perhaps the line is dead and nobody has noticed, or a process on the way hangs.
                Err(_elapsed) if worker.was_sent() => {
                    return Err(HostError::Deadline { host: self.name.clone(), after: job.deadline() });
                }
                Err(_elapsed) => return Err(self.no_worker(NoWorker::Late, job.deadline())),
            };
            let ended = worker.ended().await;
            drop(lease);
            match lost {
                Lost { sent } if again && (!sent || job.may_be_repeated()) => again = false,
                Lost { sent } => return Err(self.lost(sent, ended)),
            }
        }
    }

    /// What an answer to a job means that was not about the owner.
    pub(super) fn done(&self, answer: Answer) -> Result<Output, HostError> {
        let host = self.name.clone();
        match answer {
            Answer::Ran(output) => Ok(output),
            Answer::Busy(what) => Err(HostError::Busy { host, what }),
            Answer::Failed(why) => Err(HostError::Refused { host, why }),
            Answer::Owned(line) => {
                let line = crate::text::escape(&line);
                Err(HostError::Refused { host, why: format!("its owner file holds `{line}`") })
            }
        }
    }

    fn lost(&self, sent: bool, ended: Ended) -> HostError {
        let host = self.name.clone();
        let why = match ended {
            Ended::Lost(why) => why,
            Ended::Status(status) => {
                format!("the worker on the host ended with status {status} and without a result")
            }
        };
        if sent { HostError::Unknown { host, why } } else { HostError::NotReached { host, why } }
    }

    fn no_worker(&self, why: NoWorker, within: Duration) -> HostError {
        match why {
            NoWorker::Host(error) => error,
            NoWorker::Late => {
                let within = humantime::format_duration(whole_ms(within));
                self.not_reached(format!("its connection took no command within {within}"))
            }
        }
    }

    /// Certainly nothing was started, and why.
    pub(super) fn not_reached(&self, why: String) -> HostError {
        HostError::NotReached { host: self.name.clone(), why }
    }

    /// Nothing is started, and why.
    pub(super) fn refused(&self, why: String) -> HostError {
        HostError::Refused { host: self.name.clone(), why }
    }
}

/// The duration as people read it.
fn whole_ms(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis().try_into().unwrap_or(u64::MAX))
}
