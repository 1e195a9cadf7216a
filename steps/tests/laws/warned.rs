//! What a preflight only warns of: shown before a run, and stopping none.

use certwright_steps::kinds::{Warning, warnings};
use certwright_steps::lab::Validity;
use serde_json::json;

use crate::bench::{Bench, Stage};
use crate::good;
use crate::preflight::{MANIFESTS, preflight};

impl Bench<'_> {
    /// The warnings of a probe that finds the node ready, a line each.
    async fn warned(&self) -> Vec<String> {
        let probe = good("a node that is ready", self.probe().await);
        let lines: Vec<String> = warnings(&probe.facts).iter().map(Warning::line).collect();
        let told = match lines.len() {
            0 => "cp-1 is ready for a renewal".to_owned(),
            1 => "; 1 warning".to_owned(),
            n => format!("; {n} warnings"),
        };
        assert!(
            probe.summary.contains(&told) && (lines.is_empty() != probe.summary.contains("warning")),
            "{}",
            probe.summary
        );
        lines
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_about_on_a_node_is_a_warning_and_stops_nothing() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    assert_eq!(bench.warned().await, Vec::<String>::new(), "a node without a blemish");
    for path in [
        "/etc/kubernetes/.certwright.a1B2",
        "/etc/kubernetes/tmp/kubeadm-backup-etcd-2026/x",
        "/var/lib/kubelet/pki/kubelet.crt.rotate",
    ] {
        bench.put(path, "");
    }
    std::fs::create_dir(bench.file("/etc/kubernetes/kubelet.new")).expect("a folder");
    bench.put("/etc/kubernetes/pki/apiserver.crt.bak", "");
    bench.put("/etc/kubernetes/pki/etcd/own\nname.crt", "");
    assert_eq!(
        bench.warned().await,
        [
            "/etc/kubernetes has leftovers of an earlier run or upgrade: .certwright.a1B2, kubelet.new: remove them once \
             nobody needs them; keys may be among them",
            "/etc/kubernetes/tmp has leftovers of an earlier run or upgrade: kubeadm-backup-etcd-2026: remove them once \
             nobody needs them; keys may be among them",
            "/var/lib/kubelet/pki has leftovers of an earlier run or upgrade: kubelet.crt.rotate: remove them once nobody \
             needs them; keys may be among them",
            "/etc/kubernetes/pki has files that kubeadm does not manage: apiserver.crt.bak: nothing of this run renews \
             them; see who reads them, and until when they are valid",
            "/etc/kubernetes/pki/etcd has files that kubeadm does not manage: own\\nname.crt: nothing of this run renews \
             them; see who reads them, and until when they are valid",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn others_that_renew_by_schedule_are_warned_of_by_name() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.put("/etc/systemd/system/k8s-certs-renew.timer", "[Timer]\nOnCalendar=monthly\n");
    bench.put(
        "/etc/systemd/system/k8s-certs-renew.service",
        "[Service]\nExecStart=/usr/local/bin/k8s-certs-renew.sh\n",
    );
    bench.put("/etc/systemd/system/timers.target.wants/k8s-certs-renew.timer", "[Timer]\n");
    bench.put("/usr/local/bin/k8s-certs-renew.sh", "#!/bin/bash\n/usr/local/bin/kubeadm certs renew all\n");
    bench.put("/etc/cron.d/certs\n", "0 3 1 * * root kubeadm certs renew all\n");
    assert_eq!(
        bench.warned().await,
        [
            "k8s-certs-renew.timer renews the same certificates (/usr/local/bin/k8s-certs-renew.sh): let it rest while the \
             run lasts: `systemctl stop k8s-certs-renew.timer`, and `systemctl start k8s-certs-renew.timer` after it",
            "cron renews the same certificates: /etc/cron.d/certs\\n: see that it does not run while the run lasts",
        ]
    );
    let unread =
        bench.probe_doctored(&[("/bin/sh -c # Prints files by patterns", "error: head: not found")]).await;
    let unread = good("a node whose schedules cannot be read", unread);
    let told = warnings(&unread.facts).iter().map(Warning::line).collect::<Vec<_>>();
    let words =
        "whether something else renews certificates by schedule cannot be told: error: head: not found";
    assert!(told.len() == 1 && told[0].starts_with(words), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_external_etcd_a_new_kubeadm_and_names_that_lack_are_warnings() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.with_external_etcd();
    let warned = bench.warned().await;
    assert!(
        warned.len() == 1
            && warned[0].starts_with("etcd is external (https://10.9.9.1:2379, https://10.9.9.2:2379): "),
        "{warned:?}"
    );
    let bench = stage.bench();
    bench.edit("etcd", |text| text.replace("--name=cp-1", "--name=other"));
    let warned = bench.warned().await;
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert_eq!(
        warned[0],
        "/etc/kubernetes/pki/etcd/server.crt does not name other, the node's own name: a renewal copies the names; where \
         something asks by this one, make it anew (move it and its key away, then `kubeadm init phase certs etcd-server`)"
    );
    let bench = stage.bench();
    let newer = good("a newer kubeadm", bench.probe_doctored(&[("kubeadm version", "v1.38.0\n")]).await);
    let told = warnings(&newer.facts).iter().map(Warning::line).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            "kubeadm is v1.38.0, 2 minor releases ahead of kube-apiserver (v1.36.1); it supports one: kubeadm 1.36 is the \
          cluster's own"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_name_the_virtual_ip_is_warned_of() {
    let mut scenario = preflight(Validity::Expiring);
    let endpoint = scenario.lab.endpoint.trim_start_matches("https://");
    let named = endpoint.rsplit_once(':').map_or(endpoint, |(host, _port)| host).to_owned();
    for (address, told) in [
        (named.as_str(), &[][..]),
        (
            "10.9.9.100",
            &[
                "/etc/kubernetes/pki/apiserver.crt does not name 10.9.9.100, the cluster's virtual IP: a renewal copies the \
               names; where something asks by this one, make it anew (move it and its key away, then `kubeadm init phase \
               certs apiserver`)",
            ],
        ),
    ] {
        scenario.lab.cluster.virtual_ip = Some(address.to_owned());
        let stage = Stage::new(&scenario).await;
        assert_eq!(stage.bench().warned().await, told, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_certificate_is_a_warning_that_a_renewal_mends() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let pki = |name: &str| bench.file(&format!("/etc/kubernetes/pki/{name}"));
    std::fs::copy(pki("etcd/peer.key"), pki("apiserver.key")).expect("copied");
    std::fs::remove_file(pki("front-proxy-client.key")).expect("a key");
    assert_eq!(
        bench.warned().await,
        [
            "/etc/kubernetes/pki/apiserver.key does not belong to /etc/kubernetes/pki/apiserver.crt: the renewal makes both \
             anew; what restarts before it may not come up",
            "/etc/kubernetes/pki/front-proxy-client.crt has no private key: the renewal makes both anew; what restarts \
             before it may not come up",
        ]
    );
    good("the renewal", bench.other("kubeadm-renew", json!({}), "cp-1").await);
    assert_eq!(bench.warned().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn warnings_stand_behind_the_findings_of_a_node_that_is_not_ready() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.put("/etc/kubernetes/scheduler.conf.new", "");
    std::fs::create_dir(bench.file(MANIFESTS).join("old")).expect("a folder");
    let found = bench.found().await;
    assert!(found.len() == 2 && found[1].starts_with("warning: /etc/kubernetes has leftovers"), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn members_of_etcd_that_are_no_hosts_of_the_run_are_named_and_so_is_the_leader() {
    let scenario = preflight(Validity::Expiring);
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let whole = good("a whole run", bench.probe().await);
    assert!(whole.summary.ends_with("; etcd's leader is cp-1, followed by cp-2, cp-3"), "{}", whole.summary);
    let limited = good("a run without cp-2", bench.probe_without("cp-2").await);
    assert!(
        limited.summary.ends_with("; etcd's leader is cp-1, followed by cp-3; 1 warning"),
        "{}",
        limited.summary
    );
    let told = warnings(&limited.facts).iter().map(Warning::line).collect::<Vec<_>>();
    assert!(
        told.len() == 1 && told[0].starts_with("etcd has members that are no hosts of this run: "),
        "{told:?}"
    );
    // A host of the run whose member is silent is no stranger.
    bench.down("cp-2", "etcd").await;
    let silent = good("a silent member", bench.probe().await);
    assert_eq!(warnings(&silent.facts), []);
    bench.down("cp-3", "etcd").await;
    let lost = good("a lost quorum", bench.probe().await);
    assert!(lost.summary.ends_with("; no etcd member leads"), "{}", lost.summary);
}
