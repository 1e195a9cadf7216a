//! What a command costs the machine: rehearsals run hundreds of them.

use certwright_steps::lab::Validity;

use crate::bench::Bench;

/// Processor time of one command, us; an unoptimised build on a small machine takes a fifth of that.
const LIMIT: i64 = 5_000;

#[tokio::test(start_paused = true)]
async fn a_command_that_reads_costs_less_than_5_ms_of_processor_time() {
    let used = || {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        t.tv_sec * 1_000_000 + t.tv_nsec / 1_000
    };
    let bench = Bench::three(Validity::Expired);
    bench.wait(60).await;
    for line in ["crictl ps -a -o json", "curl -sS http://127.0.0.1:2381/metrics", "date +%s"] {
        let mut costs = Vec::new();
        for _ in 0..30 {
            let before = used();
            bench.ok("cp-1", line).await;
            costs.push(used() - before);
        }
        costs.sort_unstable();
        println!("{line}: {} us", costs[15]);
        assert!(costs[15] < LIMIT, "{line}: {costs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_reads_writes_nothing_however_much_time_has_passed() {
    use std::os::unix::fs::MetadataExt as _;
    let bench = Bench::three(Validity::Valid);
    bench.wait(60).await;
    bench.ok("cp-1", "crictl ps -a -o json").await;
    let state = || {
        let meta = std::fs::metadata(bench.lab.dir().join(".lab/state.json")).unwrap();
        (meta.ino(), meta.mtime(), meta.mtime_nsec())
    };
    let before = state();
    // The kubelets tell every 10 s that they live.
    for line in
        ["crictl ps -a -o json", "kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes", "date +%s"]
    {
        bench.wait(60).await;
        bench.ok("cp-1", line).await;
        assert_eq!(before, state(), "{line} wrote the lab's state");
    }
    bench.host("cp-1").read("/etc/hostname").await.unwrap();
    assert_eq!(before, state(), "a read wrote the lab's state");
}
