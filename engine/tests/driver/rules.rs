//! Single rules of the driver, each by the shortest run that shows it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::clock::Clock;
use certwright_engine::driver::{DriverError, Reporter};
use certwright_engine::machine::{Event, Facts, Input, Op, Outcome, Record, Stop};
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, KindSchema, Nature, Params, Plan, StepSpec, TaskId, UndoSupport,
};
use certwright_engine::step::{Context, Done, Kind, Probe, Registry, Step, StepError};
use tokio::sync::mpsc;

use crate::kinds::{WANTED, registry};
use crate::life::{LIMIT, Life, Told, quiet_injected_panics, virtually};
use crate::memory::Fault;
use crate::plans::{plan, step};
use crate::random::Random;
use crate::world::World;

/// A step that takes its time, and fails or panics as its parameters say.
struct Timed {
    probe: Duration,
    apply: Duration,
    undo: Duration,
    failing_probes: AtomicU64,
    panics: bool,
    summary: String,
    is_done: AtomicBool,
}

impl Timed {
    fn new(with: &Params) -> Self {
        let ms = |key: &str| Duration::from_millis(number(with, key));
        Self {
            probe: ms("probe-ms"),
            apply: ms("apply-ms"),
            undo: ms("undo-ms"),
            failing_probes: AtomicU64::new(number(with, "failing-probes")),
            panics: number(with, "panics") > 0,
            summary: "x".repeat(usize::try_from(number(with, "summary")).unwrap()),
            is_done: AtomicBool::new(false),
        }
    }
}

fn number(with: &Params, key: &str) -> u64 {
    with.0.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0)
}

#[async_trait]
impl Step for Timed {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        cx.progress.tell("at work\u{1b}[2J");
        tokio::time::sleep(self.probe).await;
        assert!(!self.panics, "injected panic with {}", 'x');
        let left = self.failing_probes.load(Ordering::Relaxed);
        if left > 0 {
            self.failing_probes.store(left - 1, Ordering::Relaxed);
            return Err(StepError::new(ErrorClass::Unavailable, "not yet"));
        }
        let verdict = if self.is_done.load(Ordering::Relaxed) { Probe::satisfied } else { Probe::drifted };
        Ok(verdict(self.summary.as_str()))
    }

    async fn apply(&self, _: &Context, _: &Facts) -> Result<Done, StepError> {
        tokio::time::sleep(self.apply).await;
        self.is_done.store(true, Ordering::Relaxed);
        Ok(Done::new("done"))
    }

    async fn undo(&self, _: &Context, _: &Facts) -> Result<Done, StepError> {
        tokio::time::sleep(self.undo).await;
        Ok(Done::new("restored"))
    }
}

fn timed_registry() -> Registry {
    let kind = |name, cancel| Kind {
        schema: KindSchema {
            name,
            doc: "a test's",
            fields: &[],
            nature: Nature::Acting,
            cancel,
            undo: UndoSupport::Nothing,
            timeout_ms: 60_000,
            check: |_| Ok(()),
        },
        build: |with| Box::new(Timed::new(with)),
    };
    let strict = Kind {
        build: |with| panic!("injected: no `{}`", with.str("missing")),
        ..kind("strict", CancelPolicy::Abort)
    };
    Registry::new([
        kind("finish", CancelPolicy::Finish),
        kind("abort", CancelPolicy::Abort),
        kind("restores", CancelPolicy::Finish),
        strict,
    ])
}

/// A step of a timed kind with these parameters.
fn timed(id: usize, kind: &str, with: &[(&str, u64)]) -> StepSpec {
    let cancel = if kind == "finish" { CancelPolicy::Finish } else { CancelPolicy::Abort };
    let mut spec = StepSpec { kind: kind.into(), nature: Nature::Acting, cancel, ..step(id, "check") };
    spec.with.0.extend(with.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
    spec
}

/// Steps side by side on one host.
fn side_by_side(steps: Vec<StepSpec>) -> Plan {
    let mut plan = plan(1, steps);
    plan.tasks.iter_mut().for_each(|task| task.after.clear());
    plan
}

pub(crate) struct Ran {
    pub(crate) result: Result<Outcome, DriverError>,
    pub(crate) told: Told,
    pub(crate) took: Duration,
}

impl Ran {
    fn events(&self) -> impl Iterator<Item = &Event> {
        self.told.records.iter().map(|r| &r.body)
    }

    fn failure(&self) -> &StepError {
        let is_failure = |event: &&Event| matches!(event, Event::StepFailed { .. });
        match self.events().find(is_failure) {
            Some(Event::StepFailed { error, .. }) => error,
            other => panic!("no step failed: {other:?}"),
        }
    }
}

/// Runs a plan from its start, with interrupts at these times.
async fn run(plan: &Plan, registry: &Registry, stops: &[(u64, Stop)]) -> Ran {
    let world = World::new(plan, 0, Random(1));
    let mut life = Life::new(plan, &Clock::virtual_from(0));
    go_on(&mut life, plan, registry, &world, Input::Tick, stops).await
}

pub(crate) async fn go_on(
    life: &mut Life,
    plan: &Plan,
    registry: &Registry,
    world: &World,
    first: Input,
    stops: &[(u64, Stop)],
) -> Ran {
    let (sender, receiver) = mpsc::unbounded_channel();
    for (ms, stop) in stops.iter().copied() {
        let sender = sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            sender.send(stop).unwrap();
        });
    }
    let (mut told, start) = (Told::default(), tokio::time::Instant::now());
    let result = life.drive(plan, registry, world, first, &mut told, receiver).await;
    Ran { result, told, took: start.elapsed() }
}

fn operator() -> String {
    "ops@desk".into()
}

#[test]
fn the_timeout_bounds_probe_apply_and_verify_together_and_names_task_and_limit() {
    virtually(async {
        let slow = timed(0, "finish", &[("probe-ms", 400), ("apply-ms", 400)]);
        let plan = plan(1, vec![StepSpec { timeout_ms: 1_000, ..slow }]);
        let ran = run(&plan, &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Failed);
        assert_eq!(ran.took, Duration::from_secs(1));
        assert_eq!(ran.failure().class, ErrorClass::DeadlineExceeded);
        assert_eq!(
            ran.failure().message,
            "attempt at `stage/s0@h0` exceeded its timeout of 1s in its verify"
        );
    });
}

#[test]
fn an_undo_has_time_of_its_own_and_is_bounded_too() {
    virtually(async {
        let cases = [(30 * 60_000, Outcome::Undone, 30), (u64::from(u32::MAX), Outcome::Stuck, 60)];
        for (takes_ms, outcome, minutes) in cases {
            let mut slow = timed(0, "restores", &[("undo-ms", takes_ms)]);
            (slow.timeout_ms, slow.undo) = (3 * 60_000, UndoSupport::Supported);
            let (plan, registry) = (plan(1, vec![slow]), timed_registry());
            let world = World::new(&plan, 0, Random(1));
            let mut life = Life::new(&plan, &Clock::virtual_from(0));
            let done = go_on(&mut life, &plan, &registry, &world, Input::Tick, &[]).await;
            assert_eq!(done.result.unwrap(), Outcome::Changed);
            let undo = Input::Undo { operator: operator() };
            let ran = go_on(&mut life, &plan, &registry, &world, undo, &[]).await;
            assert_eq!(ran.result.as_ref().unwrap(), &outcome);
            assert_eq!(ran.took, Duration::from_secs(minutes * 60));
            let failed = ran.events().find_map(|event| match event {
                Event::UndoFailed { error, .. } => Some(error.message.clone()),
                _ => None,
            });
            let message = "attempt at `stage/s0@h0` exceeded its timeout of 1h in its undo";
            assert_eq!(failed.as_deref(), (outcome == Outcome::Stuck).then_some(message));
        }
    });
}

#[test]
fn a_host_that_does_not_settle_says_what_runs_there_before_the_attempt_times_out() {
    virtually(async {
        let mut plan = plan(1, vec![StepSpec { timeout_ms: 1_000, ..step(0, "set") }]);
        let retry = &mut plan.steps[0].retry;
        (retry.attempts, retry.on) = (2, vec![ErrorClass::DeadlineExceeded]);
        let world = World::new(&plan, 0, Random(6));
        world.state().values.clear();
        // It hangs for longer than both attempts last.
        world.state().script = vec!["stuck"];
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Failed);
        assert_eq!(ran.failure().message, "h0: no result within 750ms", "the host's own words");
    });
}

#[test]
fn a_panic_in_a_step_is_a_failure_that_names_the_bug_and_others_go_on() {
    quiet_injected_panics();
    virtually(async {
        let steps = vec![
            timed(0, "abort", &[("panics", 1)]),
            timed(1, "finish", &[("probe-ms", 5), ("apply-ms", 9)]),
        ];
        let ran = run(&side_by_side(steps), &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Failed);
        assert_eq!(ran.failure().class, ErrorClass::Invalid);
        assert_eq!(
            ran.failure().message,
            "bug in the probe of kind `abort` at `stage/s0@h0`: it panicked: injected panic with x"
        );
        // What was in flight then has ended, and its end is in the journal.
        assert!(ran.events().any(|e| matches!(e, Event::Probed { task: TaskId(1), .. })));
    });
}

/// Panics over everything it is told.
#[derive(Default)]
struct Broken {
    calls: usize,
}

impl Reporter for Broken {
    fn record(&mut self, _: &Plan, _: &Record) {
        self.calls += 1;
        panic!("injected: no terminal");
    }

    fn progress(&mut self, _: TaskId, _: &str) {
        panic!("injected: no terminal");
    }
}

#[test]
fn a_reporter_that_panics_does_not_stop_a_run() {
    quiet_injected_panics();
    virtually(async {
        let plan = plan(2, vec![timed(0, "finish", &[("apply-ms", 5)])]);
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let world = World::new(&plan, 0, Random(1));
        let (_sender, stops) = mpsc::unbounded_channel();
        let mut broken = Broken::default();
        let result = life.drive(&plan, &timed_registry(), &world, Input::Tick, &mut broken, stops).await;
        assert_eq!(result.unwrap(), Outcome::Changed);
        assert_eq!(broken.calls as u64, life.journal.seq() - 1, "it was told every record");
    });
}

#[test]
fn a_first_interrupt_starts_nothing_more_and_lets_what_is_in_flight_end() {
    virtually(async {
        let steps = vec![timed(0, "abort", &[("apply-ms", 800)]), timed(1, "abort", &[])];
        let ran = run(&plan(1, steps), &timed_registry(), &[(100, Stop::Drain)]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Interrupted);
        assert_eq!(ran.took, Duration::from_millis(800));
        assert!(ran.events().any(|e| matches!(e, Event::Verified { task: TaskId(0), .. })));
        assert!(!ran.events().any(|e| matches!(e, Event::StepStarted { task: TaskId(1), .. })));
    });
}

#[test]
fn a_second_interrupt_drops_what_its_kind_lets_go_and_waits_for_the_rest() {
    virtually(async {
        let steps =
            vec![timed(0, "abort", &[("apply-ms", 9_000)]), timed(1, "finish", &[("apply-ms", 1_000)])];
        let plan = side_by_side(steps);
        let interrupts = [(100, Stop::Drain), (200, Stop::Cancel)];
        let ran = run(&plan, &timed_registry(), &interrupts).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Interrupted);
        assert_eq!(ran.took, Duration::from_secs(1), "the apply that is finished, and no longer");
        assert!(ran.events().any(|e| matches!(e, Event::Applied { task: TaskId(1), .. })));
        assert!(!ran.events().any(|e| matches!(e, Event::Applied { task: TaskId(0), .. })));
    });
}

#[test]
fn no_more_tasks_than_the_limit_are_in_flight() {
    virtually(async {
        let steps = (0..10).map(|id| timed(id, "abort", &[("probe-ms", 50), ("apply-ms", 900)])).collect();
        let ran = run(&side_by_side(steps), &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        let rounds = 10_u32.div_ceil(u32::try_from(LIMIT).unwrap());
        assert_eq!(ran.took, Duration::from_secs(1) * rounds);
    });
}

#[test]
fn a_retry_that_is_due_waits_for_a_place_without_spinning() {
    virtually(async {
        let mut again = timed(0, "abort", &[("failing-probes", 1)]);
        (again.retry.attempts, again.retry.delay_ms) = (2, 100);
        let slow = |id| timed(id, "abort", &[("apply-ms", 10_000)]);
        // Time stands still while the loop spins, so a spinning driver never gets here.
        let ran = run(&side_by_side(vec![again, slow(1), slow(2), slow(3)]), &timed_registry(), &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        assert_eq!(ran.took, Duration::from_secs(10));
    });
}

#[test]
fn a_retry_comes_after_its_delay_and_after_its_host_has_settled() {
    virtually(async {
        let mut plan = plan(1, vec![step(0, "check")]);
        let retry = &mut plan.steps[0].retry;
        (retry.attempts, retry.delay_ms, retry.on) = (3, 3_000, vec![ErrorClass::Unsatisfied]);
        // The key comes within 1.5 s.
        let world = World::new(&plan, 0, Random(4));
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Unchanged);
        assert!(ran.took >= Duration::from_secs(3));
        assert_eq!(world.state().calls, ["read h0/s0", "settle h0", "read h0/s0"]);
    });
}

#[test]
fn an_undo_waits_for_every_command_whose_end_nobody_saw() {
    virtually(async {
        // One task on each of two hosts, the second a `poke`, and the process dies while both are applied.
        let mut plan = plan(2, vec![step(0, "set"), step(1, "poke")]);
        plan.tasks.remove(2);
        plan.tasks.remove(1);
        plan.tasks[1].after.clear();
        let world = World::new(&plan, 0, Random(6));
        world.state().values.clear();
        world.state().script = vec!["hang", "hang"];
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let registry = registry();
        {
            let (_sender, stops) = mpsc::unbounded_channel();
            let mut told = Told::default();
            let drive = life.drive(&plan, &registry, &world, Input::Tick, &mut told, stops);
            let died = tokio::time::timeout(Duration::from_millis(25), drive).await;
            assert!(died.is_err(), "it died in the middle");
        }
        let ran_before = world.state().calls.iter().filter(|c| c.starts_with("run")).count();
        assert_eq!(ran_before, 2, "both were under way");
        world.state().calls.clear();
        let bytes = life.disk.durable();
        let mut life = Life::again(&plan, &bytes);
        let ran = go_on(&mut life, &plan, &registry, &world, Input::Undo { operator: operator() }, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Undone);
        assert_eq!(world.state().calls, ["settle h0", "settle h1", "run h0/s0=", "read h0/s0"]);
    });
}

#[test]
fn an_error_of_the_journal_ends_the_run_before_anything_follows_from_the_batch() {
    virtually(async {
        let plan = plan(1, vec![step(0, "poke")]);
        let world = World::new(&plan, 0, Random(5));
        world.state().values.clear();
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        // Sync 1 was record 1, sync 2 the start of the attempt, sync 3 is what the probe saw.
        life.disk.fail(Fault::Sync(3));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(life.disk.fired(), 1);
        assert_eq!(
            ran.result.err().unwrap().to_string(),
            "write journal `journal`: state unknown after record 2; run `certwright resume 20261124-224500-x7k2`"
        );
        assert_eq!(ran.told.records.len(), 1, "the batch was not told");
        assert_eq!(world.state().calls, ["read h0/s0"], "and not acted upon");
        assert!(!world.settled().values().any(|v| v == WANTED));
    });
}

#[test]
fn on_a_full_disk_what_is_in_flight_ends_and_nothing_more_starts() {
    virtually(async {
        let bulky = |id| timed(id, "abort", &[("probe-ms", 10), ("summary", 15_000)]);
        let plan = plan(1, (0..12).map(bulky).collect());
        let world = World::new(&plan, 0, Random(5));
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        life.disk.fail(Fault::Full);
        let ran = go_on(&mut life, &plan, &timed_registry(), &world, Input::Tick, &[]).await;
        assert_eq!(life.disk.fired(), 1, "it is asked for more space once");
        assert_eq!(
            ran.result.as_ref().err().unwrap().to_string(),
            "no space left for journal `journal`: what was in flight ended and is recorded, nothing more was started; \
             free some space and run `certwright resume 20261124-224500-x7k2`"
        );
        let finished = Event::RunFinished { outcome: Outcome::Interrupted };
        assert_eq!(ran.events().last().unwrap(), &finished);
        let started = ran.events().filter(|e| matches!(e, Event::StepStarted { .. })).count();
        assert!((5..12).contains(&started), "{started} tasks were started");
    });
}

#[test]
fn progress_is_told_escaped() {
    virtually(async {
        let plan = plan(1, vec![timed(0, "abort", &[("probe-ms", 5)])]);
        let ran = run(&plan, &timed_registry(), &[]).await;
        assert_eq!(ran.told.lines, ["0: at work\\u{1b}[2J", "0: at work\\u{1b}[2J"]);
    });
}

#[test]
fn a_plan_that_this_version_cannot_run_is_refused_before_anything_starts() {
    quiet_injected_panics();
    virtually(async {
        let refused = async |plan: Plan, registry: Registry, hosts: usize| {
            let mut life = Life::new(&plan, &Clock::virtual_from(0));
            let mut fewer = plan.clone();
            fewer.hosts.truncate(hosts);
            fewer.tasks.clear();
            let world = World::new(&fewer, 0, Random(1));
            let ran = go_on(&mut life, &plan, &registry, &world, Input::Tick, &[]).await;
            assert!(ran.told.records.is_empty());
            ran.result.err().unwrap().to_string()
        };
        assert_eq!(
            refused(plan(1, vec![step(0, "set")]), timed_registry(), 1).await,
            "step `stage/s0` is of kind `set`, which this certwright does not have: use the one that began the run"
        );
        let message = refused(plan(1, vec![timed(0, "strict", &[])]), timed_registry(), 1).await;
        assert!(message.starts_with("step `stage/s0` cannot be made by this certwright ("), "{message}");
        assert_eq!(
            refused(plan(2, vec![step(0, "set")]), registry(), 1).await,
            "task `stage/s0@h1` runs on a host that is not there"
        );
    });
}

#[test]
fn a_first_input_that_does_not_fit_gives_the_outcome_back_and_writes_nothing() {
    virtually(async {
        let plan = plan(1, vec![timed(0, "abort", &[])]);
        let world = World::new(&plan, 0, Random(1));
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let registry = timed_registry();
        let ran = go_on(&mut life, &plan, &registry, &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.unwrap(), Outcome::Changed);
        let before = life.disk.syncs();
        let again = Input::Resume { operator: operator() };
        let ran = go_on(&mut life, &plan, &registry, &world, again, &[]).await;
        assert_eq!(ran.result.unwrap(), Outcome::Changed);
        assert_eq!(life.disk.syncs(), before);
    });
}

#[test]
fn an_attempt_that_lost_its_result_is_probed_and_not_applied_again() {
    virtually(async {
        let mut plan = plan(1, vec![step(0, "set")]);
        plan.steps[0].retry.attempts = 2;
        let world = World::new(&plan, 0, Random(1));
        world.state().values.clear();
        world.state().script = vec!["lost-after"];
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        assert_eq!(world.state().fired["lost-after"], 1);
        assert!(ran.events().any(|e| matches!(e, Event::AttemptFailed { op: Op::Apply, .. })));
        let runs = world.state().calls.iter().filter(|c| c.starts_with("run")).count();
        assert_eq!(runs, 1);
        assert!(world.state().problems.is_empty());
    });
}
