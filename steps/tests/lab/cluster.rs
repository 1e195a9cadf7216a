//! The lab's cluster: quorum, the API before and after, the secret, the DaemonSet, the kubelets' rotation.

use std::time::Duration;

use base64::Engine as _;
use certwright_steps::lab::{LabSpec, Peers, Validity};
use certwright_steps::pki::Certificate;

use crate::bench::Bench;

const NODES: [&str; 3] = ["cp-1", "cp-2", "cp-3"];
const ADMIN: &str = "--kubeconfig=/etc/kubernetes/admin.conf";
const SECRET: &str = "kubectl --kubeconfig=bmctl-workspace/admin/admin-kubeconfig get secret lab-kubeconfig -n cluster-lab -o jsonpath='{.data.value}'";

async fn renew(bench: &Bench) {
    for node in NODES {
        bench.ok(node, "kubeadm certs renew all").await;
    }
}

async fn health(bench: &Bench) -> Vec<String> {
    let mut codes = Vec::new();
    for node in NODES {
        codes.push(bench.code(node, "http://127.0.0.1:2381/health").await);
    }
    codes
}

#[tokio::test(start_paused = true)]
async fn members_with_expired_certificates_refuse_each_other_until_all_files_are_new() {
    let bench = Bench::three(Validity::Expired);
    assert_eq!(health(&bench).await, ["503"; 3]);
    assert_eq!(bench.code("cp-1", "https://127.0.0.1:6443/readyz").await, "500");
    let etcd = bench.id("cp-1", "etcd").await.unwrap();
    // It was so before anybody looked.
    let logs = bench.run("cp-1", &format!("crictl logs {etcd}")).await.stderr;
    assert!(
        logs.contains("\"msg\":\"rejected connection on peer endpoint\"")
            && logs.contains("tls: bad certificate"),
        "{logs}"
    );
    // Two of three are not enough when the third is expired only in as far as it has no say: they are a majority.
    bench.ok("cp-1", "kubeadm certs renew all").await;
    bench.wait(5).await;
    assert_eq!(health(&bench).await, ["503"; 3], "one member alone");
    bench.ok("cp-2", "kubeadm certs renew all").await;
    bench.wait(5).await;
    assert_eq!(health(&bench).await, ["200", "200", "503"], "a majority");
    bench.ok("cp-3", "kubeadm certs renew all").await;
    bench.wait(5).await;
    assert_eq!(health(&bench).await, ["200"; 3]);
    for node in NODES {
        let text = bench.ok(node, &format!("kubectl {ADMIN} --server=https://{node}:6443 get nodes")).await;
        assert_eq!(text.matches(" Ready ").count(), 3, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn old_connections_outlive_the_expiry_until_a_member_restarts() {
    let bench = Bench::new(&LabSpec { peers: Peers::Connected, ..LabSpec::default() });
    assert_eq!(health(&bench).await, ["200"; 3]);
    bench.restart("cp-3", "etcd").await;
    bench.wait(90).await;
    assert_eq!(health(&bench).await, ["200", "200", "503"]);
    bench.restart("cp-2", "etcd").await;
    bench.wait(90).await;
    assert_eq!(health(&bench).await, ["503"; 3], "quorum is lost");
    // Its API server had been up: it still does TLS, with the expired certificate, and times out behind it.
    let ran = bench.run("cp-1", &format!("kubectl {ADMIN} --insecure-skip-tls-verify get nodes")).await;
    assert!(ran.stderr.contains("Unauthorized"), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn a_starting_member_waits_27_seconds_for_each_absent_peer() {
    let bench = Bench::three(Validity::Valid);
    for node in ["cp-1", "cp-2"] {
        let id = bench.id(node, "etcd").await.unwrap();
        bench.ok(node, &format!("crictl stop {id}")).await;
    }
    let before = bench.clock.wall_ms();
    while health(&bench).await != ["200"; 3] {
        bench.clock.sleep(Duration::from_millis(200)).await;
    }
    let took = (bench.clock.wall_ms() - before) / 1000;
    assert!((27..60).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn the_leader_is_one_member_and_moves_when_it_stops() {
    let bench = Bench::three(Validity::Valid);
    let leaders = || async {
        let mut leaders = Vec::new();
        for node in NODES {
            let metrics = bench.run(node, "curl -sS http://127.0.0.1:2381/metrics").await.stdout;
            if metrics.contains("\netcd_server_is_leader 1\n") {
                leaders.push(node);
            }
        }
        leaders
    };
    assert_eq!(leaders().await, ["cp-1"]);
    let id = bench.id("cp-1", "etcd").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {id}")).await;
    assert_eq!(leaders().await, [""; 0], "a gap until the next election");
    bench.wait(2).await;
    assert_eq!(leaders().await, ["cp-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_of_etcd_takes_27_seconds_and_a_killed_one_none() {
    let bench = Bench::three(Validity::Valid);
    for (node, grace, least, most) in [("cp-2", 30, 27, 28), ("cp-3", 0, 0, 1)] {
        let id = bench.id(node, "etcd").await.unwrap();
        let before = bench.clock.wall_ms();
        bench.ok(node, &format!("crictl --timeout 60s stop --timeout {grace} {id}")).await;
        let took = (bench.clock.wall_ms() - before) / 1000;
        assert!((least..=most).contains(&took), "{took} s with a grace of {grace} s");
        bench.wait(60).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_without_etcd_crash_loops_and_is_asked_in_vain() {
    let bench = Bench::three(Validity::Expired);
    let first = bench.id("cp-1", "kube-apiserver").await.unwrap();
    bench.restart("cp-1", "kube-apiserver").await;
    bench.wait(1).await;
    let own = format!("kubectl {ADMIN} --server=https://10.200.0.2:6443 get nodes");
    assert_eq!(bench.run("cp-1", &own).await.stderr, "Unable to connect to the server: EOF\n");
    bench.wait(22).await;
    assert_eq!(bench.id("cp-1", "kube-apiserver").await, None, "it has given up");
    assert!(bench.run("cp-1", &own).await.stderr.contains("was refused"));
    bench.wait(12).await;
    let third = bench.id("cp-1", "kube-apiserver").await;
    assert!(third.is_some_and(|id| id != first));
    let nowhere =
        bench.run("cp-1", &format!("kubectl {ADMIN} --server=https://10.9.9.9:6443 get nodes")).await;
    assert!(nowhere.stderr.contains("no route to host"), "{nowhere:?}");
    let name = bench.run("cp-2", &format!("kubectl {ADMIN} --server=https://127.0.0.1:6443 get nodes")).await;
    assert!(name.stderr.contains("x509: certificate has expired"), "{name:?}");
}

#[tokio::test(start_paused = true)]
async fn without_quorum_a_request_with_a_good_certificate_times_out() {
    let bench = Bench::three(Validity::Valid);
    for node in ["cp-1", "cp-2"] {
        bench.inject(&format!("container-stays-down@{node}"));
        let id = bench.id(node, "etcd").await.unwrap();
        bench.ok(node, &format!("crictl stop {id}")).await;
    }
    let before = bench.clock.wall_ms();
    let ran = bench.run("cp-3", &format!("kubectl {ADMIN} --server=https://10.200.0.4:6443 get nodes")).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (1, "Error from server: etcdserver: request timed out\n"));
    assert_eq!((bench.clock.wall_ms() - before) / 1000, 7);
    let ran = bench
        .run(
            "cp-3",
            &format!("kubectl {ADMIN} --server=https://10.200.0.4:6443 --request-timeout=2s get nodes"),
        )
        .await;
    assert!(ran.stderr.contains("Client.Timeout exceeded"), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn names_and_authorities_are_checked_as_go_checks_them() {
    let bench = Bench::three(Validity::Valid);
    let get = |server: &str| format!("kubectl {ADMIN} --server={server} get nodes");
    let local = bench.run("cp-1", &get("https://127.0.0.1:6443")).await;
    assert!(
        local
            .stderr
            .contains("x509: certificate is valid for 10.96.0.1, 10.200.0.2, 10.200.0.1, not 127.0.0.1"),
        "{local:?}"
    );
    bench.ok("cp-1", &format!("{} --tls-server-name=kubernetes", get("https://127.0.0.1:6443"))).await;
    // A kubeconfig of another cluster.
    let other = Bench::three(Validity::Valid);
    std::fs::copy(other.path("cp-1", "/etc/kubernetes/admin.conf"), bench.path("cp-1", "/tmp/other.conf"))
        .unwrap();
    let line = "kubectl --kubeconfig=/tmp/other.conf get nodes";
    assert!(bench.run("cp-1", line).await.stderr.contains("x509: certificate signed by unknown authority"));
    let skip = format!("{line} --insecure-skip-tls-verify");
    assert!(bench.run("cp-1", &skip).await.stderr.contains("(Unauthorized)"));
    let none = bench.run("cp-1", "kubectl --kubeconfig=/tmp/none get nodes").await;
    assert_eq!(none.stderr, "error: stat /tmp/none: no such file or directory\n");
}

fn secret_ends(text: &str) -> i64 {
    let yaml = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let yaml = String::from_utf8(yaml).unwrap();
    let data = yaml.lines().find_map(|l| l.trim().strip_prefix("client-certificate-data: ")).unwrap();
    let pem = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    Certificate::from_pem(&pem).unwrap().not_after
}

#[tokio::test(start_paused = true)]
async fn the_secret_is_stale_first_and_fresh_some_seconds_after_the_api_works() {
    let bench = Bench::new(&LabSpec { secret_after_ms: Some(40_000), ..LabSpec::default() });
    let own = bench.file("workstation", "bmctl-workspace/lab/lab-kubeconfig");
    let stale = bench.ok("workstation", SECRET).await;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&own);
    assert_eq!(stale, encoded, "the workstation's file is the secret's");
    renew(&bench).await;
    bench.wait(5).await;
    assert_eq!(bench.ok("workstation", SECRET).await, stale, "not yet");
    bench.wait(40).await;
    let fresh = bench.ok("workstation", SECRET).await;
    let now = (bench.clock.wall_ms() / 1000).cast_signed();
    assert!(secret_ends(&stale) < now && secret_ends(&fresh) > now + 360 * 86_400);
    let yaml = base64::engine::general_purpose::STANDARD.decode(&fresh).unwrap();
    std::fs::write(bench.path("workstation", "new.conf"), yaml).unwrap();
    bench.ok("workstation", "kubectl --kubeconfig=new.conf get nodes").await;
    let old =
        bench.run("workstation", "kubectl --kubeconfig=bmctl-workspace/lab/lab-kubeconfig get nodes").await;
    assert!(old.stderr.contains("(Unauthorized)"), "renewed cluster, stale kubeconfig: {old:?}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_no_controller_refreshes_stays_stale_and_a_self_managed_cluster_holds_its_own() {
    let mut spec = LabSpec { secret_after_ms: None, ..LabSpec::default() };
    spec.cluster.admin_kubeconfig = None;
    let bench = Bench::new(&spec);
    renew(&bench).await;
    bench.wait(600).await;
    let line =
        format!("kubectl {ADMIN} get secret lab-kubeconfig -n cluster-lab -o jsonpath='{{.data.value}}'");
    let now = (bench.clock.wall_ms() / 1000).cast_signed();
    assert!(secret_ends(&bench.ok("cp-1", &line).await) < now);
    let elsewhere = bench.run("cp-1", &line.replace("cluster-lab", "default")).await;
    assert!(elsewhere.stderr.contains("(NotFound): secrets \"lab-kubeconfig\" not found"), "{elsewhere:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_waits_for_a_controller_manager_that_is_authorized() {
    let bench = Bench::three(Validity::Expired);
    renew(&bench).await;
    bench.wait(10).await;
    let restart = format!("kubectl {ADMIN} rollout restart daemonset/etcd-defrag -n kube-system");
    let status = format!("kubectl {ADMIN} rollout status daemonset/etcd-defrag -n kube-system --timeout=30s");
    assert_eq!(bench.ok("cp-1", &restart).await, "daemonset.apps/etcd-defrag restarted\n");
    let before = bench.clock.wall_ms();
    let ran = bench.run("cp-1", &status).await;
    assert_eq!((ran.status, ran.stderr.as_str()), (1, "error: timed out waiting for the condition\n"));
    assert_eq!((bench.clock.wall_ms() - before) / 1000, 30);
    let old = bench.ok("cp-2", "crictl pods --name etcd-defrag -q").await;
    bench.restart("cp-3", "kube-controller-manager").await;
    bench.wait(2).await;
    let text = bench.ok("cp-1", &status).await;
    assert!(text.ends_with("daemon set \"etcd-defrag\" successfully rolled out\n"), "{text}");
    assert_ne!(bench.ok("cp-2", "crictl pods --name etcd-defrag -q").await, old, "another pod");
    let json =
        bench.ok("cp-1", &format!("kubectl {ADMIN} get daemonset etcd-defrag -n kube-system -o json")).await;
    for line in [
        "\"updatedNumberScheduled\": 3",
        "\"numberAvailable\": 3",
        "\"kubectl.kubernetes.io/restartedAt\": \"2026-11-24T20:",
    ] {
        assert!(json.contains(line), "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_late_in_its_certificates_life_rotates_it_once_the_cluster_works() {
    let bench = Bench::new(&LabSpec { kubelet: Validity::Expiring, ..LabSpec::default() });
    let current = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    let old = bench.file("cp-1", current);
    renew(&bench).await;
    bench.wait(60).await;
    bench.ok("cp-1", "date +%s").await;
    assert_eq!(bench.file("cp-1", current), old, "no controller-manager can sign");
    bench.restart("cp-2", "kube-controller-manager").await;
    bench.wait(30).await;
    bench.ok("cp-1", "date +%s").await;
    let new = Certificate::from_pem(bench.file("cp-1", current).as_bytes());
    let now = (bench.clock.wall_ms() / 1000).cast_signed();
    assert!(new.unwrap().residual(now) > 360 * 86_400);
    assert_eq!(bench.ok("cp-1", "systemctl is-active kubelet").await, "active\n");
}

#[tokio::test(start_paused = true)]
async fn two_labs_with_one_seed_and_one_history_tell_the_same_ids() {
    let mut told = Vec::new();
    for seed in [7, 7, 8] {
        let bench = Bench::new(&LabSpec { seed, ..LabSpec::default() });
        renew(&bench).await;
        bench.restart("cp-2", "kube-scheduler").await;
        let mut text = String::new();
        for node in NODES {
            text += &bench.ok(node, "crictl ps -a -o json").await;
            text += &bench.ok(node, "kubeadm certs check-expiration -o json").await;
        }
        let path = bench.path("cp-3", "/etc/kubernetes/pki/apiserver.crt");
        text += &Certificate::from_pem(&std::fs::read(path).unwrap()).unwrap().serial;
        text += &bench.clock.wall_ms().to_string();
        told.push(text);
    }
    assert_eq!(told[0], told[1]);
    assert_ne!(told[0], told[2]);
}

#[tokio::test(start_paused = true)]
async fn a_lab_that_is_opened_a_month_later_has_lived_on() {
    let bench = Bench::three(Validity::Valid).days_later(30);
    let text = bench.ok("cp-1", &format!("kubectl {ADMIN} get nodes")).await;
    assert_eq!(text.matches(" Ready ").count(), 3, "{text}");
    let bench = bench.days_later(340);
    let ran = bench.run("cp-1", &format!("kubectl {ADMIN} get nodes")).await;
    assert!(ran.stderr.contains("certificate has expired"), "{ran:?}");
    assert_eq!(health(&bench).await, ["200"; 3], "connections of old");
}
