//! The plans that are explored, and the bounds of each.

use std::sync::Arc;

use certwright_engine::clock::Mono;
use certwright_engine::machine::{Event, Header, Machine, Record, Shape};
use certwright_engine::plan::{
    Backoff, CancelPolicy, Cluster, ErrorClass, HostIndex, HostSpec, Nature, Params, Plan, Retry,
    SshSettings, StepIndex, StepSpec, Task, TaskId, UndoSupport,
};

/// Tasks of a shape at most.
pub(crate) const MAX: usize = 6;

/// A plan shape and how far it is explored.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// A letter a task (see [`kind`]), in the order of their ids.
    pub(crate) kinds: &'static str,
    /// (before, after).
    pub(crate) edges: &'static [(u8, u8)],
    /// Tasks in flight at most.
    pub(crate) limit: usize,
    /// Attempts of each step.
    pub(crate) attempts: u32,
    /// Faults the environment injects at most.
    pub(crate) faults: u8,
    /// Resumes and undos at most.
    pub(crate) restarts: u8,
}

const fn case(name: &'static str, kinds: &'static str, edges: &'static [(u8, u8)]) -> Case {
    Case { name, kinds, edges, limit: 2, attempts: 2, faults: 2, restarts: 2 }
}

pub(crate) const CASES: [Case; 17] = [
    Case { faults: 4, restarts: 3, attempts: 3, ..case("single", "s", &[]) },
    Case { faults: 4, restarts: 3, attempts: 3, ..case("single, abortable", "a", &[]) },
    Case { faults: 4, restarts: 3, attempts: 3, ..case("single, nothing to restore", "n", &[]) },
    Case { faults: 4, restarts: 3, ..case("single, checking", "c", &[]) },
    Case { faults: 3, restarts: 3, ..case("chain of two", "sa", &[(0, 1)]) },
    case("chain of three", "asn", &[(0, 1), (1, 2)]),
    case("chain: check, change, check", "csc", &[(0, 1), (1, 2)]),
    case("side by side", "sa", &[]),
    Case { faults: 1, ..case("three, two at a time", "sca", &[]) },
    Case { faults: 1, ..case("fork", "sna", &[(0, 1), (0, 2)]) },
    case("join", "asu", &[(0, 2), (1, 2)]),
    Case { faults: 1, ..case("wide join", "sacn", &[(0, 3), (1, 3), (2, 3)]) },
    case("diamond", "sacs", &[(0, 1), (0, 2), (1, 3), (2, 3)]),
    Case { faults: 1, restarts: 1, ..case("crossed", "sanc", &[(0, 2), (0, 3), (1, 3)]) },
    Case { faults: 1, ..case("two stages, all hosts", "sacn", &[(0, 2), (0, 3), (1, 2), (1, 3)]) },
    Case { faults: 1, ..case("rolling one by one", "sasa", &[(0, 1), (1, 2), (2, 3)]) },
    case("rolling, first alone", "scac", &[(0, 1), (1, 2), (1, 3)]),
];

/// s: changes, restorable, left to finish. a: the same, abortable. n: changes, nothing to restore, abortable.
/// u: changes, not restorable, left to finish. c: checks.
fn kind(letter: char) -> (Nature, UndoSupport, CancelPolicy) {
    match letter {
        's' => (Nature::Acting, UndoSupport::Supported, CancelPolicy::Finish),
        'a' => (Nature::Acting, UndoSupport::Supported, CancelPolicy::Abort),
        'n' => (Nature::Acting, UndoSupport::Nothing, CancelPolicy::Abort),
        'u' => (Nature::Acting, UndoSupport::Unsupported, CancelPolicy::Finish),
        'c' => (Nature::Checking, UndoSupport::Nothing, CancelPolicy::Abort),
        other => panic!("no kind `{other}`"),
    }
}

impl Case {
    /// A machine without records, and record 1; `without` leaves an edge out.
    pub(crate) fn machine(&self, without: Option<usize>) -> (Machine, Record) {
        let plan = self.plan(without);
        let shape = Shape::from_plan(&plan, 1, self.limit).expect("a shape");
        let header = Header {
            format: 1,
            tool: "0.0.0".into(),
            run: "model".into(),
            seed: 1,
            operator: "model@model".into(),
            lab: None,
            ssh_config: None,
            plan,
        };
        let body = Event::RunStarted { header: Box::new(header) };
        let record = Record { seq: 1, batch: 1, wall_ms: 0, mono: Mono(0), body };
        (Machine::new(Arc::new(shape)), record)
    }

    pub(crate) fn tasks(&self) -> usize {
        self.kinds.len()
    }

    /// The tasks by place and id.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (usize, TaskId)> + use<> {
        (0..self.tasks()).map(|task| (task, task_id(task)))
    }

    pub(crate) fn is_checking(&self, task: usize) -> bool {
        self.kinds.as_bytes()[task] == b'c'
    }

    pub(crate) fn is_restorable(&self, task: usize) -> bool {
        matches!(self.kinds.as_bytes()[task], b's' | b'a')
    }

    pub(crate) fn finishes(&self, task: usize) -> bool {
        matches!(self.kinds.as_bytes()[task], b's' | b'u')
    }

    pub(crate) fn dependencies(&self, task: usize) -> impl Iterator<Item = usize> {
        self.edges
            .iter()
            .filter(move |(_, after)| *after as usize == task)
            .map(|(before, _)| *before as usize)
    }

    /// Whether `later` comes after `earlier`, directly or not.
    pub(crate) fn depends(&self, later: usize, earlier: usize) -> bool {
        self.dependencies(later).any(|before| before == earlier || self.depends(before, earlier))
    }

    fn plan(&self, without: Option<usize>) -> Plan {
        let edges = self.edges.iter().enumerate().filter(|(i, _)| Some(*i) != without).map(|(_, edge)| *edge);
        let edges: Vec<(u8, u8)> = edges.collect();
        let tasks = self.ids().map(|(task, id)| Task {
            step: StepIndex(id.0),
            host: HostIndex(0),
            after: edges.iter().filter(|e| e.1 as usize == task).map(|e| TaskId(e.0.into())).collect(),
        });
        Plan {
            name: self.name.into(),
            digest: String::new(),
            cluster: Cluster {
                name: "c".into(),
                namespace: "n".into(),
                kubeconfig: "k".into(),
                admin_kubeconfig: None,
                virtual_ip: None,
            },
            ssh: SshSettings::default(),
            hosts: vec![HostSpec {
                name: "h".into(),
                address: None,
                groups: Vec::new(),
                ssh: SshSettings::default(),
            }],
            steps: self.kinds.chars().enumerate().map(|(i, letter)| self.step(i, letter)).collect(),
            tasks: tasks.collect(),
        }
    }

    fn step(&self, index: usize, letter: char) -> StepSpec {
        let (nature, undo, cancel) = kind(letter);
        StepSpec {
            stage: "stage".into(),
            id: format!("step-{index}"),
            kind: letter.into(),
            with: Params::default(),
            retry: Retry {
                attempts: self.attempts,
                // Denied stands here to show that it is not retried all the same.
                on: vec![ErrorClass::Unknown, ErrorClass::Unsatisfied, ErrorClass::Denied],
                delay_ms: 1 + index as u64,
                backoff: Backoff::Constant,
                max_delay_ms: 100,
                within_ms: None,
                jitter: false,
            },
            timeout_ms: 1_000,
            nature,
            cancel,
            undo,
        }
    }
}

/// The id of the task at a place.
pub(crate) fn task_id(task: usize) -> TaskId {
    TaskId(u32::try_from(task).expect("a shape is small"))
}
