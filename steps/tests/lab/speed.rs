//! What a command costs the machine: rehearsals run hundreds of them.

use certwright_steps::lab::Validity;

use crate::bench::Bench;

#[tokio::test(start_paused = true)]
async fn a_command_costs_little() {
    let used = || {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        t.tv_sec * 1_000_000 + t.tv_nsec / 1_000
    };
    for validity in [Validity::Expired, Validity::Valid] {
        let bench = Bench::three(validity);
        bench.wait(60).await;
        for line in [
            "crictl ps -a -o json",
            "kubeadm certs renew all",
            "curl -sS http://127.0.0.1:2381/health",
            "date +%s",
        ] {
            let before = used();
            for _ in 0..100 {
                bench.ok("cp-1", line).await;
            }
            println!("{validity:?} {line}: {} us", (used() - before) / 100);
        }
        println!("state {} bytes", std::fs::metadata(bench.lab.dir().join(".lab/state.json")).unwrap().len());
    }
}
