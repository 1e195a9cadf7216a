//! What kubectl means when it fails.

use certwright_engine::host::{Command, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, refused};

use crate::tools::output::cause;

/// Why kubectl failed, as far as its stderr tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The server's certificate, or the client's as the server sees it, has expired: not renewed or not reloaded.
    Expired,
    /// A certificate is not valid yet: a clock is wrong.
    NotYetValid,
    /// The server's certificate is signed by another CA than the kubeconfig's.
    UnknownAuthority,
    /// The server's certificate is for other names.
    NameMismatch,
    /// The server does not know this user: its certificate has expired, or the kubeconfig is stale.
    Unauthorized,
    /// The server knows this user, and says no.
    Forbidden,
    /// There is no such object.
    NotFound,
    /// The object is not what the change is meant for.
    Invalid,
    /// Nothing listens.
    ConnectionRefused,
    /// The connection was closed (EOF, reset, TLS alert) or the server says that it is not ready.
    Closed,
    /// No answer in time.
    TimedOut,
    /// The kubeconfig cannot be used.
    Kubeconfig,
    /// Anything else.
    Other,
}

impl Failure {
    /// The class retry policies see.
    pub fn class(self) -> ErrorClass {
        match self {
            // A server that still serves the old certificate, or still trusts an old list, may come round.
            Self::Expired
            | Self::NotYetValid
            | Self::UnknownAuthority
            | Self::NameMismatch
            | Self::Unauthorized => ErrorClass::Unsatisfied,
            Self::ConnectionRefused | Self::Closed => ErrorClass::Unavailable,
            Self::TimedOut => ErrorClass::DeadlineExceeded,
            Self::Forbidden | Self::NotFound | Self::Invalid | Self::Other => ErrorClass::Refused,
            Self::Kubeconfig => ErrorClass::Invalid,
        }
    }

    /// The cause, with kubectl's own words where it alone does not say what is wrong.
    pub(crate) fn in_words(self, output: &Output) -> String {
        match self {
            Self::Kubeconfig | Self::Invalid | Self::Other => format!("{}: {}", self.cause(), cause(output)),
            Self::Expired
            | Self::NotYetValid
            | Self::UnknownAuthority
            | Self::NameMismatch
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::ConnectionRefused
            | Self::Closed
            | Self::TimedOut => self.cause().to_owned(),
        }
    }

    /// The cause in a few words.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Expired => "a certificate has expired (not renewed, or not reloaded)",
            Self::NotYetValid => "a certificate is not valid yet (check the clocks)",
            Self::UnknownAuthority => {
                "the server's certificate is signed by another CA than the kubeconfig's"
            }
            Self::NameMismatch => "the server's certificate is for other names",
            Self::Unauthorized => "the server does not accept this user (stale kubeconfig?)",
            Self::Forbidden => "the server forbids it",
            Self::NotFound => "not found",
            Self::Invalid => "the server refuses the change",
            Self::ConnectionRefused => "connection refused",
            Self::Closed => "the server closed the connection",
            Self::TimedOut => "no answer in time",
            Self::Kubeconfig => "the kubeconfig cannot be used",
            Self::Other => "kubectl failed",
        }
    }
}

/// Why kubectl failed; None when its exit status is 0.
pub fn classify(output: &Output) -> Option<Failure> {
    if output.success() {
        return None;
    }
    Some(read(&output.stderr.lossy()))
}

/// Patterns in the order they are tried: the specific ones stand inside the general ones' sentences.
const PATTERNS: &[(&str, Failure)] = &[
    ("is before 20", Failure::NotYetValid),
    ("certificate has expired", Failure::Expired),
    ("expired certificate", Failure::Expired),
    ("signed by unknown authority", Failure::UnknownAuthority),
    ("certificate signed by", Failure::UnknownAuthority),
    ("certificate is valid for", Failure::NameMismatch),
    ("doesn't contain any IP SANs", Failure::NameMismatch),
    ("(Unauthorized)", Failure::Unauthorized),
    ("You must be logged in to the server", Failure::Unauthorized),
    ("the server has asked for the client to provide credentials", Failure::Unauthorized),
    ("Error from server (NotFound)", Failure::NotFound),
    ("Error from server (Forbidden)", Failure::Forbidden),
    ("The request is invalid: ", Failure::Invalid),
    ("was refused - did you specify the right host or port", Failure::ConnectionRefused),
    ("connection refused", Failure::ConnectionRefused),
    ("no route to host", Failure::ConnectionRefused),
    ("network is unreachable", Failure::ConnectionRefused),
    ("context deadline exceeded", Failure::TimedOut),
    ("Client.Timeout exceeded", Failure::TimedOut),
    ("i/o timeout", Failure::TimedOut),
    ("TLS handshake timeout", Failure::TimedOut),
    ("timed out waiting", Failure::TimedOut),
    ("Error from server (Timeout)", Failure::TimedOut),
    ("Error from server (ServiceUnavailable)", Failure::Closed),
    ("etcdserver: ", Failure::Closed),
    ("apiserver not ready", Failure::Closed),
    ("connection reset by peer", Failure::Closed),
    ("remote error: tls: ", Failure::Closed),
    ("EOF", Failure::Closed),
    ("broken pipe", Failure::Closed),
    ("http2: ", Failure::Closed),
    ("Error from server (InternalError)", Failure::Closed),
    ("Error from server (TooManyRequests)", Failure::Closed),
    ("no such host", Failure::ConnectionRefused),
    ("error loading config file", Failure::Kubeconfig),
    ("invalid configuration", Failure::Kubeconfig),
    ("unable to read client-cert", Failure::Kubeconfig),
    ("unable to read client-key", Failure::Kubeconfig),
    ("unable to load root certificates", Failure::Kubeconfig),
    ("tls: private key does not match public key", Failure::Kubeconfig),
    ("tls: failed to find any PEM data", Failure::Kubeconfig),
];

fn read(stderr: &str) -> Failure {
    PATTERNS
        .iter()
        .find(|(pattern, _)| stderr.contains(pattern))
        .map_or(Failure::Other, |(_, failure)| *failure)
}

/// The step error of a kubectl call that failed, with its evidence; `object` is what it was about.
///
/// # Panics
/// When the output is that of a success, a bug.
pub fn step_error(object: &str, command: &Command, output: &Output) -> StepError {
    let failure = classify(output).expect("only a failed call has an error");
    let message = format!("{object}: {}", failure.in_words(output));
    refused(failure.class(), message, command, output)
}
