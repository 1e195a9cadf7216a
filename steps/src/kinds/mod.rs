//! One file a step kind.
//!
//! A kind decides; what programs print and certificates say is read by [`crate::tools`] and [`crate::pki`].
//! Every kind looks before it acts, in apply as well as in probe, so that each of them may be called again at any
//! time. Facts are public data: they are journaled.

mod fields;

mod finding;

mod node;

mod peers;

mod silence;

mod facts;

mod holdings;

mod configuration;

mod kubelet;

mod archives;

mod static_pods;

mod log_time;

mod preflight;

mod backup;

mod kubeadm_renew;

mod verify_certificates;

mod kubelet_client;

mod restart_static_pods;

mod api_ready;

mod replace_kubeconfig;

mod kubelet_certificates;

mod rollout_restart;

mod pods_healthy;

mod scan_logs;

mod command;

mod rehearsed;

use certwright_engine::step::{Kind, Registry};

pub use facts::{
    CertificateFacts, ComponentTrouble, Versions, Warning, certificate_facts, component_troubles, versions,
    warnings,
};
pub(crate) use holdings::Holdings;
pub(crate) use kubelet::{Client, first};
pub(crate) use log_time::nanoseconds as log_nanoseconds;
pub(crate) use node::{Node, dial};
pub use preflight::is_no_node;
pub use rehearsed::NOT_REHEARSED;
pub(crate) use static_pods::ports;

/// All kinds of this crate.
pub fn registry() -> Registry {
    with(command::KIND)
}

/// The same for hosts of a lab: programs that a lab has not are taken as done, and said to be.
pub fn rehearsal_registry() -> Registry {
    with(rehearsed::KIND)
}

fn with(command: Kind) -> Registry {
    Registry::new([
        preflight::KIND,
        backup::KIND,
        kubeadm_renew::KIND,
        verify_certificates::KIND,
        kubelet_client::KIND,
        restart_static_pods::KIND,
        api_ready::KIND,
        replace_kubeconfig::KIND,
        kubelet_certificates::KIND,
        rollout_restart::KIND,
        pods_healthy::KIND,
        scan_logs::KIND,
        command,
    ])
}
