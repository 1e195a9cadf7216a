//! What a host answers to this process: commands under its claim on the host, and the claim itself.
//!
//! A mutating command is sent with the line that the owner file must hold. The first one claims the host; one that
//! ends without a result lets the claim lapse, and the next one takes the host over in a new epoch, so that whatever
//! is still on its way starts nothing.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::caller::{Caller, Reply};
use super::frame::{Job, Limit, lock_secs};
use super::hold::{Hold, Kept, Standing};
use super::line::Connect;
use super::owner::{Claim, Owner};
use super::serve::Answer;
use crate::host::{Command, Effect, HostError, Output, Settled};

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
    caller: Caller<C>,
    fence: Fence,
    limit: Limit,
    hold: Hold,
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
        Self { caller: Caller::new(name, connect), fence, limit, hold: Hold::new(), claiming }
    }

    /// Its name in the plan.
    pub fn name(&self) -> &str {
        self.caller.name()
    }

    /// Who opens its lines.
    pub(in crate::host) fn connector(&self) -> &C {
        self.caller.connector()
    }

    /// Runs a command to its end, or to its deadline.
    ///
    /// # Panics
    /// When a mutating command comes without a claim: a bug of the caller.
    pub async fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.argv.iter().any(|word| word.contains('\0')) {
            return Err(self.caller.refused("an argument holds a NUL byte".to_owned()));
        }
        let until = Instant::now() + command.deadline;
        match (command.effect, &self.fence) {
            (Effect::Reads, _) => {
                let job = Job::Reads { command, limit: self.limit };
                self.caller.done(self.caller.ask(job, until).await?.answer)
            }
            (Effect::Mutates, Fence::None) => {
                let job = Job::Mutates { command, token: "-" };
                self.caller.done(self.caller.ask(job, until).await?.answer)
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
            let kept = Kept { hold: &self.hold, owner: &owner };
            let reply = self.caller.ask(Job::Mutates { command, token: &token }, until).await;
            match reply {
                Ok(Reply { answer: Answer::Owned(line), .. }) => {
                    // Another call of ours took the host over meanwhile, or another run has it now.
                    drop(kept);
                    self.ours(&line, claim)?.ok_or_else(|| self.gone())?;
                }
                Ok(Reply { answer, .. }) => {
                    kept.stays();
                    return self.caller.done(answer);
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

    /// The owner line that is ours; takes the host unless it is held.
    async fn claimed(&self, claim: &Claim, deadline: Duration, until: Instant) -> Result<Owner, HostError> {
        let _one = self.alone(until).await?;
        let before = match self.hold.standing() {
            Standing::Held(owner) => return Ok(owner),
            Standing::GivenUp => return Err(self.gone()),
            Standing::Lapsed(owner) => Some(owner),
            Standing::None => None,
        };
        let within = Duration::from_secs(lock_secs(deadline));
        let claimed = self.take_over(claim, within, until, before).await;
        // The command itself was not sent yet.
        claimed.map(|(owner, _)| owner).map_err(|error| match error {
            HostError::Unknown { host, why } => HostError::NotReached { host, why },
            HostError::Deadline { host, after } => {
                let after = humantime::format_duration(after);
                HostError::NotReached { host, why: format!("it could not be claimed within {after}") }
            }
            error => error,
        })
    }

    async fn alone(&self, until: Instant) -> Result<tokio::sync::MutexGuard<'_, ()>, HostError> {
        let late = || self.caller.not_reached("another call was still claiming it".to_owned());
        timeout_at(until, self.claiming.lock()).await.map_err(|_elapsed| late())
    }

    /// Takes the host, from nobody or from an earlier claim of the same run, and waits for what runs there.
    async fn take_over(
        &self,
        claim: &Claim,
        within: Duration,
        until: Instant,
        mut before: Option<Owner>,
    ) -> Result<(Owner, Settled), HostError> {
        let mut boot = self.caller.boot(until).await?;
        for _look in 0..LOOKS {
            let expected = before.as_ref().map_or_else(|| "-".to_owned(), Owner::to_string);
            let owner = Owner::next(claim, before.as_ref(), &boot);
            let new = owner.to_string();
            let job = Job::Settle { within, expected: &expected, new: &new };
            let reply = self.caller.ask(job, until).await?;
            let is_stale = std::mem::replace(&mut boot, reply.boot) != boot;
            match reply.answer {
                Answer::Owned(line) => before = Some(self.ours(&line, claim)?.ok_or_else(|| self.gone())?),
                answer => {
                    self.caller.done(answer)?;
                    // It was rebooted under an idle line: once more, with the boot id of the worker that answered.
                    if is_stale {
                        before = Some(owner);
                        continue;
                    }
                    self.hold.set(Standing::Held(owner.clone()));
                    let rebooted = before.is_some_and(|before| before.boot != owner.boot);
                    return Ok((owner, if rebooted { Settled::Rebooted } else { Settled::Quiet }));
                }
            }
        }
        Err(self.restless())
    }

    /// Reads a line of the owner file that stands where another was expected; the error when it is not ours.
    fn ours(&self, line: &str, claim: &Claim) -> Result<Option<Owner>, HostError> {
        match self.owner(line)? {
            Some(owner) if !owner.is_of(claim) => {
                let run = crate::text::escape(&owner.run);
                Err(HostError::Owned { host: self.name().to_owned(), by: owner.shown(), run })
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
            || self.caller.refused(format!("its owner file holds `{line}`, which certwright did not write"));
        owner.map(Some).ok_or_else(foreign)
    }

    /// Waits until nothing of this run runs on the host any more, at most `within`, and fences what may come late.
    pub async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        let until = Instant::now() + settle_deadline(within);
        let claim = match &self.fence {
            Fence::Owner(Some(claim)) => claim,
            Fence::None | Fence::Owner(None) => {
                let job = Job::Settle { within, expected: "=", new: "-" };
                let answer = self.caller.ask(job, until).await?.answer;
                return self.caller.done(answer).map(|_| Settled::Quiet);
            }
        };
        let _one = self.alone(until).await?;
        let mut known = match self.hold.standing() {
            Standing::Held(owner) | Standing::Lapsed(owner) => Some(owner),
            Standing::None => None,
            Standing::GivenUp => return Err(self.gone()),
        };
        for _look in 0..LOOKS {
            if let Some(owner) = known {
                // Not ours: their claim waited for the lock, and fenced everything of ours.
                if owner.is_of(claim) {
                    return self
                        .take_over(claim, within, until, Some(owner))
                        .await
                        .map(|(_, settled)| settled);
                }
                return Ok(Settled::Quiet);
            }
            let job = Job::Settle { within, expected: "-", new: "-" };
            match self.caller.ask(job, until).await?.answer {
                Answer::Owned(line) => known = self.owner(&line)?,
                answer => return self.caller.done(answer).map(|_| Settled::Quiet),
            }
        }
        Err(self.restless())
    }

    /// Gives the host up if it is this run's.
    pub async fn release(&self) -> Result<(), HostError> {
        let Fence::Owner(Some(claim)) = &self.fence else { return Ok(()) };
        let until = Instant::now() + settle_deadline(RELEASING);
        let _one = self.alone(until).await?;
        let mut known = match self.hold.standing() {
            Standing::Held(owner) | Standing::Lapsed(owner) => Some(owner),
            Standing::None => None,
            Standing::GivenUp => return Ok(()),
        };
        for _look in 0..LOOKS {
            let expected = match &known {
                None => "-".to_owned(),
                Some(owner) if owner.is_of(claim) => owner.to_string(),
                Some(_another) => return Ok(()),
            };
            let job = Job::Settle { within: RELEASING, expected: &expected, new: "-" };
            match self.caller.ask(job, until).await?.answer {
                Answer::Owned(line) => known = self.owner(&line)?,
                answer => {
                    self.caller.done(answer)?;
                    self.hold.set(Standing::None);
                    return Ok(());
                }
            }
        }
        Err(self.restless())
    }

    /// Opens a worker ahead of its use.
    pub async fn connect(&self, within: Duration) -> Result<(), HostError> {
        self.caller.boot(Instant::now() + within).await.map(drop)
    }

    /// Ends the workers that nothing uses; later calls open others.
    pub fn close(&self) {
        self.caller.close();
    }

    /// Whoever removes the owner file means it: what is under way stops, and only a resume claims the host again.
    fn gone(&self) -> HostError {
        self.hold.set(Standing::GivenUp);
        self.caller
            .refused("this run's claim on it was given up by somebody (`certwright abandon`)".to_owned())
    }

    fn restless(&self) -> HostError {
        self.caller.refused("its owner file changes all the time".to_owned())
    }
}

/// Our own wall clock for a request that waits for the lock: the host ends the wait, this only bounds a host that
/// does not answer.
fn settle_deadline(within: Duration) -> Duration {
    Job::Settle { within, expected: "-", new: "-" }.deadline()
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
