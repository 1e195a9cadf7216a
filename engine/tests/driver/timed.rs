//! Kinds whose steps take their time, and fail or panic as their parameters say.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::machine::Facts;
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, KindSchema, Nature, On, Params, Plan, StepSpec, UndoSupport,
};
use certwright_engine::step::{Context, Done, Kind, Probe, Registry, Step, StepError};

use crate::plans::{plan, step};

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

pub(crate) fn timed_registry() -> Registry {
    let schema = |name, cancel| KindSchema {
        name,
        doc: "a test's",
        fields: &[],
        on: On::Anywhere,
        nature: Nature::Acting,
        cancel,
        undo: UndoSupport::Nothing,
        timeout_ms: 60_000,
        check: |_| Ok(()),
    };
    let kind = |name, cancel| Kind::new(schema(name, cancel), |with| Box::new(Timed::new(with)));
    let strict = Kind::new(schema("strict", CancelPolicy::Abort), |with| {
        panic!("injected: no `{}`", with.str("missing"))
    });
    Registry::new([
        kind("finish", CancelPolicy::Finish),
        kind("abort", CancelPolicy::Abort),
        kind("restores", CancelPolicy::Finish),
        strict,
    ])
}

/// A step of a timed kind with these parameters.
pub(crate) fn timed(id: usize, kind: &str, with: &[(&str, u64)]) -> StepSpec {
    let cancel = if kind == "finish" { CancelPolicy::Finish } else { CancelPolicy::Abort };
    let mut spec = StepSpec { kind: kind.into(), nature: Nature::Acting, cancel, ..step(id, "check") };
    spec.with.0.extend(with.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
    spec
}

/// Steps side by side on one host.
pub(crate) fn side_by_side(steps: Vec<StepSpec>) -> Plan {
    let mut plan = plan(1, steps);
    plan.tasks.iter_mut().for_each(|task| task.after.clear());
    plan
}
