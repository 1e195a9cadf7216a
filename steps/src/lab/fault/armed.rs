//! Faults in the lab's memory: those that wait for their moment, and those that have had it.

use serde::{Deserialize, Serialize};

use super::{Fault, FaultKind};
use crate::lab::state::State;

/// A fault that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::lab) struct Armed {
    /// The fault as it was asked for.
    pub(in crate::lab) fault: Fault,
    /// How often it has still to happen.
    pub(in crate::lab) left: u32,
}

/// A fault that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fired {
    /// The fault as it was asked for.
    pub fault: Fault,
    /// When it happened, lab time, ms since 1970.
    pub at_ms: u64,
    /// The command it happened to.
    pub command: String,
}

impl State {
    /// Takes a waiting fault of this kind on `host` whose argument fits, and records that it happens.
    pub(in crate::lab) fn take_fault(
        &mut self,
        kind: FaultKind,
        host: &str,
        command: &str,
        fits: impl Fn(Option<&str>) -> bool,
    ) -> Option<Fault> {
        let waits = |a: &Armed| {
            a.fault.kind == kind && a.fault.host == host && a.left > 0 && fits(a.fault.argument.as_deref())
        };
        let armed = self.faults.iter_mut().find(|a| waits(a))?;
        let fault = armed.fault.clone();
        if kind.lasts() {
            if self.fired.iter().any(|f| f.fault == fault) {
                return Some(fault);
            }
        } else {
            armed.left -= 1;
        }
        self.fired.push(Fired { fault: fault.clone(), at_ms: self.now, command: command.to_owned() });
        Some(fault)
    }
}
