//! Every fault: it fires, once, where it was asked for, with the effect it promises.

use std::time::Duration;

use certwright_engine::host::{Command, HostError};
use certwright_steps::lab::{Fault, FaultKind, LabError, Validity};
use certwright_steps::pki::Certificate;

use crate::bench::Bench;

/// NotAfter of every leaf in a file of its own, and the serials of those in kubeconfigs.
fn serials(bench: &Bench, node: &str) -> Vec<String> {
    use certwright_steps::pki::layout::{CERT_DIR, Form, LEAVES};
    let read = |leaf: &certwright_steps::pki::Leaf| {
        let text = std::fs::read(bench.path(node, &leaf.file(CERT_DIR))).unwrap();
        match leaf.form {
            Form::Pem => Certificate::from_pem(&text).unwrap().serial,
            Form::Kubeconfig => {
                certwright_steps::pki::Kubeconfig::parse(&text).unwrap().client_certificate().unwrap().serial
            }
        }
    };
    LEAVES.iter().map(read).collect()
}

fn changed(before: &[String], after: &[String]) -> usize {
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

#[tokio::test(start_paused = true)]
async fn a_deadline_without_effect_leaves_the_container_alone_and_a_second_try_stops_it() {
    for (fault, spelling) in [
        ("deadline-exceeded@cp-1", "code = DeadlineExceeded desc = context deadline exceeded"),
        ("deadline-unknown@cp-1", "code = Unknown desc = failed to stop container"),
    ] {
        let bench = Bench::one(Validity::Valid);
        bench.inject(fault);
        let id = bench.id("cp-1", "etcd").await.unwrap();
        let before = bench.clock.wall_ms();
        let ran = bench.run("cp-1", &format!("crictl --timeout 4s stop --timeout 1 {id}")).await;
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
        assert!(ran.stderr.contains(spelling) && ran.stderr.contains("level=error"), "{ran:?}");
        assert_eq!((bench.clock.wall_ms() - before) / 1000, 5, "deadline and grace together");
        assert_eq!(bench.fired(), [fault]);
        bench.wait(30).await;
        assert_eq!(bench.id("cp-1", "etcd").await.as_ref(), Some(&id));
        bench.ok("cp-1", &format!("crictl stop {id}")).await;
        assert_eq!(bench.id("cp-1", "etcd").await, None);
        assert_eq!(bench.fired().len(), 1, "once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_with_effect_is_no_failure() {
    for fault in ["deadline-exceeded-after@cp-1", "deadline-unknown-after@cp-1"] {
        let bench = Bench::one(Validity::Valid);
        bench.inject(fault);
        let id = bench.id("cp-1", "kube-scheduler").await.unwrap();
        assert_eq!(bench.run("cp-1", &format!("crictl stop {id}")).await.status, 1);
        assert!(
            bench.id("cp-1", "kube-scheduler").await.is_some_and(|new| new != id),
            "it came back meanwhile"
        );
        assert_eq!(bench.fired(), [fault]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_waits_for_something_that_runs() {
    let bench = Bench::one(Validity::Valid);
    bench.inject("deadline-exceeded@cp-1");
    bench.ok("cp-1", "crictl stop 0123456789abc").await;
    assert_eq!(bench.fired(), [""; 0]);
    assert_eq!(bench.lab.faults_waiting().unwrap(), ["deadline-exceeded@cp-1".parse::<Fault>().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn kubeadm_meets_a_deadline_before_or_after_its_work() {
    for (fault, renewed) in [("deadline-exceeded=renew@cp-1", 0), ("deadline-exceeded-after=renew@cp-1", 11)]
    {
        let bench = Bench::one(Validity::Valid);
        bench.inject(fault);
        let before = serials(&bench, "cp-1");
        let ran = bench.run("cp-1", "kubeadm certs renew all").await;
        assert!(ran.status == 1 && ran.stderr.contains("context deadline exceeded"), "{ran:?}");
        assert_eq!(changed(&before, &serials(&bench, "cp-1")), renewed, "{fault}");
        assert_eq!(bench.fired(), [fault]);
        assert_eq!(bench.run("cp-1", "kubeadm certs renew all").await.status, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_dies_leaves_a_half_renewed_node_and_can_be_run_again() {
    let bench = Bench::one(Validity::Valid);
    bench.inject("renew-dies=3@cp-1");
    let before = serials(&bench, "cp-1");
    let ran = bench.run("cp-1", "kubeadm certs renew all").await;
    assert_eq!(ran.status, 1);
    assert_eq!(ran.stdout.matches(" renewed\n").count(), 3);
    assert_eq!(changed(&before, &serials(&bench, "cp-1")), 3);
    // The fourth one's key is new, its certificate is not.
    let key = bench.file("cp-1", "/etc/kubernetes/pki/apiserver-kubelet-client.key");
    let digest =
        certwright_steps::pki::public_key_digest(&certwright_engine::text::Secret::new(key.into_bytes()));
    let certificate = bench.file("cp-1", "/etc/kubernetes/pki/apiserver-kubelet-client.crt");
    assert_ne!(digest.unwrap(), Certificate::from_pem(certificate.as_bytes()).unwrap().public_key);
    assert_eq!(bench.fired(), ["renew-dies=3@cp-1"]);
    bench.ok("cp-1", "kubeadm certs renew all").await;
    assert_eq!(changed(&before, &serials(&bench, "cp-1")), 11);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_lies_says_what_an_honest_one_says() {
    let bench = Bench::one(Validity::Valid);
    let before = serials(&bench, "cp-1");
    bench.inject("renew-lies@cp-1");
    let lie = bench.ok("cp-1", "kubeadm certs renew all").await;
    assert_eq!(changed(&before, &serials(&bench, "cp-1")), 0);
    assert_eq!(bench.fired(), ["renew-lies@cp-1"]);
    assert_eq!(bench.ok("cp-1", "kubeadm certs renew all").await, lie);
    assert_eq!(changed(&before, &serials(&bench, "cp-1")), 11);
}

#[tokio::test(start_paused = true)]
async fn a_container_stays_down_until_its_sandbox_or_the_kubelet_is_restarted() {
    let bench = Bench::one(Validity::Valid);
    for cure in ["stopp", "kubelet"] {
        bench.inject("container-stays-down=kube-scheduler@cp-1");
        bench.restart("cp-1", "kube-controller-manager").await;
        let id = bench.id("cp-1", "kube-scheduler").await.unwrap();
        bench.ok("cp-1", &format!("crictl stop {id}")).await;
        bench.wait(1800).await;
        assert_eq!(bench.id("cp-1", "kube-scheduler").await, None);
        if cure == "stopp" {
            let pod = bench.ok("cp-1", "crictl pods --name ^kube-scheduler- -q").await;
            let text = bench.ok("cp-1", &format!("crictl stopp {}", pod.trim())).await;
            assert_eq!(text, format!("Stopped sandbox {pod}"));
        } else {
            bench.ok("cp-1", "systemctl restart kubelet").await;
        }
        bench.wait(15).await;
        assert!(bench.id("cp-1", "kube-scheduler").await.is_some(), "{cure}");
    }
    assert_eq!(bench.fired().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_is_unknown_and_only_the_world_tells() {
    for (fault, renewed) in [("drop-before=kubeadm@cp-1", 0), ("drop-after=kubeadm@cp-1", 11)] {
        let bench = Bench::one(Validity::Valid);
        bench.inject(fault);
        let before = serials(&bench, "cp-1");
        bench.ok("cp-1", "kubeadm certs check-expiration").await;
        let lost = bench.try_run("cp-1", "kubeadm certs renew all").await.unwrap_err();
        assert!(matches!(lost, HostError::Unknown { .. }), "{lost}");
        assert_eq!(changed(&before, &serials(&bench, "cp-1")), renewed, "{fault}");
        assert_eq!(bench.fired(), [fault]);
        bench.ok("cp-1", "kubeadm certs renew all").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_write_is_unknown_too() {
    for (fault, written) in [("drop-before=write@workstation", false), ("drop-after@workstation", true)] {
        let bench = Bench::one(Validity::Valid);
        bench.inject(fault);
        let host = bench.host("workstation");
        let lost = host.write("some/file", b"text", 0o600).await.unwrap_err();
        assert!(matches!(lost, HostError::Unknown { .. }), "{lost}");
        assert_eq!(host.read("some/file").await.unwrap().is_some(), written);
        assert_eq!(bench.fired(), [fault]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_node_is_slow_every_time_and_its_deadline_passes_while_the_work_goes_on() {
    let bench = Bench::one(Validity::Valid);
    bench.inject("slow=20@cp-1");
    for _ in 0..2 {
        let before = bench.clock.wall_ms();
        bench.ok("cp-1", "date +%s").await;
        assert_eq!((bench.clock.wall_ms() - before) / 1000, 20);
    }
    assert_eq!(bench.fired(), ["slow=20@cp-1"], "recorded once");
    assert_eq!(bench.lab.faults_waiting().unwrap(), []);
    let host = bench.host("cp-1");
    let before = serials(&bench, "cp-1");
    let renew = Command::mutates(["kubeadm", "certs", "renew", "all"]).deadline(Duration::from_secs(5));
    let late = host.run(&renew).await.unwrap_err();
    assert!(matches!(late, HostError::Deadline { .. }), "{late}");
    assert_eq!(changed(&before, &serials(&bench, "cp-1")), 11);
    let start = bench.clock.wall_ms();
    let busy = host.settle(Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(busy, HostError::Deadline { .. }), "{busy}");
    host.settle(Duration::from_secs(60)).await.unwrap();
    assert_eq!((bench.clock.wall_ms() - start) / 1000, 15, "until it is over, not longer");
    host.settle(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_a_write_a_renewal_and_a_backup() {
    let bench = Bench::one(Validity::Valid);
    bench.inject("disk-full=/etc/kubernetes/pki/etcd@cp-1");
    let before = serials(&bench, "cp-1");
    let ran = bench.run("cp-1", "kubeadm certs renew all").await;
    assert!(
        ran.status == 1 && ran.stderr.contains("healthcheck-client.key: no space left on device"),
        "{ran:?}"
    );
    assert_eq!(changed(&before, &serials(&bench, "cp-1")), 5);

    bench.inject("disk-full@cp-1");
    let host = bench.host("cp-1");
    let error = host.write("/tmp/x", b"x", 0o600).await.unwrap_err();
    assert_eq!(error.to_string(), "cp-1: write /tmp/x: No space left on device");
    assert_eq!(host.read("/tmp/x").await.unwrap(), None);
    host.write("/tmp/x", b"x", 0o640).await.unwrap();
    assert_eq!(host.stat("/tmp/x").await.unwrap().unwrap().mode, 0o640);

    bench.inject("disk-full@cp-1");
    let archive = "/var/lib/certwright/backups/one.tar";
    let backup = certwright_steps::tools::archive::backup_command(archive, &["/etc/kubernetes".to_owned()]);
    let output = host.run(&backup).await.unwrap();
    assert_eq!(output.status, 1);
    assert!(output.stderr.lossy().contains("No space left on device"));
    assert_eq!(bench.fired().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fault_with_a_count_happens_so_often_and_one_for_nobody_is_refused() {
    let bench = Bench::three(Validity::Valid);
    bench.inject("deadline-exceeded@cp-2*2");
    let id = bench.id("cp-2", "etcd").await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(bench.run("cp-2", &format!("crictl stop {id}")).await.status);
    }
    assert_eq!(statuses, [1, 1, 0]);
    let other = bench.id("cp-1", "etcd").await.unwrap();
    bench.ok("cp-1", &format!("crictl stop {other}")).await;
    let nobody = bench.lab.inject(Fault::new(FaultKind::RenewLies, "cp-7")).unwrap_err();
    assert!(matches!(nobody, LabError::NoHost { .. }), "{nobody}");
}

#[tokio::test(start_paused = true)]
async fn faults_and_what_happened_survive_in_the_labs_folder() {
    let bench = Bench::one(Validity::Valid);
    bench.inject("renew-lies@cp-1");
    bench.inject("drop-after@cp-1");
    bench.ok("cp-1", "kubeadm certs check-expiration").await;
    let opened = certwright_steps::lab::Lab::open(bench.lab.dir()).unwrap();
    assert_eq!(opened.faults_waiting().unwrap().len(), 2);
    let host = opened.host("cp-1", bench.clock.clone()).unwrap();
    host.run(&Command::mutates(["kubeadm", "certs", "renew", "all"])).await.unwrap_err();
    let fired = bench.lab.faults_fired().unwrap();
    assert_eq!(fired.len(), 2);
    assert!(fired.iter().all(|f| f.command == "kubeadm certs renew all"), "{fired:?}");
}
