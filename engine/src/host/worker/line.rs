//! What a worker is spoken to through, and who opens it: over ssh, on this machine, in tests with faults between.

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::stream::Nonce;
use crate::host::HostError;
use crate::text::Untrusted;

/// Opens lines to one host.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Starts one more worker, whose ready mark carries `start`, and gives its pipes at once.
    ///
    /// Gives up at `until`, or leaves that to the caller, who drops the future then.
    async fn open(&self, start: &Nonce, until: Instant) -> Result<Pipes, OpenError>;

    /// What is certain of a line that ended before its worker was ready; `noise` is what came on its standard
    /// error instead. No request was sent on it.
    fn not_ready(&self, ended: Ended, noise: &Untrusted) -> HostError;
}

/// The three pipes of a worker, and the line they go through.
pub struct Pipes {
    /// Requests.
    pub stdin: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    /// Replies, standard output of commands among them.
    pub stdout: Box<dyn AsyncRead + Send + Sync + Unpin>,
    /// The same marks, and standard error of commands.
    pub stderr: Box<dyn AsyncRead + Send + Sync + Unpin>,
    /// The line. Dropped last: closing the pipes is how an idle worker is told to end.
    pub line: Box<dyn Line>,
}

/// A line to one worker; dropping it ends it.
#[async_trait]
pub trait Line: Send + Sync {
    /// How it ended; called once both output pipes are closed. The caller bounds the wait.
    async fn ended(&mut self) -> Ended;

    /// False when nothing more should be sent on it, as far as is known without asking the host.
    fn is_usable(&self) -> bool;

    /// Called before a line is dropped on which a request has no result.
    fn abandon(&mut self);
}

/// How a line ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The remote side ended with this status: all it sent has arrived.
    Status(i32),
    /// The line was lost, or a signal ended the remote side: what was seen, escaped.
    Lost(String),
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The server grants no more channels on this connection (MaxSessions).
    #[error("no more channels are granted")]
    Full,
    /// Anything else.
    #[error(transparent)]
    Host(#[from] HostError),
}
