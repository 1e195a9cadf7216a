//! What a preflight finds fatal, each with its remedy, and what of it is no finding.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;
use certwright_steps::kinds::{Warning, warnings};
use certwright_steps::lab::{FaultKind, Validity};
use serde_json::json;

use crate::bench::{Bench, Stage};
use crate::faults::assert_says;
use crate::good;
use crate::scenarios::Scenario;

pub(crate) const MANIFESTS: &str = "/etc/kubernetes/manifests";

pub(crate) fn preflight(validity: Validity) -> Scenario {
    Scenario::new("preflight", "cp-1", validity)
}

/// All lines of an error of findings.
fn lines(error: &StepError) -> Vec<String> {
    error.evidence.as_ref().expect("all findings").last_lines.clone()
}

impl Bench<'_> {
    /// The findings of a probe that must fail.
    pub(crate) async fn found(&self) -> Vec<String> {
        lines(&self.probe().await.expect_err("there is something to find"))
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_or_lacks_among_the_manifests_is_found() {
    let stage_of = preflight(Validity::Expired);
    let stage = Stage::new(&stage_of).await;
    let bench = stage.bench();
    let manifests = bench.file(MANIFESTS);
    std::fs::create_dir(manifests.join("old")).expect("a folder");
    std::fs::create_dir(manifests.join(".hidden")).expect("a folder");
    std::os::unix::fs::symlink("kube-scheduler.yaml", manifests.join("again.yaml")).expect("a link");
    assert_eq!(
        bench.found().await,
        [
            "/etc/kubernetes/manifests/kube-scheduler.yaml is a second manifest of pod kube-scheduler, beside \
             /etc/kubernetes/manifests/again.yaml: move the older of the two out of /etc/kubernetes/manifests",
            "/etc/kubernetes/manifests/old is a folder among the manifests: move it out of /etc/kubernetes/manifests: no \
             backup may lie where the kubelet looks for static pods",
        ]
    );
    for (gone, words) in [
        (
            "etcd",
            "etcd.yaml is missing, yet the API server asks an etcd of this node: the kubelet runs no etcd: put it back",
        ),
        ("kube-scheduler", "kube-scheduler.yaml is missing: the kubelet runs no kube-scheduler: put it back"),
        ("kube-apiserver", "kube-apiserver.yaml is missing: the kubelet runs no kube-apiserver: put it back"),
    ] {
        let bench = stage.bench();
        std::fs::remove_file(bench.file(MANIFESTS).join(format!("{gone}.yaml"))).expect("a manifest");
        let found = bench.found().await;
        assert!(found.len() == 1 && found[0].contains(words), "{gone}: {found:?}");
        assert!(found[0].contains("kubeadm init phase "), "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_folder_of_certificates_than_the_static_pods_read_is_found_once_unless_it_is_the_same() {
    let scenario = preflight(Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let (ours, theirs) = ("/etc/kubernetes/pki", "/etc/kubernetes/ssl");
    std::fs::rename(bench.file(ours), bench.file(theirs)).expect("renamed");
    for name in ["kube-apiserver", "etcd"] {
        bench.edit(name, |text| text.replace(ours, theirs));
    }
    assert_eq!(
        bench.found().await,
        [
            "the static pods read the certificates of /etc/kubernetes/ssl, and those of /etc/kubernetes/pki would be renewed: \
          set `with.cert-dir = \"/etc/kubernetes/ssl\"` in the plan's steps that have it"
        ]
    );
    good("the folder that is meant", bench.other("preflight", json!({ "cert-dir": theirs }), "cp-1").await);
    std::os::unix::fs::symlink("ssl", bench.file(ours)).expect("a link");
    good("one folder by two names", bench.probe().await);
    let bench = stage.bench();
    bench.edit("kube-scheduler", |text| text.replace("/etc/kubernetes/scheduler.conf", "/etc/own.conf"));
    assert_eq!(
        bench.found().await,
        [
            "kube-scheduler reads /etc/own.conf, and kubeadm renews /etc/kubernetes/scheduler.conf: renew /etc/own.conf where \
          it comes from, or let the manifest of kube-scheduler name /etc/kubernetes/scheduler.conf again"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_kubeadm_that_does_not_fit_is_found_before_it_is_needed() {
    let scenario = preflight(Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let doctored =
        async |line, text| lines(&bench.probe_doctored(&[(line, text)]).await.expect_err("it does not fit"));
    assert_eq!(
        doctored("kubeadm version", "v1.35.4\n").await,
        [
            "kubeadm is v1.35.4, and the image of kube-apiserver is v1.36.1: it may not know all that it must renew: install \
          kubeadm 1.36 on cp-1"
        ]
    );
    let found =
        doctored("kubeadm certs check-expiration", "error: no kind \"X\" is registered\nTo see the stack\n")
            .await;
    assert_eq!(
        found,
        [
            "kubeadm v1.36.1 cannot look at the certificates with the configuration of a renewal: no kind \"X\" is registered: \
          see what it says on cp-1: kubeadm certs check-expiration --config /dev/stdin   # standard input: \
          kubeadm.k8s.io/v1beta4, /etc/kubernetes/pki and /etc/kubernetes/*.conf, a local etcd"
        ]
    );
    let fell = "[check-expiration] Error reading configuration from the Cluster. Falling back to default configuration\n";
    let found = doctored("kubeadm certs check-expiration", fell).await;
    assert!(
        found.len() == 1
            && found[0]
                .starts_with("kubeadm falls back to its defaults, although it was given a configuration"),
        "{found:?}"
    );
    good("a newer patch of the cluster", bench.probe_doctored(&[("kubeadm version", "v1.36.0\n")]).await);
}

#[tokio::test(start_paused = true)]
async fn a_file_system_that_can_hold_no_more_files_is_found() {
    let scenario = preflight(Validity::Valid);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let full = "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda 1000 995 5 100% /\n";
    let error = bench.probe_doctored(&[("df -Pi", full)]).await.expect_err("it is full");
    assert_says(
        &error,
        ErrorClass::Invalid,
        "cp-1: 2 findings, the first: the file system of /etc/kubernetes has 5 inodes free, 100 are needed",
    );
    let unlimited = "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda 0 0 0 - /\n";
    good("a file system without a limit", bench.probe_doctored(&[("df -Pi", unlimited)]).await);
}

#[tokio::test(start_paused = true)]
async fn an_external_ca_says_what_can_be_done() {
    let scenario = preflight(Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    std::fs::remove_file(bench.file("/etc/kubernetes/pki/etcd/ca.key")).expect("a key");
    assert_eq!(
        bench.found().await,
        [
            "etcd-ca is external: /etc/kubernetes/pki/etcd/ca.key is missing: put its key there for the time of the run, or \
          renew by hand what it signs: on the node `kubeadm certs generate-csr --cert-dir /etc/kubernetes/pki \
          --kubeconfig-dir /etc/kubernetes` makes the requests, and the certificates are signed where the key is kept"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_turns_out_to_be_off_is_found_and_nothing_is_judged_by_it_afterwards() {
    assert!(FaultKind::ALL.contains(&FaultKind::ClockOff));
    let scenario = preflight(Validity::Valid);
    let stage = Stage::new(&scenario).await;
    for (fault, words) in [
        ("clock-off@cp-1", "cp-1: its clock is 5m ahead of the workstation's (at most 1m is accepted)"),
        ("clock-off=-7200@cp-1", "cp-1: its clock is 2h behind the workstation's"),
    ] {
        let bench = stage.bench();
        bench.fault(fault);
        let error = bench.probe().await.expect_err("it is off");
        bench.assert_fired();
        let words = words.replace("2h", "120m");
        assert_says(&error, ErrorClass::Invalid, &words);
        good("once it is set", bench.probe().await);
    }
}

/// Behind a load balancer kubeadm may meet an API server that has expired, where our question met one that has not.
#[tokio::test(start_paused = true)]
async fn a_kubeadm_that_misses_the_configuration_of_a_cluster_that_gave_it_to_us_is_a_warning() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let fell = "[check-expiration] Error reading configuration from the Cluster. Falling back to default configuration\n";
    let probe = stage.bench().probe_doctored(&[("kubeadm certs check-expiration", fell)]).await;
    let told = warnings(&good("a warning stops nothing", probe).facts);
    let lines: Vec<String> = told.iter().map(Warning::line).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0]
            .starts_with("kubeadm falls back to its defaults, although the cluster has its configuration: ")
    );
}
