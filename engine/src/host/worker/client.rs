//! What a host answers through its workers: commands, the claim on the host, and what is certain without a result.
//!
//! A mutating command is sent with the line that the owner file must hold. The first one claims the host; one that
//! ends without a result drops the claim, and the next one takes the host over in a new epoch, so that whatever is
//! still on its way starts nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::frame::{Job, Limit, lock_secs};
use super::line::{Connect, Ended};
use super::owner::{Claim, Owner};
use super::pool::{NoWorker, Pool};
use super::serve::{Answer, Lost};
use crate::host::{Command, Effect, HostError, Output};

/// How often a claim looks again because somebody changed the owner meanwhile.
const LOOKS: usize = 5;

/// How long `release` waits for the lock.
const RELEASING: Duration = Duration::from_secs(10);

/// Who may change the host.
#[derive(Debug, Clone)]
pub(in crate::host) enum Fence {
    /// This machine: nobody else's run is in the way, and nothing arrives late over a pipe.
    None,
    /// A node: the run with this claim; None for somebody who only reads.
    Owner(Option<Claim>),
}

/// The workers of a host, and what this process knows of its owner.
pub struct Client<C> {
    name: String,
    pool: Pool<C>,
    fence: Fence,
    limit: Limit,
    /// The owner line that is ours, once a claim succeeded.
    token: Mutex<Option<Owner>>,
    /// One claim at a time.
    claiming: tokio::sync::Mutex<()>,
}

impl<C: Connect> Client<C> {
    /// A node called `name`, to be changed by the run with this claim; None: only looked at.
    pub fn node(name: impl Into<String>, connect: C, claim: Option<Claim>) -> Self {
        Self::new(name.into(), connect, Fence::Owner(claim), Limit::OnHost)
    }

    /// This machine.
    pub(in crate::host) fn here(name: String, connect: C) -> Self {
        Self::new(name, connect, Fence::None, Limit::Ours)
    }

    fn new(name: String, connect: C, fence: Fence, limit: Limit) -> Self {
        let claiming = tokio::sync::Mutex::new(());
        Self { name, pool: Pool::new(connect), fence, limit, token: Mutex::new(None), claiming }
    }

    /// Its name in the plan.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who opens its lines.
    pub(in crate::host) fn connector(&self) -> &C {
        self.pool.connect()
    }

    /// Runs a command to its end, or to its deadline.
    ///
    /// # Panics
    /// When a mutating command comes without a claim: a bug of the caller.
    pub async fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.argv.iter().any(|word| word.contains('\0')) {
            return Err(self.refused("an argument holds a NUL byte".to_owned()));
        }
        let until = Instant::now() + command.deadline;
        match (command.effect, &self.fence) {
            (Effect::Reads, _) => {
                let job = Job::Reads { command, limit: self.limit };
                self.done(self.ask(job, until).await?)
            }
            (Effect::Mutates, Fence::None) => {
                self.done(self.ask(Job::Mutates { command, token: "-" }, until).await?)
            }
            (Effect::Mutates, Fence::Owner(claim)) => {
                let claim = claim.as_ref().expect("a command that changes a node belongs to a run");
                self.mutate(command, claim, until).await
            }
        }
    }

    async fn mutate(&self, command: &Command, claim: &Claim, until: Instant) -> Result<Output, HostError> {
        for _look in 0..LOOKS {
            let owner = self.claimed(claim, command.deadline, until).await?;
            let token = owner.to_string();
            let kept = Kept { token: &self.token, owner: &owner };
            let answer = self.ask(Job::Mutates { command, token: &token }, until).await;
            match answer {
                Ok(Answer::Owned(line)) => {
                    // Another call of ours took the host over meanwhile, or another run has it now.
                    drop(kept);
                    self.ours(&line, claim)?.ok_or_else(|| self.gone())?;
                }
                Ok(answer) => {
                    kept.stays();
                    return self.done(answer);
                }
                Err(error) => {
                    if certainly_not_started(&error) {
                        kept.stays();
                    }
                    return Err(error);
                }
            }
        }
        Err(self.restless())
    }

    /// The owner line that is ours; takes the host if there is none.
    async fn claimed(&self, claim: &Claim, deadline: Duration, until: Instant) -> Result<Owner, HostError> {
        let _one = self.alone(until).await?;
        if let Some(owner) = self.token() {
            return Ok(owner);
        }
        let within = Duration::from_secs(lock_secs(deadline));
        let claimed = self.take_over(claim, within, until, None).await;
        // The command itself was not sent yet.
        claimed.map_err(|error| match error {
            HostError::Unknown { host, why } => HostError::NotReached { host, why },
            HostError::Deadline { host, after } => {
                let after = humantime::format_duration(after);
                HostError::NotReached { host, why: format!("it could not be claimed within {after}") }
            }
            error => error,
        })
    }

    async fn alone(&self, until: Instant) -> Result<tokio::sync::MutexGuard<'_, ()>, HostError> {
        let late = || self.not_reached("another call was still claiming it".to_owned());
        timeout_at(until, self.claiming.lock()).await.map_err(|_elapsed| late())
    }

    /// Takes the host, from nobody or from an earlier claim of the same run, and waits for what runs there.
    async fn take_over(
        &self,
        claim: &Claim,
        within: Duration,
        until: Instant,
        mut before: Option<Owner>,
    ) -> Result<Owner, HostError> {
        let boot = self.boot(until).await?;
        for _look in 0..LOOKS {
            let expected = before.as_ref().map_or_else(|| "-".to_owned(), Owner::to_string);
            let owner = Owner::next(claim, before.as_ref(), &boot);
            let new = owner.to_string();
            match self.ask(Job::Settle { within, expected: &expected, new: &new }, until).await? {
                Answer::Owned(line) => {
                    let now = self.ours(&line, claim)?;
                    if now.is_none() {
                        return Err(self.gone());
                    }
                    before = now;
                }
                answer => {
                    self.done(answer)?;
                    *self.slot() = Some(owner.clone());
                    return Ok(owner);
                }
            }
        }
        Err(self.restless())
    }

    /// Reads a line of the owner file that stands where another was expected; the error when it is not ours.
    fn ours(&self, line: &str, claim: &Claim) -> Result<Option<Owner>, HostError> {
        match self.owner(line)? {
            Some(owner) if !owner.is_of(claim) => {
                Err(HostError::Owned { host: self.name.clone(), by: owner.shown() })
            }
            owner => Ok(owner),
        }
    }

    fn owner(&self, line: &str) -> Result<Option<Owner>, HostError> {
        if line == "-" {
            return Ok(None);
        }
        let owner = Owner::parse(line);
        let line = crate::text::escape(line);
        let foreign =
            || self.refused(format!("its owner file holds `{line}`, which certwright did not write"));
        owner.map(Some).ok_or_else(foreign)
    }

    /// Waits until nothing of this run runs on the host any more, at most `within`, and fences what may come late.
    pub async fn settle(&self, within: Duration) -> Result<(), HostError> {
        let until = Instant::now() + settle_deadline(within);
        let claim = match &self.fence {
            Fence::Owner(Some(claim)) => claim,
            Fence::None | Fence::Owner(None) => {
                let job = Job::Settle { within, expected: "=", new: "-" };
                return self.done(self.ask(job, until).await?).map(drop);
            }
        };
        let _one = self.alone(until).await?;
        let mut known = self.token();
        for _look in 0..LOOKS {
            if let Some(owner) = known {
                // Not ours: their claim waited for the lock, and fenced everything of ours.
                if owner.is_of(claim) {
                    self.take_over(claim, within, until, Some(owner)).await?;
                }
                return Ok(());
            }
            match self.ask(Job::Settle { within, expected: "-", new: "-" }, until).await? {
                Answer::Owned(line) => known = self.owner(&line)?,
                answer => return self.done(answer).map(drop),
            }
        }
        Err(self.restless())
    }

    /// Gives the host up if it is this run's.
    pub async fn release(&self) -> Result<(), HostError> {
        let Fence::Owner(Some(claim)) = &self.fence else { return Ok(()) };
        let until = Instant::now() + settle_deadline(RELEASING);
        let _one = self.alone(until).await?;
        let mut known = self.slot().take();
        for _look in 0..LOOKS {
            let expected = match &known {
                None => "-".to_owned(),
                Some(owner) if owner.is_of(claim) => owner.to_string(),
                Some(_another) => return Ok(()),
            };
            let job = Job::Settle { within: RELEASING, expected: &expected, new: "-" };
            match self.ask(job, until).await? {
                Answer::Owned(line) => known = self.owner(&line)?,
                answer => return self.done(answer).map(drop),
            }
        }
        Err(self.restless())
    }

    /// Opens a worker ahead of its use.
    pub async fn connect(&self, within: Duration) -> Result<(), HostError> {
        self.boot(Instant::now() + within).await.map(drop)
    }

    /// Ends the workers that nothing uses; later calls open others.
    pub fn close(&self) {
        self.pool.clear();
    }

    /// The boot id of the host.
    async fn boot(&self, until: Instant) -> Result<String, HostError> {
        let within = until.saturating_duration_since(Instant::now());
        let mut lease = self.pool.take(until).await.map_err(|no| self.no_worker(no, within))?;
        Ok(lease.worker().boot().to_owned())
    }

    /// Sends one job; once more over a fresh worker when certainly nothing of it arrived.
    async fn ask(&self, job: Job<'_>, until: Instant) -> Result<Answer, HostError> {
        let mut again = true;
        loop {
            let mut lease = self.pool.take(until).await.map_err(|no| self.no_worker(no, job.deadline()))?;
            let worker = lease.worker();
            let lost = match timeout_at(until, worker.request(job)).await {
                Ok(Ok(answer)) => return Ok(answer),
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
                Lost { sent: false } if again => again = false,
                Lost { sent } => return Err(self.lost(sent, ended)),
            }
        }
    }

    /// What an answer to a job means that was not about the owner.
    fn done(&self, answer: Answer) -> Result<Output, HostError> {
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

    /// Whoever removes the owner file means it: what is under way stops, and a resume claims the host again.
    fn gone(&self) -> HostError {
        self.forget();
        self.refused("this run's claim on it was given up by somebody (`certwright abandon`)".to_owned())
    }

    fn restless(&self) -> HostError {
        self.refused("its owner file changes all the time".to_owned())
    }

    fn not_reached(&self, why: String) -> HostError {
        HostError::NotReached { host: self.name.clone(), why }
    }

    fn refused(&self, why: String) -> HostError {
        HostError::Refused { host: self.name.clone(), why }
    }

    fn token(&self) -> Option<Owner> {
        self.slot().clone()
    }

    fn forget(&self) {
        *self.slot() = None;
    }

    fn slot(&self) -> MutexGuard<'_, Option<Owner>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Our own wall clock for a request that waits for the lock: the host ends the wait, this only bounds a host that
/// does not answer.
fn settle_deadline(within: Duration) -> Duration {
    Job::Settle { within, expected: "-", new: "-" }.deadline()
}

/// The duration as people read it.
fn whole_ms(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis().try_into().unwrap_or(u64::MAX))
}

/// Whether the error says that nothing was started.
fn certainly_not_started(error: &HostError) -> bool {
    match error {
        HostError::NotReached { .. }
        | HostError::Identity { .. }
        | HostError::Auth { .. }
        | HostError::Busy { .. }
        | HostError::Owned { .. }
        | HostError::Refused { .. } => true,
        HostError::Deadline { .. } | HostError::Unknown { .. } => false,
    }
}

/// A claim with a command under way: dropped with it unless it [stays](Kept::stays).
struct Kept<'c> {
    token: &'c Mutex<Option<Owner>>,
    owner: &'c Owner,
}

impl Kept<'_> {
    fn stays(self) {
        std::mem::forget(self);
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref() == Some(self.owner) {
            *token = None;
        }
    }
}
