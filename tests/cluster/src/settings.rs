//! What a host of the cluster knows of itself: one file, written before the host is up.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder of a host's own machinery: settings, sockets, sshd's files.
pub const FOLDER: &str = "/run/certwright-cluster";
/// The file, as the programs of a host find it.
pub const PLACE: &str = "/run/certwright-cluster/settings.json";

/// What a host knows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name.
    pub host: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// By how much its delays are shorter than a real machine's.
    pub pace: u32,
    /// What is bound over what before anything starts, in this order.
    pub binds: Vec<Bind>,
    /// What runs on it.
    pub units: Vec<UnitSettings>,
    /// The environment of all of them.
    pub environment: BTreeMap<String, String>,
}

/// One bind mount of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// What, on the machine.
    pub source: PathBuf,
    /// Over what.
    pub target: PathBuf,
}

/// A unit of a host, as systemd would know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSettings {
    /// Its name, without `.service`.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// More arguments, of its first start alone.
    pub first: Vec<String>,
    /// How long after its end it is started again, ms; None: never.
    pub restart_ms: Option<u64>,
}

/// Why a host does not know itself.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("read `{}`: this is no host of a test cluster", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not what it must be.
    #[error("settings `{}`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl Settings {
    /// Those in a file.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let bytes =
            std::fs::read(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        serde_json::from_slice(&bytes)
            .map_err(|source| SettingsError::Parse { path: path.to_owned(), source })
    }

    /// Those of the host that this program runs on.
    pub fn own() -> Result<Self, SettingsError> {
        Self::read(Path::new(PLACE))
    }
}
