//! Builds a lab: folders, certificates, kubeconfigs, and the processes that have been running there.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{DirBuilderExt as _, symlink};

use super::LabError;
use super::files::Files;
use super::kubeconf::{self, Access};
use super::mint::{self, Dates, Minted, Subject};
use super::spec::{LabSpec, NodeSpec, Peers, Validity};
use super::state::{AdminCluster, DaemonSet, Kubelet, Node, Objects, Pod, State};
use super::world::load;
use super::{store, templates};
use crate::pki::layout::{Authority, CERT_DIR, Component, Form, LEAVES, Leaf};

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

/// Makes the lab in `dir`, which must not hold one yet.
pub(super) fn create(files: &Files, spec: &LabSpec, now: u64) -> Result<(), LabError> {
    check(spec)?;
    let mut state = empty(spec, now);
    if files.dir().join(".lab/state.json").exists() {
        return Err(LabError::Exists { dir: files.dir().to_owned() });
    }
    let mut build = Build { files, state: &mut state, authorities: BTreeMap::new() };
    build.authorities()?;
    for (k, node) in spec.nodes.iter().enumerate() {
        build.node(node, k)?;
    }
    build.workstation()?;
    for node in &spec.nodes {
        build.processes(node)?;
    }
    store::create(files.dir(), &state)
}

fn check(spec: &LabSpec) -> Result<(), LabError> {
    let bad = |why: String| Err(LabError::Spec { why });
    if spec.nodes.is_empty() {
        return bad("it has no node".into());
    }
    let mut seen = BTreeSet::new();
    for node in &spec.nodes {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".:_-".contains(c);
        if node.name.is_empty() || node.name.starts_with('.') || !node.name.chars().all(plain) {
            return bad(format!("`{}` is not a name for a node", node.name));
        }
        if node.name == certwright_engine::plan::WORKSTATION || !seen.insert(&node.name) {
            return bad(format!("two machines are called `{}`", node.name));
        }
    }
    Ok(())
}

fn empty(spec: &LabSpec, now: u64) -> State {
    State {
        format: store::FORMAT,
        spec: spec.clone(),
        issued: 0,
        now,
        nodes: BTreeMap::new(),
        links: BTreeSet::new(),
        leader: None,
        election_at: None,
        objects: Objects {
            kubeconfig: None,
            kubeconfig_not_after: 0,
            kubeconfig_at: None,
            defrag: None,
            admin: None,
        },
        busy: BTreeMap::new(),
        faults: Vec::new(),
        fired: Vec::new(),
    }
}

/// The subject kubeadm gives a leaf.
fn subject(leaf: &Leaf, node: &NodeSpec, spec: &LabSpec) -> Subject {
    let client = |name: &str, organization: Option<&str>| Subject {
        common_name: name.to_owned(),
        organizations: organization.map(str::to_owned).into_iter().collect(),
        client: true,
        ..Subject::default()
    };
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    match leaf.name {
        "apiserver" => Subject {
            common_name: "kube-apiserver".into(),
            sans: owned(&[
                &node.name,
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                "kubernetes.default.svc.cluster.local",
                "10.96.0.1",
                &node.address,
                &spec.endpoint,
            ]),
            server: true,
            ..Subject::default()
        },
        "etcd-peer" | "etcd-server" => Subject {
            common_name: node.name.clone(),
            sans: owned(&[&node.name, "localhost", &node.address, "127.0.0.1", "::1"]),
            server: true,
            client: true,
            ..Subject::default()
        },
        "admin.conf" => client("kubernetes-admin", Some("kubeadm:cluster-admins")),
        "super-admin.conf" => client("kubernetes-super-admin", Some("system:masters")),
        "apiserver-etcd-client" => client("kube-apiserver-etcd-client", None),
        "apiserver-kubelet-client" => client("kube-apiserver-kubelet-client", None),
        "etcd-healthcheck-client" => client("kube-etcd-healthcheck-client", None),
        "front-proxy-client" => client("front-proxy-client", None),
        "controller-manager.conf" => client("system:kube-controller-manager", None),
        "scheduler.conf" => client("system:kube-scheduler", None),
        other => client(other, None),
    }
}

/// The dates of certificates in this state.
fn dates(validity: Validity, now: u64) -> Dates {
    let now = (now / 1000).cast_signed();
    let from = match validity {
        Validity::Expired => now - YEAR - DAY,
        Validity::Expiring => now - YEAR + 4 * DAY + DAY / 2,
        Validity::Valid => now - 3600,
    };
    Dates { from: from - EARLY, to: from + YEAR }
}

struct Build<'a> {
    files: &'a Files,
    state: &'a mut State,
    authorities: BTreeMap<Authority, Minted>,
}

impl Build<'_> {
    fn now(&self) -> u64 {
        self.state.now
    }

    fn spec(&self) -> LabSpec {
        self.state.spec.clone()
    }

    fn write(&self, host: &str, path: &str, bytes: &[u8], mode: u32) -> Result<(), LabError> {
        // What lies on a node was written when its certificates were issued, long before the lab begins.
        let written = self.now().saturating_sub(7_200_000);
        self.files
            .write(host, path, bytes, mode, written)
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
        let folder = |path: &str, mode| {
            let path = self.files.root(&node.name).join(path);
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(&path)
                .map_err(|e| LabError::io("create", &path, e))
        };
        for path in ["etc/kubernetes/pki/etcd", "var/lib/kubelet/pki", "tmp", "var/lib/etcd"] {
            folder(path, 0o755)?;
        }
        folder("etc/kubernetes/manifests", 0o700)?;
        self.pki(node, index)?;
        self.kubelet(node)?;
        let spec = self.spec();
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
            let who = subject(leaf, node, &spec);
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
        let user = format!("system:node:{}", node.name);
        let who = Subject {
            common_name: user.clone(),
            organizations: vec!["system:nodes".into()],
            client: true,
            ..Subject::default()
        };
        let client = self.leaf(Authority::Ca, &who, dates)?;
        let name = kubelet_file_name(dates.from + EARLY);
        let pem = format!("{}{}", client.certificate, client.key);
        self.write(&node.name, &format!("/var/lib/kubelet/pki/{name}"), pem.as_bytes(), 0o600)?;
        let current = self.files.root(&node.name).join(&KUBELET_CURRENT[1..]);
        // Relative, so that it also resolves where the folder is not mounted at `/`; the real one is absolute.
        symlink(&name, &current).map_err(|e| LabError::io("create", &current, e))?;
        let access = Access {
            cluster: &spec.cluster.name,
            server: &format!("https://{}:6443", node.address),
            ca: &self.authorities[&Authority::Ca].certificate.clone(),
            user: &user,
        };
        let conf = kubeconf::pointing(access, KUBELET_CURRENT);
        self.write(&node.name, "/etc/kubernetes/kubelet.conf", conf.as_bytes(), 0o600)?;
        self.kubelet_serving(node, dates)?;
        for (path, text) in templates::kubelet(node) {
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
        let who = Subject {
            common_name: "kubernetes-admin".into(),
            organizations: vec!["kubeadm:cluster-admins".into()],
            client: true,
            ..Subject::default()
        };
        let pair = self.leaf(Authority::Ca, &who, dates)?;
        let text = self.kubeconfig(&spec.endpoint, &who.common_name, &pair);
        let host = certwright_engine::plan::WORKSTATION;
        self.write(host, &spec.cluster.kubeconfig, text.as_bytes(), 0o600)?;
        self.state.objects.kubeconfig = Some(text);
        self.state.objects.kubeconfig_not_after = dates.to;
        let Some(path) = &spec.cluster.admin_kubeconfig else { return Ok(()) };
        let valid = self::dates(Validity::Valid, now);
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
        self.write(host, path, text.as_bytes(), 0o600)?;
        let serving = super::world::loaded(&served.certificate, &ca.certificate, String::new());
        self.state.objects.admin = Some(AdminCluster {
            address: ADMIN_ADDRESS.into(),
            ca: ca.certificate,
            serving: serving.expect("the lab reads what it has made"),
        });
        Ok(())
    }

    /// The processes of a node, as they have been running since their certificates were issued.
    fn processes(&mut self, node: &NodeSpec) -> Result<(), LabError> {
        let spec = self.spec();
        let now = self.now();
        // A container as old as the certificates it holds; long before any file that a renewal writes.
        let started = now.saturating_sub(3_600_000);
        let client = load::kubelet_client(self.files, &node.name);
        self.state.nodes.insert(
            node.name.clone(),
            Node {
                address: node.address.clone(),
                pods: BTreeMap::new(),
                kubelet: Kubelet { active: true, since: started, client, rotates_at: None },
                posted: BTreeMap::new(),
                heartbeat: now,
            },
        );
        for component in Component::ALL {
            let pod = self.pod(&format!("{}-{}", component.name(), node.name), started);
            self.state.node_mut(&node.name).pods.insert(component.name().to_owned(), pod);
            super::world::pods::start(self.state, self.files, &node.name, component.name(), started);
        }
        if spec.etcd_defrag {
            self.state.objects.defrag =
                Some(DaemonSet { generation: 1, created: started, restarted: None, step_at: None });
            super::world::pods::new_defrag(self.state, self.files, &node.name, started);
        }
        let expired = node.certificates.unwrap_or(spec.certificates) == Validity::Expired;
        let single = spec.nodes.len() == 1;
        let refusing = expired && spec.peers == Peers::Refusing;
        for component in Component::ALL {
            let container = self.state.node_mut(&node.name).running_mut(component.name());
            let container = container.expect("a new pod has a running container");
            container.ready_at = started;
            container.came_up = true;
            container.connected = match component {
                Component::KubeApiserver => !refusing,
                Component::Etcd => false,
                Component::KubeControllerManager | Component::KubeScheduler => !expired,
            };
        }
        self.peers(&node.name, refusing && !single);
        Ok(())
    }

    fn pod(&mut self, name: &str, created: u64) -> Pod {
        super::world::pods::sandbox(self.state, name, created)
    }

    fn peers(&mut self, name: &str, refusing: bool) {
        if !refusing {
            for other in self.state.names().into_iter().filter(|n| n != name) {
                let (a, b) =
                    if other.as_str() < name { (other, name.to_owned()) } else { (name.to_owned(), other) };
                self.state.links.insert((a, b));
            }
        }
        self.state.leader = self.state.names().into_iter().next();
    }
}

/// How the kubelet names a client certificate that it got at `seconds`.
pub(super) fn kubelet_file_name(seconds: i64) -> String {
    let at = mint::instant(seconds);
    format!(
        "kubelet-client-{:04}-{:02}-{:02}-{:02}-{:02}-{:02}.pem",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
