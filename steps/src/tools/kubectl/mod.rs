//! kubectl: what the API server says of nodes, pods, secrets and DaemonSets.

mod failure;

mod resource;

mod records;

mod nodes;

mod pods;

mod daemonset;

mod secret;

mod signing;

mod kubeadm_config;

mod lease;

use std::time::Duration;

use certwright_engine::host::Command;

pub use daemonset::{DaemonSet, parse_daemonset};
pub use failure::{Failure, classify, step_error};
pub use kubeadm_config::{ClusterConfiguration, parse_kubeadm_config};
pub use lease::{Holder, parse_lease_holder};
pub use nodes::{Node, Readiness, parse_nodes};
pub use pods::{Pod, parse_pods};
pub use resource::{Resource, ResourceError, is_name};
pub use secret::parse_secret_value;
pub use signing::{Asker, KUBELET_SERVING, SigningRequest, SigningState, parse_signing_requests};

/// With what a node asks its own API server.
pub(crate) const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// kubectl with a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubectl {
    /// Path of the kubeconfig on the host it runs on.
    pub kubeconfig: String,
    /// Another server than the kubeconfig's: a node's own API server (`https://10.0.0.2:6443`).
    pub server: Option<String>,
}

impl Kubectl {
    /// kubectl asking the server of `kubeconfig`.
    pub fn new(kubeconfig: impl Into<String>) -> Self {
        Self { kubeconfig: kubeconfig.into(), server: None }
    }

    /// The same asking another server.
    #[must_use]
    pub fn server(self, url: impl Into<String>) -> Self {
        Self { server: Some(url.into()), ..self }
    }

    /// `kubectl get nodes`: the table the procedure asks for.
    pub fn nodes_text(&self) -> Command {
        self.reads(&["get", "nodes"])
    }

    /// `kubectl get nodes`, a record a node: a cluster has thousands.
    pub fn nodes(&self) -> Command {
        self.reads(&["get", "nodes", "-o", &records::format(".items[*]", &nodes::FIELDS)])
    }

    /// `kubectl get certificatesigningrequests`, a record a request, only those for kubelets' serving certificates that one
    /// node's kubelet asked for, or all others: whoever may ask for more must not make the answer about a node too long to
    /// be read.
    pub fn serving_requests(&self, asker: Asker<'_>) -> Command {
        let (relation, node) = match asker {
            Asker::Node(node) => ("==", node),
            Asker::AnyoneElse { than } => ("!=", than),
        };
        let objects = format!(r#".items[?(@.spec.username{relation}"system:node:{}")]"#, checked(node));
        let selector = format!("--field-selector=spec.signerName={KUBELET_SERVING}");
        let format = records::format(&objects, &signing::FIELDS);
        self.reads(&["get", "certificatesigningrequests", &selector, "-o", &format])
    }

    /// `kubectl certificate approve NAME`: of a request that is approved already nothing is changed.
    pub fn approve(&self, name: &str) -> Command {
        Command::mutates(self.argv(&["certificate", "approve", checked(name)]))
            .deadline(Duration::from_secs(30))
    }

    /// `kubectl get pods -n NAMESPACE`, a record a pod: each node has several.
    pub fn pods(&self, namespace: &str) -> Command {
        let format = records::format(".items[*]", &pods::FIELDS);
        self.reads(&["get", "pods", "-n", checked(namespace), "-o", &format])
    }

    /// `kubectl get secret NAME -n NAMESPACE -o jsonpath={.data.value}`: base64 on stdout. It is a secret.
    pub fn secret_value(&self, name: &str, namespace: &str) -> Command {
        self.reads(&[
            "get",
            "secret",
            checked(name),
            "-n",
            checked(namespace),
            "-o",
            "jsonpath={.data.value}",
        ])
    }

    /// `kubectl get daemonset NAME -n NAMESPACE -o json`.
    pub fn daemonset(&self, name: &str, namespace: &str) -> Command {
        self.reads(&["get", "daemonset", checked(name), "-n", checked(namespace), "-o", "json"])
    }

    /// `kubectl get --raw .../configmaps/kubeadm-config --request-timeout=5s`: what kubeadm itself asks for first, in one
    /// request.
    pub fn kubeadm_config(&self) -> Command {
        self.raw("/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
    }

    /// `kubectl get --raw .../leases/NAME --request-timeout=5s`: who leads the schedulers or the controller-managers.
    pub fn lease(&self, name: &str) -> Command {
        self.raw(&format!("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{}", checked(name)))
    }

    /// `kubectl patch lease NAME --type=json -p '[{"op":"test",...},{"op":"replace",...}]'`: gives a lease back in the name of
    /// a process that has ended. The server refuses it where that process does not hold the lease any more.
    pub fn give_back(&self, name: &str, holder: &Holder) -> Command {
        let field = "/spec/holderIdentity";
        let steps = serde_json::json!([
            {"op": "test", "path": field, "value": holder.identity},
            {"op": "replace", "path": field, "value": ""},
        ]);
        let words = ["patch", "lease", checked(name), "-n", "kube-system", "--type=json", "-p"];
        let argv = self.argv(&[&words[..], &[&steps.to_string()]].concat());
        Command::mutates(argv).deadline(Duration::from_secs(15))
    }

    fn raw(&self, path: &str) -> Command {
        let mut argv = vec!["kubectl".to_owned(), format!("--kubeconfig={}", self.kubeconfig)];
        argv.extend(["get", "--raw", path].map(str::to_owned));
        argv.extend(self.server.iter().map(|url| format!("--server={url}")));
        argv.push("--request-timeout=5s".to_owned());
        Command::reads(argv).deadline(Duration::from_secs(15))
    }

    /// `kubectl rollout restart KIND NAME -n NAMESPACE`. Not idempotent: each call is another restart.
    pub fn rollout_restart(&self, resource: &Resource, namespace: &str) -> Command {
        let (kind, name) = (resource.kind(), resource.name());
        let args = ["rollout", "restart", kind, name, "-n", checked(namespace)];
        Command::mutates(self.argv(&args)).deadline(Duration::from_secs(30))
    }

    /// `kubectl rollout status KIND NAME -n NAMESPACE --timeout=T`: waits until the rollout is done, at most T.
    pub fn rollout_status(&self, resource: &Resource, namespace: &str, within: Duration) -> Command {
        let timeout = format!("--timeout={}s", within.as_secs().max(1));
        let (kind, name) = (resource.kind(), resource.name());
        let mut argv = vec!["kubectl".to_owned(), format!("--kubeconfig={}", self.kubeconfig)];
        argv.extend(["rollout", "status", kind, name, "-n", checked(namespace)].map(str::to_owned));
        argv.push(timeout);
        // No --request-timeout: it would end the watch that status waits with.
        argv.extend(self.server.iter().map(|url| format!("--server={url}")));
        Command::reads(argv).deadline(within + Duration::from_secs(15))
    }

    fn reads(&self, words: &[&str]) -> Command {
        Command::reads(self.argv(words))
    }

    fn argv(&self, words: &[&str]) -> Vec<String> {
        let mut argv = vec!["kubectl".to_owned(), format!("--kubeconfig={}", self.kubeconfig)];
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv.extend(self.server.iter().map(|url| format!("--server={url}")));
        argv.push("--request-timeout=10s".to_owned());
        argv
    }
}

/// A name or namespace.
///
/// # Panics
/// When it is not a Kubernetes name: plans and inventories are checked before, so this is a bug.
fn checked(name: &str) -> &str {
    assert!(is_name(name), "`{}` is no name of Kubernetes", name.escape_debug());
    name
}

#[cfg(test)]
mod tests;
