//! The files of a new lab: folders, certificates, kubeconfigs, manifests, each as old as the certificates are.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use certwright_engine::plan::WORKSTATION;

use super::files::{self, Files};
use super::kubeconf::{self, Access};
use super::mint::{self, Dates, Minted, Subject};
use super::spec::{LabSpec, NodeSpec, Validity};
use super::state::{AdminCluster, State};
use super::{LabError, subjects, templates};
use crate::pki::layout::{Authority, CERT_DIR, Form, LEAVES};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long a leaf is valid: one year.
pub(super) const YEAR: i64 = 365 * DAY;
/// kubeadm's allowance for clocks that disagree: NotBefore is five minutes early.
pub(super) const EARLY: i64 = 300;
/// Where the kubelet's client certificate is found.
pub(super) const KUBELET_CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
/// Address of the admin cluster's API server.
const ADMIN_ADDRESS: &str = "10.200.255.1";

/// The dates of certificates in this state.
pub(super) fn dates(validity: Validity, now: u64) -> Dates {
    let now = (now / 1000).cast_signed();
    let from = match validity {
        Validity::Expired => now - YEAR - DAY,
        Validity::Expiring => now - YEAR + 4 * DAY + DAY / 2,
        Validity::Valid => now - 3600,
    };
    Dates { from: from - EARLY, to: from + YEAR }
}

/// When certificates in this state were issued, ms since 1970.
pub(super) fn issued(validity: Validity, now: u64) -> u64 {
    u64::try_from((dates(validity, now).from + EARLY) * 1000).unwrap_or(0)
}

/// The files of a lab in the making.
pub(super) struct Build<'a> {
    files: &'a Files,
    state: &'a mut State,
    authorities: BTreeMap<Authority, Minted>,
    /// When what is written now was written, ms since 1970.
    written: u64,
}

/// The folders of a node and their modes, outer ones first.
const FOLDERS: [(&str, u32); 12] = [
    ("", 0o755),
    ("etc", 0o755),
    ("etc/kubernetes", 0o755),
    ("etc/kubernetes/pki", 0o755),
    ("etc/kubernetes/pki/etcd", 0o755),
    ("etc/kubernetes/manifests", 0o700),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/lib", 0o755),
    ("var/lib/etcd", 0o700),
    ("var/lib/kubelet", 0o700),
    ("var/lib/kubelet/pki", 0o755),
];

impl<'a> Build<'a> {
    /// Nothing written yet.
    pub(super) fn new(files: &'a Files, state: &'a mut State) -> Self {
        let written = state.now;
        Self { files, state, authorities: BTreeMap::new(), written }
    }

    /// Writes everything.
    pub(super) fn all(mut self) -> Result<(), LabError> {
        self.authorities()?;
        for (k, node) in self.spec().nodes.iter().enumerate() {
            self.node(node, k)?;
        }
        self.workstation()
    }

    fn now(&self) -> u64 {
        self.state.now
    }

    fn spec(&self) -> Arc<LabSpec> {
        Arc::clone(&self.state.spec)
    }

    fn write(&self, host: &str, path: &str, bytes: &[u8], mode: u32) -> Result<(), LabError> {
        self.files
            .write(host, path, bytes, mode, self.written)
            .map_err(|e| LabError::io("write", &self.files.root(host).join(path.trim_start_matches('/')), e))
    }

    fn authorities(&mut self) -> Result<(), LabError> {
        // As old as the oldest leaf: `kubeadm init` makes both.
        let spec = &self.state.spec;
        let states = spec.nodes.iter().map(|n| n.certificates.unwrap_or(spec.certificates));
        let from = states.map(|state| dates(state, self.now()).from).min().unwrap_or(0);
        let dates = Dates { from, to: from + EARLY + 3650 * DAY };
        for authority in Authority::ALL {
            let name = if authority == Authority::Ca { "kubernetes" } else { authority.name() };
            let minted = mint::authority(name, dates, self.state.serial()).map_err(LabError::mint)?;
            self.authorities.insert(authority, minted);
        }
        Ok(())
    }

    fn leaf(&mut self, authority: Authority, who: &Subject, dates: Dates) -> Result<Minted, LabError> {
        let serial = self.state.serial();
        mint::leaf(&self.authorities[&authority], who, dates, serial).map_err(LabError::mint)
    }

    fn node(&mut self, node: &NodeSpec, index: usize) -> Result<(), LabError> {
        let spec = self.spec();
        self.written = issued(node.certificates.unwrap_or(spec.certificates), self.now());
        for (path, mode) in FOLDERS {
            let place = self.files.root(&node.name).join(path);
            files::folder(&place, mode).map_err(|e| LabError::io("create", &place, e))?;
        }
        self.pki(node, index)?;
        self.kubelet(node)?;
        for (component, text) in templates::manifests(&spec, node, index) {
            let path = format!("/etc/kubernetes/manifests/{}.yaml", component.name());
            self.write(&node.name, &path, text.as_bytes(), 0o600)?;
        }
        Ok(())
    }

    fn pki(&mut self, node: &NodeSpec, index: usize) -> Result<(), LabError> {
        let spec = self.spec();
        let dates = dates(node.certificates.unwrap_or(spec.certificates), self.now());
        for (authority, pair) in self.authorities.clone() {
            self.write(&node.name, &authority.certificate(CERT_DIR), pair.certificate.as_bytes(), 0o644)?;
            self.write(&node.name, &authority.key(CERT_DIR), pair.key.as_bytes(), 0o600)?;
        }
        for leaf in LEAVES.iter().filter(|l| index == 0 || l.name != "super-admin.conf") {
            let who = subjects::of_leaf(leaf, node, &spec);
            let pair = self.leaf(leaf.authority, &who, dates)?;
            let file = leaf.file(CERT_DIR);
            match leaf.form {
                Form::Pem => {
                    self.write(&node.name, &leaf.key_file(CERT_DIR), pair.key.as_bytes(), 0o600)?;
                    self.write(&node.name, &file, pair.certificate.as_bytes(), 0o644)?;
                }
                Form::Kubeconfig => {
                    let host = match leaf.name {
                        "admin.conf" | "super-admin.conf" => &spec.endpoint,
                        _ => &node.address,
                    };
                    let text = self.kubeconfig(host, &who.common_name, &pair);
                    self.write(&node.name, &file, text.as_bytes(), 0o600)?;
                }
            }
        }
        let sa = rcgen::KeyPair::generate().map_err(|e| LabError::mint(e.into()))?;
        self.write(&node.name, "/etc/kubernetes/pki/sa.key", sa.serialize_pem().as_bytes(), 0o600)?;
        self.write(&node.name, "/etc/kubernetes/pki/sa.pub", sa.public_key_pem().as_bytes(), 0o600)
    }

    fn kubeconfig(&self, host: &str, user: &str, pair: &Minted) -> String {
        let access = Access {
            cluster: &self.state.spec.cluster.name,
            server: &format!("https://{host}:6443"),
            ca: &self.authorities[&Authority::Ca].certificate,
            user,
        };
        kubeconf::embedded(access, pair)
    }

    fn kubelet(&mut self, node: &NodeSpec) -> Result<(), LabError> {
        let spec = self.spec();
        let now = self.now();
        let dates = dates(node.kubelet.unwrap_or(spec.kubelet), now);
        let who = subjects::of_kubelet(&node.name);
        let client = self.leaf(Authority::Ca, &who, dates)?;
        let name = kubelet_file_name("client", dates.from + EARLY);
        let pem = format!("{}{}", client.certificate, client.key);
        self.write(&node.name, &format!("/var/lib/kubelet/pki/{name}"), pem.as_bytes(), 0o600)?;
        let current = self.files.root(&node.name).join(&KUBELET_CURRENT[1..]);
        // Relative, so that it also resolves where the folder is not mounted at `/`; the real one is absolute.
        symlink(&name, &current).map_err(|e| LabError::io("create", &current, e))?;
        let access = Access {
            cluster: &spec.cluster.name,
            server: &format!("https://{}:6443", node.address),
            ca: &self.authorities[&Authority::Ca].certificate.clone(),
            user: &who.common_name,
        };
        let conf = kubeconf::pointing(access, KUBELET_CURRENT);
        self.write(&node.name, "/etc/kubernetes/kubelet.conf", conf.as_bytes(), 0o600)?;
        self.kubelet_serving(node, dates)?;
        for (path, text) in templates::kubelet(&spec, node) {
            self.write(&node.name, path, text.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// The kubelet signs its serving certificate itself, with a CA it throws away; the file holds both.
    fn kubelet_serving(&mut self, node: &NodeSpec, dates: Dates) -> Result<(), LabError> {
        let made = dates.from + EARLY;
        let name = format!("{}-ca@{made}", node.name);
        let ca = mint::authority(&name, dates, self.state.serial()).map_err(LabError::mint)?;
        let who = Subject {
            common_name: format!("{}@{made}", node.name),
            sans: vec![node.name.clone()],
            server: true,
            ..Subject::default()
        };
        let pair = mint::leaf(&ca, &who, dates, self.state.serial()).map_err(LabError::mint)?;
        let chain = format!("{}{}", pair.certificate, ca.certificate);
        self.write(&node.name, "/var/lib/kubelet/pki/kubelet.crt", chain.as_bytes(), 0o644)?;
        self.write(&node.name, "/var/lib/kubelet/pki/kubelet.key", pair.key.as_bytes(), 0o600)
    }

    fn workstation(&mut self) -> Result<(), LabError> {
        let spec = self.spec();
        let now = self.now();
        let dates = dates(spec.certificates, now);
        let who = subjects::of_admin();
        self.written = issued(spec.certificates, now);
        let pair = self.leaf(Authority::Ca, &who, dates)?;
        let text = self.kubeconfig(&spec.endpoint, &who.common_name, &pair);
        self.write(WORKSTATION, &spec.cluster.kubeconfig, text.as_bytes(), 0o600)?;
        self.state.objects.kubeconfig = Some(text);
        self.state.objects.kubeconfig_not_after = dates.to;
        match &spec.cluster.admin_kubeconfig {
            Some(path) => self.admin_cluster(path),
            None => Ok(()),
        }
    }

    /// An admin cluster is all in order, whatever the state of the cluster it manages.
    fn admin_cluster(&mut self, path: &str) -> Result<(), LabError> {
        let now = self.now();
        let who = subjects::of_admin();
        let valid = dates(Validity::Valid, now);
        self.written = issued(Validity::Valid, now);
        let ca = mint::authority(
            "kubernetes",
            Dates { from: valid.from, to: valid.from + 10 * YEAR },
            self.state.serial(),
        )
        .map_err(LabError::mint)?;
        let serving = Subject {
            common_name: "kube-apiserver".into(),
            sans: vec!["kubernetes".into(), ADMIN_ADDRESS.into()],
            server: true,
            ..Subject::default()
        };
        let mut mint =
            |who: &Subject| mint::leaf(&ca, who, valid, self.state.serial()).map_err(LabError::mint);
        let (served, client) = (mint(&serving)?, mint(&who)?);
        let access = Access {
            cluster: "admin",
            server: &format!("https://{ADMIN_ADDRESS}:6443"),
            ca: &ca.certificate,
            user: &who.common_name,
        };
        let text = kubeconf::embedded(access, &client);
        self.write(WORKSTATION, path, text.as_bytes(), 0o600)?;
        let serving = super::world::loaded(&served.certificate, &ca.certificate, String::new());
        self.state.objects.admin = Some(AdminCluster {
            address: ADMIN_ADDRESS.into(),
            ca: ca.certificate,
            serving: serving.expect("the lab reads what it has made"),
        });
        Ok(())
    }
}

/// How the kubelet names the file of a certificate that it got at `seconds` since 1970; `purpose` is `client` or `server`.
pub fn kubelet_file_name(purpose: &str, seconds: i64) -> String {
    let at = mint::instant(seconds);
    format!(
        "kubelet-{purpose}-{:04}-{:02}-{:02}-{:02}-{:02}-{:02}.pem",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
