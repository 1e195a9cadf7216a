//! What is measured, and for how long.

use std::path::PathBuf;
use std::time::Duration;

/// The longest measurement.
const LONGEST: u64 = 1800;

/// Why the arguments say nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FlagError {
    /// One is missing.
    #[error("--{0}=... is missing")]
    Missing(&'static str),
    /// One has no value of its kind.
    #[error("--{flag}={value}: {wanted}")]
    Invalid { flag: &'static str, value: String, wanted: &'static str },
}

/// Something with a name that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// `host:port`.
    pub(super) address: String,
}

/// The credential for etcd; read at each new connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EtcdFiles {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// When the measurement begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// When everything answers.
    Warm,
    /// At once: the cluster is dead, and what counts is when it no longer is.
    Cold,
}

/// All of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) kubeconfig: PathBuf,
    pub(super) balancer: String,
    pub(super) servers: Vec<Named>,
    pub(super) members: Vec<Named>,
    pub(super) etcd: EtcdFiles,
    pub(super) longest: Duration,
    /// Whether it waits for first answers.
    pub(super) start: Start,
    /// The file whose coming ends it.
    pub(super) until: Option<PathBuf>,
}

impl Flags {
    /// Reads `--kubeconfig= --balancer= --server=NAME=HOST:PORT... --member=NAME=HOST:PORT... --etcd-cafile=
    /// --etcd-certfile= --etcd-keyfile= --for=SECONDS [--until=FILE] [--cold]`.
    pub(super) fn read(args: &[String]) -> Result<Self, FlagError> {
        let all = |flag: &'static str| {
            let prefix = format!("--{flag}=");
            args.iter().filter_map(move |arg| arg.strip_prefix(&prefix)).collect::<Vec<_>>()
        };
        let one = |flag| all(flag).last().copied().ok_or(FlagError::Missing(flag));
        let named = |flag: &'static str| {
            let pair = |value: &str| {
                let wanted = "it is NAME=HOST:PORT";
                let invalid = || FlagError::Invalid { flag, value: value.to_owned(), wanted };
                let (name, address) = value.split_once('=').ok_or_else(invalid)?;
                Ok(Named { name: name.to_owned(), address: address.to_owned() })
            };
            all(flag).into_iter().map(pair).collect::<Result<Vec<_>, _>>()
        };
        let seconds = one("for")?;
        let wanted = "it is a number of seconds, at most 1800";
        let too_long = || FlagError::Invalid { flag: "for", value: seconds.to_owned(), wanted };
        let longest = seconds.parse().ok().filter(|seconds| *seconds <= LONGEST).ok_or_else(too_long)?;
        Ok(Self {
            kubeconfig: one("kubeconfig")?.into(),
            balancer: one("balancer")?.to_owned(),
            servers: named("server")?,
            members: named("member")?,
            etcd: EtcdFiles {
                ca: one("etcd-cafile")?.into(),
                certificate: one("etcd-certfile")?.into(),
                key: one("etcd-keyfile")?.into(),
            },
            longest: Duration::from_secs(longest),
            start: if args.iter().any(|arg| arg == "--cold") { Start::Cold } else { Start::Warm },
            until: all("until").last().map(PathBuf::from),
        })
    }
}
