//! Where kubeadm's configuration comes from: the cluster while it answers, else the manifests of the node.

use std::collections::BTreeMap;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::Verdict;
use certwright_steps::lab::Validity;
use serde_json::json;

use crate::bench::{Bench, Stage};
use crate::faults::assert_says;
use crate::good;
use crate::scenarios::Scenario;

const MANIFESTS: &str = "/etc/kubernetes/manifests";
const DEFAULT: &str = "/etc/kubernetes/pki";

impl Bench<'_> {
    /// The command with which this node's kubeadm would be called.
    async fn renewal(&self) -> String {
        let probe = good("a probe", self.probe().await);
        assert_eq!(probe.verdict, Verdict::Drifted, "{}", probe.summary);
        self.step().commands(&probe.facts).pop().expect("a command")
    }

    /// Changes a manifest of the step's node.
    pub(crate) fn edit(&self, name: &str, change: impl Fn(String) -> String) {
        let path = self.file(&format!("{MANIFESTS}/{name}.yaml"));
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing to change in {name}");
        std::fs::write(path, changed).expect("written");
    }

    /// The manifests of a node whose etcd is elsewhere.
    pub(crate) fn with_external_etcd(&self) {
        std::fs::remove_file(self.file(&format!("{MANIFESTS}/etcd.yaml"))).expect("a manifest");
        self.edit("kube-apiserver", |text| {
            text.replace(
                "--etcd-servers=https://127.0.0.1:2379",
                "--etcd-servers=https://10.9.9.1:2379,https://10.9.9.2:2379",
            )
        });
    }

    fn certificates(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let names = ["apiserver.crt", "front-proxy-client.crt", "etcd/server.crt", "etcd/peer.crt"];
        let read = |name: &str| std::fs::read(self.file(&format!("{folder}/{name}"))).expect("a certificate");
        names.iter().map(|name| ((*name).to_owned(), read(name))).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_node_is_renewed_by_what_its_manifests_say_and_nobody_waits_for_the_cluster() {
    let scenario = Scenario::new("kubeadm-renew", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    assert_eq!(
        bench.renewal().await,
        "kubeadm certs renew all --config /dev/stdin   # standard input: kubeadm.k8s.io/v1beta4, /etc/kubernetes/pki and \
         /etc/kubernetes/*.conf, a local etcd"
    );
    let (files, start) = (bench.witness().files(), bench.wall_ms());
    good("a renewal", bench.attempt().await);
    let took = bench.wall_ms() - start;
    println!("an expired node is renewed in {took} ms, proof and backup included");
    assert!(took < 3_000, "{took} ms: kubeadm waits ten seconds for a cluster that does not answer");
    let after = bench.witness().files();
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "no file is left on the node"
    );
}

#[tokio::test(start_paused = true)]
async fn while_the_cluster_answers_its_own_configuration_is_used() {
    let scenario = Scenario::new("kubeadm-renew", "cp-1", Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    assert_eq!(bench.renewal().await, "kubeadm certs renew all");
    let seen = bench.stage();
    // A quorum that is lost and an API server that is gone are the same to kubeadm.
    for (hosts, component) in
        [(&["cp-2", "cp-3"][..], "etcd"), (&["cp-1", "cp-2", "cp-3"][..], "kube-apiserver")]
    {
        let bench = seen.bench();
        for host in hosts {
            bench.down(host, component).await;
        }
        let command = bench.renewal().await;
        assert!(
            command.starts_with("kubeadm certs renew all --config /dev/stdin   # "),
            "{component}: {command}"
        );
        let start = bench.wall_ms();
        good(component, bench.attempt().await);
        let took = bench.wall_ms() - start;
        println!("without {component} a renewal takes {took} ms");
        assert!(took < 8_000, "{took} ms: an attempt asks once, for five seconds at most");
    }
}

#[tokio::test(start_paused = true)]
async fn certificates_for_an_external_etcd_are_left_alone() {
    let scenario = Scenario::new("kubeadm-renew", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.with_external_etcd();
    let command = bench.renewal().await;
    assert!(command.ends_with("*.conf, etcd at https://10.9.9.1:2379, https://10.9.9.2:2379"), "{command}");
    let before = bench.certificates(DEFAULT);
    good("a renewal", bench.attempt().await);
    let after = bench.certificates(DEFAULT);
    let changed: Vec<&String> = after.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(
        changed,
        ["apiserver.crt", "front-proxy-client.crt"],
        "with its defaults kubeadm renews all four"
    );
}

#[tokio::test(start_paused = true)]
async fn another_folder_of_certificates_is_not_forgotten_when_the_cluster_is_down() {
    let other = "/etc/kubernetes/ssl";
    let scenario =
        Scenario::new("kubeadm-renew", "cp-1", Validity::Expired).with(json!({ "cert-dir": other }));
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    std::fs::rename(bench.file(DEFAULT), bench.file(other)).expect("renamed");
    bench.edit("kube-apiserver", |text| text.replace(DEFAULT, other));
    let before = bench.certificates(other);
    good("a renewal", bench.attempt().await);
    let after = bench.certificates(other);
    assert!(after.iter().all(|(name, bytes)| before[name] != *bytes), "each of them is new");
}

#[tokio::test(start_paused = true)]
async fn without_the_manifest_of_the_api_server_nothing_is_guessed() {
    let scenario = Scenario::new("kubeadm-renew", "cp-1", Validity::Expired);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    std::fs::remove_file(bench.file(&format!("{MANIFESTS}/kube-apiserver.yaml"))).expect("a manifest");
    let before = bench.witness().exact();
    let error = bench.attempt().await.expect_err("nothing tells");
    let words = "cp-1: /etc/kubernetes/manifests/kube-apiserver.yaml is missing: nothing tells how kubeadm was set up";
    assert_says(&error, ErrorClass::Invalid, words);
    bench.assert_same(&before, &bench.witness().exact(), "a refused renewal");
}
