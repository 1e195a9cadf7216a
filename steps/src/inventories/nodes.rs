//! The control plane's nodes as `kubectl get nodes -o json` tells them.

use certwright_engine::host::Command;
use serde::Deserialize;

use super::{DraftError, Host, Ssh, quoted};

/// Labels of control-plane nodes: kubeadm's, and the one it had before 1.24.
pub const LABELS: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

#[derive(Debug, Deserialize)]
struct List {
    items: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    metadata: Metadata,
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    addresses: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(rename = "type")]
    sort: String,
    address: String,
}

/// The question for the nodes with a label.
pub fn question(kubeconfig: Option<&str>, label: &str) -> Command {
    let mut argv = vec!["kubectl".to_owned(), "get".to_owned(), "nodes".to_owned()];
    argv.extend(kubeconfig.map(|path| format!("--kubeconfig={path}")));
    argv.extend(["-l".to_owned(), label.to_owned(), "-o".to_owned(), "json".to_owned()]);
    argv.push("--request-timeout=10s".to_owned());
    Command::reads(argv)
}

/// The nodes of an answer, by name.
///
/// # Errors
/// Something else than a list of nodes; a node without an address.
pub fn read(json: &[u8]) -> Result<Vec<Host>, DraftError> {
    let list: List = serde_json::from_slice(json).map_err(|error| {
        DraftError::new(format!(
            "kubectl's list of nodes cannot be read: line {}: not such a list",
            error.line()
        ))
    })?;
    let mut hosts: Vec<Host> = list.items.into_iter().map(host).collect::<Result<_, _>>()?;
    hosts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(hosts)
}

fn host(node: Node) -> Result<Host, DraftError> {
    let find = |sort: &str| node.status.addresses.iter().find(|address| address.sort == sort);
    // ssh goes where the cluster's own traffic goes; a name is better than nothing.
    let found = ["InternalIP", "ExternalIP", "Hostname"].into_iter().find_map(find);
    let address = found.ok_or_else(|| {
        let name = quoted(&node.metadata.name);
        DraftError::new(format!("kubectl's list of nodes: `{name}` has no address in its status"))
            .hint("its kubelet writes them: is it running?")
    })?;
    Ok(Host { address: address.address.clone(), name: node.metadata.name, ssh: Ssh::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_by_name_with_their_internal_address() {
        let json = r#"{"kind":"List","items":[
            {"metadata":{"name":"cp-2"},"status":{"addresses":[
                {"type":"Hostname","address":"cp-2"},{"type":"InternalIP","address":"10.0.0.2"}]}},
            {"metadata":{"name":"cp-1"},"status":{"addresses":[{"type":"Hostname","address":"cp-1.example"}]}}]}"#;
        let hosts = read(json.as_bytes()).unwrap();
        let told: Vec<_> = hosts.iter().map(|host| (host.name.as_str(), host.address.as_str())).collect();
        assert_eq!(told, [("cp-1", "cp-1.example"), ("cp-2", "10.0.0.2")]);
    }

    #[test]
    fn a_node_without_an_address_and_an_answer_that_is_no_list_are_told() {
        let json = r#"{"items":[{"metadata":{"name":"cp-\u001b1"},"status":{}}]}"#;
        assert_eq!(
            read(json.as_bytes()).unwrap_err().to_string(),
            r"kubectl's list of nodes: `cp-\u{1b}1` has no address in its status"
        );
        let error = read(b"No resources found").unwrap_err().to_string();
        assert_eq!(error, "kubectl's list of nodes cannot be read: line 1: not such a list");
    }
}
