//! What goes wrong in a rehearsal: what was asked for, what an earlier one left over, and the list for `--fault help`.

use certwright_steps::lab::{Fault, FaultKind, Lab};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::table::{Cell, table};
use crate::terminal::Terminal;

/// The faults that were asked for; None when nothing was said.
pub(super) fn faults(given: &[String]) -> Result<Option<Vec<Fault>>, Failure> {
    if given.is_empty() {
        return Ok(None);
    }
    let asked = given.iter().filter(|text| *text != "none");
    let parse = |text: &String| {
        text.parse::<Fault>().map_err(|error| {
            Failure::new(Exit::Invalid, "usage", error.to_string())
                .hint("`certwright rehearse --fault help` lists what can go wrong")
        })
    };
    asked.map(parse).collect::<Result<_, _>>().map(Some)
}

/// What earlier rehearsals of a kept lab left behind: faults whose moment has not come, and nodes that stay slow.
pub(super) fn left_over(lab: &Lab) -> Result<Vec<Fault>, Failure> {
    let mut left = lab.faults_waiting()?;
    left.extend(lab.faults_lasting()?);
    Ok(left)
}

/// One DeadlineExceeded on the second node, where there is one: the case that the manual procedure warns of.
pub(super) fn default_faults(nodes: &[String]) -> Vec<Fault> {
    let host = nodes.get(1).or_else(|| nodes.first());
    host.map(|host| Fault::new(FaultKind::DeadlineExceeded, host.clone())).into_iter().collect()
}

/// What can go wrong, for people.
pub(super) fn fault_help(terminal: Terminal) -> String {
    let row = |kind: FaultKind| {
        let (argument, what) = kind.help();
        let argument = if argument.is_empty() { String::new() } else { format!("[={argument}]") };
        vec![Cell::plain(format!("{}{argument}@HOST", kind.name())), Cell::plain(what)]
    };
    let rows: Vec<_> = FaultKind::ALL.into_iter().map(row).collect();
    let table = table(&["FAULT", "WHAT GOES WRONG"], &rows, 2, terminal.paint);
    format!(
        "--fault NAME[=ARG]@HOST[*TIMES], may be repeated; `--fault none` lets nothing go wrong\nand takes back what an earlier rehearsal of the lab left over.\n\n{table}\n\
         A fault waits for the first command it is for and happens once, with *TIMES that often. HOST is a node's \
         name\nor `workstation`.\n"
    )
}

/// The same for programs.
pub(super) fn fault_help_json() -> serde_json::Value {
    let fault = |kind: FaultKind| {
        let (argument, what) = kind.help();
        json!({ "name": kind.name(), "argument": (!argument.is_empty()).then_some(argument), "doc": what })
    };
    json!({ "faults": FaultKind::ALL.map(fault) })
}
