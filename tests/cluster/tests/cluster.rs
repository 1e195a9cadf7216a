//! The whole product on the test cluster: real sshd, sudo, etcd and kubectl, and everything between them. Needs root.

#![expect(clippy::print_stdout, reason = "suites say what they measured")]

#[path = "cluster/support.rs"]
mod support;

#[path = "components/mint.rs"]
mod mint;

#[path = "cluster/hosts.rs"]
mod hosts;

#[path = "cluster/containers.rs"]
mod containers;

#[path = "cluster/kubelets.rs"]
mod kubelets;

#[path = "cluster/serving.rs"]
mod serving;

#[path = "cluster/proof.rs"]
mod proof;

#[path = "cluster/renewal.rs"]
mod renewal;

#[path = "cluster/damaged.rs"]
mod damaged;

#[path = "cluster/live.rs"]
mod live;

#[path = "cluster/faults.rs"]
mod faults;

#[path = "cluster/worse.rs"]
mod worse;

#[path = "cluster/undone.rs"]
mod undone;

#[path = "cluster/struck.rs"]
mod struck;

#[path = "cluster/certs.rs"]
mod certs;

#[path = "cluster/planted.rs"]
mod planted;

#[path = "cluster/masked.rs"]
mod masked;
