//! What certwright knows of Kubernetes: certificates, kubeadm, crictl, kubectl, and a lab that behaves like them.
//!
//! [`pki`] holds pure certificate facts, [`tools`] one file a remote program, [`kubeconfigs`] what the kubeconfigs of a
//! cluster are to each other, [`kinds`] one file a step kind, [`diagnosis`] what known texts mean, [`checkup`] what a node shows of itself, [`certs`] every
//! certificate of a cluster as rows and findings, [`inventories`] hosts from what an operator already has, [`lab`] the simulated nodes.

pub mod pki;

mod span;

pub mod tools;

pub mod kubeconfigs;

pub mod kinds;

pub mod diagnosis;

pub mod checkup;

pub mod certs;

pub mod inventories;

pub mod lab;

pub use kinds::{registry, rehearsal_registry};
