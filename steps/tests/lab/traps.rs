//! The traps of a real node, each as an operator meets it.

use certwright_steps::lab::{self, LabSpec, Validity};

use crate::bench::Bench;

const ADMIN: &str = "--kubeconfig=/etc/kubernetes/admin.conf";

#[tokio::test(start_paused = true)]
async fn a_stop_of_an_unknown_id_or_of_a_dead_container_is_success() {
    let bench = Bench::one(Validity::Valid);
    assert_eq!(bench.ok("cp-1", "crictl stop 0123456789abc").await, "0123456789abc\n");
    let old = bench.id("cp-1", "kube-scheduler").await.unwrap();
    bench.restart("cp-1", "kube-scheduler").await;
    let new = bench.id("cp-1", "kube-scheduler").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {old}")).await;
    bench.wait(5).await;
    assert_eq!(bench.id("cp-1", "kube-scheduler").await, Some(new), "the new one was not touched");
    let inspected = bench.ok("cp-1", &format!("crictl inspect {old}")).await;
    assert!(inspected.contains("\"state\": \"CONTAINER_EXITED\"") && inspected.contains("\"exitCode\": 137"));
    assert_eq!(bench.run("cp-1", "crictl inspect 0123456789abc").await.status, 1);
}

#[tokio::test(start_paused = true)]
async fn repeated_stops_back_off_as_measured_and_are_forgiven_after_ten_minutes() {
    let bench = Bench::one(Validity::Valid);
    let mut waits = Vec::new();
    for _ in 0..8 {
        waits.push(bench.restart("cp-1", "kube-scheduler").await.round());
    }
    assert_eq!(waits, [1.0, 12.0, 25.0, 55.0, 82.0, 164.0, 300.0, 300.0]);
    bench.wait(601).await;
    assert!(bench.restart("cp-1", "kube-scheduler").await < 1.5);
}

#[tokio::test(start_paused = true)]
async fn components_come_back_in_their_measured_times() {
    let bench = Bench::one(Validity::Valid);
    for (component, url, least, most) in [
        ("etcd", "http://127.0.0.1:2381/health", 1.0, 2.6),
        ("kube-apiserver", "https://127.0.0.1:6443/readyz", 3.0, 4.1),
        ("kube-controller-manager", "https://127.0.0.1:10257/healthz", 0.7, 1.0),
        ("kube-scheduler", "https://127.0.0.1:10259/readyz", 1.0, 1.4),
    ] {
        let before = bench.clock.wall_ms();
        bench.restart("cp-1", component).await;
        while bench.code("cp-1", url).await != "200" {
            bench.clock.sleep(std::time::Duration::from_millis(50)).await;
        }
        let took = std::time::Duration::from_millis(bench.clock.wall_ms() - before).as_secs_f64();
        assert!((least..=most).contains(&took), "{component}: {took} s");
        bench.wait(20).await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_dead_kubelet_nothing_comes_back_though_the_stop_succeeds() {
    let spec = LabSpec { kubelet: Validity::Expired, ..crate::bench::one(Validity::Valid) };
    let bench = Bench::new(&spec);
    bench.wait(60).await;
    // The API server answers, so the kubelet has exited.
    let ran = bench.run("cp-1", "systemctl is-active kubelet").await;
    assert_eq!((ran.status, ran.stdout.as_str()), (3, "activating\n"));
    assert_eq!(bench.code("cp-1", "http://127.0.0.1:10248/healthz").await, "000");
    let id = bench.id("cp-1", "kube-scheduler").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {id}")).await;
    bench.wait(3600).await;
    assert_eq!(bench.id("cp-1", "kube-scheduler").await, None);
    let nodes = bench.ok("cp-1", &format!("kubectl {ADMIN} get nodes")).await;
    assert!(nodes.contains("NotReady"), "{nodes}");
    // A restart with the expired certificate changes nothing.
    bench.ok("cp-1", "systemctl restart kubelet").await;
    bench.wait(60).await;
    assert_eq!(bench.run("cp-1", "systemctl is-active kubelet").await.status, 3);
    assert_eq!(bench.id("cp-1", "kube-scheduler").await, None);
}

#[tokio::test(start_paused = true)]
async fn mirror_pods_go_on_saying_running_when_the_kubelet_dies() {
    let bench = Bench::one(Validity::Valid);
    bench.ok("cp-1", &format!("kubectl {ADMIN} get pods -n kube-system")).await;
    // The kubelet's certificate is replaced by one that is no more valid, as a restart finds it.
    let spec = LabSpec { kubelet: Validity::Expired, ..crate::bench::one(Validity::Valid) };
    let expired = Bench::new(&spec);
    let current = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    std::fs::write(bench.path("cp-1", current), expired.file("cp-1", current)).unwrap();
    bench.ok("cp-1", "systemctl restart kubelet").await;
    let id = bench.id("cp-1", "kube-scheduler").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {id}")).await;
    bench.wait(120).await;
    let pods = bench.ok("cp-1", &format!("kubectl {ADMIN} get pods -n kube-system")).await;
    let scheduler = pods.lines().find(|l| l.starts_with("kube-scheduler")).unwrap();
    assert!(scheduler.contains("1/1     Running"), "{scheduler}");
    assert_eq!(bench.id("cp-1", "kube-scheduler").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_valid_kubeconfig_brings_the_kubelet_and_its_containers_back() {
    let spec = LabSpec { kubelet: Validity::Expired, ..crate::bench::one(Validity::Valid) };
    let bench = Bench::new(&spec);
    bench.wait(60).await;
    let id = bench.id("cp-1", "kube-scheduler").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {id}")).await;
    // Any client certificate of the cluster's CA will do for the lab's kubelet.
    std::fs::copy(
        bench.path("cp-1", "/etc/kubernetes/admin.conf"),
        bench.path("cp-1", "/etc/kubernetes/kubelet.conf"),
    )
    .unwrap();
    bench.ok("cp-1", "systemctl restart kubelet").await;
    bench.wait(3).await;
    assert_eq!(bench.ok("cp-1", "systemctl is-active kubelet").await, "active\n");
    assert!(bench.id("cp-1", "kube-scheduler").await.is_some_and(|new| new != id));
}

#[tokio::test(start_paused = true)]
async fn health_endpoints_do_not_show_that_everything_has_expired() {
    let bench = Bench::one(Validity::Expired);
    for url in [
        "http://127.0.0.1:2381/health",
        "https://127.0.0.1:6443/livez",
        "https://127.0.0.1:6443/readyz",
        "https://127.0.0.1:10257/healthz",
        "https://127.0.0.1:10259/healthz",
    ] {
        assert_eq!(bench.code("cp-1", url).await, "200", "{url}");
    }
    assert_eq!(bench.code("cp-1", "https://127.0.0.1:10259/readyz").await, "500");
    assert_eq!(bench.run("cp-1", &format!("kubectl {ADMIN} get nodes")).await.status, 1);
}

#[tokio::test(start_paused = true)]
async fn new_files_are_served_within_three_seconds_but_the_controllers_keep_the_old_credential() {
    let bench = Bench::one(Validity::Expired);
    let pem = |path: &str| bench.file("cp-1", path);
    bench.ok("cp-1", "kubeadm certs renew all").await;
    bench.wait(1).await;
    for (port, file) in [
        (6443, "/etc/kubernetes/pki/apiserver.crt"),
        (2379, "/etc/kubernetes/pki/etcd/server.crt"),
        (2380, "/etc/kubernetes/pki/etcd/peer.crt"),
    ] {
        let served = bench.ok("cp-1", &format!("openssl s_client -connect 127.0.0.1:{port}")).await;
        assert!(served.contains(&pem(file)), "{port} serves {file}");
    }
    bench.wait(30).await;
    for component in ["kube-controller-manager", "kube-scheduler"] {
        let id = bench.id("cp-1", component).await.unwrap();
        let logs = bench.run("cp-1", &format!("crictl logs --tail 20 {id}")).await;
        assert!(
            logs.stderr.contains("err=\"Unauthorized\"") && logs.stdout.is_empty(),
            "{component}: {logs:?}"
        );
        bench.restart("cp-1", component).await;
        bench.wait(30).await;
        let id = bench.id("cp-1", component).await.unwrap();
        assert_eq!(bench.run("cp-1", &format!("crictl logs {id}")).await.stderr, "", "{component}");
    }
    assert_eq!(bench.code("cp-1", "https://127.0.0.1:10259/readyz").await, "200");
}

#[tokio::test(start_paused = true)]
async fn the_controllers_serve_a_new_certificate_at_each_start_and_only_then() {
    let bench = Bench::one(Validity::Valid);
    for (component, port) in [("kube-controller-manager", 10257), ("kube-scheduler", 10259)] {
        let line = format!("openssl s_client -connect 127.0.0.1:{port}");
        let first = bench.ok("cp-1", &line).await;
        assert_eq!(bench.ok("cp-1", &line).await, first);
        bench.restart("cp-1", component).await;
        bench.wait(1).await;
        assert_ne!(bench.ok("cp-1", &line).await, first, "{component}");
    }
    let closed = bench.run("cp-1", "openssl s_client -connect 127.0.0.1:9").await;
    assert!(closed.status == 1 && closed.stderr.contains("errno=111"), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn without_the_cluster_kubeadm_waits_ten_seconds_and_a_configuration_file_spares_them() {
    let bench = Bench::three(Validity::Expired);
    let config = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.1\n\
                  certificateValidityPeriod: 239h0m0s\n";
    std::fs::write(bench.path("cp-1", "/tmp/kubeadm.yaml"), config).unwrap();
    let before = bench.clock.wall_ms();
    bench.ok("cp-1", "kubeadm certs renew all --config /tmp/kubeadm.yaml").await;
    assert!(bench.clock.wall_ms() - before < 1000);
    let text = bench.ok("cp-1", "kubeadm certs check-expiration").await;
    assert!(text.contains("9d") && text.contains("Falling back to default configuration"), "{text}");
    let missing = bench.run("cp-1", "kubeadm certs renew all --config /tmp/none.yaml").await;
    assert!(missing.status == 1 && missing.stderr.contains("no such file or directory"), "{missing:?}");
    std::fs::write(bench.path("cp-1", "/tmp/typo.yaml"), format!("{config}certificateDir: /x\n")).unwrap();
    let before = bench.file("cp-1", "/etc/kubernetes/pki/apiserver.crt");
    let typo = bench.run("cp-1", "kubeadm certs renew all --config /tmp/typo.yaml").await;
    assert!(typo.status == 1 && typo.stderr.contains("strict decoding error"), "{typo:?}");
    assert_eq!(bench.file("cp-1", "/etc/kubernetes/pki/apiserver.crt"), before);
    let versionless = config.replace("kubernetesVersion: v1.36.1\n", "");
    std::fs::write(bench.path("cp-1", "/tmp/versionless.yaml"), versionless).unwrap();
    let before = bench.clock.wall_ms();
    bench.ok("cp-1", "kubeadm certs renew all --config /tmp/versionless.yaml").await;
    assert!(bench.clock.wall_ms() - before > 10_000, "it asks the internet for a version first");
}

#[tokio::test(start_paused = true)]
async fn a_half_written_pair_is_not_loaded_and_a_component_that_needs_it_does_not_start() {
    let bench = Bench::one(Validity::Valid);
    let path = "/etc/kubernetes/pki/etcd/server.key";
    let good = bench.file("cp-1", path);
    let other = bench.file("cp-1", "/etc/kubernetes/pki/etcd/peer.key");
    let before = bench.ok("cp-1", "openssl s_client -connect 127.0.0.1:2379").await;
    std::fs::write(bench.path("cp-1", path), other).unwrap();
    bench.wait(10).await;
    assert_eq!(bench.ok("cp-1", "openssl s_client -connect 127.0.0.1:2379").await, before);
    let id = bench.id("cp-1", "etcd").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {id}")).await;
    bench.wait(5).await;
    assert_eq!(bench.id("cp-1", "etcd").await, None, "it ends at once and backs off");
    std::fs::write(bench.path("cp-1", path), good).unwrap();
    bench.wait(300).await;
    assert_eq!(bench.code("cp-1", "http://127.0.0.1:2381/health").await, "200");
}

#[tokio::test(start_paused = true)]
async fn what_the_lab_does_not_have_it_says() {
    let bench = Bench::one(Validity::Valid);
    for line in [
        "kubeadm init",
        "kubeadm certs renew apiserver",
        "crictl images",
        "crictl ps --last 3",
        "crictl ps --name e(tc)d",
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf drain cp-1",
        "systemctl stop kubelet",
        "curl -sS http://127.0.0.1:2381/debug",
        "curl -sS http://example.org/",
        "openssl x509 -in /etc/kubernetes/pki/ca.crt",
        "date -u",
        "sh -c true",
    ] {
        let ran = bench.run("cp-1", line).await;
        assert_eq!(ran.status, 125, "{line}: {ran:?}");
        assert!(ran.stderr.contains("the lab does not have that"), "{line}: {ran:?}");
    }
    assert_eq!(bench.run("cp-1", "vim").await.status, 127);
    assert_eq!(bench.run("workstation", "kubeadm version").await.status, 127);
    assert_eq!(bench.run("workstation", "kubelet --version").await.status, 127);
}

#[tokio::test(start_paused = true)]
async fn every_program_that_a_host_is_said_to_have_is_there() {
    let bench = Bench::one(Validity::Valid);
    for host in ["cp-1", "workstation"] {
        let programs = lab::programs_of(host);
        assert!(programs.len() > 10, "{host}: {programs:?}");
        for program in programs {
            assert!(lab::has_program(host, &format!("/usr/bin/{program}")), "{program}");
            let ran = bench.run(host, &format!("{program} --no-such-word")).await;
            assert!(![0, 127].contains(&ran.status), "{host}: {program}: {ran:?}");
        }
    }
    assert!(!lab::has_program("cp-1", "sh") && !lab::has_program("workstation", "systemctl"));
}
