//! One measurement: a cluster, the load, the way, and waiting until the cluster is whole again.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use certwright_steps::lab::Validity;

use super::{Case, GapsError, Measured};
use crate::host::{Cluster, Programs, Said, Spec};
use crate::load::report::Report;
use crate::wire::moment;

/// How long a cluster may take to be whole, s.
const WHOLE: u64 = 120;

/// The load goes on so long at most, s.
const LONGEST: u64 = 900;

pub(super) fn measure(case: Case, programs: &Programs) -> Result<Measured, GapsError> {
    let cluster = Cluster::start(&Spec::new(Validity::Expiring).balancer(case.balancer), programs)?;
    until_whole(&cluster, "the first look at a whole cluster", "")?;
    let load = Load::start(&cluster, programs)?;
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
        let kubeconfig = "--kubeconfig=bmctl-workspace/lab/lab-kubeconfig";
        let path = "jsonpath={.spec.renewTime}";
        let words =
            [kubeconfig, "get", "lease", lease, "-n", "kube-system", "-o", path, "--request-timeout=5s"];
        let said = Said::of(workstation.command("kubectl").args(words));
        // Both are in one form and one time zone.
        if said.code != Some(0) || said.stdout.is_empty() || said.stdout.as_str() <= after {
            return Some(format!("lease {lease}: {}", said.whole()));
        }
    }
    None
}

/// The load, on the workstation.
struct Load {
    process: Child,
    folder: PathBuf,
}

impl Load {
    fn start(cluster: &Cluster, programs: &Programs) -> Result<Self, GapsError> {
        let folder = cluster.folder().join("load");
        let process = |action| move |source| GapsError::Process { action, source };
        std::fs::create_dir_all(&folder).map_err(process("create the load's folder"))?;
        // Copies: the load's own credential is not what is renewed meanwhile.
        let pki = "/etc/kubernetes/pki/etcd";
        let files = [
            (cluster.node("cp-1").path(&format!("{pki}/ca.crt")), "ca.crt"),
            (cluster.node("cp-1").path(&format!("{pki}/healthcheck-client.crt")), "client.crt"),
            (cluster.node("cp-1").path(&format!("{pki}/healthcheck-client.key")), "client.key"),
            (cluster.workstation().path("/root/bmctl-workspace/lab/lab-kubeconfig"), "kubeconfig"),
        ];
        for (from, to) in files {
            std::fs::copy(from, folder.join(to)).map_err(process("copy the load's credential"))?;
        }
        let own = |name: &str| folder.join(name);
        let file = |name: &str| File::create(own(name)).map_err(process("create a file of the load"));
        let mut command = cluster.workstation().command(&programs.hosts.display().to_string());
        command.arg("load").arg(format!("--for={LONGEST}")).arg(format!("--until={}", own("end").display()));
        command
            .arg(format!("--kubeconfig={}", own("kubeconfig").display()))
            .arg("--balancer=10.200.0.1:6443");
        command.arg(format!("--etcd-cafile={}", own("ca.crt").display()));
        command.arg(format!("--etcd-certfile={}", own("client.crt").display()));
        command.arg(format!("--etcd-keyfile={}", own("client.key").display()));
        for node in cluster.nodes() {
            command.arg(format!("--server={}={}:6443", node.name(), node.address()));
            command.arg(format!("--member={}={}:2379", node.name(), node.address()));
        }
        command.stdout(file("report.json")?).stderr(file("log")?).stdin(Stdio::null());
        let mut load = Self { process: command.spawn().map_err(process("start the load"))?, folder };
        load.until_it_measures()?;
        Ok(load)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn until_it_measures(&mut self) -> Result<(), GapsError> {
        let began = Instant::now();
        while !self.log().contains("Measuring") {
            let ended = self.process.try_wait().is_ok_and(|status| status.is_some());
            if ended || began.elapsed() > Duration::from_secs(WHOLE) {
                return Err(GapsError::Late {
                    what: "the load's first answers",
                    seconds: WHOLE,
                    said: self.log(),
                });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Ends it; its report.
    fn end(mut self) -> Result<Report, GapsError> {
        let process = |source| GapsError::Process { action: "end the load", source };
        File::create(self.folder.join("end")).map_err(process)?;
        self.process.wait().map_err(process)?;
        let text = std::fs::read_to_string(self.folder.join("report.json")).map_err(process)?;
        serde_json::from_str(&text).map_err(|error| GapsError::Report(format!("{error}: {}", self.log())))
    }
}
