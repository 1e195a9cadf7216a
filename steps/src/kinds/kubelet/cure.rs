//! How a human gives a kubelet a client certificate again: the commands, for one node, ready to be typed there.
//!
//! `kubeadm init phase kubeconfig kubelet` signs with the node's own CA and asks no API server. It keeps a kubelet.conf
//! that exists, so it writes to another folder; without a version it asks the internet for one. The lines can be
//! pasted as they are: each goes on only where the one before succeeded, and none is wider than a terminal.
//! Invariant: a value from the node is in a command only when it is plain; without it kubeadm's default is as good.

use certwright_engine::step::StepError;

use super::client::Client;
use crate::kinds::node::Node;
use crate::pki::Component;
use crate::pki::layout::{CERT_DIR, KUBERNETES};

/// Where kubeadm writes before anything is put in place.
const NEW: &str = "/etc/kubernetes/kubelet.new";
/// Where the old certificates stay; the old kubelet.conf stays beside the new one, as `kubelet.conf~`.
const OLD: &str = "/var/lib/kubelet/expired";

/// What is to be done on the node, with its own name and addresses in it.
pub(super) async fn remedy(node: &Node<'_>, client: &Client, cert_dir: &str) -> Result<String, StepError> {
    let api_server = node.static_pod(Component::KubeApiserver).await?;
    let name = client
        .certificate()
        .ok()
        .and_then(|(_, certificate)| certificate.common_name.strip_prefix("system:node:").map(str::to_owned));
    let advertised = api_server.as_ref().and_then(|pod| pod.advertise_address().map(str::to_owned));
    let server = client.conf.as_ref().and_then(|conf| endpoint(conf.server().ok()?));
    let other_folder = (cert_dir != CERT_DIR).then(|| cert_dir.to_owned());
    let flags = [
        ("--node-name", name),
        ("--apiserver-advertise-address", advertised),
        ("--control-plane-endpoint", server),
        ("--cert-dir", other_folder),
    ];
    let flags: String = flags
        .into_iter()
        .filter_map(|(flag, value)| Some(format!("    {flag} {} \\\n", word(&value?)?)))
        .collect();
    let host = node.host.name();
    Ok(format!(
        "give the kubelet a new kubelet.conf from the node's CA: as root on {host}\n\
         kubeadm init phase kubeconfig kubelet \\\n    --kubeconfig-dir {NEW} \\\n\
         {flags}    --kubernetes-version \"$(kubeadm version -o short)\" &&\n\
         mv -b {NEW}/kubelet.conf {KUBERNETES}/ &&\n\
         mkdir -p {OLD} &&\n\
         find /var/lib/kubelet/pki -name 'kubelet-client*' \\\n    -exec mv -t {OLD} {{}} + &&\n\
         systemctl restart kubelet && rmdir {NEW}\n\
         then go on; when kubelet-client-current.pem is back in /var/lib/kubelet/pki, let client-certificate and \
         client-key of kubelet.conf name it again"
    ))
}

/// `HOST:PORT` of an API server's URL.
fn endpoint(url: &str) -> Option<String> {
    let authority = url.strip_prefix("https://")?.split('/').next()?;
    let after_address = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    let has_port = after_address.contains(':');
    Some(if has_port { authority.to_owned() } else { format!("{authority}:443") })
}

/// A value as a shell takes it for the one word it is; None for one that no address and no name looks like.
fn word(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:/_-[]".contains(c);
    let is_plain = !value.is_empty() && !value.starts_with('-') && value.chars().all(plain);
    let brackets = value.contains(['[', ']']);
    is_plain.then(|| if brackets { format!("'{value}'") } else { value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_of_itself_is_typed_only_where_it_is_plain() {
        for (value, typed) in [
            ("cp-1", Some("cp-1")),
            ("10.200.0.2:6443", Some("10.200.0.2:6443")),
            ("[fd00::1]:6443", Some("'[fd00::1]:6443'")),
            ("", None),
            ("-rf", None),
            ("a b", None),
            ("$(reboot)", None),
            ("x;reboot", None),
            ("x'y", None),
            ("x\ny", None),
        ] {
            assert_eq!(word(value).as_deref(), typed, "{value}");
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
