//! Why a port served nothing.

use std::io;

use crate::plan::ErrorClass;
use crate::text::escape;

/// Why a port served nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nothing listens.
    #[error("connection refused")]
    Refused,
    /// No answer within the time for it.
    #[error("no answer in time")]
    TimedOut,
    /// The connection was closed before an answer.
    #[error("connection closed before an answer")]
    Closed,
    /// A connection, but no handshake: no TLS, no common version or cipher, we are not liked. Why, escaped.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// A certificate came, but the handshake is not signed with its key.
    #[error("the port does not hold the key of the certificate that it shows")]
    Unproven,
    /// Nothing came of it through the connection, and the host lacks the program that asks it there. Its words, escaped.
    #[error("nothing came of it over ssh, and the host cannot ask it: {0}")]
    NotAsked(String),
    /// Anything else, escaped.
    #[error("{0}")]
    Other(String),
}

impl DialError {
    /// The class retry policies see.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused | Self::Closed | Self::Handshake(_) | Self::NotAsked(_) => ErrorClass::Unavailable,
            Self::TimedOut => ErrorClass::DeadlineExceeded,
            Self::Unproven => ErrorClass::Invalid,
            Self::Other(_) => ErrorClass::Refused,
        }
    }

    /// What an error of a connection means.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::Closed
            }
            _ => Self::Other(escape(&error.to_string())),
        }
    }
}
