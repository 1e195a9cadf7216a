//! One certificate at one place of one host.

use certwright_engine::host::dial::Endpoint;
use certwright_engine::text::line;

use crate::pki::{Authority, Certificate, Component, Digest};
use crate::tools::survey::FactsError;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It says who somebody is: a server, a client.
    Leaf,
    /// It signs others.
    Authority,
}

/// Whether the private key that is kept for a certificate is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It is.
    Matches,
    /// It is another's.
    Differs,
    /// There is none where it should be; of an authority that says that it is external.
    Missing,
    /// There is one that cannot be read: damaged, encrypted.
    Unreadable,
    /// There may be one, and whoever looked may not read it.
    Refused,
    /// It was not looked at: none belongs here, or it was not asked for.
    NotLookedAt,
    /// It was asked for, and the host has no openssl to tell.
    NoOpenssl,
}

impl Key {
    /// Its name for programs and people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::NotLookedAt => "not-looked-at",
            Self::NoOpenssl => "no-openssl",
        }
    }
}

/// What a port serves that should serve this certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The port, as the host itself sees it.
    pub at: Endpoint,
    /// SHA-256 of the certificate it serves; why it serves none.
    pub fingerprint: Result<Digest, String>,
}

/// One certificate at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The host it is on.
    pub host: String,
    /// kubeadm's name for it (`apiserver`, `admin.conf`), else `kubelet-client`, `kubelet-serving` or its path.
    pub name: String,
    /// The file it stands in.
    pub path: String,
    /// What it is for.
    pub kind: Kind,
    /// Whether only the name of its file, or a flag, says that it is there: kubeadm neither makes nor renews it.
    pub is_stray: bool,
    /// The user of a kubeconfig that it is embedded for.
    pub user: Option<String>,
    /// The certificate, or what is wrong with its file (`is missing`).
    pub certificate: Result<Certificate, String>,
    /// Whether its private key is its own.
    pub key: Key,
    /// Name of the authority of this host that signed it: `ca`, `etcd-ca`, ...; `itself`; None when none did, or none
    /// was looked at.
    pub signed_by: Option<String>,
    /// The authority that should have signed it.
    pub expected: Option<Authority>,
    /// NotAfter of the authority that signed it, seconds since 1970; None where it is its own.
    pub signer_ends: Option<i64>,
    /// The authorities that a kubeconfig trusts for its server; empty for everything else.
    pub trusts: Vec<Certificate>,
    /// Names and addresses that clients reach it by, by the configuration of its host.
    pub reached_by: Vec<String>,
    /// Extended key usages that it must have where it has any.
    pub usages: Vec<&'static str>,
    /// The server of a kubeconfig, a URL.
    pub server: Option<String>,
    /// The name that a client with this kubeconfig wants in its server's certificate.
    pub server_name: Option<String>,
    /// Last modification of its file, ns since 1970 by the host's clock.
    pub written_ns: Option<i128>,
    /// What the ports serve that should serve it; empty where none does, or none was asked.
    pub served: Vec<Served>,
    /// The components that read its file.
    pub readers: Vec<Component>,
}

/// A component that runs, and the newest of the files that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Which one.
    pub component: Component,
    /// When its container was made, ns since 1970 by the host's clock; None when none runs.
    pub since_ns: Option<i128>,
    /// The files of this host's rows that it reads and that were written since then.
    pub newer: Vec<String>,
}

impl Row {
    /// A row of which nothing more is known.
    ///
    /// The one place where names and paths of a host become text that is shown: each is one line, escaped.
    pub(super) fn new(host: &str, name: &str, path: &str, certificate: Result<Certificate, String>) -> Self {
        let certificate = certificate.map_err(|why| line(&why));
        Self {
            host: line(host),
            name: line(name),
            path: line(path),
            kind: Kind::Leaf,
            is_stray: false,
            user: None,
            certificate,
            key: Key::NotLookedAt,
            signed_by: None,
            expected: None,
            signer_ends: None,
            trusts: Vec::new(),
            reached_by: Vec::new(),
            usages: Vec::new(),
            server: None,
            server_name: None,
            written_ns: None,
            served: Vec::new(),
            readers: Vec::new(),
        }
    }

    /// How it stands at `now`, seconds since 1970, where what ends `within` so many seconds is told.
    pub fn state(&self, now: i64, within: i64) -> State {
        match &self.certificate {
            Err(_) => State::Unreadable,
            Ok(certificate) if certificate.is_expired(now) => State::Expired,
            Ok(certificate) if certificate.is_not_yet_valid(now) => State::NotYetValid,
            Ok(certificate) if certificate.residual(now) <= within => State::Within,
            Ok(_) => State::Valid,
        }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        self.certificate.as_ref().is_err_and(|why| *why == FactsError::Missing.to_string())
    }
}

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is valid, and for longer than is told of.
    Valid,
    /// It ends within the time that is told of.
    Within,
    /// NotAfter has passed.
    Expired,
    /// NotBefore has not come.
    NotYetValid,
    /// It is missing, or cannot be read.
    Unreadable,
}

impl State {
    /// Its name for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Within => "within",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A residual time as `kubeadm certs check-expiration` shows it (`364d`, `9y`), and with a minus when it is over.
pub fn residual(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (hours, days) = (seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{sign}{seconds}s"),
        60..3600 => format!("{sign}{}m", seconds / 60),
        3600..86_400 => format!("{sign}{hours}h"),
        86_400..31_536_000 => format!("{sign}{days}d"),
        _ => format!("{sign}{}y", days / 365),
    }
}
