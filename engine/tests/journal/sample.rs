//! Runs to write down.

use std::path::Path;

use certwright_engine::clock::Mono;
use certwright_engine::journal::{Entry, FORMAT, Journal, JournalError, Position, Scan, Stamp, Tail};
use certwright_engine::machine::{Event, Facts, Header, Record, Verdict};
use certwright_engine::plan::{Cluster, HostSpec, Plan, SshSettings, TaskId, WORKSTATION};

use crate::memory::Disk;

pub(crate) const RUN: &str = "20261124-224500-x7k2";
pub(crate) const NOW: Stamp = Stamp { wall_ms: 1_795_560_300_000, mono: Mono(77) };

pub(crate) fn header(run: &str) -> Header {
    let cluster = Cluster {
        name: "prod-1".into(),
        namespace: "cluster-prod-1".into(),
        kubeconfig: "kubeconfig".into(),
        admin_kubeconfig: None,
        virtual_ip: None,
    };
    let workstation =
        HostSpec { name: WORKSTATION.into(), address: None, groups: vec![], ssh: SshSettings::default() };
    let plan = Plan {
        name: "sample".into(),
        digest: "0".into(),
        cluster,
        ssh: SshSettings::default(),
        hosts: vec![workstation],
        steps: vec![],
        tasks: vec![],
    };
    let (tool, operator) = ("0.1.0".into(), "ops@desk".into());
    Header { format: FORMAT, tool, run: run.into(), seed: 7, operator, lab: None, ssh_config: None, plan }
}

/// A batch of `count` records of several shapes, texts and sizes that continues `(seq, batch)`.
pub(crate) fn batch(seq: u64, batch: u64, count: u64) -> Vec<Record> {
    let body = |n: u64| {
        let (task, attempt) = (TaskId(u32::try_from(n).unwrap()), 1);
        match n % 4 {
            0 => Event::StepStarted { task, attempt },
            1 => Event::Probed {
                task,
                attempt,
                verdict: Verdict::Drifted,
                facts: Facts::new(serde_json::json!({ "seq": n, "text": "5 0123abcd {\"seq\":9,\n" })),
                summary: "ümläut and a line\nfeed".into(),
            },
            2 => Event::Applied { task, attempt, summary: "x".repeat(usize::try_from(n * 7 % 90).unwrap()) },
            _ => Event::Resumed { operator: "ops@desk".into() },
        }
    };
    let record = |i: u64| Record {
        seq: seq + i,
        batch,
        wall_ms: NOW.wall_ms + i,
        mono: NOW.mono.plus(i),
        body: body(seq + i),
    };
    (1..=count).map(record).collect()
}

/// A journal in memory: the records of each batch, and the disk after each of them.
pub(crate) struct Written {
    pub(crate) batches: Vec<Vec<Record>>,
    pub(crate) disks: Vec<Vec<u8>>,
}

impl Written {
    /// Writes record 1 and then batches of these sizes.
    pub(crate) fn new(sizes: &[u64]) -> Self {
        let disk = Disk::default();
        let medium = Box::new(disk.clone());
        let (mut journal, first) = Journal::begin(medium, Path::new("journal"), header(RUN), NOW).unwrap();
        let mut written = Self { batches: vec![vec![first]], disks: vec![disk.durable()] };
        for size in sizes {
            let records = batch(journal.seq(), journal.batch() + 1, *size);
            journal.append(&records).unwrap();
            written.batches.push(records);
            written.disks.push(disk.durable());
        }
        written
    }

    pub(crate) fn disk(&self) -> &[u8] {
        self.disks.last().unwrap()
    }

    /// Bytes up to the end of each batch.
    pub(crate) fn ends(&self) -> Vec<usize> {
        let end = |disk: &Vec<u8>| disk.iter().rposition(|b| *b != 0).unwrap() + 1;
        self.disks.iter().map(end).collect()
    }

    pub(crate) fn first_batches(&self, n: usize) -> Vec<Record> {
        self.batches[..n].concat()
    }
}

/// What a scan says of some bytes.
pub(crate) struct Read {
    pub(crate) records: Vec<Record>,
    pub(crate) position: Position,
    pub(crate) tail: Option<Tail>,
}

pub(crate) fn read(bytes: &[u8]) -> Result<Read, JournalError> {
    let mut scan = Scan::new(Path::new("journal"), bytes);
    let mut records = Vec::new();
    for entry in &mut scan {
        match entry? {
            Entry::Record(record) => records.push(record),
            Entry::Unknown(unknown) => panic!("unknown record {unknown:?}"),
        }
    }
    Ok(Read { records, position: scan.position(), tail: scan.tail().cloned() })
}
