//! The load of a measurement: a process on the workstation, with a credential of its own.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use certwright_engine::text::Secret;
use certwright_steps::pki::kubeconfig::{Kubeconfig, KubeconfigError, Source};

use super::{GapsError, State};
use crate::controllers::signer::{SignError, Signer};
use crate::host::{Cluster, OURS};
use crate::load::report::Report;
use crate::wire::tls::Pair;

/// The load goes on so long at most, s.
const LONGEST: u64 = 900;

/// How long its first answers may take, s.
const FIRST: u64 = 60;

/// The load's folder on the workstation.
const FOLDER: &str = "/root/load";

/// Why the load has no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The workstation's kubeconfig.
    #[error("the kubeconfig {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// It has no user.
    #[error("the kubeconfig has no user")]
    NoUser,
    /// The cluster's CAs.
    #[error("sign: {0}")]
    Sign(String),
}

impl From<SignError> for CredentialError {
    fn from(error: SignError) -> Self {
        Self::Sign(error.to_string())
    }
}

/// Files that the load is let in with: valid ones, whatever the cluster's own are.
pub(super) struct Credential {
    folder: PathBuf,
}

impl Credential {
    pub(super) fn make(cluster: &Cluster) -> Result<Self, GapsError> {
        let folder = cluster.workstation().path(FOLDER);
        let failed = |source| GapsError::Process { action: "write the load's credential", source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let pki = |name: &str| cluster.node("cp-1").path(&format!("/etc/kubernetes/pki/{name}"));
        let signer =
            |ca: &str| Signer { certificate: pki(&format!("{ca}.crt")), key: pki(&format!("{ca}.key")) };
        let own = cluster.workstation().path("/root/bmctl-workspace/lab/lab-kubeconfig");
        let text = std::fs::read(own).map_err(failed)?;
        let kubeconfig = admin(&text, &signer("ca"))?;
        let etcd = signer("etcd/ca").client("load", &[]).map_err(CredentialError::from)?;
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).map_err(failed);
        write("kubeconfig", kubeconfig.reveal())?;
        write("client.crt", &etcd.certificate)?;
        write("client.key", &etcd.key)?;
        std::fs::copy(pki("etcd/ca.crt"), folder.join("ca.crt")).map_err(failed)?;
        Ok(Self { folder })
    }

    /// A file of it as the workstation has it.
    pub(super) fn path(name: &str) -> String {
        format!("{FOLDER}/{name}")
    }
}

/// The operator's kubeconfig with a new pair.
fn admin(text: &[u8], signer: &Signer) -> Result<Secret, CredentialError> {
    let mut kubeconfig = Kubeconfig::parse(text)?;
    let Pair { certificate, key } = signer.client("load", &["system:masters".to_owned()])?;
    let user = kubeconfig.users.first_mut().ok_or(CredentialError::NoUser)?;
    user.entry.client_certificate = Some(Source::Data(certificate));
    user.entry.client_key = Some(Source::Data(Secret::new(key)));
    Ok(kubeconfig.render())
}

/// The load, on the workstation.
pub(super) struct Load {
    process: Child,
    folder: PathBuf,
}

impl Load {
    pub(super) fn start(cluster: &Cluster, credential: &Credential, state: State) -> Result<Self, GapsError> {
        let process = |action| move |source| GapsError::Process { action, source };
        let own = Credential::path;
        let file = |name: &str| {
            File::create(credential.folder.join(name)).map_err(process("create a file of the load"))
        };
        let mut command = cluster.workstation().command(OURS);
        command.arg("load").arg(format!("--for={LONGEST}")).arg(format!("--until={}", own("end")));
        command.arg(format!("--kubeconfig={}", own("kubeconfig"))).arg("--balancer=10.200.0.1:6443");
        command.arg(format!("--etcd-cafile={}", own("ca.crt")));
        command.arg(format!("--etcd-certfile={}", own("client.crt")));
        command.arg(format!("--etcd-keyfile={}", own("client.key")));
        for node in cluster.nodes() {
            command.arg(format!("--server={}={}:6443", node.name(), node.address()));
            command.arg(format!("--member={}={}:2379", node.name(), node.address()));
        }
        match state {
            State::Live => {}
            State::Dead => {
                command.arg("--cold");
            }
        }
        command.stdout(file("report.json")?).stderr(file("log")?).stdin(Stdio::null());
        let mut load = Self {
            process: command.spawn().map_err(process("start the load"))?,
            folder: credential.folder.clone(),
        };
        load.until_it_measures()?;
        Ok(load)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn until_it_measures(&mut self) -> Result<(), GapsError> {
        let began = Instant::now();
        while !self.log().contains("Measuring") {
            let ended = self.process.try_wait().is_ok_and(|status| status.is_some());
            if ended || began.elapsed() > Duration::from_secs(FIRST) {
                return Err(GapsError::Late {
                    what: "the load's first answers",
                    seconds: FIRST,
                    said: self.log(),
                });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Ends it; its report.
    pub(super) fn end(mut self) -> Result<Report, GapsError> {
        let process = |source| GapsError::Process { action: "end the load", source };
        File::create(self.folder.join("end")).map_err(process)?;
        self.process.wait().map_err(process)?;
        let text = std::fs::read_to_string(self.folder.join("report.json")).map_err(process)?;
        serde_json::from_str(&text).map_err(|error| GapsError::Report(format!("{error}: {}", self.log())))
    }
}
