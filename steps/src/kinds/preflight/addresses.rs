//! Certificates that do not name the node that serves them: a renewal copies the names, and the run would fail where it
//! asks that node.

use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use crate::kinds::finding::Finding;
use crate::kinds::holdings::Holdings;
use crate::kinds::node::Node;
use crate::pki::Component;
use crate::tools::manifest::StaticPod;

/// Where a component says that it is reached, and the file that must name it.
pub(super) async fn unnamed(node: &Node<'_>, holdings: &Holdings) -> Result<Vec<Finding>, StepError> {
    let mut findings = Vec::new();
    for component in [Component::Etcd, Component::KubeApiserver] {
        let Some(pod) = node.static_pod(component).await? else { continue };
        for (address, file) in advertised(component, &pod) {
            let Some(certificate) = holdings.at(file) else { continue };
            if certificate.sans.iter().any(|san| names(san, &address)) {
                continue;
            }
            let (name, shown) = (component.name(), escape(&address));
            findings.push(Finding::new(
                format!("{file} does not name {shown}, where {name} of this node is reached"),
                format!(
                    "if it came from another node, make it anew on this one (move it and its key away, then `kubeadm \
                     init phase certs {}`); a renewal copies the names",
                    remade(file)
                ),
            ));
        }
    }
    Ok(findings)
}

fn advertised(component: Component, pod: &StaticPod) -> Vec<(String, &str)> {
    let of_urls = |flag: &str| pod.flag(flag).and_then(host_of_first).map(str::to_owned);
    let pairs = match component {
        Component::Etcd => vec![
            (of_urls("advertise-client-urls"), pod.cert_file()),
            (of_urls("initial-advertise-peer-urls"), pod.peer_cert_file()),
        ],
        Component::KubeApiserver => vec![(pod.advertise_address().map(str::to_owned), pod.tls_cert_file())],
        Component::KubeControllerManager | Component::KubeScheduler => Vec::new(),
    };
    pairs.into_iter().filter_map(|(address, file)| Some((address?, file?))).collect()
}

/// `https://10.0.0.2:2379,...` is reached at `10.0.0.2`, `https://[fd00::2]:2379` at `fd00::2`.
fn host_of_first(urls: &str) -> Option<&str> {
    let authority = urls.split(',').next()?.split("://").nth(1)?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// Whether a subject alternative name (`IP:10.0.0.2`, `DNS:cp-1`) is this address.
fn names(san: &str, address: &str) -> bool {
    match san.split_once(':') {
        Some(("IP", ip)) => match (ip.parse::<std::net::IpAddr>(), address.parse::<std::net::IpAddr>()) {
            (Ok(ip), Ok(address)) => ip == address,
            (Err(_), _) | (_, Err(_)) => false,
        },
        Some(("DNS", name)) => name.eq_ignore_ascii_case(address),
        Some(_) | None => false,
    }
}

/// kubeadm's name of what is in a file.
fn remade(file: &str) -> &'static str {
    match file {
        _ if file.ends_with("etcd/server.crt") => "etcd-server",
        _ if file.ends_with("etcd/peer.crt") => "etcd-peer",
        _ => "apiserver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_as_an_address_or_as_a_name() {
        for (san, address, expected) in [
            ("IP:10.0.0.2", "10.0.0.2", true),
            ("IP:10.0.0.2", "10.0.0.20", false),
            ("IP:fd00::2", "fd00:0:0::2", true),
            ("DNS:CP-1.example", "cp-1.example", true),
            ("DNS:10.0.0.2", "10.0.0.2", true),
            ("URI:10.0.0.2", "10.0.0.2", false),
        ] {
            assert_eq!(names(san, address), expected, "{san} {address}");
        }
        assert_eq!(host_of_first("https://10.0.0.2:2379,https://x:1"), Some("10.0.0.2"));
        assert_eq!(host_of_first("https://[fd00::2]:2380"), Some("fd00::2"));
        assert_eq!(host_of_first("nonsense"), None);
    }
}
