//! What can happen: each scene a family of schedules, its details from the seed.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::effects::Spot;
use crate::frames::Job;
use crate::process::{DEADLINE, Manner, SHORT};
use crate::stage::{Opening, Stage};
use crate::world::{Fault, Finish, pause};

type Scene = for<'s> fn(&'s mut Stage) -> Pin<Box<dyn Future<Output = ()> + 's>>;

/// All of them, by name.
pub(crate) const SCENES: [(&str, Scene); 8] = [
    ("cuts", |stage| Box::pin(cuts(stage))),
    ("running", |stage| Box::pin(running(stage))),
    ("late", |stage| Box::pin(late(stage))),
    ("queue", |stage| Box::pin(queue(stage))),
    ("replies", |stage| Box::pin(replies(stage))),
    ("kills", |stage| Box::pin(kills(stage))),
    ("operators", |stage| Box::pin(operators(stage))),
    ("leaving", |stage| Box::pin(leaving(stage))),
];

const SPOTS: [Spot; 3] = [Spot::Before, Spot::Between, Spot::After];
const JOBS: [Job; 4] = [Job::Reads, Job::Mutates, Job::Mutates, Job::Settle];

/// The longest request is about so long, bytes; its input may come on top.
const REQUEST: usize = 1100;

/// The act in which a run is given up while it is at work.
const ABANDONED: usize = 5;

/// A reply without data is about so long, bytes.
const REPLY: usize = 84;

impl Stage {
    /// What the first run is to do; sometimes a little more.
    fn effects(&self) -> Vec<usize> {
        if self.world.percent(35) { vec![1, 2] } else { vec![1] }
    }

    fn any_cut(&self) -> Fault {
        let world = &self.world;
        match world.below(5) {
            0 => Fault::CutRequest(world.below(40)),
            3 => Fault::CutBeforeEnd(1 + world.below(3)),
            1 => Fault::CutRequest(world.below(REQUEST)),
            2 => Fault::CutRequest(usize::MAX),
            _ => Fault::CutReply(world.below(2), world.below(REPLY)),
        }
    }

    fn arm_any_cut(&self, process: Option<usize>) {
        let (job, fault) = (self.world.pick(&JOBS), self.any_cut());
        self.arm(process, job, fault);
    }

    /// Now and then something else goes wrong, too.
    fn weather(&self) {
        let world = &self.world;
        match world.below(8) {
            0 | 1 => self.arm_any_cut(None),
            2 => self.arm(None, world.pick(&JOBS), Fault::Noise),
            3 => self.arm(None, Job::Start, Fault::Refuse),
            4 => self.arm(None, Job::Start, Fault::CutReply(world.below(2), world.below(REPLY))),
            _ => {}
        }
    }

    fn opening(&self) -> Opening {
        let openings = [Opening::Now, Opening::Waiter, Opening::Waiter, Opening::Waiter];
        self.world.pick(&openings)
    }

    /// Whoever comes after a killed process: the same run's resume, or another operator after an abandon.
    async fn succeed(
        &mut self,
        missing: &[usize],
        fresh: usize,
        opening: Opening,
        spot: Option<Spot>,
    ) -> usize {
        if self.world.percent(60) {
            self.world.fired("resume");
            let within =
                if opening == Opening::Busy { Duration::from_secs(1) } else { Duration::from_secs(30) };
            let manner = Manner { within, ..Manner::of("one").resumed() };
            let process = self.start(manner, missing);
            if let Some(spot) = spot {
                self.gate(process, spot);
            }
            return process;
        }
        if self.world.percent(50) {
            // Refused for as long as the first run has the host.
            let second = self.start(Manner::of("two"), &[fresh]);
            self.world.until(|inner| inner.lives[second].finish.is_some()).await;
            if self.finish(second) == Some(Finish::Done) {
                self.world.trace("the first run never had the host");
            }
        }
        self.abandon(opening).await;
        self.world.fired("second operator after an abandon");
        let came_before = self.runs.iter().any(|(run, ..)| *run == "two");
        let manner = Manner { resumes: came_before, ..Manner::of("two") };
        let process = self.start(manner, &[fresh]);
        if let Some(spot) = spot {
            self.gate(process, spot);
        }
        process
    }

    async fn abandon(&mut self, opening: Opening) {
        let process = self.start_to_abandon("one");
        let world = self.world.clone();
        if opening == Opening::Waiter
            && world.poll(400, || world.lock_waiters() > 0 || self.finish(process).is_some()).await
        {
            world.fired("abandon waited for the lock");
        }
        world.open_gates_so_far();
        world.until(|inner| inner.lives[process].finish.is_some()).await;
    }
}

/// The line is cut at some byte of some request or reply, once or twice, perhaps while the command runs.
async fn cuts(stage: &mut Stage) {
    let effects = stage.effects();
    stage.arm_any_cut(None);
    if stage.world.percent(40) {
        stage.arm_any_cut(None);
    }
    stage.weather();
    let gated = stage.world.percent(40);
    let process = stage.start(Manner::of("one"), &effects);
    if gated {
        stage.gate(process, stage.world.pick(&SPOTS));
        stage.at_gate(process).await;
        let opening = stage.opening();
        stage.await_finish(process, opening).await;
    } else {
        stage.await_finish(process, Opening::Now).await;
    }
}

/// Something happens while the command runs.
async fn running(stage: &mut Stage) {
    let world = stage.world.clone();
    let act = world.below(7);
    // Somebody who gives a run up is noticed by what comes next.
    let effects = if act == ABANDONED { vec![1, 2] } else { stage.effects() };
    stage.weather();
    let opening = if world.percent(8) { Opening::Busy } else { stage.opening() };
    let within = if opening == Opening::Busy { Duration::from_secs(1) } else { Duration::from_secs(30) };
    let process = stage.start(Manner { within, ..Manner::of("one") }, &effects);
    stage.gate(process, world.pick(&SPOTS));
    let Some(attempt) = stage.at_gate(process).await else { return };
    let line = stage.line_of(attempt);
    match act {
        0 => stage.pass_deadline(DEADLINE).await,
        1 => stage.kill_shell(line),
        2 => stage.kill_command(attempt),
        3 => stage.kill_group(line),
        4 => {
            world.fired("line cut while the command runs");
            world.update(|inner| inner.wires[line].cut = true);
        }
        ABANDONED => {
            // Somebody gives the run up while it is at work.
            world.fired("abandon of a living run");
            stage.abandon(opening).await;
            stage.await_finish(process, Opening::Now).await;
            let second = stage.start(Manner::of("two"), &[3]);
            return stage.await_finish(second, Opening::Now).await;
        }
        _ => {
            stage.kill_client(process).await;
            let next = stage.succeed(&effects, 3, opening, None).await;
            return stage.await_finish(next, opening).await;
        }
    }
    stage.await_finish(process, opening).await;
}

/// The request of a mutating command is held on its way, its client gives up, and it arrives late.
async fn late(stage: &mut Stage) {
    let effects = stage.effects();
    let world = stage.world.clone();
    let at = if world.percent(50) { world.below(REQUEST) } else { 0 };
    let process = stage.start(Manner::of("one"), &effects);
    stage.arm(process, Job::Mutates, Fault::HoldRequest(at));
    if !stage.until(process, |inner| inner.wires.iter().any(|wire| wire.held)).await {
        return;
    }
    let held = world.inner().wires.iter().position(|wire| wire.held).expect("just seen");
    if world.percent(15) {
        world.fired("request delayed");
        stage.release();
        return stage.await_finish(process, Opening::Now).await;
    }
    let spot = world.percent(60).then(|| world.pick(&SPOTS));
    let early = world.percent(20);
    let next = if world.percent(40) {
        if let Some(spot) = spot {
            stage.gate(process, spot);
        }
        stage.pass_deadline(DEADLINE).await;
        process
    } else {
        stage.kill_client(process).await;
        if early {
            stage.release();
        }
        stage.succeed(&effects, 3, Opening::Now, spot).await
    };
    if spot.is_some() && stage.at_gate(next).await.is_some() && !early {
        // The lock is held by a command of the new owner.
        let whole = world.inner().wires[held].whole;
        stage.release();
        let answered = || {
            let wire = &world.inner().wires[held];
            wire.exited.is_some() || wire.whole > whole && said(&wire.heard).is_some()
        };
        world.poll(4000, answered).await;
        let (text, waits) = {
            let wire = &world.inner().wires[held];
            (said(&wire.heard), wire.exited.is_none() && wire.whole > whole)
        };
        match text.as_deref() {
            Some("owned") => world.fired("late start refused at once"),
            Some(other) => {
                world.problem(format!("a late start was answered with `{other}` while another ran"));
            }
            None if waits => world.problem("a late start waits while another owner's command runs".into()),
            None => world.fired("late start ended with its line"),
        }
    } else if !early {
        world.fired("late start while idle");
        stage.until(next, |inner| !inner.reported.is_empty()).await;
        stage.release();
    }
    stage.await_finish(next, Opening::Now).await;
}

/// The first word of the worker's answer to its last request.
fn said(heard: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(heard);
    let last = text.rsplit('\u{1e}').next()?;
    let word = last.split_whitespace().nth(1)?.to_owned();
    (last.ends_with('\n') && ["owned", "busy", "begin", "fail"].contains(&word.as_str())).then_some(word)
}

/// A request passes the first look at the owner while a takeover already waits for the lock.
async fn queue(stage: &mut Stage) {
    let world = stage.world.clone();
    let is_short = world.percent(15);
    let deadline = if is_short { SHORT } else { DEADLINE };
    let channels = if is_short { 4 } else { world.pick(&[1, 4, 4, 4, 4, 4, 4]) };
    let process =
        stage.start_at_once(Manner { channels: Some(channels), ..Manner::of("one") }, [1, 2], deadline);
    stage.gate(process, world.pick(&SPOTS));
    if stage.at_gate(process).await.is_none() {
        return;
    }
    if is_short {
        return stage.await_finish(process, Opening::Busy).await;
    }
    if channels == 1 {
        // The second command waits for the worker of the first one.
        world.until(|inner| inner.fired.contains_key("one channel only")).await;
        return stage.await_finish(process, Opening::Now).await;
    }
    stage.arm(process, Job::Mutates, Fault::HoldRequest(0));
    stage.until(process, |inner| inner.wires.iter().any(|wire| wire.held)).await;
    let held = world.inner().wires.iter().position(|wire| wire.held).expect("just seen");
    let next = if world.percent(30) {
        stage.pass_deadline(DEADLINE).await;
        process
    } else {
        stage.kill_client(process).await;
        if world.percent(25) {
            stage.start_to_abandon("one")
        } else {
            stage.start(Manner::of("one").resumed(), &[])
        }
    };
    if world.poll(1000, || world.lock_waiters() > 0).await {
        stage.release();
        let behind = || world.lock_waiters() > 1 || world.inner().wires[held].exited.is_some();
        if world.poll(1000, behind).await && world.lock_waiters() > 1 {
            world.fired("late start behind a waiting takeover");
        }
    }
    stage.await_finish(next, Opening::Now).await;
}

/// The reply is held, or its line is lost with it, though all was done.
async fn replies(stage: &mut Stage) {
    let effects = stage.effects();
    let world = stage.world.clone();
    let job = world.pick(&[Job::Mutates, Job::Mutates, Job::Settle, Job::Reads]);
    let process = stage.start(Manner::of("one"), &effects);
    stage.arm(process, job, Fault::HoldReply(world.below(2), world.below(REPLY)));
    stage.weather();
    if !stage.until(process, |inner| inner.wires.iter().any(|wire| wire.held)).await {
        return;
    }
    match world.below(3) {
        0 => {
            world.fired("reply delayed");
            stage.release();
        }
        1 => {
            stage.pass_deadline(DEADLINE + Duration::from_secs(15)).await;
        }
        _ => {
            stage.kill_client(process).await;
            let next = stage.succeed(&effects, 3, Opening::Now, None).await;
            return stage.await_finish(next, Opening::Now).await;
        }
    }
    stage.await_finish(process, Opening::Now).await;
}

/// Shells, groups and clients are killed at any moment: idle, within a request, while one is served.
async fn kills(stage: &mut Stage) {
    let world = stage.world.clone();
    let process = stage.start(Manner { waits: true, ..Manner::of("one") }, &[1, 2]);
    match world.below(3) {
        0 => {
            stage.until(process, |inner| !inner.reported.is_empty()).await;
            world.fired("worker killed while idle");
            let line = world.inner().wires.len() - 1;
            if world.percent(50) { stage.kill_shell(line) } else { stage.kill_group(line) }
        }
        1 => {
            stage.arm(process, world.pick(&JOBS), Fault::HoldRequest(world.below(REQUEST)));
            world.update(|inner| inner.go_on = true);
            if stage.until(process, |inner| inner.wires.iter().any(|wire| wire.held)).await {
                let held = world.inner().wires.iter().position(|wire| wire.held).expect("just seen");
                world.fired("worker killed within a request");
                stage.kill_shell(held);
            }
            stage.release();
        }
        _ => {
            // Somewhere in the life of the claim, or of the command.
            let before = world.below(2);
            stage.until(process, |inner| inner.wires.iter().any(|wire| wire.whole > before)).await;
            let moment = u64::try_from(world.below(12_000)).expect("64 bits");
            pause(Duration::from_micros(moment)).await;
            let line = world.inner().wires.len() - 1;
            match world.below(3) {
                0 => stage.kill_shell(line),
                1 => stage.kill_group(line),
                _ => {
                    stage.kill_client(process).await;
                    let next = stage.succeed(&[1, 2], 3, Opening::Now, None).await;
                    return stage.await_finish(next, Opening::Now).await;
                }
            }
            world.fired("worker killed at any moment");
        }
    }
    world.update(|inner| inner.go_on = true);
    stage.await_finish(process, Opening::Now).await;
}

/// Two operators start at once, and something goes wrong.
async fn operators(stage: &mut Stage) {
    let world = stage.world.clone();
    stage.arm_any_cut(None);
    stage.weather();
    let first = stage.start(Manner { releases: true, ..Manner::of("one") }, &[1]);
    let second = stage.start(Manner { releases: true, ..Manner::of("two") }, &[3]);
    if world.percent(30) {
        let killed = world.pick(&[first, second]);
        let requests = 1 + world.below(3);
        let many = move |inner: &crate::world::Inner| {
            let of = inner.wires.iter().filter(|wire| wire.process == killed);
            of.map(|wire| wire.whole).sum::<usize>() >= requests
        };
        if stage.until(killed, many).await {
            stage.kill_client(killed).await;
        }
    }
    for process in [first, second] {
        if world.inner().lives[process].alive {
            world.until(|inner| inner.lives[process].finish.is_some()).await;
            match stage.finish(process) {
                Some(Finish::Owned) => world.fired("second operator refused"),
                Some(Finish::Done | Finish::GivenUp) | None => {}
            }
        }
    }
}

/// The host is given up, and that is lost, cut, or held.
async fn leaving(stage: &mut Stage) {
    let world = stage.world.clone();
    let process = stage.start(Manner { releases: true, waits: true, ..Manner::of("one") }, &[1, 2]);
    stage.until(process, |inner| !inner.reported.is_empty()).await;
    let fault = match world.below(4) {
        0 => Fault::HoldRequest(world.below(400)),
        1 => Fault::HoldReply(world.below(2), world.below(REPLY)),
        _ => stage.any_cut(),
    };
    stage.arm(process, Job::Settle, fault);
    world.update(|inner| inner.go_on = true);
    let is_held = |inner: &crate::world::Inner| inner.wires.iter().any(|wire| wire.held);
    if stage.until(process, is_held).await {
        stage.kill_client(process).await;
        world.fired("release held");
        let next = stage.succeed(&[], 3, Opening::Now, None).await;
        stage.await_finish(next, Opening::Now).await;
        return;
    }
    let second = stage.start(Manner::of("two"), &[3]);
    stage.await_finish(second, Opening::Now).await;
}
