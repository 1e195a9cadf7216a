//! What durability costs, as ratios: the journal against a bare write and sync of the same bytes, no-op tasks
//! through driver, machine and journal, and the replay of a million records.
//!
//! `cargo bench -p certwright-engine --bench journal`; `-- NAME` runs only `replay`, `append` or `tasks`. A
//! plain program and not a harness: what is measured is one long run and its ratio to another one.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

#[path = "journal/tasks.rs"]
mod tasks;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use certwright_engine::clock::Mono;
use certwright_engine::journal::{FORMAT, Journal, RunId, Stamp, StateDir};
use certwright_engine::machine::{Event, Facts, Header, Record, Verdict};
use certwright_engine::plan::{Cluster, Plan, SshSettings, TaskId};

const NOW: Stamp = Stamp { wall_ms: 1_795_560_300_000, mono: Mono(1_000_000) };
const ROUNDS: usize = 5;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    // Beside the target folder: a tmpfs would measure nothing.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // First, so that the peak memory of the process is the replay's.
    if wanted("replay") {
        replay(folder.path(), 1_000_000, 1_000);
    }
    if wanted("append") {
        for (records, batch) in [(2_000, 1), (50_000, 100), (500_000, 5_000)] {
            append(folder.path(), records, batch);
        }
    }
    if wanted("tasks") {
        tasks::tasks(folder.path());
    }
}

/// Journal against bare write + fdatasync, best of a few alternating rounds.
fn append(folder: &Path, records: u64, batch: u64) {
    let records = sample(2, 2, records, batch);
    let per_batch = usize::try_from(batch).unwrap();
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    let mut bytes = 0;
    for round in 0..ROUNDS {
        let state = StateDir::new(folder.join(format!("append-{batch}-{round}")));
        let (mut journal, _) = start(&state, empty_plan());
        ours = ours.min(time(|| {
            for batch in records.chunks(per_batch) {
                journal.append(batch).unwrap();
            }
        }));
        drop(journal);
        let batches = batches(&state);
        bytes = batches.iter().map(Vec::len).sum();
        bare = bare.min(bare_time(&folder.join(format!("bare-{batch}-{round}")), &batches));
        std::fs::remove_dir_all(state.root()).unwrap();
    }
    report(&format!("append {} records, {batch} a batch", records.len()), bytes, ours, bare);
}

/// The bytes of each batch of the run but its first, as they stand in its journal.
pub(crate) fn batches(state: &StateDir) -> Vec<Vec<u8>> {
    let text = std::fs::read(state.run_folder(&run_id()).join("journal")).unwrap();
    let text = &text[..=text.iter().rposition(|b| *b != 0).unwrap()];
    let mut batches = vec![Vec::new()];
    for line in text.split_inclusive(|b| *b == b'\n').skip(1) {
        let batch = batches.last_mut().unwrap();
        batch.extend_from_slice(line);
        // `left` tells how many records of the batch follow.
        if line.windows(10).take(80).any(|w| w == b"\"left\":0,\"") {
            batches.push(Vec::new());
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

pub(crate) fn bare_time(path: &Path, batches: &[Vec<u8>]) -> Duration {
    let mut file = File::create_new(path).unwrap();
    let took = time(|| {
        for batch in batches {
            file.write_all(batch).unwrap();
            file.sync_data().unwrap();
        }
    });
    std::fs::remove_file(path).unwrap();
    took
}

pub(crate) fn report(what: &str, bytes: usize, ours: Duration, bare: Duration) {
    println!(
        "{what}, {} KB: {:.1} ms, bare write+fdatasync of the same {:.1} ms, ratio {:.2} (aim 1.15)",
        bytes / 1000,
        ours.as_secs_f64() * 1e3,
        bare.as_secs_f64() * 1e3,
        ours.as_secs_f64() / bare.as_secs_f64(),
    );
}

/// A million records back, and the memory of this process at its highest.
fn replay(folder: &Path, records: u64, batch: u64) {
    let state = StateDir::new(folder.join("replay"));
    let (mut journal, _) = start(&state, empty_plan());
    for n in 0..records / batch {
        // Made a piece at a time: the memory reported is the replay's.
        journal.append(&sample(2 + n * batch, 2 + n, batch, batch)).unwrap();
    }
    drop(journal);
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let mut seen = 0;
        best = best.min(time(|| {
            for record in state.resume(&run_id()).unwrap() {
                seen = record.unwrap().seq;
            }
        }));
        assert_eq!(seen, records + 1, "all records came back");
    }
    println!(
        "replay {records} records: {:.2} s (aim 0.45), peak memory of the process {} MB (aim 64)",
        best.as_secs_f64(),
        peak_kib() / 1024,
    );
}

pub(crate) fn empty_plan() -> Plan {
    let cluster =
        Cluster { name: "c".into(), namespace: "n".into(), kubeconfig: "k".into(), admin_kubeconfig: None };
    Plan {
        name: "bench".into(),
        digest: "0".into(),
        cluster,
        ssh: SshSettings::default(),
        hosts: Vec::new(),
        steps: Vec::new(),
        tasks: Vec::new(),
    }
}

pub(crate) fn start(state: &StateDir, plan: Plan) -> (Journal, Record) {
    let (tool, run, operator) = ("bench".into(), run_id().to_string(), "o@w".into());
    state.create(Header { format: FORMAT, tool, run, seed: 1, operator, lab: None, plan }, NOW).unwrap()
}

fn run_id() -> RunId {
    RunId::new(NOW.wall_ms, 1)
}

/// The records of tasks that change something, in the proportions of a run.
fn sample(seq: u64, batch: u64, records: u64, per_batch: u64) -> Vec<Record> {
    let body = |n: u64| {
        let (task, attempt) = (TaskId(u32::try_from(n / 4).unwrap()), 1);
        match n % 4 {
            0 => Event::StepStarted { task, attempt },
            1 => Event::Probed {
                task,
                attempt,
                verdict: Verdict::Drifted,
                facts: Facts(serde_json::json!({ "due": ["apiserver", "etcd-server"], "days": n % 300 })),
                summary: "2 of 10 certificates expire within 30d".into(),
            },
            2 => Event::Applied { task, attempt, summary: "renewed 2 certificates".into() },
            _ => Event::Verified {
                task,
                attempt,
                facts: Facts::default(),
                summary: format!("all 10 certificates are valid for {} days", n % 300),
            },
        }
    };
    let record = |n: u64| Record {
        seq: seq + n,
        batch: batch + n / per_batch,
        wall_ms: NOW.wall_ms + n,
        mono: NOW.mono.plus(n),
        body: body(seq + n),
    };
    (0..records).map(record).collect()
}

pub(crate) fn time(work: impl FnOnce()) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures by the process's own clock")]
    let start = std::time::Instant::now();
    work();
    start.elapsed()
}

/// VmHWM of this process, KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
