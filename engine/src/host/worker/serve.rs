//! One running worker: requests go in one at a time, each comes back with its answer, or is lost with the worker.
//!
//! Knows nothing of ssh. Deadlines are the caller's: a dropped request abandons the line, and what was certain
//! then is in [`Worker::was_sent`].

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::frame::Job;
use super::line::{Ended, Pipes};
use super::stream::{Nonce, Stream, Verdict};
use crate::host::Output;
use crate::text::Untrusted;

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// How long a line whose pipes are closed may take to say how it ended.
const CLOSING: Duration = Duration::from_millis(500);

/// A running worker.
pub struct Worker {
    pipes: Pipes,
    boot: String,
    phase: Phase,
    /// The whole of the last request was handed over: its command may have started.
    sent: AtomicBool,
}

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for a request.
    Idle,
    /// Has one without an answer: for ever, once nobody waits for it.
    Busy,
    /// Ended by itself.
    Ended,
}

/// What a worker answers.
#[derive(Debug)]
pub enum Answer {
    /// The job was done.
    Ran(Output),
    /// The lock was not free in time; nothing was started. What runs, escaped.
    Busy(String),
    /// The owner file holds this line instead of the expected one (`-`: there is none); nothing was started.
    Owned(String),
    /// The worker could not do it, and why, escaped; nothing was started.
    Failed(String),
}

/// A request whose answer will never come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// False: the whole request was not handed over, so nothing was started.
    pub sent: bool,
}

impl Worker {
    /// Waits until the worker behind `pipes` says that it is ready, in a mark with `start`.
    ///
    /// The error says how the line ended instead, and what was on its standard error.
    pub async fn start(pipes: Pipes, start: &Nonce) -> Result<Self, (Ended, Untrusted)> {
        let mut worker =
            Self { pipes, boot: String::new(), phase: Phase::Busy, sent: AtomicBool::new(false) };
        let (mut stdout, mut stderr) = (Stream::new(start), Stream::new(start));
        // Not kept: workers of many hosts are idle most of the time.
        let [one, two] = &mut [vec![0; CHUNK], vec![0; CHUNK]];
        let (_seen, _seen_too) = tokio::join!(
            pump(&mut worker.pipes.stdout, &mut stdout, one),
            pump(&mut worker.pipes.stderr, &mut stderr, two)
        );
        match (stdout.verdict(), stderr.verdict()) {
            (Some(Verdict::Ready(boot)), Some(Verdict::Ready(_))) => {
                boot.clone_into(&mut worker.boot);
                worker.phase = Phase::Idle;
                Ok(worker)
            }
            _ => Err((worker.ended().await, Untrusted::new(stderr.noise()))),
        }
    }

    /// The boot id of the host's kernel.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// Asks for one job and waits for its answer.
    ///
    /// # Panics
    /// When an earlier request has no answer.
    pub async fn request(&mut self, job: Job<'_>) -> Result<Answer, Lost> {
        assert_eq!(self.phase, Phase::Idle, "a worker has one request at a time");
        self.phase = Phase::Busy;
        self.sent.store(false, Ordering::Relaxed);
        let nonce = Nonce::random();
        let (mut stdout, mut stderr) = (Stream::new(&nonce), Stream::new(&nonce));
        self.exchange(&job.frame(&nonce), job.input(), &mut stdout, &mut stderr).await;
        let answer = answer(stdout, stderr).ok_or(Lost { sent: self.was_sent() })?;
        if self.was_sent() {
            self.phase = Phase::Idle;
        }
        Ok(answer)
    }

    /// Sends, and reads until both streams have their final marks, or have ended.
    async fn exchange(
        &mut self,
        frame: &[u8],
        input: Option<&[u8]>,
        stdout: &mut Stream,
        stderr: &mut Stream,
    ) {
        let Self { pipes, sent, .. } = self;
        let [one, two] = &mut [vec![0; CHUNK], vec![0; CHUNK]];
        let stdin = &mut pipes.stdin;
        let feed = async {
            stdin.write_all(frame).await?;
            stdin.write_all(input.unwrap_or_default()).await?;
            sent.store(true, Ordering::Relaxed);
            stdin.flush().await
        };
        let both = async {
            tokio::join!(pump(&mut pipes.stdout, stdout, one), pump(&mut pipes.stderr, stderr, two))
        };
        tokio::pin!(feed, both);
        let mut feeding = true;
        loop {
            tokio::select! {
                // A worker that fails early does not read all of its input: the marks tell, or their lack.
                _ignored = &mut feed, if feeding => feeding = false,
                _seen = &mut both => return,
            }
        }
    }

    /// True when the whole of the last request was handed over, so that its command may have started.
    pub fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// True when another request can be sent, as far as is known without asking the host.
    pub fn is_usable(&mut self) -> bool {
        self.phase == Phase::Idle && self.pipes.line.is_usable() && self.is_quiet()
    }

    /// True unless the line was closed while nothing was asked; noise is thrown away.
    fn is_quiet(&mut self) -> bool {
        let mut chunk = [0; 512];
        for pipe in [&mut self.pipes.stdout, &mut self.pipes.stderr] {
            loop {
                match pipe.read(&mut chunk).now_or_never() {
                    None => break,
                    Some(Ok(1..)) => {}
                    Some(Ok(0) | Err(_)) => return false,
                }
            }
        }
        true
    }

    /// How its line ended, for one that lost a request.
    pub async fn ended(&mut self) -> Ended {
        let ended = timeout(CLOSING, self.pipes.line.ended()).await;
        match ended {
            Ok(Ended::Status(status)) => {
                self.phase = Phase::Ended;
                Ended::Status(status)
            }
            Ok(lost) => lost,
            Err(_elapsed) => Ended::Lost("its streams closed early".to_owned()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        match self.phase {
            Phase::Busy => self.pipes.line.abandon(),
            Phase::Idle | Phase::Ended => {}
        }
    }
}

/// What the final marks of both streams say together; None when one of them is missing.
fn answer(stdout: Stream, stderr: Stream) -> Option<Answer> {
    let shown = |text: &str| crate::text::escape(text);
    match (stdout.verdict()?.clone(), stderr.verdict()?) {
        (Verdict::Busy(what), _) if what.is_empty() => Some(Answer::Busy("another command".to_owned())),
        (Verdict::Busy(what), _) => Some(Answer::Busy(shown(&what))),
        (Verdict::Owned(line), _) => Some(Answer::Owned(line)),
        (Verdict::Fail(why), _) => Some(Answer::Failed(shown(&why))),
        (Verdict::End { status, stdout: out, stderr: err }, Verdict::End { .. }) => {
            Some(Answer::Ran(Output { status, stdout: stdout.into_data(out), stderr: stderr.into_data(err) }))
        }
        (Verdict::End { .. } | Verdict::Ready(_), _) => None,
    }
}

async fn pump(from: &mut (impl AsyncRead + Unpin), into: &mut Stream, chunk: &mut [u8]) -> io::Result<()> {
    while into.verdict().is_none() {
        match from.read(chunk).await? {
            0 => break,
            n => into.feed(&chunk[..n]),
        }
    }
    Ok(())
}
