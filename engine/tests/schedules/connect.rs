//! A `Connect` that starts real workers and puts faults between them and the client.

use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use certwright_engine::host::HostError;
use certwright_engine::host::worker::{Connect, Ended, Line, Nonce, OpenError, Pipes};
use certwright_engine::text::Untrusted;
use rustix::io::{FdFlags, fcntl_setfd};
use tokio::io::duplex;
use tokio::process::Child;
use tokio::time::Instant;

use crate::carry::Ends;
use crate::frames::Job;
use crate::world::{Ending, Fate, Fault, SHELLS, Wire, World};

/// Held while a descriptor can be inherited: no other schedule's worker gets it.
static SPAWNING: Mutex<()> = Mutex::new(());

/// What one client process opens lines through.
pub(crate) struct Chaos {
    pub(crate) world: Arc<World>,
    pub(crate) process: usize,
    /// How many the server grants at once.
    pub(crate) channels: usize,
}

impl Chaos {
    fn spawn(&self, start: &Nonce) -> Child {
        let shell = SHELLS[self.world.shell];
        #[expect(clippy::disallowed_methods, reason = "the worker under test is started here")]
        let mut command = tokio::process::Command::new(shell[0]);
        command
            .args(&shell[1..])
            .args(["-c", &self.world.program, "certwright", start.as_str()])
            .arg(self.world.base())
            .arg("quiet")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let _alone = SPAWNING.lock().expect("no panic under it");
        let life = self.world.life.lock().expect("no panic under it");
        let life = life.as_ref().expect("the schedule has not ended").as_fd();
        fcntl_setfd(life, FdFlags::empty()).expect("it can be inherited");
        let child = command.spawn().expect("the shell runs");
        fcntl_setfd(life, FdFlags::CLOEXEC).expect("it cannot be inherited");
        child
    }

    fn not_reached(&self, why: &str) -> HostError {
        HostError::NotReached { host: format!("process {}", self.process), why: why.to_owned() }
    }
}

#[async_trait]
impl Connect for Chaos {
    async fn open(&self, start: &Nonce, _until: Instant) -> Result<Pipes, OpenError> {
        let world = &self.world;
        let fault = world.meet(self.process, Job::Start);
        if matches!(fault, Some(Fault::Refuse)) {
            world.fired("line refused");
            return Err(self.not_reached("refused by the test").into());
        }
        let open =
            world.inner().wires.iter().filter(|wire| wire.process == self.process && wire.open).count();
        if open >= self.channels {
            world.fired("one channel only");
            return Err(OpenError::Full);
        }
        let mut child = self.spawn(start);
        let pid = child.id().expect("it was not waited for").cast_signed();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(to), Some(out), Some(err)) = pipes else { unreachable!("all three are piped") };
        let fate = world.pick(&[Fate::Hard, Fate::Soft, Fate::Soft, Fate::HalfOpen]);
        let (window, trickle) = (world.pick(&[30, 300, 1 << 16, 1 << 16]), world.percent(15));
        let reply = match fault {
            Some(Fault::CutReply(stream, at)) => Some((stream, at, Ending::Cut)),
            Some(other) => unreachable!("no line starts with {other:?}"),
            None => None,
        };
        let number = world.update(|inner| {
            let number = inner.wires.len();
            let process = self.process;
            inner.trace.push(format!("line {number} of process {process}: {fate:?}, window {window}"));
            inner.wires.push(Wire { reply, ..Wire::new(process, pid, fate) });
            number
        });
        let (stdin, requests) = duplex(window);
        let (stdout, one) = duplex(1 << 16);
        let (stderr, two) = duplex(1 << 16);
        let wire = Ends { world: Arc::clone(world), number, trickle };
        tokio::spawn(wire.clone().carry_replies(0, out, one));
        tokio::spawn(wire.clone().carry_replies(1, err, two));
        tokio::spawn(wire.clone().carry_requests(requests, to));
        tokio::spawn(wire.clone().reap(child));
        let line = Box::new(Held(wire));
        Ok(Pipes { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), line })
    }

    fn not_ready(&self, ended: Ended, noise: &Untrusted) -> HostError {
        self.not_reached(&format!("not ready: {ended:?} {}", noise.escaped()))
    }
}

/// The client's hold on a line.
struct Held(Ends);

#[async_trait]
impl Line for Held {
    async fn ended(&mut self) -> Ended {
        let Ends { world, number, .. } = &self.0;
        world.until(|inner| inner.wires[*number].cut || inner.wires[*number].exited.is_some()).await;
        match world.inner().wires[*number].exited.clone() {
            Some(Ok(status)) => Ended::Status(status),
            Some(Err(signal)) => Ended::Lost(signal),
            None => Ended::Lost("cut by the test".into()),
        }
    }

    fn is_usable(&self) -> bool {
        true
    }

    fn abandon(&mut self) {
        self.0.world.trace(format!("line {} is abandoned", self.0.number));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.world.update(|inner| inner.wires[self.0.number].open = false);
    }
}
