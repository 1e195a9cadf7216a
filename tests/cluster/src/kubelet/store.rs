//! The store of certificates: a file for each that was got, and a link to the one in use.

use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use certwright_steps::lab::kubelet_file_name;

use crate::said::now_ms;

/// Where it is.
const FOLDER: &str = "/var/lib/kubelet/pki";

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Asking the API.
    Client,
    /// Serving on 10250.
    Server,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// Who signs such a certificate.
    pub(super) fn signer(self) -> &'static str {
        match self {
            Self::Client => "kubernetes.io/kube-apiserver-client-kubelet",
            Self::Server => "kubernetes.io/kubelet-serving",
        }
    }

    /// What it may be used for beside signatures.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Self::Client => "client auth",
            Self::Server => "server auth",
        }
    }

    /// The link to the one in use.
    pub(super) fn current(self) -> String {
        format!("{FOLDER}/kubelet-{}-current.pem", self.word())
    }

    /// Keeps one, certificate and key, as the one in use.
    pub(super) fn keep(self, pem: &str) -> Result<()> {
        let path = Path::new(FOLDER).join(kubelet_file_name(self.word(), (now_ms() / 1000).cast_signed()));
        let mut options = std::fs::OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600).open(&path)?.write_all(pem.as_bytes())?;
        let new = Path::new(FOLDER).join(format!(".kubelet-{}-current.pem.new", self.word()));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        std::os::unix::fs::symlink(path, &new)?;
        std::fs::rename(&new, self.current())
    }
}
