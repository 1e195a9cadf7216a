//! Runtime, crictl and real etcd: what a restart is made of, and its traps.

use std::time::{Duration, Instant};

use certwright_cluster::host::{Cluster, Said};
use certwright_steps::lab::Validity;

use crate::support::{PACE, cluster, container, until, until_etcd_is_healthy};

const ETCDCTL: &str = "ETCDCTL_API=3 etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt \
                       --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt \
                       --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://127.0.0.1:2379";

fn signal_runtime(cluster: &Cluster, node: &str, signal: &str) {
    let pid = cluster.ssh(node, "systemctl show containerd | sed -n 's/^MainPID=//p'").ok();
    cluster.ssh(node, &format!("kill -{signal} {}", pid.trim())).ok();
}

fn stop(cluster: &Cluster, node: &str, id: &str) -> Said {
    cluster.ssh(node, &format!("crictl stop {id}"))
}

#[test]
fn three_real_etcd_members_have_quorum_and_a_stopped_one_comes_back_anew() {
    let cluster = cluster(Validity::Valid);
    let healthy = until_etcd_is_healthy(&cluster);
    let members = cluster.ssh("cp-2", &format!("{ETCDCTL} member list")).ok();
    assert_eq!(members.lines().filter(|line| line.contains(" started, ")).count(), 3, "{members}");
    cluster.ssh("cp-1", &format!("{ETCDCTL} put /a 1")).ok();
    assert_eq!(cluster.ssh("cp-3", &format!("{ETCDCTL} get /a --print-value-only")).ok(), "1\n");

    // By the measured back-off: about 1 s, then 12 s.
    let mut old = container(&cluster, "cp-3", "etcd").expect("etcd runs");
    let mut waits = Vec::new();
    for bound in [(0, 2_000), (12_000 / u64::from(PACE), 12_000 / u64::from(PACE) + 2_000)] {
        let began = Instant::now();
        assert_eq!(stop(&cluster, "cp-3", &old).ok(), format!("{old}\n"));
        let mut new = None;
        until("a new etcd container", Duration::from_secs(30), || {
            new = container(&cluster, "cp-3", "etcd").filter(|id| *id != old);
            new.is_some()
        });
        let took = u64::try_from(began.elapsed().as_millis()).expect("fits");
        assert!(bound.0 <= took && took <= bound.1, "back after {took} ms, not {bound:?}");
        waits.push(took);
        old = new.expect("it was found");
    }
    until_etcd_is_healthy(&cluster);
    let attempt = cluster.ssh("cp-3", &format!("crictl inspect {old}")).ok();
    assert!(attempt.contains("\"attempt\": 2"), "{attempt}");
    println!(
        "3 members healthy {:.1} s after the hosts were up; restarts took {waits:?} ms at pace {PACE}",
        healthy.as_secs_f64()
    );
}

#[test]
fn a_runtime_that_hangs_meets_no_deadline_and_does_what_it_was_asked_for_later() {
    let cluster = cluster(Validity::Valid);
    until("etcd", Duration::from_secs(20), || container(&cluster, "cp-1", "etcd").is_some());
    let id = container(&cluster, "cp-1", "etcd").expect("etcd runs");
    signal_runtime(&cluster, "cp-1", "STOP");
    let late = cluster.ssh("cp-1", &format!("crictl --timeout 1s stop {id}"));
    assert_eq!(late.code, Some(1), "{}", late.whole());
    assert!(
        late.stderr.contains("code = DeadlineExceeded desc = context deadline exceeded"),
        "{}",
        late.whole()
    );
    assert!(late.stderr.contains("level=error msg=\"stopping the container"), "{}", late.whole());
    let looked = cluster.ssh("cp-1", "crictl --timeout 1s ps");
    assert_eq!(looked.code, Some(1), "{}", looked.whole());
    signal_runtime(&cluster, "cp-1", "CONT");
    let took = until("the container stopped all the same", Duration::from_secs(5), || {
        cluster.ssh("cp-1", &format!("crictl inspect {id}")).ok().contains("CONTAINER_EXITED")
    });
    println!("DeadlineExceeded fired; the stop was done {} ms after the runtime went on", took.as_millis());
}

#[test]
fn stops_of_what_does_not_run_prove_nothing_and_a_sandbox_is_made_anew() {
    let cluster = cluster(Validity::Valid);
    until_etcd_is_healthy(&cluster);
    let unknown = "f".repeat(64);
    assert_eq!(stop(&cluster, "cp-1", &unknown).ok(), format!("{unknown}\n"));
    let looked = cluster.ssh("cp-1", &format!("crictl inspect {unknown}"));
    assert_eq!(looked.code, Some(1));
    assert!(looked.stderr.contains("code = NotFound"), "{}", looked.whole());
    assert_eq!(cluster.ssh("cp-1", "crictl stopp").code, Some(0), "stopp without an id prints its help");
    let other = cluster.ssh("cp-1", "crictl --runtime-endpoint unix:///var/run/crio/crio.sock ps");
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains("no such file or directory"), "{}", other.whole());

    let pod = cluster.ssh("cp-1", "crictl pods -q --name '^etcd-cp-1$'").ok();
    let old = container(&cluster, "cp-1", "etcd").expect("etcd runs");
    cluster.ssh("cp-1", &format!("crictl stopp {}", pod.trim())).ok();
    until("a new sandbox with a new container", Duration::from_secs(20), || {
        container(&cluster, "cp-1", "etcd").is_some_and(|id| id != old)
    });
    assert_ne!(cluster.ssh("cp-1", "crictl pods -q --name '^etcd-cp-1$'").ok(), pod);
    until_etcd_is_healthy(&cluster);
    let logs = cluster.ssh("cp-1", "crictl logs --tail 5 $(crictl ps -q --name '^etcd$')");
    assert_eq!((logs.code, logs.stderr.lines().count()), (Some(0), 5), "{}", logs.whole());
}

#[test]
fn members_with_expired_certificates_refuse_each_other_until_kubeadm_has_renewed_them() {
    let cluster = cluster(Validity::Expired);
    until("a refused peer in the log", Duration::from_secs(30), || {
        let logs = cluster.ssh("cp-1", "crictl logs $(crictl ps -a -q --name '^etcd$' | head -1)");
        logs.stderr.contains("certificate has expired or is not yet valid")
    });
    let health = "curl -s --max-time 2 http://127.0.0.1:2381/health";
    assert!(!cluster.ssh("cp-1", health).stdout.contains("true"), "there is no quorum");
    let began = Instant::now();
    let mut renewed = 0;
    for node in cluster.nodes() {
        let said = cluster.ssh(node.name(), "kubeadm certs renew all");
        renewed += said.stdout.matches(" renewed\n").count();
        assert_eq!(said.code, Some(0), "{}", said.whole());
        assert!(said.stdout.contains("Falling back to default configuration"), "{}", said.whole());
    }
    assert_eq!(renewed, 31);
    let all = began.elapsed();
    let took = until_etcd_is_healthy(&cluster);
    println!(
        "31 certificates renewed in {:.1} s (kubeadm waited for the API at pace {PACE}); quorum {:.1} s after that",
        all.as_secs_f64(),
        took.as_secs_f64()
    );
}
