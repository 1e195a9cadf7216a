//! Where a kubeadm command gets its configuration from: a file, the cluster, or its own defaults.

use super::args::Flags;
use super::config_file::ConfigFile;
use super::connect::{Asked, Options, ask};
use crate::lab::build::YEAR;
use crate::lab::clockwork::klog;
use crate::lab::exec::{Answer, Place, Reach, Shell};
use crate::pki::layout::{Authority, CERT_DIR, LEAVES, Leaf, Presence};

/// How long kubeadm waits for the ConfigMap before it falls back to its defaults, ms. Measured.
pub(in crate::lab) const WAITS: u64 = 10_000;

/// The configuration of a kubeadm command.
#[derive(Debug)]
pub(super) struct Config {
    /// Folder of the certificates.
    pub(super) cert_dir: String,
    /// How long new leaves are valid, s.
    pub(super) validity: i64,
    /// Whether etcd is not kubeadm's: then nothing that etcd's CA signs is.
    external_etcd: bool,
    /// What it prints first, PHASE standing for the command's own name.
    preamble: &'static str,
    /// Whether it says on stderr that there is no kube-proxy configuration: it has read the cluster's.
    reads_cluster: bool,
    /// How long it waited for the cluster, ms.
    pub(super) waited_ms: u64,
}

const READ: &str = "[PHASE] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \
                    \"kube-system\"...\n[PHASE] Use 'kubeadm init phase upload-config kubeadm --config \
                    your-config-file' to re-upload it.\n\n";
const FELL_BACK: &str = "[PHASE] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \
                         \"kube-system\"...\n[PHASE] Use 'kubeadm init phase upload-config kubeadm --config \
                         your-config-file' to re-upload it.\n[PHASE] Error reading configuration from the Cluster. \
                         Falling back to default configuration\n\n";

impl Config {
    /// Finds the configuration; an unreadable file ends the command.
    pub(super) fn read(shell: &Shell<'_>, flags: &Flags) -> Result<Self, Answer> {
        let mut config = match flags.get("--config") {
            Some(path) => Self::from_file(shell, path)?,
            None => Self::from_cluster(shell, flags.get("--kubeconfig")),
        };
        if let Some(folder) = flags.get("--cert-dir") {
            folder.trim_end_matches('/').clone_into(&mut config.cert_dir);
        }
        Ok(config)
    }

    fn from_file(shell: &Shell<'_>, path: &str) -> Result<Self, Answer> {
        let hint = "To see the stack trace of this error execute with --v=5 or higher\n";
        let fail = |why: String| Answer::fail(1, format!("error: {why}\n{hint}"));
        let text = shell.text(path).ok_or_else(|| {
            fail(format!("unable to read config from \"{path}\" : open {path}: no such file or directory"))
        })?;
        let file = ConfigFile::parse(&text).map_err(fail)?;
        Ok(Self {
            cert_dir: file.cert_dir.unwrap_or_else(|| CERT_DIR.to_owned()),
            validity: file.validity.unwrap_or(YEAR),
            external_etcd: file.external_etcd,
            preamble: "",
            reads_cluster: false,
            // Without a version it asks the internet for the newest, which no node of a lab reaches.
            waited_ms: if file.version.is_some() { 0 } else { WAITS },
        })
    }

    fn from_cluster(shell: &Shell<'_>, kubeconfig: Option<&str>) -> Self {
        let path = kubeconfig.unwrap_or("/etc/kubernetes/admin.conf");
        let (answers, waits) = match shell.call.place {
            Place::Folder | Place::Machine => {
                (matches!(ask(shell, path, &Options::default()), Ok(Asked::Cluster)), WAITS)
            }
            // Whoever asked the real API has waited.
            Place::Real(reach) => (reach == Reach::Answers, 0),
        };
        Self {
            cert_dir: CERT_DIR.to_owned(),
            validity: YEAR,
            external_etcd: false,
            preamble: if answers { READ } else { FELL_BACK },
            reads_cluster: answers,
            waited_ms: if answers { 0 } else { waits },
        }
    }

    /// The leaves that it covers.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &'static Leaf> {
        LEAVES.iter().filter(|leaf| !self.external_etcd || leaf.presence != Presence::LocalEtcd)
    }

    /// The authorities that it covers.
    pub(super) fn authorities(&self) -> impl Iterator<Item = Authority> {
        Authority::ALL.into_iter().filter(|authority| !self.external_etcd || *authority != Authority::EtcdCa)
    }

    /// The lines before a command's own output.
    pub(super) fn preamble(&self, phase: &str) -> String {
        self.preamble.replace("PHASE", phase)
    }

    /// What it says on stderr.
    pub(super) fn warning(&self, now: u64) -> String {
        if !self.reads_cluster {
            return String::new();
        }
        format!(
            "{} configset.go:77] Warning: No kubeproxy.config.k8s.io/v1alpha1 config is loaded. Continuing without it: \
             configmaps \"kube-proxy\" not found\n",
            klog('W', now, 923)
        )
    }
}
