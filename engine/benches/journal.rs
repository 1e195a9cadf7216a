//! What durability costs, as ratios: the journal against a bare write and sync of the same bytes, no-op tasks
//! through machine and journal, without and with the driver, and the replay of a million records.
//!
//! `cargo bench -p certwright-engine --bench journal`; `-- NAME` runs only `replay`, `append`, `tasks` or `drive`.
//! A plain program and not a harness: what is measured is one long run and its ratio to another one. Ours and the
//! bare one take turns; the least and the median of the rounds are told, by the clock and in CPU time (of user and
//! system), which other programs of the machine disturb less.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

#[path = "journal/driven.rs"]
mod driven;
#[path = "journal/measure.rs"]
mod measure;
#[path = "journal/replay.rs"]
mod replay;
#[path = "journal/tasks.rs"]
mod tasks;

use std::path::Path;

use certwright_engine::clock::Mono;
use certwright_engine::journal::{FORMAT, Journal, RunId, Stamp, StateDir};
use certwright_engine::machine::{Event, Facts, Header, Record, Verdict};
use certwright_engine::plan::{Cluster, Plan, SshSettings, TaskId};

use measure::{Costs, bare, measure, report};

pub(crate) const NOW: Stamp = Stamp { wall_ms: 1_795_560_300_000, mono: Mono(1_000_000) };
pub(crate) const ROUNDS: usize = 7;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    // Beside the target folder: a tmpfs would measure nothing.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // First, so that the peak memory of the process is the replay's.
    if wanted("replay") {
        replay::replay(folder.path(), 1_000_000, 1_000);
    }
    if wanted("append") {
        for (records, batch) in [(2_000, 1), (50_000, 100), (500_000, 5_000)] {
            append(folder.path(), records, batch);
        }
    }
    if wanted("tasks") {
        tasks::tasks(folder.path());
    }
    if wanted("drive") {
        driven::tasks(folder.path());
    }
}

/// Journal against bare write + fdatasync.
fn append(folder: &Path, records: u64, batch: u64) {
    let records = sample(2, 2, records, batch);
    let per_batch = usize::try_from(batch).unwrap();
    let (mut ours, mut theirs, mut bytes) = (Costs::default(), Costs::default(), 0);
    for round in 0..ROUNDS {
        let state = StateDir::new(folder.join(format!("append-{batch}-{round}")));
        let (mut journal, _) = start(&state, empty_plan());
        ours.push(measure(|| {
            for batch in records.chunks(per_batch) {
                journal.append(batch).unwrap();
            }
        }));
        drop(journal);
        let batches = batches(&state);
        bytes = batches.iter().map(Vec::len).sum();
        theirs.push(bare(&folder.join(format!("bare-{batch}-{round}")), &batches));
        std::fs::remove_dir_all(state.root()).unwrap();
    }
    report(&format!("append {} records, {batch} a batch", records.len()), bytes, &ours, &theirs);
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

pub(crate) fn empty_plan() -> Plan {
    let cluster = Cluster {
        name: "c".into(),
        namespace: "n".into(),
        kubeconfig: "k".into(),
        admin_kubeconfig: None,
        virtual_ip: None,
    };
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
    state
        .create(
            Header { format: FORMAT, tool, run, seed: 1, operator, lab: None, ssh_config: None, plan },
            NOW,
        )
        .unwrap()
}

pub(crate) fn run_id() -> RunId {
    RunId::new(NOW.wall_ms, 1)
}

/// The records of tasks that change something, in the proportions of a run.
pub(crate) fn sample(seq: u64, batch: u64, records: u64, per_batch: u64) -> Vec<Record> {
    let body = |n: u64| {
        let (task, attempt) = (TaskId(u32::try_from(n / 4).unwrap()), 1);
        match n % 4 {
            0 => Event::StepStarted { task, attempt },
            1 => Event::Probed {
                task,
                attempt,
                verdict: Verdict::Drifted,
                facts: Facts::new(
                    serde_json::json!({ "due": ["apiserver", "etcd-server"], "days": n % 300 }),
                ),
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
        body: body(seq - 2 + n),
    };
    (0..records).map(record).collect()
}
