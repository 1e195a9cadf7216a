//! Whole clusters: a healthy one of which nothing is said, and every finding provoked in a lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use certwright_engine::clock::Clock;
use certwright_engine::host::Host;

use super::*;
use crate::lab::{Fault, Lab, LabSpec, Validity};
use crate::pki::Digest;
use crate::tools::collect::{Keys, Tree};
use crate::tools::testing::{TestCa, tell};

mod asked;

mod hostile;

mod kubeconfigs;

mod passed_over;

const NOW_MS: u64 = 1_795_555_800_000;
const DAY: i64 = 86_400;

/// A cluster in a lab, all certificates valid unless the test says otherwise.
struct Bench {
    dir: tempfile::TempDir,
    lab: Lab,
    clock: Clock,
}

impl Bench {
    fn new(validity: Validity) -> Self {
        Self::of(&LabSpec::default().certificates(validity))
    }

    fn of(spec: &LabSpec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::virtual_from(NOW_MS);
        let lab = Lab::create(dir.path().join("lab"), spec, &clock).unwrap();
        Self { dir, lab, clock }
    }

    fn path(&self, host: &str, path: &str) -> PathBuf {
        self.dir.path().join("lab").join(host).join(path.trim_start_matches('/'))
    }

    fn put(&self, host: &str, path: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(host, path), content).unwrap();
    }

    fn copy(&self, from: (&str, &str), to: (&str, &str)) {
        fs::copy(self.path(from.0, from.1), self.path(to.0, to.1)).unwrap();
    }

    fn edit(&self, host: &str, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(host, path)).unwrap();
        assert!(text.contains(from), "{from} in {path}");
        self.put(host, path, text.replace(from, to));
    }

    fn host(&self, name: &str) -> Arc<dyn Host> {
        self.lab.host(name, self.clock.clone()).unwrap()
    }

    async fn look(&self, ask: Ask) -> Vec<Report> {
        let mut reports = Vec::new();
        for name in ["cp-1", "cp-2", "cp-3"] {
            reports.push(look(self.host(name).as_ref(), &self.clock, Keys::Asked, ask, None).await);
        }
        let cluster = self.lab.spec().unwrap().cluster;
        reports.push(workstation(self.host("workstation").as_ref(), &cluster, Kubeconfigs::All).await);
        reports
    }

    fn wanted(&self) -> Wanted<'static> {
        let now = i64::try_from(self.clock.wall_ms() / 1000).unwrap();
        Wanted { now, within_s: 30 * DAY, skew_s: 30, renew: "renew" }
    }

    async fn findings(&self, ask: Ask) -> Vec<Finding> {
        judge(&self.look(ask).await, &self.wanted())
    }
}

/// `id host/certificate` of each finding.
fn told(findings: &[Finding]) -> Vec<String> {
    let name = |finding: &Finding| match &finding.subject.certificate {
        Some(certificate) => format!("{} {}/{certificate}", finding.id, finding.subject.host),
        None => format!("{} {}", finding.id, finding.subject.host),
    };
    findings.iter().map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_healthy_cluster() {
    let bench = Bench::new(Validity::Valid);
    let reports = bench.look(Ask::Running).await;
    let rows: Vec<&Row> = reports.iter().flat_map(|report| &report.rows).collect();
    assert!(reports.iter().all(|report| report.error.is_none() && report.troubles.is_empty()));
    for row in &rows {
        assert!(row.certificate.is_ok(), "{row:?}");
        assert!(row.key == Key::Matches || row.name == "kubelet-serving[2]", "{row:?}");
        assert!(row.signed_by.is_some(), "{row:?}");
    }
    let served: Vec<String> =
        rows.iter().flat_map(|row| row.served.iter().map(|served| served.at.to_string())).collect();
    assert_eq!(served[..3], ["127.0.0.1:6443", "10.200.0.2:2380", "127.0.0.1:2379"], "{served:?}");
    assert_eq!(served.len(), 9);
    assert_eq!(reports[0].running.len(), 4);
    assert_eq!(told(&judge(&reports, &bench.wanted())), Vec::<String>::new());
    let names: Vec<&str> = reports[0].rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "admin.conf",
            "apiserver",
            "apiserver-etcd-client",
            "apiserver-kubelet-client",
            "controller-manager.conf",
            "etcd-healthcheck-client",
            "etcd-peer",
            "etcd-server",
            "front-proxy-client",
            "scheduler.conf",
            "super-admin.conf",
            "kubelet-client",
            "kubelet-serving",
            "kubelet-serving[2]",
            "ca",
            "etcd-ca",
            "front-proxy-ca"
        ]
    );
    tell(format_args!("{} certificates of a healthy cluster", rows.len()));
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_or_will_soon_is_told_of_each_certificate() {
    let expired = Bench::new(Validity::Expired).findings(Ask::Files).await;
    assert_eq!(expired.iter().filter(|finding| finding.id == "expired").count(), 10 * 3 + 1 + 2);
    assert_eq!(expired[0].severity, Severity::Expired);
    assert!(expired[0].what.starts_with("cp-1: admin.conf expired 24h ago"), "{}", expired[0].what);
    let soon = Bench::new(Validity::Expiring).findings(Ask::Files).await;
    assert_eq!(soon.iter().filter(|finding| finding.id == "within").count(), 10 * 3 + 1 + 2);
    assert_eq!(soon.len(), 33, "{:?}", told(&soon));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_as_it_must_be_is_told_by_what_is_wrong_with_it() {
    let bench = Bench::new(Validity::Valid);
    let pki = "/etc/kubernetes/pki";
    fs::remove_file(bench.path("cp-1", &format!("{pki}/apiserver-kubelet-client.crt"))).unwrap();
    bench.put("cp-1", &format!("{pki}/front-proxy-client.crt"), "garbage");
    bench.copy(("cp-1", &format!("{pki}/sa.key")), ("cp-1", &format!("{pki}/etcd/peer.key")));
    fs::remove_file(bench.path("cp-1", &format!("{pki}/etcd/healthcheck-client.key"))).unwrap();
    // Another node's certificate with its key.
    for extension in ["crt", "key"] {
        let file = format!("{pki}/etcd/server.{extension}");
        bench.copy(("cp-3", &file), ("cp-2", &file));
    }
    bench.edit("cp-2", "/etc/kubernetes/manifests/kube-scheduler.yaml", "spec:", "spec: [");
    let findings = bench.findings(Ask::Files).await;
    assert_eq!(
        told(&findings),
        [
            "missing cp-1/apiserver-kubelet-client",
            "key-mismatch cp-1/etcd-healthcheck-client",
            "key-mismatch cp-1/etcd-peer",
            "unreadable cp-1/front-proxy-client",
            "incomplete cp-2",
            "san-missing cp-2/etcd-server",
            "copied cp-3/etcd-server",
        ]
    );
    assert_eq!(
        findings[5].what,
        "cp-2: etcd-server is reached by 10.200.0.3, which is not among its SANs (DNS:cp-3, DNS:localhost, IP:10.200.0.4, \
         IP:127.0.0.1, IP:::1)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_looked_at_for_its_name_is_named() {
    let bench = Bench::new(Validity::Valid);
    bench.copy(
        ("cp-1", "/etc/kubernetes/pki/ca.crt"),
        ("cp-1", "/etc/kubernetes/pki/etcd/two\nlines\u{1b}[2J.pem"),
    );
    let findings = bench.findings(Ask::Files).await;
    assert_eq!(told(&findings), ["incomplete cp-1"]);
    assert_eq!(
        findings[0].what,
        "cp-1: `/etc/kubernetes/pki/etcd/two\\nlines\\u{1b}[2J.pem` was not looked at: its name has a line end, or bytes that are no \
         UTF-8"
    );
}

#[tokio::test(start_paused = true)]
async fn an_authority_of_another_cluster_is_told_with_all_that_hangs_on_it() {
    let (bench, other) = (Bench::new(Validity::Valid), Bench::new(Validity::Valid));
    for extension in ["crt", "key"] {
        let from = other.path("cp-1", &format!("/etc/kubernetes/pki/etcd/ca.{extension}"));
        fs::copy(from, bench.path("cp-2", &format!("/etc/kubernetes/pki/etcd/ca.{extension}"))).unwrap();
    }
    fs::copy(
        other.path("cp-1", "/etc/kubernetes/admin.conf"),
        bench.path("cp-3", "/etc/kubernetes/admin.conf"),
    )
    .unwrap();
    let kubeconfig = "bmctl-workspace/lab/lab-kubeconfig";
    fs::copy(other.path("workstation", kubeconfig), bench.path("workstation", kubeconfig)).unwrap();
    assert_eq!(
        told(&bench.findings(Ask::Files).await),
        [
            "wrong-authority cp-2/apiserver-etcd-client",
            "wrong-authority cp-2/etcd-healthcheck-client",
            "wrong-authority cp-2/etcd-peer",
            "wrong-authority cp-2/etcd-server",
            "wrong-authority cp-3/admin.conf",
            "wrong-trust cp-3/admin.conf",
            "nodes-differ cp-2/etcd-ca",
            "wrong-authority workstation/kubeconfig",
            "wrong-trust workstation/kubeconfig",
            "kubeconfigs-disagree workstation/kubeconfig",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_compared_with_what_lies_on_disk() {
    let bench = Bench::new(Validity::Valid);
    let other = TestCa::new("other");
    let (certificate, key) = other.leaf("cp-1", 2027);
    // Only what is served is looked at here: the rest of what is wrong with this certificate is told as well.
    bench.put("cp-1", "/etc/kubernetes/pki/apiserver.crt", &certificate);
    bench.put("cp-1", "/etc/kubernetes/pki/apiserver.key", &key);
    let conf = bench.path("cp-2", "/etc/kubernetes/scheduler.conf");
    let later = std::time::UNIX_EPOCH + std::time::Duration::from_millis(NOW_MS - 1000);
    fs::File::options().append(true).open(conf).unwrap().set_modified(later).unwrap();
    let mut reports = bench.look(Ask::Running).await;
    let findings = told(&judge(&reports, &bench.wanted()));
    assert!(findings.contains(&"older-than-file cp-2".to_owned()), "{findings:?}");
    // The lab's API server reads a file that changed within the second; a port that holds on to the old one is made here.
    let row = reports[0].rows.iter_mut().find(|row| row.name == "etcd-server").unwrap();
    row.served[0].fingerprint = Ok(Digest::of(b"old"));
    let row = reports[1].rows.iter_mut().find(|row| row.name == "etcd-peer").unwrap();
    row.served[0].fingerprint = Err("connection refused".to_owned());
    reports[2].running[3].since_ns = None;
    let findings = judge(&reports, &bench.wanted());
    let ids = told(&findings);
    for expected in ["not-served cp-1/etcd-server", "port-silent cp-2/etcd-peer", "not-running cp-3"] {
        assert!(ids.contains(&expected.to_owned()), "{expected} in {ids:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_and_a_host_that_is_not_there_are_findings() {
    let bench = Bench::new(Validity::Valid);
    bench.lab.inject("clock-off@cp-2".parse::<Fault>().unwrap()).unwrap();
    bench.lab.inject("slow=100@cp-3".parse::<Fault>().unwrap()).unwrap();
    let findings = bench.findings(Ask::Files).await;
    assert_eq!(told(&findings), ["clock-skew cp-2", "unreachable cp-3"]);
    assert_eq!(findings[0].what, "cp-2: its clock is 5m ahead of this machine's");
}

#[test]
fn a_folder_without_a_node_in_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (report, _) = tree("backup", &Tree::open(Path::new(dir.path())).unwrap(), Keys::Asked);
    assert!(report.error.unwrap().message.starts_with("backup: it has no certificate of Kubernetes"));
}
