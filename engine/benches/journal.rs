//! What durability costs, as ratios: the journal against a bare write and sync of the same bytes, and the
//! replay of a million records. Run with `cargo bench -p certwright-engine --bench journal`.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use certwright_engine::clock::Mono;
use certwright_engine::journal::{FORMAT, Journal, RunId, Stamp, StateDir};
use certwright_engine::machine::{Event, Facts, Header, Op, Record, Verdict};
use certwright_engine::plan::{Cluster, Plan, SshSettings, TaskId};

const NOW: Stamp = Stamp { wall_ms: 1_795_560_300_000, mono: Mono(1_000_000) };
const ROUNDS: usize = 5;

fn main() {
    // Beside the target folder: a tmpfs would measure nothing.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // `-- replay` measures that one alone, for a profiler.
    let only_replay = std::env::args().any(|a| a == "replay");
    // First, so that the peak memory of the process is the replay's.
    replay(folder.path(), 1_000_000, 1_000);
    if only_replay {
        return;
    }
    for (records, batch) in [(2_000, 1), (50_000, 100), (500_000, 5_000)] {
        append(folder.path(), records, batch);
    }
}

/// Journal against bare write + fdatasync, best of a few alternating rounds.
fn append(folder: &Path, records: usize, batch: usize) {
    let records = sample(records, batch);
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    let mut bytes = 0;
    for round in 0..ROUNDS {
        let state = StateDir::new(folder.join(format!("append-{batch}-{round}")));
        let (mut journal, _) = start(&state);
        ours = ours.min(time(|| {
            for batch in records.chunks(batch) {
                journal.append(batch).unwrap();
            }
        }));
        drop(journal);
        let run = run_id();
        let text = std::fs::read(state.run_folder(&run).join("journal")).unwrap();
        let text = &text[..text.iter().rposition(|b| *b != 0).unwrap() + 1];
        let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').skip(1).collect();
        bytes = text.len();
        let batches: Vec<Vec<u8>> = lines.chunks(batch).map(<[&[u8]]>::concat).collect();
        let mut file = File::create_new(folder.join(format!("bare-{batch}-{round}"))).unwrap();
        bare = bare.min(time(|| {
            for batch in &batches {
                file.write_all(batch).unwrap();
                file.sync_data().unwrap();
            }
        }));
        std::fs::remove_dir_all(state.root()).unwrap();
    }
    println!(
        "append {:>7} records, {batch:>5} a batch, {:>5.1} MB: journal {:>8.1} ms, bare write+fdatasync {:>8.1} ms, \
         ratio {:.2} (aim 1.15)",
        records.len(),
        bytes as f64 / 1e6,
        ours.as_secs_f64() * 1e3,
        bare.as_secs_f64() * 1e3,
        ours.as_secs_f64() / bare.as_secs_f64(),
    );
}

/// A million records back, and the memory of this process at its highest.
fn replay(folder: &Path, records: usize, batch: usize) {
    let state = StateDir::new(folder.join("replay"));
    let (mut journal, _) = start(&state);
    let mut from = 2;
    while from < 2 + records {
        // Made a piece at a time: the memory reported is the replay's.
        let piece = sample_from(from as u64, (from as u64 - 2) / batch as u64 + 2, batch, batch);
        journal.append(&piece).unwrap();
        from += batch;
    }
    drop(journal);
    let mut seen = 0;
    let took = time(|| {
        for record in state.resume(&run_id()).unwrap() {
            seen = record.unwrap().seq;
        }
    });
    assert_eq!(seen, records as u64 + 1, "all records came back");
    println!(
        "replay {records} records: {:.2} s (aim 0.45), peak memory of the process {} MB (aim 64)",
        took.as_secs_f64(),
        peak_kib() / 1024,
    );
}

fn start(state: &StateDir) -> (Journal, Record) {
    let cluster =
        Cluster { name: "c".into(), namespace: "n".into(), kubeconfig: "k".into(), admin_kubeconfig: None };
    let plan = Plan {
        name: "bench".into(),
        digest: "0".into(),
        cluster,
        ssh: SshSettings::default(),
        hosts: Vec::new(),
        steps: Vec::new(),
        tasks: Vec::new(),
    };
    let header = Header {
        format: FORMAT,
        tool: "bench".into(),
        run: run_id().to_string(),
        seed: 1,
        operator: "o@w".into(),
        lab: None,
        plan,
    };
    state.create(header, NOW).unwrap()
}

fn run_id() -> RunId {
    RunId::new(NOW.wall_ms, 1)
}

fn sample(records: usize, batch: usize) -> Vec<Record> {
    sample_from(2, 2, records, batch)
}

/// The records of tasks that change something, in the proportions of a run.
fn sample_from(seq: u64, batch: u64, records: usize, per_batch: usize) -> Vec<Record> {
    let body = |n: u64| {
        let (task, attempt) = (TaskId((n / 4) as u32), 1);
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
                summary: format!("all 10 certificates are valid for {} days ({:?})", n % 300, Op::Verify),
            },
        }
    };
    let record = |n: u64| Record {
        seq: seq + n,
        batch: batch + n / per_batch as u64,
        wall_ms: NOW.wall_ms + n,
        mono: NOW.mono.plus(n),
        body: body(seq + n),
    };
    (0..records as u64).map(record).collect()
}

fn time(work: impl FnOnce()) -> Duration {
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
