//! One measurement: a cluster, the load, the way, and waiting until the cluster is whole again.

use std::time::{Duration, Instant};

use certwright_steps::lab::Validity;

use super::load::{Credential, Load};
use super::{Case, GapsError, Measured, State, Way};
use crate::host::{Cluster, Programs, Said, Spec};
use crate::wire::moment;

/// How long certificates are valid that end at once, s.
const SHORT: u64 = 20;

/// How long a cluster may take to be whole, s.
const WHOLE: u64 = 120;

pub(super) fn measure(case: Case, programs: &Programs) -> Result<Measured, GapsError> {
    let cluster = Cluster::start(&Spec::new(Validity::Expiring).balancer(case.balancer), programs)?;
    let credential = Credential::make(&cluster)?;
    until_whole(&cluster, "the first look at a whole cluster", "")?;
    match case.state {
        State::Live => {}
        State::Dead => kill(&cluster)?,
    }
    let load = Load::start(&cluster, &credential, case.state)?;
    let began = Instant::now();
    let words = case.way.command();
    let mut command = cluster.workstation().command(words[0]);
    let said = Said::of(command.args(&words[1..]));
    let total_s = began.elapsed().as_secs_f64();
    if said.code != Some(0) {
        let whole = said.whole();
        let from = whole.len().saturating_sub(3000);
        let said = whole.get(from..).unwrap_or(&whole).to_owned();
        return Err(GapsError::Way { way: case.way.word(), said });
    }
    let ended = Instant::now();
    until_whole(&cluster, "a whole cluster after the renewal", &moment::micros())?;
    let settled_s = ended.elapsed().as_secs_f64();
    let said = format!("{}{}", said.stdout, events(&cluster, case.way));
    Ok(Measured { case, total_s, settled_s, said, report: load.end()? })
}

/// When a run did what, as its journal tells it.
fn events(cluster: &Cluster, way: Way) -> String {
    match way {
        Way::Page => String::new(),
        Way::All | Way::Needed => {
            Said::of(cluster.workstation().command("certwright").args(["show", "--events"])).stdout
        }
    }
}

/// New certificates that end at once, and a restart of every etcd after that: its members refuse each other.
///
/// The API servers stay up, as they do where certificates expire under them.
fn kill(cluster: &Cluster) -> Result<(), GapsError> {
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificateValidityPeriod: {SHORT}s\n"
    );
    for node in cluster.nodes() {
        let file = node.path("/root/short.yaml");
        let failed = |source| GapsError::Process { action: "write a configuration of kubeadm", source };
        std::fs::write(file, &config).map_err(failed)?;
        let said = cluster.ssh(node.name(), "kubeadm certs renew all --config /root/short.yaml");
        if said.code != Some(0) {
            return Err(GapsError::Way { way: "kubeadm with a short validity", said: said.whole() });
        }
    }
    let on_each = |what: &'static str, script: &str, word: &str| {
        for node in cluster.nodes() {
            let began = Instant::now();
            loop {
                let said = cluster.ssh(node.name(), script);
                if said.stdout.contains(word) {
                    break;
                }
                if began.elapsed() > Duration::from_secs(WHOLE) {
                    return Err(GapsError::Late { what, seconds: WHOLE, said: said.whole() });
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        Ok(())
    };
    let look = "openssl x509 -noout -checkend 0 -in /etc/kubernetes/pki/etcd/peer.crt";
    on_each("the end of the certificates", look, "will expire")?;
    let stop = "crictl stop $(crictl ps -q --name '^etcd$') && echo stopped";
    on_each("a stop of etcd", stop, "stopped")?;
    let health = "curl -sS --max-time 3 http://127.0.0.1:2381/health";
    on_each("the end of the quorum", health, "\"health\":\"false\"")
}

/// Waits until each API server is ready and both leases were renewed after a moment.
fn until_whole(cluster: &Cluster, what: &'static str, after: &str) -> Result<(), GapsError> {
    let began = Instant::now();
    loop {
        let missing = missing(cluster, after);
        let Some(said) = missing else { return Ok(()) };
        if began.elapsed() > Duration::from_secs(WHOLE) {
            return Err(GapsError::Late { what, seconds: WHOLE, said });
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What is not as it should be; `None` when all is.
fn missing(cluster: &Cluster, after: &str) -> Option<String> {
    let workstation = cluster.workstation();
    for node in cluster.nodes() {
        let url = format!("https://{}:6443/readyz", node.address());
        let said = Said::of(workstation.command("curl").args(["-fsSk", "--max-time", "2", &url]));
        if said.stdout != "ok" {
            return Some(format!("{}: {}", node.name(), said.whole()));
        }
    }
    for lease in ["kube-controller-manager", "kube-scheduler"] {
        let kubeconfig = format!("--kubeconfig={}", Credential::path("kubeconfig"));
        let path = "jsonpath={.spec.renewTime}";
        let words =
            [&kubeconfig, "get", "lease", lease, "-n", "kube-system", "-o", path, "--request-timeout=5s"];
        let said = Said::of(workstation.command("kubectl").args(words));
        // Both are in one form and one time zone.
        if said.code != Some(0) || said.stdout.is_empty() || said.stdout.as_str() <= after {
            return Some(format!("lease {lease}: {}", said.whole()));
        }
    }
    None
}
