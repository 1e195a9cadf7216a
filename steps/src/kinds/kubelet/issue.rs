//! What a new kubelet.conf of a node is made from: its name, its addresses and its folder of certificates.
//!
//! Invariant: a value from the node is used only when it is plain; without one of the others kubeadm's default is as
//! good, without the name nothing is issued.

use certwright_engine::host::Command;
use certwright_engine::step::StepError;

use super::client::Client;
use crate::kinds::node::Node;
use crate::pki::Component;
use crate::pki::layout::CERT_DIR;
use crate::tools::kubeadm::{self, KubeletConf};

/// Where kubeadm writes before anything is put in place.
pub(in crate::kinds) const NEW: &str = "/etc/kubernetes/kubelet.new";

/// The subject of every kubelet begins like this; the node's name follows.
const SUBJECT: &str = "system:node:";

/// What is known of a node for a kubelet.conf.
pub(in crate::kinds) struct Issue {
    /// The node's name in the cluster; None where nothing tells it.
    pub(in crate::kinds) node_name: Option<String>,
    advertised: Option<String>,
    endpoint: Option<String>,
    cert_dir: Option<String>,
}

impl Issue {
    /// Reads it from what the kubelet has and from the API server's manifest.
    pub(in crate::kinds) fn of(node: &Node<'_>, client: &Client, cert_dir: &str) -> Result<Self, StepError> {
        let api_server = node.static_pod(Component::KubeApiserver)?;
        let server = client.conf.as_ref().and_then(|conf| endpoint(conf.server().ok()?));
        Ok(Self {
            node_name: client.subjects().find_map(|subject| plain(subject.strip_prefix(SUBJECT)?)),
            advertised: api_server.and_then(|pod| plain(pod.advertise_address()?)),
            endpoint: server.and_then(|server| plain(&server)),
            cert_dir: if cert_dir == CERT_DIR { None } else { plain(cert_dir) },
        })
    }

    /// kubeadm's flags and their values.
    pub(super) fn flags(&self) -> Vec<(&'static str, String)> {
        let flags = [
            ("--node-name", &self.node_name),
            ("--apiserver-advertise-address", &self.advertised),
            ("--control-plane-endpoint", &self.endpoint),
            ("--cert-dir", &self.cert_dir),
        ];
        flags.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?))).collect()
    }

    /// The command that writes the new kubelet.conf to [`NEW`]; `version` is kubeadm's own.
    pub(in crate::kinds) fn command(&self, version: &str) -> Command {
        let conf = KubeletConf { folder: NEW.to_owned(), flags: self.flags(), version: version.to_owned() };
        kubeadm::kubelet_conf(&conf)
    }
}

/// `HOST:PORT` of an API server's URL.
fn endpoint(url: &str) -> Option<String> {
    let authority = url.strip_prefix("https://")?.split('/').next()?;
    let after_address = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    let has_port = after_address.contains(':');
    Some(if has_port { authority.to_owned() } else { format!("{authority}:443") })
}

/// The value where it looks like an address, a name or a path; None where no such thing looks like it.
pub(in crate::kinds) fn plain(value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".:/_+-[]".contains(c);
    let fits = !value.is_empty() && !value.starts_with('-') && value.chars().all(is_plain);
    fits.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_of_itself_is_used_only_where_it_is_plain() {
        for value in ["cp-1", "10.200.0.2:6443", "[fd00::1]:6443", "v1.28.9-gke.1800", "v1.30.0+k3s1"] {
            assert_eq!(plain(value).as_deref(), Some(value));
        }
        for value in ["", "-rf", "a b", "$(reboot)", "x;reboot", "x'y", "x\ny", "ü"] {
            assert_eq!(plain(value), None, "{value}");
        }
    }

    #[test]
    fn the_endpoint_of_a_kubeconfig_has_the_port_that_its_url_means() {
        for (url, expected) in [
            ("https://10.200.0.2:6443", Some("10.200.0.2:6443")),
            ("https://api.example/", Some("api.example:443")),
            ("https://[fd00::1]:6443", Some("[fd00::1]:6443")),
            ("https://[fd00::1]", Some("[fd00::1]:443")),
            ("http://10.200.0.2:6443", None),
        ] {
            assert_eq!(endpoint(url).as_deref(), expected, "{url}");
        }
    }
}
