//! Each fault of the lab, against the kind it concerns: what the operator is told, and what the next attempt makes
//! of it. Every fault must have fired.

use std::path::PathBuf;

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, Verdict};
use certwright_steps::lab::Validity;
use serde_json::json;

use crate::bench::{Bench, Stage};
use crate::crashing::Crash;
use crate::doctored::REAL;
use crate::good;
use crate::scenarios::Scenario;

/// The classes that the shipped plan retries.
const RETRIED: [ErrorClass; 3] = [ErrorClass::DeadlineExceeded, ErrorClass::Unavailable, ErrorClass::Unknown];

fn restart() -> Scenario {
    Scenario::new("restart-static-pods", "cp-1", Validity::Expiring).after("kubeadm-renew", "cp-1")
}

pub(crate) fn renew() -> Scenario {
    Scenario::new("kubeadm-renew", "cp-1", Validity::Expiring)
}

impl Bench<'_> {
    /// A file of the step's host, as the test changes it.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.file_of(self.host_name(), path)
    }

    pub(crate) fn file_of(&self, host: &str, path: &str) -> PathBuf {
        self.lab().dir().join(host).join(path.trim_start_matches('/'))
    }

    pub(crate) fn fault(&self, text: &str) {
        self.inject(text.parse().expect("a fault"));
    }

    pub(crate) fn assert_fired(&self) {
        assert!(self.lab().faults_waiting().expect("a lab").is_empty(), "a fault was never reached");
        assert!(!self.lab().faults_fired().expect("a lab").is_empty(), "no fault was reached");
    }
}

pub(crate) fn assert_says(error: &StepError, class: ErrorClass, words: &str) {
    assert_eq!(error.class, class, "{}", crate::make::tell(error));
    assert!(error.message.contains(words), "{}", crate::make::tell(error));
}

/// Runs a scenario under a fault with the plan's retries; as many attempts as expected, and the same end.
async fn survives(stage: &Stage<'_>, fault: &str, attempts: usize) {
    let calm = stage.bench();
    good(fault, calm.attempt().await);
    let bench = stage.bench();
    bench.fault(fault);
    let made = good(fault, bench.attempts(6, &RETRIED).await);
    bench.assert_fired();
    bench.assert_same(&calm.witness().shape(), &bench.witness().shape(), fault);
    assert_eq!(made, attempts, "attempts under {fault}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_runs_into_its_deadline_is_neither_a_failure_nor_stopped_twice() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let faults = [
        ("deadline-exceeded=stop@cp-1", 2),
        ("deadline-exceeded-after=stop@cp-1", 1),
        ("deadline-unknown@cp-1", 2),
        ("deadline-unknown-after@cp-1", 1),
        ("deadline-exceeded=stop@cp-1*3", 4),
        ("drop-before=crictl@cp-1", 2),
        ("drop-after=crictl@cp-1", 2),
    ];
    for (fault, attempts) in faults {
        survives(&stage, fault, attempts).await;
    }
    println!("{} faults of a stop", faults.len());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_cut_off_is_found_by_the_next_probe() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    let faults = [
        ("deadline-exceeded=renew@cp-1", 2),
        ("deadline-exceeded-after=renew@cp-1", 2),
        ("drop-before=kubeadm@cp-1", 2),
        ("drop-after=kubeadm@cp-1", 2),
    ];
    for (fault, attempts) in faults {
        survives(&stage, fault, attempts).await;
    }
    println!("{} faults of a renewal", faults.len());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_dies_half_way_says_so_and_the_next_attempt_completes_it() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    for count in ["0", "3", "7"] {
        let bench = stage.bench();
        let before = bench.witness().files();
        let first = good("first probe", bench.probe().await);
        bench.fault(&format!("renew-dies={count}@cp-1"));
        let error = bench.attempt().await.expect_err("it dies");
        assert_says(
            &error,
            ErrorClass::Refused,
            "cp-1: kubeadm certs renew all failed: failed to write new certificate",
        );
        assert!(error.remedy.is_some() && error.evidence.is_some());
        bench.assert_fired();
        good("the next attempt", bench.attempt().await);
        good("an undo to before the first", bench.undo(&first.facts).await);
        bench.assert_same(&before, &bench.witness().files(), "undo of a renewal that died");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_only_claims_to_have_happened_is_not_believed() {
    let scenario = renew();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("renew-lies@cp-1");
    let error = bench.attempt().await.expect_err("nothing was renewed");
    assert_says(
        &error,
        ErrorClass::Unsatisfied,
        "cp-1: admin.conf is unchanged (/etc/kubernetes/admin.conf)",
    );
    bench.assert_fired();
    good("the next attempt", bench.attempt().await);
}

#[tokio::test(start_paused = true)]
async fn a_forced_renewal_renews_once_in_a_run_however_often_it_is_attempted() {
    let scenario =
        Scenario::new("kubeadm-renew", "cp-1", Validity::Valid).with(json!({ "force": true })).drifted();
    let stage = Stage::new(&scenario).await;
    for fault in ["drop-after=kubeadm@cp-1", "deadline-exceeded-after=renew@cp-1"] {
        let bench = stage.bench();
        bench.fault(fault);
        bench.attempt().await.expect_err("the first one is cut off");
        bench.assert_fired();
        let renewed = bench.witness().exact();
        good("the second one", bench.attempt().await);
        bench.assert_same(&renewed, &bench.witness().exact(), "a second attempt");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_come_back_is_helped_rung_by_rung() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    for (fault, rungs) in [
        ("container-stays-down=kube-scheduler@cp-1", &["stopp "][..]),
        ("container-stays-down=kube-scheduler@cp-1*2", &["stopp ", "systemctl restart kubelet"]),
        ("container-stays-down=etcd@cp-1*2", &["stopp ", "systemctl restart kubelet"]),
    ] {
        let (bench, counted) = (stage.bench(), Crash::never());
        bench.fault(fault);
        let start = bench.wall_ms();
        good(fault, bench.with(&counted).attempt().await);
        bench.assert_fired();
        let took = (bench.wall_ms() - start) / 1000;
        // Not before the kubelet's longest back-off is over.
        assert!((360..360 + 60 * rungs.len() as u64 + 40).contains(&took), "{fault}: {took} s");
        let calls = counted.texts();
        for rung in ["stopp ", "systemctl restart kubelet"] {
            let times = calls.iter().filter(|call| call.contains(rung)).count();
            assert_eq!(times, usize::from(rungs.contains(&rung)), "{fault}: {rung}: {calls:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_nothing_brings_back_is_named_with_what_was_tried() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("container-stays-down=kube-scheduler@cp-1*3");
    let error = bench.attempt().await.expect_err("it never comes back");
    bench.assert_fired();
    assert_says(
        &error,
        ErrorClass::Unavailable,
        "cp-1: not ready within 6m, nor after its sandbox was stopped and the kubelet was restarted: kube-scheduler \
         has no running container, and none was made since the stop",
    );
    assert!(error.remedy.is_some());
    // The log of the container that was stopped would tell of the old trouble only.
    let evidence = error.evidence.expect("evidence");
    assert!(evidence.command.ends_with("ps -a -o json"), "{}", evidence.command);
    let [line] = &evidence.last_lines[..] else { panic!("{:?}", evidence.last_lines) };
    assert!(line.starts_with("the newest container of kube-scheduler, "), "{line}");
    assert!(line.ends_with(" has ended"), "{line}");
}

/// The kubelet is not restarted where it would not start again.
#[tokio::test(start_paused = true)]
async fn a_kubelet_whose_certificate_has_expired_is_no_rung() {
    let scenario = restart();
    let stage = Stage::new(&scenario).await;
    let (bench, counted) = (stage.bench(), Crash::never());
    bench.fault("container-stays-down=kube-scheduler@cp-1*3");
    let own = bench.with(&counted);
    let (result, ()) = tokio::join!(own.attempt(), async {
        bench.sleep(std::time::Duration::from_secs(120)).await;
        bench.fault("kubelet-expired@cp-1");
    });
    let error = result.expect_err("nothing brings it back");
    assert_eq!(error.class, ErrorClass::Refused, "{}", error.message);
    assert!(!counted.texts().iter().any(|call| call.contains("systemctl restart kubelet")));
}

#[tokio::test(start_paused = true)]
async fn an_etcd_without_its_peers_asks_for_the_renewal_of_all_nodes_and_nothing_is_stopped() {
    let scenario =
        Scenario::new("restart-static-pods", "cp-1", Validity::Expired).after("kubeadm-renew", "cp-1");
    let stage = Stage::new(&scenario).await;
    let (bench, counted) = (stage.bench(), Crash::never());
    let start = bench.wall_ms();
    let error = bench.with(&counted).attempt().await.expect_err("no quorum");
    assert_says(
        &error,
        ErrorClass::Unavailable,
        "stopping etcd on cp-1 would bring no quorum back: 1 of 3 members can have valid certificates, 2 must: cp-2: \
         /etc/kubernetes/pki/etcd/server.crt expired",
    );
    assert!(error.remedy.is_some_and(|remedy| remedy.contains("without --limit")));
    assert!(!counted.texts().iter().any(|call| call.contains(" stop --timeout ")), "nothing is stopped");
    assert!(bench.wall_ms() - start < 10_000, "and it is known at once");
    // A second node's files make a quorum: it is seen to come, and no restart takes it.
    good("the second node's files", bench.other("kubeadm-renew", json!({}), "cp-2").await);
    let error = bench.with(&counted).attempt().await.expect_err("the quorum hangs on two");
    assert_says(
        &error,
        ErrorClass::Unavailable,
        "stopping etcd on cp-1 would leave 1 of 3 ready, 2 must be: cp-3: ",
    );
    assert!(!counted.texts().iter().any(|call| call.contains(" stop --timeout ")), "nothing is stopped");
    good("the third node's files", bench.other("kubeadm-renew", json!({}), "cp-3").await);
    good("restart", bench.attempt().await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_node_costs_time_and_nothing_else() {
    let scenario = restart();
    survives(&Stage::new(&scenario).await, "slow=5@cp-1", 1).await;
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("slow=600@cp-1");
    let error = bench.attempt().await.expect_err("no result in time");
    bench.assert_fired();
    assert_says(&error, ErrorClass::DeadlineExceeded, "cp-1: no result within");
    assert!(error.remedy.expect("a remedy").contains("overloaded"));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_a_backup_and_leaves_nothing_that_counts_as_one() {
    let scenario = Scenario::new("backup", "cp-1", Validity::Expiring)
        .with(json!({ "paths": ["/etc/kubernetes", "/var/lib/kubelet/pki"] }));
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    bench.fault("disk-full@cp-1");
    let error = bench.attempt().await.expect_err("no space");
    bench.assert_fired();
    assert_says(&error, ErrorClass::Refused, "No space left on device");
    assert!(error.remedy.expect("a remedy").starts_with("free space"));
    let shown = error.evidence.expect("evidence").command;
    assert!(shown.starts_with("<backup script of certwright> /var/lib/certwright/backups/"), "{shown}");
    assert!(shown.ends_with(".tar /etc/kubernetes /var/lib/kubelet/pki"), "{shown}");
    assert_eq!(good("probe", bench.probe().await).verdict, Verdict::Drifted);
    good("the next attempt", bench.attempt().await);
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_came_to_be_since_the_look_for_it_is_looked_at_again() {
    const SCRIPT: &str = "/bin/sh -c # What the scripts of backups share.";
    const NONE: (&str, &str) = (SCRIPT, "end 0\n");
    const OWN: (&str, &str) = (SCRIPT, REAL);
    let scenario =
        Scenario::new("backup", "cp-1", Validity::Expiring).with(json!({ "paths": ["/etc/kubernetes"] }));
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    good("what an earlier process made", bench.attempt().await);
    // Neither the probe nor apply sees it; the script does, and so does whoever looks then.
    good("an attempt that is late", bench.attempt_doctored(&[NONE, NONE, OWN]).await);
    let error = bench.attempt_doctored(&[NONE, NONE, OWN, NONE]).await.expect_err("it is gone again");
    assert_says(&error, ErrorClass::Unavailable, "exists");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_there_is_no_matter_of_retries_and_the_lab_says_what_it_has() {
    let scenario = Scenario::new("command", "cp-1", Validity::Valid)
        .with(json!({ "argv": ["touch", "/tmp/x"], "creates": "/tmp/x" }));
    let stage = Stage::new(&scenario).await;
    let error = stage.bench().attempt().await.expect_err("the lab has no touch");
    assert_says(
        &error,
        ErrorClass::Invalid,
        "cp-1: touch cannot be run: cp-1 of the lab has no program touch (a limit of the rehearsal, not of your plan); \
         it has: cat, chown, crictl, curl, ",
    );
}

/// A misspelt condition would have its step act each time.
#[tokio::test(start_paused = true)]
async fn nothing_is_done_where_the_program_that_tells_whether_it_is_wanted_cannot_be_run() {
    let scenario = Scenario::new("command", "cp-1", Validity::Valid).with(
        json!({ "argv": ["systemctl", "restart", "kubelet"], "unless": ["systmctl", "is-active", "kubelet"] }),
    );
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let before = bench.witness().exact();
    for error in
        [bench.probe().await.expect_err("no systmctl"), bench.attempt().await.expect_err("no systmctl")]
    {
        assert_says(
            &error,
            ErrorClass::Invalid,
            "cp-1: the program of `unless` cannot be run: cp-1 of the lab has no program systmctl",
        );
        assert!(error.remedy.expect("a remedy").contains("correct `unless`"));
    }
    bench.assert_same(&before, &bench.witness().exact(), "a condition that cannot be asked");
}
