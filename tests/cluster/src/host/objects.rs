//! The objects that a kubeadm cluster has before anybody does anything: nodes, its configuration, the kubeconfig in its
//! secret, and the DaemonSet that the procedure restarts.

use serde_json::{Value, json};

use certwright_steps::lab::LabSpec;

use super::seed::Object;
use super::{SecretIs, Spec};
use crate::wire::moment;

/// All of them, by their keys; `kubeconfig` is what the cluster's secret holds.
pub(super) fn all(whole: &Spec, kubeconfig: &[u8]) -> Vec<Object> {
    let spec = &whole.lab;
    let cluster = &spec.cluster;
    let mut objects = vec![
        namespace(&cluster.namespace),
        object("configmaps", "ConfigMap", "v1", Some("kube-system"), "kubeadm-config", configuration(spec)),
        secret(whole, kubeconfig),
    ];
    objects.extend(spec.nodes.iter().map(|node| {
        let value = json!({
            "spec": {},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": node.address},
                    {"type": "Hostname", "address": node.name},
                ],
                "conditions": [{"type": "Ready", "status": "Unknown"}],
                "nodeInfo": {"kubeletVersion": "v1.36.1", "containerRuntimeVersion": "containerd://1.7.24"},
            },
        });
        let mut object = object("nodes", "Node", "v1", None, &node.name, value);
        object.1["metadata"]["labels"] =
            json!({"kubernetes.io/hostname": node.name, "node-role.kubernetes.io/control-plane": ""});
        object
    }));
    if spec.etcd_defrag {
        let mut defrag =
            object("daemonsets.apps", "DaemonSet", "apps/v1", Some("kube-system"), "etcd-defrag", defrag());
        defrag.1["metadata"]["generation"] = json!(1);
        objects.push(defrag);
    }
    objects.into_iter().map(|(key, value)| (key, value.to_string().into_bytes())).collect()
}

fn secret(whole: &Spec, kubeconfig: &[u8]) -> (String, Value) {
    let cluster = &whole.lab.cluster;
    let name = format!("{}-kubeconfig", cluster.name);
    let value = json!({"type": "Opaque", "data": {"value": encoded(kubeconfig)}});
    let mut secret = object("secrets", "Secret", "v1", Some(&cluster.namespace), &name, value);
    if whole.secret == SecretIs::Refreshed {
        secret.1["metadata"]["annotations"] = json!({"certwright.test/refresh": "true"});
    }
    secret
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn namespace(name: &str) -> (String, Value) {
    object("namespaces", "Namespace", "v1", None, name, json!({"status": {"phase": "Active"}}))
}

/// An object under the key that the API server has for it.
fn object(
    resource: &str,
    kind: &str,
    version: &str,
    namespace: Option<&str>,
    name: &str,
    value: Value,
) -> (String, Value) {
    let mut object = value;
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(version);
    object["metadata"] =
        json!({"name": name, "uid": uid(resource, name), "creationTimestamp": moment::seconds()});
    let place = namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    (format!("/registry/{resource}/{place}{name}"), object)
}

fn uid(resource: &str, name: &str) -> String {
    let digits = certwright_steps::pki::Digest::of(format!("{resource}/{name}").as_bytes()).to_string();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]].join("-")
}

fn configuration(spec: &LabSpec) -> Value {
    let text = format!(
        "apiServer: {{}}\napiVersion: kubeadm.k8s.io/v1beta4\ncaCertificateValidityPeriod: 87600h0m0s\n\
         certificateValidityPeriod: 8760h0m0s\ncertificatesDir: /etc/kubernetes/pki\nclusterName: {}\n\
         controlPlaneEndpoint: {}:6443\ncontrollerManager: {{}}\netcd:\n  local:\n    dataDir: /var/lib/etcd\n\
         imageRepository: registry.k8s.io\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.1\nnetworking:\n  \
         dnsDomain: cluster.local\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\nproxy: {{}}\nscheduler: \
         {{}}\n",
        spec.cluster.name, spec.endpoint
    );
    json!({"data": {"ClusterConfiguration": text}})
}

fn defrag() -> Value {
    json!({
        "spec": {
            "selector": {"matchLabels": {"app": "etcd-defrag"}},
            "template": {
                "metadata": {"labels": {"app": "etcd-defrag"}},
                "spec": {
                    "containers": [{
                        "name": "etcd-defrag",
                        "image": "registry.k8s.io/etcd-defrag:real",
                        "command": ["etcd-defrag"],
                    }],
                    "terminationGracePeriodSeconds": 1,
                },
            },
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        },
    })
}
