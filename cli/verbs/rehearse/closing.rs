//! What is said at the end of a rehearsal: which faults were met, and what can be done with a lab that stays.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use certwright_engine::machine::Outcome;
use certwright_steps::kinds::NOT_REHEARSED;
use certwright_steps::lab::{Fault, FaultKind, Fired};
use serde_json::json;

use crate::app::App;
use crate::args::Format;
use crate::exit::Exit;
use crate::human::report::{self, Next};
use crate::terminal::out;
use crate::view::{RunView, TaskView};
use crate::{json, when};

/// What is said at the end of a rehearsal, beside the run's own report.
pub(super) struct Closing {
    /// What was to go wrong.
    pub(super) faults: Vec<Fault>,
    /// Faults that an earlier rehearsal left in the lab.
    pub(super) left: Vec<Fault>,
    /// What did.
    pub(super) fired: Vec<Fired>,
    /// How long it took, in real time.
    pub(super) lasted: Duration,
    /// Where the bundle of a rehearsal that failed is.
    pub(super) bundle: Option<PathBuf>,
    /// The lab, when it stays.
    pub(super) kept: Option<Kept>,
}

/// A lab that stays, for commands that are shown.
pub(super) struct Kept {
    /// Its folder, as a word of a shell.
    pub(super) lab: String,
    /// Its first node.
    pub(super) node: String,
    /// The command that rehearses the same once more.
    pub(super) again: String,
    /// The command that takes back what still goes wrong in it.
    pub(super) mend: String,
    /// Whether something in it still goes wrong.
    pub(super) goes_wrong: bool,
}

impl Closing {
    fn met(&self, fault: &Fault) -> Option<&Fired> {
        self.fired.iter().find(|fired| fired.fault == *fault)
    }

    fn notes(&self, view: &RunView) -> Vec<String> {
        let (met, not_met) = match view.outcome {
            Some(outcome) if Exit::from(outcome) == Exit::Done => {
                ("met and survived", "NOT met, so it proved nothing")
            }
            Some(Outcome::Interrupted) => ("met", "not met before the run was stopped"),
            Some(_) | None => ("met", "NOT met, so it proved nothing"),
        };
        let word = |fault: &Fault| match self.met(fault) {
            Some(fired) => format!("{met}, at {}", when::clock(fired.at_ms)),
            None => not_met.to_owned(),
        };
        let mut notes: Vec<String> =
            self.faults.iter().map(|fault| format!("fault {fault}: {}", word(fault))).collect();
        notes.extend(self.left.iter().map(|fault| {
            let word = if fault.kind == FaultKind::Slow {
                "goes on".to_owned()
            } else if self.met(fault).is_none() {
                "not met this time either".to_owned()
            } else {
                word(fault)
            };
            format!("fault {fault}, left over from an earlier rehearsal: {word}")
        }));
        let taken = not_rehearsed(view);
        if !taken.is_empty() {
            let steps: BTreeSet<&str> = taken.iter().filter_map(|task| task.split('@').next()).collect();
            let steps = steps.into_iter().collect::<Vec<_>>().join(", ");
            notes.push(format!(
                "{NOT_REHEARSED}, for the lab has no such program, and taken as done: {steps}"
            ));
        }
        notes.push(format!("rehearsed in {}", when::lasted(self.lasted)));
        notes.splice(0..0, self.bundle.iter().map(|path| format!("bundle {}", path.display())));
        notes
    }

    /// What can be done with a kept lab after a run that came to its end.
    fn next(&self, view: &RunView) -> String {
        let Some(Kept { lab, node, again, .. }) =
            self.kept.as_ref().filter(|_| view.outcome.map(Exit::from) == Some(Exit::Done))
        else {
            return String::new();
        };
        let forced = view.plan().steps.iter().any(|step| step.with.0.get("force") == Some(&json!(true)));
        let meaning = if forced {
            "renews once more: force is set"
        } else if !not_rehearsed(view).is_empty() {
            "everything that was rehearsed should be unchanged"
        } else {
            "everything should be unchanged"
        };
        format!(
            "\nNext\n  openssl x509 -noout -enddate -in {lab}/{node}/etc/kubernetes/pki/apiserver.crt\n  \
             {again}  # again: {meaning}\n"
        )
    }

    /// What an operator mends on a real host is a fault here, and only a rehearsal takes it back.
    fn mend(&self) -> Vec<(String, String)> {
        let does = || "takes back what still goes wrong here: before a resume".to_owned();
        let waits = self.kept.iter().filter(|kept| kept.goes_wrong);
        waits.map(|kept| (kept.mend.clone(), does())).collect()
    }
}

/// The tasks of which something is no program of the lab.
fn not_rehearsed(view: &RunView) -> Vec<String> {
    let says = |task: &TaskView| task.summary.as_ref().is_some_and(|text| text.starts_with(NOT_REHEARSED));
    view.tasks_with_ids().filter(|(_, task)| says(task)).map(|(id, _)| view.plan().task_name(id)).collect()
}

/// Tells it, with the run's own report.
pub(super) fn tell(app: &App, view: &RunView, next: Next, closing: &Closing) {
    match app.format {
        Format::Human => {
            let next = Next { notes: closing.notes(view), more: closing.mend(), ..next };
            let report = report::report(view, &next, app.terminal);
            out(&format!("\n{report}{}", closing.next(view)));
        }
        Format::Json => {
            let mut summary = serde_json::to_value(json::run(view)).expect("our own types serialize");
            let faults = &closing.faults;
            let met = |fault: &Fault| {
                // A slow node is slow in every command; only the first one is recorded.
                let met = fault.kind == FaultKind::Slow && closing.left.contains(fault)
                    || closing.met(fault).is_some();
                json!({ "fault": fault.to_string(), "met": met })
            };
            summary["faults"] = faults.iter().map(met).collect();
            summary["faults_left_over"] = closing.left.iter().map(met).collect();
            summary["bundle"] = json!(closing.bundle);
            summary["not_rehearsed"] = json!(not_rehearsed(view));
            summary["rehearsed_ms"] = json!(closing.lasted.as_millis());
            out(&json::document("summary", summary));
        }
    }
}
