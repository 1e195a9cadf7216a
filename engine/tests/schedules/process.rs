//! One certwright process: a client of the product, and the retry rule of its driver.

use std::sync::Arc;
use std::time::Duration;

use certwright_engine::host::worker::Client;
use certwright_engine::host::{Claim, Command, HostError};
use certwright_engine::text::Secret;

use crate::connect::Chaos;
use crate::effects::{Attempt, SCRIPT, Told};
use crate::world::{Finish, Life, World};

/// Our wall clock for a mutating command; the host waits half of it for the lock.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// So short that the host waits for the lock for a second only.
pub(crate) const SHORT: Duration = Duration::from_secs(2);

/// Attempts at one effect before something is wrong.
const TRIES: usize = 12;

/// What stands at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Half,
    Done,
}

/// How a process behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) run: &'static str,
    /// It goes on with a run that another process began.
    pub(crate) resumes: bool,
    /// It gives the host up in the end.
    pub(crate) releases: bool,
    /// It waits for the word between its effects.
    pub(crate) waits: bool,
    /// Channels that the server grants it at once; None: any number.
    pub(crate) channels: Option<usize>,
    /// How long its settle waits for the lock at first; 30 s later.
    pub(crate) within: Duration,
}

impl Manner {
    pub(crate) fn of(run: &'static str) -> Self {
        let within = Duration::from_secs(30);
        Self { run, resumes: false, releases: false, waits: false, channels: None, within }
    }

    pub(crate) fn resumed(self) -> Self {
        Self { resumes: true, ..self }
    }
}

/// A process.
pub(crate) struct Process {
    world: Arc<World>,
    number: usize,
    manner: Manner,
    client: Client<Chaos>,
}

impl Process {
    pub(crate) fn new(world: &Arc<World>, manner: Manner) -> Self {
        let number = world.update(|inner| {
            inner.lives.push(Life { alive: true, finish: None, busy: 0 });
            inner.lives.len() - 1
        });
        world.trace(format!("process {number}: {manner:?}"));
        let channels = manner.channels.unwrap_or_else(|| world.pick(&[1, 2, 4]));
        let claim = Claim { run: manner.run.to_owned(), operator: format!("{}-operator@ws", manner.run) };
        let connect = Chaos { world: Arc::clone(world), process: number, channels };
        let client = Client::node("cp-1", connect, Some(claim));
        Self { world: Arc::clone(world), number, manner, client }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Makes the effects, one after the other.
    pub(crate) async fn work(self, effects: Vec<usize>) {
        let mut finish = Finish::Done;
        for (place, effect) in effects.into_iter().enumerate() {
            if place > 0 && self.manner.waits {
                self.world.until(|inner| inner.go_on).await;
            }
            finish = self.drive(effect, DEADLINE).await;
            if finish != Finish::Done {
                break;
            }
        }
        self.finished(finish).await;
    }

    /// Makes two effects at once; the second one starts when the command of the first one stands at its gate.
    pub(crate) async fn work_at_once(self, first: usize, second: usize, deadline: Duration) {
        let later = async {
            self.world.until(|inner| inner.attempts.iter().any(|attempt| attempt.at.is_some())).await;
            self.drive(second, deadline).await
        };
        let (one, two) = tokio::join!(self.drive(first, DEADLINE), later);
        self.finished(if one == Finish::Done { two } else { one }).await;
    }

    /// Gives the run's claim up, whoever made it.
    pub(crate) async fn abandon(self) {
        self.release().await;
        self.world.retire(self.manner.run);
        self.world.update(|inner| inner.lives[self.number].finish = Some(Finish::Done));
    }

    async fn finished(&self, finish: Finish) {
        if finish == Finish::Done && self.manner.releases {
            self.release().await;
        }
        self.world.update(|inner| {
            inner.trace.push(format!("process {}: {finish:?}", self.number));
            inner.lives[self.number].finish = Some(finish);
        });
    }

    async fn release(&self) {
        let lines = self.world.effects().len();
        self.world.inner().freed.push((self.manner.run, lines));
        for _ in 0..TRIES {
            match self.client.release().await {
                Ok(()) => return self.world.trace(format!("process {} has released", self.number)),
                Err(error) => self.note("release", &error),
            }
        }
        self.world.problem(format!("process {} cannot release the host", self.number));
    }

    /// The retry rule: settle (but for the very first attempt), look, apply what is not there, look again.
    async fn drive(&self, effect: usize, deadline: Duration) -> Finish {
        let mut settles = self.manner.resumes;
        for attempt in 0..TRIES {
            if settles {
                let within = if attempt < 2 { self.manner.within } else { Duration::from_secs(30) };
                match self.client.settle(within).await {
                    Ok(_) => {
                        self.world.trace(format!("process {} settled", self.number));
                        self.world.retire(self.manner.run);
                    }
                    Err(error) => {
                        self.note("settle", &error);
                        if given_up(&error) {
                            return Finish::GivenUp;
                        }
                        continue;
                    }
                }
            }
            // A first attempt may be made without a look: its run has never been here.
            let blind = !settles && self.world.percent(60);
            settles = true;
            let seen = if blind { Some(Seen::Nothing) } else { self.look(effect).await };
            let Some(seen) = seen else { continue };
            if seen == Seen::Done {
                self.report(effect);
                return Finish::Done;
            }
            let deadline = if attempt < 2 { deadline } else { DEADLINE };
            match self.apply(effect, seen, deadline).await {
                Ok(0) => {
                    self.report(effect);
                    return Finish::Done;
                }
                Err(HostError::Owned { .. }) => return Finish::Owned,
                Err(error) if given_up(&error) => return Finish::GivenUp,
                Ok(_) | Err(_) => {}
            }
        }
        self.world.problem(format!("process {}: e{effect} does not converge", self.number));
        Finish::Done
    }

    fn report(&self, effect: usize) {
        self.world.trace(format!("process {} reports e{effect}", self.number));
        self.world.inner().reported.push(effect);
    }

    /// Looks by a command that only reads; None when that has no result.
    async fn look(&self, effect: usize) -> Option<Seen> {
        let command = Command::reads(["cat", &self.world.text("effects")]);
        let output = match self.client.run(&command).await {
            Ok(output) if output.success() => output,
            Ok(output) => {
                self.world.trace(format!("process {}: looking ended with {}", self.number, output.status));
                return None;
            }
            Err(error) => {
                self.note("look", &error);
                return None;
            }
        };
        let text = output.stdout.lossy();
        let has = |what: &str| text.lines().any(|line| line.starts_with(&format!("{what} e{effect} ")));
        let seen = match (has("begin"), has("end")) {
            (_, true) => Seen::Done,
            (true, false) => Seen::Half,
            (false, false) => Seen::Nothing,
        };
        self.world.trace(format!("process {} sees e{effect}: {seen:?}", self.number));
        Some(seen)
    }

    async fn apply(&self, effect: usize, seen: Seen, deadline: Duration) -> Result<i32, HostError> {
        let world = &self.world;
        let number = world.inner().attempts.len();
        let gate = world.gate(self.number, number);
        let stop = gate.as_ref().map_or("-", |(spot, _)| spot.word());
        let with_input = world.percent(30);
        let id = format!("e{effect}");
        let named = if with_input { "-" } else { &id };
        let how = if seen == Seen::Half { "rest" } else { "whole" };
        let attempt = format!("att-{number}-");
        let argv = ["/bin/sh", "-c", SCRIPT, "certwright", &world.text(""), named, &attempt, stop, how];
        let mut command = Command::mutates(argv).script("effect").deadline(deadline);
        if with_input {
            let filling = "input ".repeat(world.below(600));
            command = command.stdin(Secret::new(format!("{id}\n{filling}").into_bytes()));
        }
        world.update(|inner| {
            inner
                .trace
                .push(format!("process {} applies e{effect}: attempt {number}, {how}, {stop}", self.number));
            inner.attempts.push(Attempt {
                process: self.number,
                run: self.manner.run,
                told: None,
                whole: 0,
                dead_from: None,
                killed: false,
                gate,
                at: None,
            });
        });
        let result = self.client.run(&command).await;
        let told = match &result {
            Ok(output) => Told::Status(output.status),
            Err(error) => {
                self.note("apply", error);
                told(error)
            }
        };
        world.trace(format!("attempt {number}: {told:?}"));
        world.update(|inner| inner.attempts[number].told = Some(told));
        result.map(|output| output.status)
    }

    fn note(&self, what: &str, error: &HostError) {
        let name = match error {
            HostError::NotReached { .. } => "answer: not reached",
            HostError::Deadline { .. } => "answer: deadline",
            HostError::Unknown { .. } => "answer: unknown",
            HostError::Busy { .. } => "answer: busy",
            HostError::Owned { .. } => "answer: owned",
            HostError::Refused { .. } if given_up(error) => "answer: given up",
            HostError::Refused { .. } | HostError::Identity { .. } | HostError::Auth { .. } => {
                return self.world.problem(format!("process {}: {what}: {error}", self.number));
            }
        };
        self.world.fired(name);
        self.world.trace(format!("process {}: {what}: {error}", self.number));
        if matches!(error, HostError::Busy { .. }) {
            self.world.update(|inner| inner.lives[self.number].busy += 1);
        }
    }
}

fn given_up(error: &HostError) -> bool {
    matches!(error, HostError::Refused { why, .. } if why.contains("was given up by somebody"))
}

/// What the error promises of the command.
fn told(error: &HostError) -> Told {
    match error {
        HostError::NotReached { .. }
        | HostError::Identity { .. }
        | HostError::Auth { .. }
        | HostError::Busy { .. }
        | HostError::Owned { .. }
        | HostError::Refused { .. } => Told::Denied,
        HostError::Deadline { .. } | HostError::Unknown { .. } => Told::Unknown,
    }
}
