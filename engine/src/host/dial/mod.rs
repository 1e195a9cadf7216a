//! What a port of a host serves: the certificate of a fresh handshake, the answer of a health endpoint.
//!
//! Invariant: a certificate is reported only together with the proof that the port holds its key (the handshake's
//! signature). It is there even where the server demands a certificate of ours and then aborts, and no CA is asked:
//! callers compare fingerprints with files. No server name is sent, so a server shows what its flags name. Everything
//! ends within [`Dial::within`]. Deliberately absent: client certificates, redirects, anything but one GET.

mod endpoint;

mod error;

mod talk;

mod tls;

mod http;

mod tcp;

mod on_host;

use std::fmt;
use std::time::Duration;

pub use endpoint::Endpoint;
pub use error::DialError;
pub(super) use on_host::ask as on_host;
pub(super) use talk::talk;
pub(super) use tcp::over_tcp;

use super::HostError;
use crate::text::{Untrusted, escape};

/// Most bytes of an answer's body that are kept.
pub const BODY_KEPT: usize = 64 << 10;

/// A question to a port of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// The port, as the host itself sees it.
    pub at: Endpoint,
    /// What is asked.
    pub ask: Ask,
    /// Our own wall clock for it, from the call to the result.
    pub within: Duration,
}

/// What is asked of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Its certificate, by a TLS handshake.
    Certificate,
    /// A GET of this path (`/health`) in plain HTTP.
    Http(String),
    /// A GET of this path (`/readyz`) over TLS, whoever signed the certificate.
    Https(String),
}

/// What a port served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The certificates it presented, DER, its own first; empty for plain HTTP, and where curl asked ([`Way::OnHost`]).
    pub chain: Vec<Vec<u8>>,
    /// The answer to a GET; None when only the certificate was asked for.
    pub answer: Option<Answer>,
}

/// The answer to a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub code: u16,
    /// The first [`BODY_KEPT`] bytes of the body.
    pub body: Untrusted,
}

/// The way on which a port was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through the ssh connection, by a forward.
    Forward,
    /// From here, the host being this machine.
    Direct,
    /// By `openssl s_client` or `curl` on the host: ssh forwards nothing there, or brought no certain answer.
    OnHost,
}

/// What came of a [`Dial`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled {
    /// How the port was reached.
    pub way: Way,
    /// What it served, or why it did not.
    pub outcome: Result<Served, DialError>,
}

impl Dial {
    /// Asks for the certificate, within 15 s.
    pub fn certificate(at: Endpoint) -> Self {
        Self { at, ask: Ask::Certificate, within: Duration::from_secs(15) }
    }

    /// Asks for `path` in plain HTTP, within 15 s.
    pub fn http(at: Endpoint, path: impl Into<String>) -> Self {
        Self { ask: Ask::Http(path.into()), ..Self::certificate(at) }
    }

    /// Asks for `path` over TLS, within 15 s.
    pub fn https(at: Endpoint, path: impl Into<String>) -> Self {
        Self { ask: Ask::Https(path.into()), ..Self::certificate(at) }
    }

    /// The same with another deadline.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Refuses an address or a path that cannot stand in a URL and a request line: they often come from a node.
    pub(super) fn check(&self, host: &str) -> Result<(), HostError> {
        let path = match &self.ask {
            Ask::Certificate => "/",
            Ask::Http(path) | Ask::Https(path) => path,
        };
        if self.at.is_plain() && path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(());
        }
        let why = format!("`{}` is no port that can be asked", escape(&self.to_string()));
        Err(HostError::Refused { host: host.to_owned(), why })
    }
}

/// `127.0.0.1:2379`, or the URL of a GET.
impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match &self.ask {
            Ask::Certificate => write!(f, "{at}"),
            Ask::Http(path) => write!(f, "http://{at}{path}"),
            Ask::Https(path) => write!(f, "https://{at}{path}"),
        }
    }
}

#[cfg(test)]
mod tests;
