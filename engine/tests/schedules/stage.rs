//! Drives one schedule: starts and kills processes, opens gates, lets held bytes go, and ends it.

use std::fs;
use std::io::PipeReader;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use crate::effects::Spot;
use crate::frames::Job;
use crate::process::{Manner, Process};
use crate::random::Random;
use crate::scenes;
use crate::world::{Armed, Fault, Finish, Inner, World};

/// When the gates open that somebody may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// At once.
    Now,
    /// When somebody waits for the lock.
    Waiter,
    /// When somebody was told that the host is busy.
    Busy,
}

pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    /// By process; None: killed.
    tasks: Vec<Option<JoinHandle<()>>>,
    /// The effects each run is to make, and whether it was given up.
    pub(crate) runs: Vec<(&'static str, Vec<usize>, bool)>,
}

impl Stage {
    /// Starts a process that makes those effects of its run.
    pub(crate) fn start(&mut self, manner: Manner, effects: &[usize]) -> usize {
        self.plan(manner.run, effects);
        let process = Process::new(&self.world, manner);
        let number = process.number();
        self.spawn(process.work(effects.to_vec()));
        number
    }

    /// Starts a process that makes two effects at once.
    pub(crate) fn start_at_once(&mut self, manner: Manner, effects: [usize; 2], deadline: Duration) -> usize {
        self.plan(manner.run, &effects);
        let process = Process::new(&self.world, manner);
        let number = process.number();
        self.spawn(process.work_at_once(effects[0], effects[1], deadline));
        number
    }

    /// Starts a process that gives the run up.
    pub(crate) fn start_to_abandon(&mut self, run: &'static str) -> usize {
        for (of, _, is_given_up) in &mut self.runs {
            *is_given_up |= *of == run;
        }
        let process = Process::new(&self.world, Manner::of(run));
        let number = process.number();
        self.spawn(process.abandon());
        number
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(Some(tokio::spawn(work)));
    }

    fn plan(&mut self, run: &'static str, effects: &[usize]) {
        if !self.runs.iter().any(|(of, ..)| *of == run) {
            self.runs.push((run, Vec::new(), false));
        }
        let (_, planned, _) = self.runs.iter_mut().find(|(of, ..)| *of == run).expect("just planned");
        planned.retain(|effect| !effects.contains(effect));
        planned.extend(effects);
    }

    pub(crate) fn arm(&self, process: impl Into<Option<usize>>, job: Job, fault: Fault) {
        let skip = 0;
        self.world.inner().armed.push(Armed { process: process.into(), job, skip, fault });
    }

    /// The next attempt of that process stops there.
    pub(crate) fn gate(&self, process: usize, spot: Spot) {
        self.world.inner().gates.push((process, spot));
    }

    pub(crate) fn finish(&self, process: usize) -> Option<Finish> {
        self.world.inner().lives[process].finish
    }

    /// Waits until it holds, or until the process has ended; true when it holds.
    pub(crate) async fn until(&self, process: usize, holds: impl Fn(&Inner) -> bool) -> bool {
        let ended = |inner: &Inner| inner.lives[process].finish.is_some();
        self.world.until(|inner| holds(inner) || ended(inner)).await;
        holds(&self.world.inner())
    }

    /// The attempt whose command stands at its gate, once there is one.
    pub(crate) async fn at_gate(&self, process: usize) -> Option<usize> {
        let at = |inner: &Inner| {
            let of = |(_, attempt): &(usize, &crate::effects::Attempt)| {
                attempt.process == process && attempt.at.is_some()
            };
            inner.attempts.iter().enumerate().rfind(of).map(|(number, _)| number)
        };
        self.until(process, |inner| at(inner).is_some()).await;
        at(&self.world.inner())
    }

    /// Waits until the process has ended, and opens the gates on the way.
    pub(crate) async fn await_finish(&self, process: usize, opening: Opening) {
        let world = &self.world;
        let ended = || self.finish(process).is_some();
        match opening {
            Opening::Now => {}
            Opening::Waiter => {
                if world.poll(400, || ended() || world.lock_waiters() > 0).await && !ended() {
                    world.fired("somebody waited for the lock");
                }
            }
            Opening::Busy => {
                world.poll(2500, || ended() || world.inner().lives[process].busy > 0).await;
            }
        }
        world.open_gates();
        world.until(|inner| inner.lives[process].finish.is_some()).await;
    }

    /// Lets held bytes go on.
    pub(crate) fn release(&self) {
        self.world.update(|inner| {
            inner.trace.push("held bytes are released".into());
            inner.released = true;
        });
    }

    /// SIGKILL for certwright: nothing of its state is left.
    pub(crate) async fn kill_client(&mut self, process: usize) {
        self.world.fired("client killed");
        let task = self.tasks[process].take().expect("it is killed once");
        task.abort();
        let _cancelled = task.await;
        self.world.update(|inner| inner.lives[process].alive = false);
    }

    /// The clients' deadlines pass.
    pub(crate) async fn pass_deadline(&self, deadline: Duration) {
        self.world.fired("deadline passed");
        tokio::time::advance(deadline + Duration::from_millis(1)).await;
    }

    /// SIGKILL for the shell of a line.
    pub(crate) fn kill_shell(&self, line: usize) {
        let pid = self.world.update(|inner| {
            inner.shell_killed = true;
            let wire = &inner.wires[line];
            wire.exited.is_none().then_some(wire.pid)
        });
        let Some(pid) = pid.and_then(Pid::from_raw) else { return };
        self.world.fired("shell killed");
        let _gone = kill_process(pid, Signal::KILL);
    }

    /// SIGKILL for all that a line started.
    pub(crate) fn kill_group(&self, line: usize) {
        let pid = self.world.update(|inner| {
            inner.shell_killed = true;
            let attempt = inner.wires[line].attempt;
            if let Some(attempt) = attempt {
                inner.attempts[attempt].killed = true;
            }
            let wire = &inner.wires[line];
            wire.exited.is_none().then_some(wire.pid)
        });
        let Some(pid) = pid.and_then(Pid::from_raw) else { return };
        self.world.fired("group killed");
        let _gone = kill_process_group(pid, Signal::KILL);
    }

    /// SIGKILL for a command that stands at its gate.
    pub(crate) fn kill_command(&self, attempt: usize) {
        let pid = self.world.update(|inner| {
            inner.attempts[attempt].killed = true;
            inner.attempts[attempt].at
        });
        self.world.fired("command killed");
        let pid = pid.and_then(Pid::from_raw).expect("it stands at its gate");
        let _gone = kill_process(pid, Signal::KILL);
    }

    /// The line whose last request was that attempt's.
    pub(crate) fn line_of(&self, attempt: usize) -> usize {
        let inner = self.world.inner();
        let line = inner.wires.iter().rposition(|wire| wire.attempt == Some(attempt));
        // A broken worker may have taken the next request already.
        line.unwrap_or(inner.wires.len() - 1)
    }

    /// Lets everything go, and every run end: what a later process of it finds is what is asked then.
    async fn finale(&mut self) {
        self.world.trace("finale");
        self.world.open_gates();
        self.release();
        self.world.update(|inner| {
            inner.armed.clear();
            inner.gates.clear();
            inner.go_on = true;
        });
        for process in 0..self.tasks.len() {
            if self.world.inner().lives[process].alive {
                self.world.until(|inner| inner.lives[process].finish.is_some()).await;
            }
        }
        let mut leaves = self.world.percent(25);
        for round in 0..4 {
            let mut is_complete = true;
            for (run, effects, is_given_up) in self.runs.clone() {
                let missing: Vec<usize> = {
                    let inner = self.world.inner();
                    effects.into_iter().filter(|effect| !inner.reported.contains(effect)).collect()
                };
                if is_given_up || missing.is_empty() && (round > 1 || !leaves) {
                    continue;
                }
                // Whoever still misses something may wait for the other run to leave.
                let process =
                    Process::new(&self.world, Manner { releases: true, ..Manner::of(run).resumed() });
                let number = process.number();
                self.spawn(process.work(missing));
                self.world.until(|inner| inner.lives[number].finish.is_some()).await;
                is_complete &= self.finish(number) == Some(Finish::Done);
            }
            if is_complete {
                if leaves {
                    self.leave().await;
                    if self.world.base().join("owner").exists() {
                        self.world.problem("the host still has an owner, and both runs have ended".into());
                    }
                }
                return;
            }
            self.leave().await;
            leaves = true;
        }
        self.world.problem("the runs do not come to an end".into());
    }

    /// A living process of a run that was given up may have claimed the host anew: it means it.
    async fn leave(&mut self) {
        for (run, _, is_given_up) in self.runs.clone() {
            if is_given_up {
                let number = self.start_to_abandon(run);
                self.world.until(|inner| inner.lives[number].finish.is_some()).await;
            }
        }
    }

    /// Waits until no process of the schedule is left.
    async fn quiesce(self, life: pipe::Receiver) {
        for task in self.tasks.into_iter().flatten() {
            task.await.expect("no process panics");
        }
        self.world.life.lock().expect("no panic under it").take();
        self.world.trace("quiesce");
        self.world.update(|inner| inner.quiet = true);
        self.world.until(|inner| inner.wires.iter().all(|wire| wire.exited.is_some())).await;
        let mut life = life;
        let ended = life.read(&mut [0; 1]).await.expect("it can be read");
        assert_eq!(ended, 0, "nobody writes to it");
    }
}

/// Plays the schedule with this seed; one that is stuck for `limit` of real time is a problem, too.
pub(crate) fn play(seed: u64, scene: usize, shell: usize, program: &str, limit: Duration) -> Arc<World> {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // Out of the way of the worker's own descriptors.
    let moved = rustix::io::fcntl_dupfd_cloexec(&writer, 20).expect("a descriptor");
    drop(writer);
    let world = World::new(Random(seed).next(), shell, program, moved);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let (done, watch) = channel();
    let played = runtime.block_on(async {
        // While this waits the runtime's clock does not move by itself.
        let watch = tokio::task::spawn_blocking(move || is_stuck(&watch, limit));
        let life = pipe::Receiver::from_owned_fd(OwnedFd::from(reader.try_clone().expect("a descriptor")));
        let schedule = schedule(Arc::clone(&world), scene, life.expect("a pipe"));
        tokio::select! {
            () = schedule => true,
            stuck = watch => !stuck.expect("it does not panic"),
        }
    });
    let _watch_has_ended = Sender::send(&done, ());
    if !played {
        world.problem(format!("stuck; processes left: {:?}", end_what_is_left(&reader)));
    }
    runtime.shutdown_background();
    world
}

fn is_stuck(watch: &Receiver<()>, limit: Duration) -> bool {
    watch.recv_timeout(limit) == Err(RecvTimeoutError::Timeout)
}

async fn schedule(world: Arc<World>, scene: usize, life: pipe::Receiver) {
    listen(&world);
    let mut stage = Stage { world: Arc::clone(&world), tasks: Vec::new(), runs: Vec::new() };
    scenes::SCENES[scene].1(&mut stage).await;
    stage.finale().await;
    stage.quiesce(life).await;
    world.judge();
}

/// Notes the commands that come to their gates.
fn listen(world: &Arc<World>) {
    let path = world.path("at");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("a fifo");
    let at = pipe::OpenOptions::new().read_write(true).open_receiver(&path).expect("it opens");
    let world = Arc::clone(world);
    tokio::spawn(async move {
        let mut lines = BufReader::new(at).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut words = line.split(' ');
            let attempt = words.next().expect("an attempt").trim_start_matches("att-").trim_end_matches('-');
            let attempt: usize = attempt.parse().expect("a number");
            let pid: i32 = words.nth(1).expect("a process").parse().expect("a number");
            world.update(|inner| {
                inner.trace.push(format!("at its gate: {line}"));
                inner.attempts[attempt].at = Some(pid);
            });
        }
    });
}

/// Ends the processes that hold the schedule's pipe, and names them.
fn end_what_is_left(life: &PipeReader) -> Vec<String> {
    let own = std::process::id();
    let pipe = fs::read_link(format!("/proc/self/fd/{}", life.as_raw_fd())).expect("our own descriptor");
    let mut left = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let fds = fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
        let holds = fds.into_iter().any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == pipe));
        if holds && pid.cast_unsigned() != own {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            left.push(words.chars().take(150).collect());
            let _gone = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
        }
    }
    left
}
