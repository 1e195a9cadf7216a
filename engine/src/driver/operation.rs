//! One operation of one attempt, from the call of the step to the [`Input`] that tells how it ended.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;

use super::DriverError;
use super::awaited::{Awaited, Watched};
use super::steps::Steps;
use crate::clock::Clock;
use crate::host::{Host, Hosts, Settled};
use crate::machine::{Facts, Input, Machine, Op, OpResult, Want};
use crate::plan::{ErrorClass, HostIndex, Plan, TaskId};
use crate::step::{Context, Done, Probe, Progress, Step, StepError};
use crate::text::escape;

/// An operation under way; it owns all it needs.
pub(super) type Operation<'a> = Pin<Box<dyn Future<Output = Ended> + 'a>>;

/// What an undo may take at least, ms. A step's timeout is made for an attempt forwards; its undo may be of another
/// size (restored files *and* four restarts under the kubelet's back-off), and one that is cut off leaves a host
/// between two states.
const UNDO_AT_LEAST_MS: u64 = 60 * 60 * 1000;

/// How an operation ended.
pub(super) struct Ended {
    pub(super) want: Want,
    result: Result<OpResult, StepError>,
}

impl Ended {
    pub(super) fn into_input(self) -> Input {
        let Self { want: Want { task, attempt, op }, result } = self;
        Input::Ended { task, attempt, op, result }
    }
}

/// What operations are made from.
pub(super) struct Bench<'a> {
    plan: &'a Plan,
    steps: Steps,
    /// By [`HostIndex`]; None for a host without tasks that was not given.
    hosts: Vec<Option<Arc<dyn Host>>>,
    all: Hosts,
    run: String,
    clock: Clock,
    progress: mpsc::Sender<(TaskId, String)>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        steps: Steps,
        all: Hosts,
        run: &str,
        clock: Clock,
        progress: mpsc::Sender<(TaskId, String)>,
    ) -> Result<Self, DriverError> {
        let hosts: Vec<_> = plan.hosts.iter().map(|spec| all.get(&spec.name).cloned()).collect();
        let is_lost = |task: &TaskId| hosts[plan.task(*task).host.0 as usize].is_none();
        if let Some(task) = plan.task_ids().find(is_lost) {
            return Err(DriverError::UnknownHost { task: plan.task_name(task) });
        }
        Ok(Self { plan, steps, hosts, all, run: run.to_owned(), clock, progress })
    }

    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Wall clock that the attempt of `want` may take in all, ms.
    pub(super) fn limit_ms(&self, want: Want) -> u64 {
        limit_ms(self.plan, want)
    }

    /// Makes an operation; `left_ms` is what the attempt has left of its timeout.
    pub(super) fn operation(&self, machine: &Machine, want: Want, left_ms: u64) -> Operation<'a> {
        let task = self.plan.task(want.task);
        let step = Arc::clone(self.steps.get(task.step));
        let facts = machine.facts_for(&want).cloned().unwrap_or_default();
        let settle = self.to_settle(machine, want);
        let awaited = Arc::new(Awaited::default());
        let cx = self.context(want.task, task.host, &awaited);
        let left = Duration::from_millis(left_ms);
        // Less than the limit, so that it is the host that says what still runs there, not our own clock.
        let settled_within = Duration::from_millis(left_ms.min(self.plan.step(want.task).timeout_ms) / 4 * 3);
        let clock = self.clock.clone();
        let broken_off = BrokenOff { plan: self.plan, want };
        Box::pin(async move {
            let body = AssertUnwindSafe(perform(step, want.op, cx, facts, settle, settled_within));
            // It lives until what it waits for is told.
            let mut body = pin!(body.catch_unwind());
            let result = tokio::select! {
                biased;
                result = &mut body => result.unwrap_or_else(|panic| Err(broken_off.by_panic(panic.as_ref()))),
                () = clock.sleep(left) => Err(broken_off.by_timeout(&awaited)),
            };
            Ended { want, result }
        })
    }

    /// Hosts on which something of an earlier attempt may still run: it ends before anything looks.
    ///
    /// For an undo these are also those of all other tasks whose end nobody saw: it must not race with them.
    fn to_settle(&self, machine: &Machine, want: Want) -> Vec<Arc<dyn Host>> {
        let own = self.plan.task(want.task).host;
        let mut hosts = match want.op {
            Op::Probe if want.attempt > 1 => vec![own],
            Op::Probe | Op::Apply | Op::Verify => vec![],
            Op::Undo => machine.unsettled().map(|task| self.plan.task(task).host).chain([own]).collect(),
        };
        hosts.sort_unstable();
        hosts.dedup();
        hosts.into_iter().map(|host| Arc::clone(self.host(host))).collect()
    }

    fn context(&self, task: TaskId, host: HostIndex, awaited: &Arc<Awaited>) -> Context {
        let (sender, noted) = (self.progress.clone(), Arc::clone(awaited));
        let progress = Progress::new(move |line| {
            let line = escape(line);
            noted.says(&line);
            // Progress is droppable: a step is never held up by a slow screen.
            drop(sender.try_send((task, line)));
        });
        Context {
            host: Arc::new(Watched::new(Arc::clone(self.host(host)), Arc::clone(awaited))),
            hosts: self.all.clone(),
            cluster: self.plan.cluster.clone(),
            run: self.run.clone(),
            clock: self.clock.clone(),
            progress,
        }
    }

    pub(super) fn host(&self, host: HostIndex) -> &Arc<dyn Host> {
        self.hosts[host.0 as usize].as_ref().expect("hosts of tasks were looked up at the start")
    }
}

fn limit_ms(plan: &Plan, want: Want) -> u64 {
    let timeout_ms = plan.step(want.task).timeout_ms;
    match want.op {
        Op::Probe | Op::Apply | Op::Verify => timeout_ms,
        Op::Undo => timeout_ms.max(UNDO_AT_LEAST_MS),
    }
}

async fn perform(
    step: Arc<dyn Step>,
    op: Op,
    cx: Context,
    facts: Facts,
    settle: Vec<Arc<dyn Host>>,
    within: Duration,
) -> Result<OpResult, StepError> {
    let mut rebooted = Vec::new();
    for host in settle {
        match host.settle(within).await? {
            Settled::Quiet => {}
            Settled::Rebooted => rebooted.push(format!("; {} was rebooted meanwhile", host.name())),
        }
    }
    let result = match op {
        Op::Probe => step.probe(&cx).await.map(looked),
        Op::Apply => step.apply(&cx, &facts).await.map(acted),
        Op::Verify => step.verify(&cx, &facts).await.map(looked),
        Op::Undo => step.undo(&cx, &facts).await.map(acted),
    };
    told(result, &rebooted.concat())
}

/// The same with what was noticed before it, which explains it.
fn told(mut result: Result<OpResult, StepError>, noticed: &str) -> Result<OpResult, StepError> {
    match &mut result {
        Ok(OpResult::Looked { summary, .. } | OpResult::Acted { summary }) => summary.push_str(noticed),
        Err(error) => error.message.push_str(noticed),
    }
    result
}

fn looked(probe: Probe) -> OpResult {
    OpResult::Looked { verdict: probe.verdict, facts: probe.facts, summary: probe.summary }
}

fn acted(done: Done) -> OpResult {
    OpResult::Acted { summary: done.summary }
}

/// What is said of an operation that did not end by itself.
struct BrokenOff<'a> {
    plan: &'a Plan,
    want: Want,
}

impl BrokenOff<'_> {
    fn by_timeout(&self, awaited: &Awaited) -> StepError {
        let limit = humantime::format_duration(Duration::from_millis(limit_ms(self.plan, self.want)));
        let (task, op) = (self.plan.task_name(self.want.task), name(self.want.op));
        let message =
            format!("attempt at `{task}` exceeded its timeout of {limit} in its {op}{}", awaited.in_words());
        StepError::new(ErrorClass::DeadlineExceeded, message)
    }

    fn by_panic(&self, panic: &(dyn Any + Send)) -> StepError {
        let (task, op) = (self.plan.task_name(self.want.task), name(self.want.op));
        let kind = &self.plan.step(self.want.task).kind;
        let message =
            format!("bug in the {op} of kind `{kind}` at `{task}`: it panicked: {}", panic_message(panic));
        StepError::new(ErrorClass::Invalid, message).remedy("report it to the authors of this kind")
    }
}

fn name(op: Op) -> &'static str {
    match op {
        Op::Probe => "probe",
        Op::Apply => "apply",
        Op::Verify => "verify",
        Op::Undo => "undo",
    }
}

/// What a panic said, escaped.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    escape(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message"))
}
