//! One job over three pipes: frame and input go out, both streams come back until their final marks.
//!
//! Knows nothing of ssh: the same for a node and for this machine. Ending a job that takes too long is the
//! caller's business; what was seen so far is in the [`Exchange`] then.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stream::{Nonce, Stream, Verdict};
use super::{HostError, Output};

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// What was seen of a job.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Standard output.
    pub(super) stdout: Stream,
    /// Standard error.
    pub(super) stderr: Stream,
    /// The whole frame was handed over: from here on the command may have started.
    sent: AtomicBool,
}

impl Exchange {
    /// Nothing seen yet.
    pub(super) fn new(nonce: &Nonce) -> Self {
        Self { stdout: Stream::new(nonce), stderr: Stream::new(nonce), sent: AtomicBool::new(false) }
    }

    /// Sends `frame` and `input` and reads until both streams have ended, by their marks or with the line.
    pub(super) async fn run(
        &mut self,
        stdin: impl AsyncWrite + Unpin,
        stdout: impl AsyncRead + Unpin,
        stderr: impl AsyncRead + Unpin,
        frame: &[u8],
        input: Option<&[u8]>,
    ) {
        let sent = &self.sent;
        let feed = async move {
            let mut stdin = stdin;
            stdin.write_all(frame).await?;
            stdin.flush().await?;
            sent.store(true, Ordering::Relaxed);
            stdin.write_all(input.unwrap_or_default()).await?;
            stdin.shutdown().await
        };
        let both = async { tokio::join!(pump(stdout, &mut self.stdout), pump(stderr, &mut self.stderr)) };
        tokio::pin!(feed, both);
        let mut feeding = true;
        loop {
            tokio::select! {
                // A command may end without reading its input: an error here is told by the marks, or their lack.
                _ignored = &mut feed, if feeding => feeding = false,
                _seen = &mut both => return,
            }
        }
    }

    /// True when the command may have started.
    pub(super) fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// The result by the final marks; gives the exchange back when there is none.
    pub(super) fn result(self, host: &str) -> Result<Result<Output, HostError>, Box<Self>> {
        let host = host.to_owned();
        match (self.stdout.verdict().cloned(), self.stderr.verdict()) {
            (Some(Verdict::Busy(what)), _) => {
                let what =
                    if what.is_empty() { "another command".to_owned() } else { crate::text::escape(&what) };
                Ok(Err(HostError::Busy { host, what }))
            }
            (Some(Verdict::Fail(why)), _) => {
                Ok(Err(HostError::Refused { host, why: crate::text::escape(&why) }))
            }
            (Some(Verdict::End { status, stdout, stderr }), Some(Verdict::End { .. })) => Ok(Ok(Output {
                status,
                stdout: self.stdout.into_data(stdout),
                stderr: self.stderr.into_data(stderr),
            })),
            _ => Err(Box::new(self)),
        }
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, into: &mut Stream) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    while into.verdict().is_none() {
        match from.read(&mut chunk).await? {
            0 => break,
            n => into.feed(&chunk[..n]),
        }
    }
    Ok(())
}
