//! One measurement: a cluster, the load, the way, and waiting until the cluster is whole again.

use std::time::{Duration, Instant};

use super::load::{Credential, Load};
use super::{Case, GapsError, Measured, State};
use crate::host::{Cluster, Programs, Said, Spec};
use crate::wire::moment;

/// How long a cluster may take to be whole, s.
const WHOLE: u64 = 120;

pub(super) fn measure(case: Case, programs: &Programs) -> Result<Measured, GapsError> {
    let cluster = Cluster::start(&Spec::new(case.state.validity()).balancer(case.balancer), programs)?;
    let credential = Credential::make(&cluster)?;
    match case.state {
        State::Live => until_whole(&cluster, "the first look at a whole cluster", "")?,
        State::Dead => until_dead(&cluster)?,
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
    Ok(Measured { case, total_s, settled_s, said: said.stdout, report: load.end()? })
}

/// Waits until each member of etcd has started, and none of them has a leader.
fn until_dead(cluster: &Cluster) -> Result<(), GapsError> {
    let began = Instant::now();
    for node in cluster.nodes() {
        loop {
            let said = cluster.ssh(node.name(), "curl -sS --max-time 2 http://127.0.0.1:2381/health");
            if said.stdout.contains("false") {
                break;
            }
            if began.elapsed() > Duration::from_secs(WHOLE) {
                let what = "a cluster without quorum";
                return Err(GapsError::Late { what, seconds: WHOLE, said: said.whole() });
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
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
