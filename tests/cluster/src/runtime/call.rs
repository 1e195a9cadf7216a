//! How kubelet and crictl speak with the runtime: one line of JSON each way over its socket.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where the socket is.
pub const ENDPOINT: &str = "/run/containerd/containerd.sock";

/// What can be asked of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Everything it has.
    List,
    /// Makes the sandbox of a pod.
    RunPod(Sandbox),
    /// Starts a container in a sandbox.
    Start(Start),
    /// Ends the container with this id, or whose id begins so: asked first and killed after the grace.
    Stop {
        /// The id.
        id: String,
        /// The grace, ms; 0: killed at once.
        grace_ms: u64,
    },
    /// Ends a sandbox and what is in it.
    StopPod {
        /// Its id.
        id: String,
    },
    /// Forgets a container that has exited.
    Forget {
        /// Its id.
        id: String,
    },
    /// Forgets a sandbox that is stopped.
    ForgetPod {
        /// Its id.
        id: String,
    },
}

/// What the runtime answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// What it has.
    Listing(Listing),
    /// The id of what it made.
    Made(String),
    /// Done.
    Done,
    /// It knows no such id.
    NotFound,
    /// It could not do that.
    Failed(String),
}

/// Everything a runtime has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Sandboxes, oldest first.
    pub sandboxes: Vec<Sandbox>,
    /// Containers, oldest first.
    pub containers: Vec<Container>,
}

/// The sandbox of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Its id; the runtime gives it.
    pub id: String,
    /// Name of the pod.
    pub name: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Uid of the pod.
    pub uid: String,
    /// Name of the pod's container.
    pub container: String,
    /// Where the kubelet has the pod from: `file` or `api`.
    pub source: String,
    /// When it was made, ms since 1970; the runtime says it.
    pub created: u64,
    /// Whether it is ready.
    pub ready: bool,
    /// How long its containers have to end when the pod is not wanted any more, ms.
    pub grace_ms: u64,
}

/// A container that is to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Id of its sandbox.
    pub sandbox: String,
    /// Its name.
    pub name: String,
    /// Which start of it this is, from 0.
    pub attempt: u32,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Id of its sandbox.
    pub sandbox: String,
    /// Uid of its pod.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Which start of it this is, from 0.
    pub attempt: u32,
    /// When it was started, ms since 1970.
    pub started: u64,
    /// When it ended and its status.
    pub ended: Option<(u64, i32)>,
    /// Its process.
    pub pid: u32,
    /// Its log, in the CRI's format.
    pub log: PathBuf,
}

/// Why the runtime did not answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error("dial unix {ENDPOINT}")]
    Dial(#[source] std::io::Error),
    /// No answer came in time.
    #[error("context deadline exceeded")]
    Late,
    /// The answer is none.
    #[error("the runtime's answer")]
    Garbled(#[source] std::io::Error),
}

/// Asks the runtime of this host, and waits so long for the answer.
pub fn ask(ask: &Ask, within: Duration) -> Result<Answer, CallError> {
    let mut stream = UnixStream::connect(ENDPOINT).map_err(CallError::Dial)?;
    let late = |error: std::io::Error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => CallError::Late,
        _ => CallError::Garbled(error),
    };
    let text = serde_json::to_string(ask).map_err(|error| CallError::Garbled(error.into()))?;
    stream.set_read_timeout(Some(within.max(Duration::from_millis(1)))).map_err(late)?;
    writeln!(stream, "{text}").map_err(late)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(late)?;
    serde_json::from_str(&line).map_err(|error| CallError::Garbled(error.into()))
}
