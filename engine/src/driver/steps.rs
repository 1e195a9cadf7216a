//! The steps of a plan, made by their kinds, once each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::DriverError;
use super::operation::panic_message;
use crate::plan::{Plan, StepIndex};
use crate::step::{Registry, Step};

/// One [`Step`] a step of the plan, whatever the number of its hosts.
pub(super) struct Steps(Vec<Arc<dyn Step>>);

impl Steps {
    /// Makes all of them.
    ///
    /// Parameters were validated when the plan was resolved, but a journal may come from another version: a
    /// kind that panics over them is an error here.
    pub(super) fn build(plan: &Plan, registry: &Registry) -> Result<Self, DriverError> {
        let make = |spec: &crate::plan::StepSpec| {
            let step = || format!("{}/{}", spec.stage, spec.id);
            let unknown = || DriverError::UnknownKind { step: step(), kind: spec.kind.clone() };
            let kind = registry.get(&spec.kind).ok_or_else(unknown)?;
            let made = catch_unwind(AssertUnwindSafe(|| kind.step(&spec.with)));
            made.map(Arc::from).map_err(|panic| DriverError::Unbuildable {
                step: step(),
                why: panic_message(panic.as_ref()),
            })
        };
        plan.steps.iter().map(make).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn get(&self, step: StepIndex) -> &Arc<dyn Step> {
        &self.0[step.0 as usize]
    }
}
