//! What carries the bytes of a line, and what happens to them on the way.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::process::{Child, ChildStdin};

use crate::frames::{Frame, Job};
use crate::world::{Armed, Ending, Fate, Fault, Wire, World};

impl World {
    /// Takes the fault that waits for such a request.
    pub(crate) fn meet(&self, process: usize, job: Job) -> Option<Fault> {
        let mut inner = self.inner();
        let fits = |armed: &Armed| armed.job == job && armed.process.is_none_or(|of| of == process);
        let place = inner.armed.iter().position(fits)?;
        if inner.armed[place].skip > 0 {
            inner.armed[place].skip -= 1;
            return None;
        }
        let armed = inner.armed.remove(place);
        inner.trace.push(format!("process {process} meets {armed:?}"));
        Some(armed.fault)
    }
}

/// A line, for those who carry its bytes.
#[derive(Clone)]
pub(crate) struct Ends {
    pub(crate) world: Arc<World>,
    pub(crate) number: usize,
    /// Bytes go a few at a time.
    pub(crate) trickle: bool,
}

impl Ends {
    pub(crate) fn update<T>(&self, act: impl FnOnce(&mut Wire) -> T) -> T {
        self.world.update(|inner| act(&mut inner.wires[self.number]))
    }

    fn fate(&self) -> Fate {
        self.world.inner().wires[self.number].fate
    }

    fn cut(&self) {
        self.update(|wire| wire.cut = true);
    }

    async fn is_cut(&self) {
        self.world.until(|inner| inner.wires[self.number].cut).await;
    }

    /// Keeps what comes next until somebody releases it.
    async fn hold(&self) {
        self.update(|wire| wire.held = true);
        self.world.until(|inner| inner.released).await;
        self.update(|wire| wire.held = false);
    }

    pub(crate) async fn reap(self, mut child: Child) {
        let status = child.wait().await.expect("it can be waited for");
        let exited = status.code().ok_or_else(|| status.to_string());
        self.world.trace(format!("worker {} ended: {exited:?}", self.number));
        self.update(|wire| wire.exited = Some(exited));
    }

    pub(crate) async fn carry_requests(self, mut from: DuplexStream, to: ChildStdin) {
        let mut requests = Requests {
            ends: self,
            to,
            frame: Frame::default(),
            passed: 0,
            met: Met::NotYet,
            stale: String::new(),
        };
        let ends = requests.ends.clone();
        let mut chunk = [0; 2048];
        loop {
            let read = tokio::select! {
                biased;
                () = ends.is_cut() => break,
                read = from.read(&mut chunk) => read.unwrap_or(0),
            };
            if read == 0 {
                // The client dropped it: what is under way still arrives.
                requests.pass(requests.frame.text.len()).await;
                if ends.fate() == Fate::Hard {
                    ends.cut();
                }
                break;
            }
            requests.frame.extend(&chunk[..read]);
            if !requests.went_on().await {
                break;
            }
        }
        drop(from);
        if ends.fate() == Fate::HalfOpen {
            ends.world.until(|inner| inner.quiet).await;
        }
    }

    pub(crate) async fn carry_replies(
        self,
        stream: usize,
        mut from: impl AsyncRead + Unpin,
        to: DuplexStream,
    ) {
        let mut to = Some(to);
        let mut chunk = [0; 4096];
        loop {
            let read = tokio::select! {
                biased;
                () = self.is_cut(), if to.is_some() => {
                    to = None;
                    if self.fate() == Fate::Hard { return }
                    continue;
                }
                () = self.world.until(|inner| inner.quiet) => return,
                read = from.read(&mut chunk) => read.unwrap_or(0),
            };
            if read == 0 {
                return;
            }
            let chunk = &chunk[..read];
            let (noise, met) = self.update(|wire| wire.said(stream, chunk));
            self.forward(&mut to, &noise).await;
            let Some((at, ending)) = met else {
                self.forward(&mut to, chunk).await;
                continue;
            };
            self.forward(&mut to, &chunk[..at]).await;
            match ending {
                Ending::Cut => {
                    self.world.fired(["reply cut on stdout", "reply cut on stderr"][stream]);
                    self.cut();
                }
                Ending::Hold => {
                    self.world.fired("reply held");
                    self.hold().await;
                    self.forward(&mut to, &chunk[at..]).await;
                }
            }
        }
    }

    /// Passes bytes to the client if it is still there.
    async fn forward(&self, to: &mut Option<DuplexStream>, bytes: &[u8]) {
        let pieces = if self.trickle { 3 } else { bytes.len().max(1) };
        for piece in bytes.chunks(pieces) {
            let Some(client) = to else { return };
            if client.write_all(piece).await.is_err() {
                *to = None;
            }
            if self.trickle {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Wire {
    /// Notes what the worker said; gives what comes before it, and what happens after so many bytes of it.
    fn said(&mut self, stream: usize, chunk: &[u8]) -> (Vec<u8>, Option<(usize, Ending)>) {
        if stream == 0 && self.heard.len() < 1 << 14 {
            self.heard.extend_from_slice(chunk);
        }
        let start = self.replied[stream];
        self.replied[stream] += chunk.len();
        let noise = std::mem::take(&mut self.noise[stream]);
        match self.reply {
            Some((of, at, ending)) if of == stream && at < self.replied[stream] => {
                self.reply = None;
                (noise, Some((at - start, ending)))
            }
            Some(_) | None => (noise, None),
        }
    }
}

/// Whether it is known what becomes of a frame.
#[derive(Debug, Clone, Copy)]
enum Met {
    NotYet,
    Known(Option<Fault>),
}

/// The requests of one line.
struct Requests {
    ends: Ends,
    to: ChildStdin,
    frame: Frame,
    /// Bytes of the frame that the worker has.
    passed: usize,
    /// The fault of this frame, once it is known what it asks.
    met: Met,
    /// The nonce of the request before.
    stale: String,
}

impl Requests {
    /// Takes the frame as far as it has come; false when the line is cut now.
    async fn went_on(&mut self) -> bool {
        let Some(job) = self.frame.job() else { return true };
        if let Some(attempt) = self.frame.attempt() {
            self.ends.update(|wire| wire.attempt = Some(attempt));
        }
        let fault = match self.met {
            Met::Known(fault) => fault,
            Met::NotYet => self.meet(job),
        };
        self.met = Met::Known(fault);
        let have = self.frame.text.len();
        let whole = self.frame.total() == Some(have);
        match fault {
            Some(Fault::CutBeforeEnd(missing)) => {
                if whole {
                    self.cut(have - missing).await;
                }
                return !whole;
            }
            Some(Fault::CutRequest(at)) if have >= at || whole => {
                self.cut(at.min(have)).await;
                return false;
            }
            Some(Fault::HoldRequest(at)) if have >= at || whole => {
                self.pass(at.min(have - 1)).await;
                self.ends.world.fired("request held");
                self.ends.hold().await;
                self.met = Met::Known(None);
            }
            // Not yet, or not here.
            Some(
                Fault::CutRequest(_)
                | Fault::HoldRequest(_)
                | Fault::CutReply(..)
                | Fault::HoldReply(..)
                | Fault::Noise
                | Fault::Refuse,
            )
            | None => {}
        }
        self.pass(have).await;
        if whole {
            self.arrived();
        }
        true
    }

    fn meet(&self, job: Job) -> Option<Fault> {
        let process = self.ends.world.inner().wires[self.ends.number].process;
        let fault = self.ends.world.meet(process, job);
        let reply = match fault {
            Some(Fault::CutReply(stream, at)) => Some((stream, at, Ending::Cut)),
            Some(Fault::HoldReply(stream, at)) => Some((stream, at, Ending::Hold)),
            Some(
                Fault::CutRequest(_)
                | Fault::CutBeforeEnd(_)
                | Fault::HoldRequest(_)
                | Fault::Noise
                | Fault::Refuse,
            )
            | None => None,
        };
        if let Some(Fault::Noise) = fault {
            self.ends.world.fired("noise with marks of another nonce");
            let of = |nonce: &str| format!("\u{1e}{nonce} begin\n\u{1e}{nonce} end 0 - -\n");
            let noise = format!("Welcome\n{}{}", of(&"0".repeat(32)), of(&self.stale)).into_bytes();
            self.ends.update(|wire| wire.noise = [noise.clone(), noise]);
        }
        self.ends.update(|wire| (wire.reply, wire.replied) = (reply, [0, 0]));
        fault
    }

    async fn cut(&mut self, at: usize) {
        self.pass(at).await;
        let whole = self.frame.total() == Some(at);
        if whole {
            self.arrived();
        }
        self.ends.world.fired(match (at, whole) {
            (0, _) => "request cut before its first byte",
            (_, false) => "request cut within",
            (_, true) => "request cut after its last byte",
        });
        self.ends.cut();
    }

    /// Lets the worker have the frame up to `end`.
    async fn pass(&mut self, end: usize) {
        let bytes = &self.frame.text[self.passed.min(end)..end];
        let pieces = if self.ends.trickle { 11 } else { bytes.len().max(1) };
        for piece in bytes.chunks(pieces) {
            if self.to.write_all(piece).await.is_err() {
                // The worker is dead.
                self.ends.cut();
                break;
            }
            if self.ends.trickle {
                tokio::task::yield_now().await;
            }
        }
        self.passed = end;
    }

    /// The worker has the whole of it.
    fn arrived(&mut self) {
        let attempt = self.frame.attempt();
        self.ends.world.update(|inner| {
            let wire = &mut inner.wires[self.ends.number];
            wire.whole += 1;
            wire.heard.clear();
            if let Some(attempt) = attempt {
                inner.attempts[attempt].whole += 1;
            }
        });
        self.frame.nonce().unwrap_or_default().clone_into(&mut self.stale);
        self.frame = Frame::default();
        (self.passed, self.met) = (0, Met::NotYet);
    }
}
