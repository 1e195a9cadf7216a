//! What is tried again, how often and after which delay.

use serde::{Deserialize, Serialize};

/// What went wrong, as far as a retry policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// A deadline passed (ours, or the runtime's `DeadlineExceeded` in either spelling); the effect is unknown.
    DeadlineExceeded,
    /// Something is not there yet or not reachable now: connection refused, not ready, no quorum.
    Unavailable,
    /// The connection was lost: it is not known what happened. Probing answers it.
    Unknown,
    /// A check looked and the world is not as it should be.
    Unsatisfied,
    /// A program or file operation said no.
    Refused,
    /// Input that no retry will mend: a garbage certificate, an unreadable file, a wrong parameter.
    Invalid,
    /// The host key or the login was not accepted. Never retried.
    Denied,
}

impl ErrorClass {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::DeadlineExceeded,
        Self::Unavailable,
        Self::Unknown,
        Self::Unsatisfied,
        Self::Refused,
        Self::Invalid,
        Self::Denied,
    ];

    /// The name plans and journals use.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Unsatisfied => "unsatisfied",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
        }
    }
}

/// How the delay grows from one attempt to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// Always `delay`.
    Constant,
    /// `delay`, twice that, four times that, up to `max-delay`.
    Exponential,
}

/// A step's retry policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first one included; at least 1.
    pub attempts: u32,
    /// Classes that are tried again.
    pub on: Vec<ErrorClass>,
    /// Delay before the second attempt, ms.
    pub delay_ms: u64,
    /// How it grows.
    pub backoff: Backoff,
    /// Its upper bound, ms.
    pub max_delay_ms: u64,
    /// No attempt starts later than this after the first one started, ms.
    pub within_ms: Option<u64>,
    /// Whether the delay is drawn from [delay/2, delay].
    pub jitter: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            on: vec![ErrorClass::DeadlineExceeded, ErrorClass::Unavailable, ErrorClass::Unknown],
            delay_ms: 2_000,
            backoff: Backoff::Exponential,
            max_delay_ms: 30_000,
            within_ms: None,
            jitter: true,
        }
    }
}
