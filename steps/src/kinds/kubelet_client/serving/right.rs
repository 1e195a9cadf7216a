//! Whether a request is one that this node's kubelet makes for itself: pure judgement.
//!
//! Invariant: everything that a request can ask for is looked at; what is not known to be right is not. What a node is
//! called is what its own Node object says, and nothing that another node is called as well.

use std::net::IpAddr;

use certwright_engine::text::line;

use crate::pki::CertificateRequest;
use crate::tools::kubectl::{KUBELET_SERVING, Node, SigningRequest, is_name};

/// The group of all kubelets.
const NODES: &str = "system:nodes";

/// What a serving certificate is used for: the first two always.
const USAGES: [&str; 3] = ["digital signature", "server auth", "key encipherment"];

/// Whether the certificate would be for this user, whoever asks.
pub(super) fn names(request: &SigningRequest, user: &str) -> bool {
    // Also one that could not be granted.
    let text = String::from_utf8_lossy(&request.pem);
    let read = x509_parser::pem::parse_x509_pem(text.as_bytes());
    let holds = |der: &[u8]| der.windows(user.len()).any(|window| window == user.as_bytes());
    read.is_ok_and(|(_, block)| holds(&block.contents))
}

/// Why a request is not the one that the kubelet of node `name` makes for itself, as words that follow it.
pub(super) fn right(request: &SigningRequest, name: &str, nodes: &[Node]) -> Result<(), String> {
    let user = format!("system:node:{name}");
    if !is_name(&request.name) {
        return Err("its name is none of Kubernetes".to_owned());
    }
    if request.signer != KUBELET_SERVING {
        return Err(format!("{} is to sign it", line(&request.signer)));
    }
    if request.username != user {
        return Err(format!("{} asked for it, not {user}", line(&request.username)));
    }
    if !request.groups.iter().any(|group| group == NODES) {
        return Err(format!("who asked for it is not in the group {NODES}"));
    }
    if let Some(usage) = request.usages.iter().find(|usage| !USAGES.contains(&usage.as_str())) {
        return Err(format!("it is to be used for `{}`", line(usage)));
    }
    if let Some(usage) = USAGES[..2].iter().find(|usage| !request.usages.iter().any(|asked| asked == *usage))
    {
        return Err(format!("it is not to be used for `{usage}`"));
    }
    let asked = CertificateRequest::from_pem(&request.pem).map_err(|error| error.to_string())?;
    if asked.common_name != user || asked.organization != NODES {
        let (group, name) = (line(&asked.organization), line(&asked.common_name));
        return Err(format!("it is for {name} of {group}, not for {user} of {NODES}"));
    }
    own_names(&asked, name, nodes)
}

fn own_names(asked: &CertificateRequest, name: &str, nodes: &[Node]) -> Result<(), String> {
    let own = nodes.iter().find(|node| node.name == name);
    let own = own.ok_or_else(|| format!("the cluster has no node {name}"))?;
    let others: Vec<&Node> = nodes.iter().filter(|node| node.name != name).collect();
    let is_called = |node: &Node, dns: &str| {
        node.name.eq_ignore_ascii_case(dns) || node.names.iter().any(|known| known.eq_ignore_ascii_case(dns))
    };
    let has = |node: &Node, address: IpAddr| {
        node.names.iter().any(|known| known.parse::<IpAddr>().is_ok_and(|known| known == address))
    };
    if asked.dns_names.is_empty() && asked.addresses.is_empty() {
        return Err("it names no host".to_owned());
    }
    for dns in &asked.dns_names {
        if let Some(other) = others.iter().find(|other| is_called(other, dns)) {
            return Err(format!("it is for DNS:{}, which is node {}", line(dns), other.name));
        }
        if !is_called(own, dns) {
            return Err(format!("it is for DNS:{}, which is no name of node {name}", line(dns)));
        }
    }
    for address in &asked.addresses {
        if let Some(other) = others.iter().find(|other| has(other, *address)) {
            return Err(format!("it is for IP:{address}, which is node {}", other.name));
        }
        if !has(own, *address) {
            return Err(format!("it is for IP:{address}, which is no address of node {name}"));
        }
    }
    Ok(())
}
