//! Hostile kubeconfigs in the cluster's secret: none is tried, none takes the place of the workstation's file, and a
//! node's own admin.conf helps instead.

use certwright_steps::lab::Validity;
use serde_json::Value;

use crate::bench::{Bench, Stage};
use crate::good;
use crate::scenarios::Scenario;

const FILE: &str = "bmctl-workspace/lab/lab-kubeconfig";

/// What is planted: its name, the text in the kubeconfig, what stands there instead, and what is said of it.
const PLANTS: [(&str, &str, &str, &str); 8] = [
    (
        "an exec plugin",
        "    client-certificate-data:",
        "    exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/planted}\n    client-certificate-data:",
        "sets `exec` for user",
    ),
    (
        "an auth provider",
        "    client-certificate-data:",
        "    auth-provider: {name: planted, config: {cmd-path: /bin/planted}}\n    client-certificate-data:",
        "sets `auth-provider` for user",
    ),
    (
        "a certificate in a file",
        "    client-certificate-data:",
        "    client-certificate: /etc/planted\n    other:",
        "keeps its client certificate in `/etc/planted`",
    ),
    (
        "a key in a file",
        "    client-key-data:",
        "    client-key: /etc/planted\n    other:",
        "keeps its client key in `/etc/planted`",
    ),
    (
        "another server",
        "server: https://",
        "server: https://planted.example/https://",
        "leads to https://planted.example/",
    ),
    (
        "a proxy",
        "    server:",
        "    proxy-url: http://planted.example\n    server:",
        "sets `proxy-url` for cluster",
    ),
    (
        "no verification",
        "    server:",
        "    insecure-skip-tls-verify: true\n    server:",
        "sets `insecure-skip-tls-verify` for cluster",
    ),
    ("no kubeconfig", "apiVersion: v1", "planted: {{", "is not a kubeconfig"),
];

/// Puts a fresh kubeconfig with another text in it into the secret.
fn plant(bench: &Bench<'_>, from: &str, to: &str) {
    let path = bench.lab().dir().join(".lab/state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).expect("its memory")).expect("JSON");
    let fresh = bench.lab().dir().join("cp-1/etc/kubernetes/admin.conf");
    let secret = std::fs::read_to_string(fresh).expect("a renewed kubeconfig");
    assert!(secret.contains(from), "{from} is not in\n{secret}");
    state["objects"]["kubeconfig"] = Value::from(secret.replacen(from, to, 1));
    // No controller makes it good again.
    state["spec"]["secret_after_ms"] = Value::Null;
    std::fs::write(path, state.to_string()).expect("written");
}

#[tokio::test(start_paused = true)]
async fn a_hostile_kubeconfig_in_the_secret_is_named_and_never_used() {
    let scenario = Scenario::new("replace-kubeconfig", "workstation", Validity::Expired).renewed();
    let stage = Stage::new(&scenario).await;
    let control = stage.bench();
    plant(&control, "apiVersion: v1", "apiVersion: v1");
    let summary = good("control", control.probe().await).summary;
    assert!(
        summary.contains("the secret cluster-lab/lab-kubeconfig is newer"),
        "it would be used: {summary}"
    );
    for (what, from, to, said) in PLANTS {
        let bench = stage.bench();
        plant(&bench, from, to);
        let probe = good(what, bench.probe().await);
        assert!(probe.summary.contains(said), "{what}: {}", probe.summary);
        good(what, bench.attempt().await);
        let folder = bench.lab().dir().join("workstation/bmctl-workspace/lab");
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("text");
            assert!(!text.contains("planted") && !text.contains("skip-tls"), "{what}: {}", path.display());
        }
        let text =
            std::fs::read_to_string(bench.lab().dir().join("workstation").join(FILE)).expect("the file");
        assert!(text.contains("client-certificate-data: "), "{what}: a node's admin.conf is there");
    }
    println!("{} hostile secrets, none used", PLANTS.len());
}
