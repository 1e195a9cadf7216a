//! `kubeadm init phase kubeconfig kubelet`: a new kubelet.conf, signed by the CA of the node.
//!
//! A file that is there already stays as it is. Deliberately absent: the question to the internet for a version, which
//! a call without `--kubernetes-version` begins with.

use super::args::Flags;
use crate::lab::LabError;
use crate::lab::build::{EARLY, YEAR};
use crate::lab::exec::{Answer, Shell};
use crate::lab::kubeconf::{self, Access};
use crate::lab::mint::{self, Dates, Minted};
use crate::lab::subjects;
use crate::pki::layout::{Authority, CERT_DIR, KUBERNETES};

/// Answers it.
pub(super) fn make(shell: &mut Shell<'_>, flags: &Flags) -> Result<Answer, LabError> {
    let Some(_version) = flags.get("--kubernetes-version") else {
        return Ok(Answer::gap("kubeadm init phase kubeconfig kubelet without --kubernetes-version"));
    };
    let path = format!("{}/kubelet.conf", flags.get("--kubeconfig-dir").unwrap_or(KUBERNETES));
    if shell.read(&path).is_ok_and(|found| found.is_some()) {
        return Ok(Answer::ok(format!("[kubeconfig] Using existing kubeconfig file: \"{path}\"\n")));
    }
    let cert_dir = flags.get("--cert-dir").unwrap_or(CERT_DIR).trim_end_matches('/');
    let (certificate, key) =
        (shell.text(&Authority::Ca.certificate(cert_dir)), shell.text(&Authority::Ca.key(cert_dir)));
    let (Some(certificate), Some(key)) = (certificate, key) else {
        let why = format!("couldn't create a kubeconfig; the CA files couldn't be loaded: {cert_dir}/ca.crt");
        return Ok(Answer::fail(1, format!("error execution phase kubeconfig/kubelet: {why}\n")));
    };
    let ca = Minted { certificate, key };
    let own = shell.state().node(shell.call.host).address.clone();
    let name = flags.get("--node-name").unwrap_or(shell.call.host).to_owned();
    let address = flags.get("--apiserver-advertise-address").unwrap_or(&own);
    let endpoint = flags.get("--control-plane-endpoint").map_or(format!("{address}:6443"), str::to_owned);
    let now = (shell.now() / 1000).cast_signed();
    let serial = shell.change().state.serial();
    let who = subjects::of_kubelet(&name);
    let pair =
        mint::leaf(&ca, &who, Dates { from: now - EARLY, to: now + YEAR }, serial).map_err(LabError::mint)?;
    let access = Access {
        cluster: "kubernetes",
        server: &format!("https://{endpoint}"),
        ca: &ca.certificate,
        user: &who.common_name,
    };
    let text = kubeconf::embedded(access, &pair);
    let (files, now) = (shell.files(), shell.now());
    if let Err(error) = files.write(shell.call.host, &path, text.as_bytes(), 0o600, now) {
        return Ok(Answer::fail(1, format!("error execution phase kubeconfig/kubelet: {path}: {error}\n")));
    }
    Ok(Answer::ok("[kubeconfig] Writing \"kubelet.conf\" kubeconfig file\n"))
}
