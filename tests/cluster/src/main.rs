//! The programs of a host of the test cluster: one binary under many names.
//!
//! It is what the name that it is called by says; called by its own name, its first argument says it.

use std::path::Path;
use std::process::ExitCode;

use certwright_cluster::{
    api, balancer, controllers, gaps, host, init, kubeadm, kubelet, load, runtime, said, systemctl,
};

/// The binary's own name.
const OWN: &str = "certwright-cluster";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let name = |word: &String| Path::new(word).file_name().map(|n| n.to_string_lossy().into_owned());
    let (program, args) = match words.split_first() {
        Some((first, rest)) if name(first).is_some_and(|n| n == OWN) => match rest.split_first() {
            Some((program, args)) => (program.clone(), args),
            None => return unknown("nothing"),
        },
        Some((first, rest)) => (name(first).unwrap_or_default(), rest),
        None => return unknown("nothing"),
    };
    match program.as_str() {
        "kube-apiserver" => api::main(args),
        "kube-controller-manager" => controllers::manager(args),
        "kube-scheduler" => controllers::scheduler(args),
        "balancer" => balancer::main(args),
        "load" => load::main(args),
        "gaps" => gaps::main(args),
        "kubeadm" => kubeadm::main(args),
        "kubelet" => kubelet::main(args),
        "systemctl" => systemctl::main(args),
        "containerd" => runtime::main(args),
        "crictl" => runtime::crictl(args),
        "init" => init::main(args),
        "etcd-defrag" => runtime::idle(),
        "up" => host::up(args),
        other => unknown(other),
    }
}

fn unknown(program: &str) -> ExitCode {
    said::line(&format!("{OWN}: {program}: no program of a host of the test cluster"));
    ExitCode::from(127)
}
