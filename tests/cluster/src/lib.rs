//! Three control-plane hosts and a workstation on one machine, for tests of the whole product.
//!
//! Real are sshd, sudo, etcd, kubectl, TLS, namespaces and files; ours are kubelet, runtime, kubeadm and the parts of
//! Kubernetes that the procedure touches. Invariant: everything a cluster starts ends with whoever started it. Absent:
//! container images, pod networks, and every verb of the API that nothing here asks for.

pub mod api;
pub mod balancer;
pub mod controllers;
pub mod gaps;
pub mod host;
pub mod init;
pub mod kubeadm;
pub mod kubelet;
pub mod load;
pub mod runtime;
pub mod said;
pub mod settings;
pub mod systemctl;
pub mod wire;
