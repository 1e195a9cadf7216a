//! The controller-manager and the scheduler: leases, rollouts, certificate requests.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_cluster::wire::client::Client;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};
use time::Duration as Days;

use crate::ask::{block_on, node, stderr, stdout};
use crate::ground::{Ground, curl, eventually};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";

/// Who holds a lease.
fn holder(ground: &Ground, lease: &str) -> Option<String> {
    let found = block_on(async { ground.client(1).get(&format!("{LEASES}/{lease}")).await });
    let holder = found.ok()?["spec"]["holderIdentity"].as_str()?.to_owned();
    Some(holder).filter(|holder| !holder.is_empty())
}

fn wait_holder(ground: &Ground, lease: &str, not: &str) -> (String, Duration) {
    let start = Instant::now();
    let holder =
        eventually("the lease has a new holder", || holder(ground, lease).filter(|holder| holder != not));
    (holder, start.elapsed())
}

#[test]
fn a_scheduler_given_time_hands_its_lease_over_and_a_killed_one_leaves_it_behind() {
    let mut ground = Ground::up(2);
    ground.start_scheduler(1);
    let (first, _) = wait_holder(&ground, "kube-scheduler", "");
    ground.start_scheduler(2);
    eventually("the second one waits", || {
        ground.log(2, "kube-scheduler").contains("Attempting to acquire").then_some(())
    });
    let (_, code) = ground.stop(1, "kube-scheduler");
    assert_eq!(code, Some(0));
    let (second, handed) = wait_holder(&ground, "kube-scheduler", &first);
    assert!(handed < Duration::from_secs(5), "handed over in {handed:?}");
    ground.start_scheduler(1);
    ground.kill(2, "kube-scheduler");
    let (_, left) = wait_holder(&ground, "kube-scheduler", &second);
    assert!(left > Duration::from_secs(12), "taken over from a killed holder in {left:?}");
}

/// Health never replaces the proof: a component with a dead credential is healthy, and only its readiness and log tell.
#[test]
fn a_dead_credential_shows_in_readiness_and_log_alone() {
    let mut ground = Ground::up(1);
    for (file, user) in [
        ("scheduler.conf", "system:kube-scheduler"),
        ("controller-manager.conf", "system:kube-controller-manager"),
    ] {
        ground.credential(file, user, &[], -Days::hours(1));
    }
    ground.start_scheduler(1);
    ground.start_manager(1);
    for name in ["kube-scheduler", "kube-controller-manager"] {
        let line =
            format!("\"Error retrieving lease lock\" err=\"Unauthorized\" lock=\"kube-system/{name}\"");
        eventually("it is refused", || ground.log(1, name).contains(&line).then_some(()));
    }
    let address = ground.address(1);
    let url = |port: u16, path: &str| format!("https://{address}:{port}/{path}");
    assert_eq!(curl(&url(10259, "healthz")).as_deref(), Some("ok"));
    assert_eq!(curl(&url(10257, "healthz")).as_deref(), Some("ok"));
    assert_eq!(curl(&url(10259, "readyz")), None);
    assert_eq!(holder(&ground, "kube-scheduler"), None);
    // A new kubeconfig is not taken up by the one that runs.
    ground.issue(1, Days::days(300));
    let before = ground.log(1, "kube-scheduler").len();
    eventually("it is refused again", || {
        ground.log(1, "kube-scheduler")[before..].contains("err=\"Unauthorized\"").then_some(())
    });
    ground.kill(1, "kube-scheduler");
    ground.start_scheduler(1);
    eventually("a new one is ready", || (curl(&url(10259, "readyz")).as_deref() == Some("ok")).then_some(()));
    wait_holder(&ground, "kube-scheduler", "");
}

/// In the words of the real one's log.
#[test]
fn a_server_whose_certificate_expired_is_refused_where_a_connection_is_new() {
    let mut ground = Ground::up(1);
    ground.start_scheduler(1);
    wait_holder(&ground, "kube-scheduler", "");
    ground.issue_serving(1, -Days::minutes(1));
    ground.kill(1, "kube-apiserver");
    ground.start_api(1);
    let address = ground.address(1);
    let leases = format!("https://{address}:6443{LEASES}/kube-scheduler?timeout=5s");
    let line = format!(
        "leaderelection.go:461] \"Error retrieving lease lock\" err=\"Get \\\"{leases}\\\": tls: failed to verify \
         certificate: x509: certificate has expired or is not yet valid: current time "
    );
    eventually("the log says so", || ground.log(1, "kube-scheduler").contains(&line).then_some(()));
    assert_eq!(ground.wait_end(1, "kube-scheduler"), Some(1), "it loses its lease by it");
}

#[test]
fn a_controller_manager_that_cannot_renew_its_lease_ends() {
    let mut ground = Ground::up(1);
    ground.start_manager(1);
    wait_holder(&ground, "kube-controller-manager", "");
    ground.kill(1, "kube-apiserver");
    let start = Instant::now();
    assert_eq!(ground.wait_end(1, "kube-controller-manager"), Some(1));
    assert!(start.elapsed() > Duration::from_secs(8), "it gave up after {:?}", start.elapsed());
    let log = ground.log(1, "kube-controller-manager");
    assert!(log.contains("connect: connection refused") && log.contains("Leaderelection lost"), "{log}");
}

async fn make_daemonset(client: &mut Client) {
    for k in 1..=3 {
        let name = format!("cp-{k}");
        client.post("/api/v1/nodes", &node(&name, &format!("10.0.0.{k}"))).await.expect("a node");
    }
    let labels = json!({"app": "etcd-defrag"});
    let set = json!({
        "metadata": {"name": "etcd-defrag"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "etcd-defrag"}]}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        },
    });
    client.post("/apis/apps/v1/namespaces/kube-system/daemonsets", &set).await.expect("a DaemonSet");
}

#[test]
fn the_real_kubectl_restarts_a_daemonset_and_waits_for_it() {
    let mut ground = Ground::up(1);
    // A pod takes more than a second at its own pace: kubectl is there before the last one, however busy the machine is.
    ground.pace = 1;
    ground.start_manager(1);
    block_on(make_daemonset(&mut ground.client(1)));
    let status = ["rollout", "status", "daemonset", "etcd-defrag", "-n", "kube-system", "--timeout=30s"];
    stdout(&ground.kubectl(1, &status));
    let names = ["get", "pods", "-n", "kube-system", "-o", "jsonpath={.items[*].metadata.name}"];
    let first = stdout(&ground.kubectl(1, &names));
    let restart = ["rollout", "restart", "daemonset", "etcd-defrag", "-n", "kube-system"];
    assert_eq!(stdout(&ground.kubectl(1, &restart)), "daemonset.apps/etcd-defrag restarted\n");
    let told = stdout(&ground.kubectl(1, &status));
    let waiting = |updated: usize| {
        format!(
            "Waiting for daemon set \"etcd-defrag\" rollout to finish: {updated} out of 3 new pods have been updated"
        )
    };
    assert!((0..3).any(|updated| told.contains(&waiting(updated))), "one pod after the other: {told}");
    assert!(told.ends_with("daemon set \"etcd-defrag\" successfully rolled out\n"), "{told}");
    let second = stdout(&ground.kubectl(1, &names));
    assert_eq!(second.split(' ').count(), 3);
    assert!(first.split(' ').all(|name| !second.contains(name)), "each pod is new: {first}, then {second}");
    let pods = stdout(&ground.kubectl(1, &["get", "pods", "-A", "-o", "wide"]));
    // Their names are made up, and with them the order of the rows.
    let mut rows: Vec<Vec<&str>> = pods.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
    rows.sort_by_key(|words| words[6]);
    assert_eq!(rows.len(), 3, "{pods}");
    for (words, address) in rows.iter().zip(["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
        assert_eq!(
            (words[0], &words[2..5], words[6]),
            ("kube-system", &["1/1", "Running", "0"][..], address)
        );
    }
}

/// A request with its own key: the object, as a kubelet of node 1 sends it.
fn request(signer: &str) -> Value {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, "system:node:cp-1");
    let pem = params.serialize_request(&KeyPair::generate().expect("a key")).expect("a request").pem();
    let request = STANDARD.encode(pem.expect("PEM"));
    json!({
        "metadata": {"generateName": "csr-"},
        "spec": {"request": request, "signerName": signer, "usages": ["digital signature", "client auth"]},
    })
}

#[test]
fn requests_for_client_certificates_are_signed_and_those_for_serving_wait_for_an_operator() {
    let mut ground = Ground::up(1);
    ground.start_manager(1);
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let post = |signer: &str| {
        let mut kubelet = Client::from_kubeconfig(&ground.path(1, "kubelet.conf")).expect("a client");
        let made = block_on(kubelet.post(path, &request(signer))).expect("a request");
        made["metadata"]["name"].as_str().expect("a name").to_owned()
    };
    let (client, serving) =
        (post("kubernetes.io/kube-apiserver-client-kubelet"), post("kubernetes.io/kubelet-serving"));
    let get = |name: &str| block_on(ground.client(1).get(&format!("{path}/{name}"))).expect("it is there");
    let issued = |name: &str| get(name)["status"]["certificate"].as_str().map(str::to_owned);
    let certificate = eventually("the client certificate is issued", || issued(&client));
    let pem = STANDARD.decode(certificate).expect("base64");
    assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----"));
    assert_eq!(get(&client)["spec"]["username"], "system:node:cp-1");
    let table = stdout(&ground.kubectl(1, &["get", "csr"]));
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(row(&client).ends_with("Approved,Issued"), "{table}");
    assert!(row(&serving).ends_with("Pending"), "{table}");
    stdout(&ground.kubectl(1, &["certificate", "approve", &serving]));
    eventually("the serving certificate is issued", || issued(&serving));
}

#[test]
fn a_kubeconfig_in_a_secret_is_renewed_where_the_secret_asks_for_it() {
    let mut ground = Ground::up(1);
    ground.start_manager(1);
    let old = ground.credential("old.conf", "kubernetes-admin", &["system:masters"], -Days::hours(1));
    let value = STANDARD.encode(std::fs::read(&old).expect("the kubeconfig"));
    let secret = |name: &str, annotations: Value| {
        let metadata = json!({"name": name, "annotations": annotations});
        let secret = json!({"metadata": metadata, "data": {"value": value}});
        block_on(ground.client(1).post("/api/v1/namespaces/default/secrets", &secret)).expect("a secret");
    };
    secret("stale", json!({}));
    secret("fresh", json!({"certwright.test/refresh": "true"}));
    let get =
        |name: &str| stdout(&ground.kubectl(1, &["get", "secret", name, "-o", "jsonpath={.data.value}"]));
    let new = eventually("the secret is renewed", || Some(get("fresh")).filter(|now| *now != value));
    let file = ground.path(1, "new.conf");
    std::fs::write(&file, STANDARD.decode(new).expect("base64")).expect("the new kubeconfig");
    stdout(&ground.kubectl_as(&file, &["get", "nodes"]));
    assert!(stderr(&ground.kubectl_as(&old, &["get", "nodes"])).contains("Unauthorized"));
    assert_eq!(get("stale"), value);
}
