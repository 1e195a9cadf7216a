//! What a lab is made from: a cluster, its nodes, and the state of their certificates.

use certwright_engine::plan::{Cluster, HostSpec, WORKSTATION};
use serde::{Deserialize, Serialize};

/// The state of certificates when the lab begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validity {
    /// Issued a year and a day ago, so expired for a day.
    Expired,
    /// Ends within five days.
    Expiring,
    /// Issued an hour ago, for a year.
    Valid,
}

/// Whether etcd members that hold expired certificates still talk to each other when the lab begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peers {
    /// They were restarted after the expiry and refuse each other: quorum is lost.
    Refusing,
    /// Their old connections live on: the cluster looks healthy until something restarts.
    Connected,
}

/// A control-plane node of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// Its address: an IP address, or a name.
    pub address: String,
    /// Its certificates, where they are not as [`LabSpec::certificates`] says.
    pub certificates: Option<Validity>,
    /// Its kubelet's certificates, where they are not as [`LabSpec::kubelet`] says.
    pub kubelet: Option<Validity>,
    /// The groups that the lab's inventory says it is in; whatever they are, it is simulated as a control-plane node.
    #[serde(default = "control_plane")]
    pub groups: Vec<String>,
}

fn control_plane() -> Vec<String> {
    vec!["control-plane".to_owned()]
}

/// What a lab is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabSpec {
    /// The facts of the cluster that its inventory states.
    pub cluster: Cluster,
    /// Address of the load balancer before the API servers.
    pub endpoint: String,
    /// The control-plane nodes; the first one ran `kubeadm init`.
    pub nodes: Vec<NodeSpec>,
    /// The state of the certificates kubeadm keeps.
    pub certificates: Validity,
    /// The state of the kubelets' certificates.
    pub kubelet: Validity,
    /// What etcd members with expired certificates do.
    pub peers: Peers,
    /// After how many ms of a working API the cluster's secret gets a fresh kubeconfig; None: never.
    pub secret_after_ms: Option<u64>,
    /// Whether the DaemonSet etcd-defrag exists.
    pub etcd_defrag: bool,
    /// Whether the kubelets ask the cluster for the certificates that they serve with (`serverTLSBootstrap`).
    #[serde(default)]
    pub server_tls_bootstrap: bool,
    /// By how much delays of real machines are shorter: 1 under virtual time, more in tests on a real clock.
    pub pace: u32,
    /// Ids and serial numbers follow from it (keys do not).
    pub seed: u64,
}

impl Default for LabSpec {
    /// Three nodes, all certificates expired but the kubelets', quorum lost.
    fn default() -> Self {
        let node = |k: u8| NodeSpec {
            name: format!("cp-{k}"),
            address: format!("10.200.0.{}", k + 1),
            certificates: None,
            kubelet: None,
            groups: control_plane(),
        };
        Self {
            cluster: Cluster {
                name: "lab".into(),
                namespace: "cluster-lab".into(),
                kubeconfig: "bmctl-workspace/lab/lab-kubeconfig".into(),
                admin_kubeconfig: Some("bmctl-workspace/admin/admin-kubeconfig".into()),
                virtual_ip: None,
            },
            endpoint: "10.200.0.1".into(),
            nodes: (1..=3).map(node).collect(),
            certificates: Validity::Expired,
            kubelet: Validity::Valid,
            peers: Peers::Refusing,
            secret_after_ms: Some(20_000),
            etcd_defrag: true,
            server_tls_bootstrap: false,
            pace: 1,
            seed: 1,
        }
    }
}

impl LabSpec {
    /// A lab shaped like the hosts of a resolved plan: each of them but the workstation is a control-plane node.
    ///
    /// Two hosts behind one address (ports of a jump host) get lab addresses of their own.
    pub fn like(cluster: &Cluster, hosts: &[HostSpec]) -> Self {
        let mut nodes: Vec<NodeSpec> = Vec::new();
        for host in hosts.iter().filter(|h| h.name != WORKSTATION) {
            let own = host.address.clone().filter(|a| nodes.iter().all(|n| n.address != *a));
            let address = own.unwrap_or_else(|| format!("10.200.1.{}", nodes.len() + 2));
            nodes.push(NodeSpec {
                name: host.name.clone(),
                address,
                certificates: None,
                kubelet: None,
                groups: host.groups.clone(),
            });
        }
        Self { cluster: cluster.clone(), nodes, ..Self::default() }
    }

    /// The same with certificates in another state.
    #[must_use]
    pub fn certificates(self, certificates: Validity) -> Self {
        Self { certificates, ..self }
    }

    /// TOML text of an inventory that fits the lab.
    pub fn inventory(&self) -> String {
        let quote = |text: &str| serde_json::to_string(text).expect("a string serializes to JSON");
        let Cluster { name, namespace, kubeconfig, admin_kubeconfig, virtual_ip } = &self.cluster;
        let optional = [("admin-kubeconfig", admin_kubeconfig), ("virtual-ip", virtual_ip)];
        let optional = optional.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        let optional = optional.map(|(key, value)| format!("{key} = {}\n", quote(value)));
        let host = |node: &NodeSpec| {
            let groups: Vec<String> = node.groups.iter().map(|group| quote(group)).collect();
            format!(
                "\n[[host]]\nname = {}\naddress = {}\ngroups = [{}]\n",
                quote(&node.name),
                quote(&node.address),
                groups.join(", ")
            )
        };
        let cluster = format!(
            "[cluster]\nname = {}\nnamespace = {}\nkubeconfig = {}\n",
            quote(name),
            quote(namespace),
            quote(kubeconfig)
        );
        std::iter::once(cluster).chain(optional).chain(self.nodes.iter().map(host)).collect()
    }
}
