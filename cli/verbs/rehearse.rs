//! `rehearse`: the same plan, engine and kinds on simulated nodes, in virtual time.
//!
//! Invariant: no real host is touched, and what a rehearsal needs is in its lab's folder: with `--lab` it stays
//! (the run itself is in the state folder, so that it can be resumed), without it everything vanishes.

mod faults;

use std::path::{Path, PathBuf};
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::journal::StateDir;
use certwright_engine::machine::{Input, Outcome};
use certwright_engine::plan::Plan;
use certwright_steps::lab::{Fault, FaultKind, Fired, Lab, LabSpec};
use serde_json::json;
use tempfile::TempDir;

use faults::{default_faults, fault_help, fault_help_json, faults, left_over};

use super::App;
use crate::args::{Format, RehearseArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::report::{self, Next};
use crate::session::{Begin, Ground, Session, bundle_of, is_lab, lab_wall_ms};
use crate::source::{self, Text};
use crate::terminal::out;
use crate::view::RunView;
use crate::{human, json, signals, when};

/// Makes or opens the lab, lets something go wrong, runs the plan.
pub(crate) fn rehearse(app: &App, args: &RehearseArgs) -> Result<Exit, Failure> {
    if args.fault.iter().any(|fault| fault == "help") {
        out(&match app.format {
            Format::Human => fault_help(app.terminal),
            Format::Json => json::document("faults", fault_help_json()),
        });
        return Ok(Exit::Done);
    }
    let began_ms = Clock::system_wall_ms();
    let faults = faults(&args.fault)?;
    let plan = source::plan(&args.plan)?;
    let place = Place::of(app, args.lab.as_deref())?;
    let (lab, origin) = place.lab(app, args, &plan)?;
    let inventory = match &args.inventory {
        Some(path) => source::file(path)?,
        None => Text { name: "the lab's inventory".to_owned(), text: lab.inventory()? },
    };
    let plan = app.resolve_texts(&plan, &inventory, &args.choices)?;
    fits(&lab, &plan)?;
    let nodes: Vec<String> = lab.spec()?.nodes.into_iter().map(|node| node.name).collect();
    if args.fault.iter().any(|fault| fault == "none") {
        lab.disarm()?;
    }
    let left = left_over(&lab)?;
    let faults = match (faults, origin) {
        (Some(faults), _) => faults,
        (None, Origin::New) if !args.make_only => default_faults(&nodes),
        (None, Origin::New | Origin::Kept) => Vec::new(),
    };
    // All of them are known before the first one waits in the lab.
    for fault in &faults {
        lab.host(&fault.host, Clock::real()).map(drop)?;
    }
    for fault in &faults {
        lab.inject(fault.clone())?;
    }
    let before = lab.faults_fired()?.len();
    if app.format == Format::Human {
        out(&opening(&nodes, origin, (&faults, &left), args.lab.as_deref()));
        out(&human::left_out::warning(&plan, app.terminal));
    }
    if let (true, Some(lab)) = (args.make_only, &args.lab) {
        tell_made(app, args, lab, &nodes);
        return Ok(Exit::Done);
    }
    let stops = signals::listen()?;
    let begin = Begin::new(&place.state, plan, Ground::Lab(&place.lab))?;
    let view = Session::begin(app, begin, lab_wall_ms(&lab)?)?.drive_lab(app, Input::Tick, stops, &lab)?;
    let fired = lab.faults_fired()?.split_off(before);
    let lasted = Duration::from_millis(Clock::system_wall_ms().saturating_sub(began_ms));
    let next = Next { kept: args.lab.is_some(), ..app.next() };
    // Without a lab it vanishes with the rest.
    let bundle = args.lab.as_ref().and_then(|_| bundle_of(&place.state, &view.header.run));
    let goes_wrong = !left_over(&lab)?.is_empty();
    let kept = args.lab.as_deref().zip(nodes.first()).map(|(lab, node)| Kept {
        lab: human::word(&lab.display().to_string()),
        node: node.clone(),
        again: again(args, &next.options),
        goes_wrong,
    });
    tell(app, &view, next, &Closing { faults, left, fired, lasted, bundle, kept });
    Ok(view.outcome.map_or(Exit::Failed, Exit::from))
}

/// What can be done with nodes that were only made.
fn tell_made(app: &App, args: &RehearseArgs, lab: &Path, nodes: &[String]) {
    let (options, folder) = (app.next().options, human::word(&lab.display().to_string()));
    match app.format {
        Format::Json => out(&json::document("lab", json!({ "lab": lab, "nodes": nodes }))),
        Format::Human => out(&format!(
            "\nNext\n  certwright{options} plan {} --lab {folder}\n  certwright{options} doctor --lab {folder}\n  {}\n",
            human::word(&args.plan),
            again(args, &options)
        )),
    }
}

/// The command that rehearses the same once more, without faults.
fn again(args: &RehearseArgs, options: &str) -> String {
    let mut command = format!("certwright{options} rehearse");
    let mut add = |option: &str, value: &str| {
        command.push_str(option);
        command.push_str(&human::word(value));
    };
    if args.plan != RehearseArgs::PLAN {
        add(" ", &args.plan);
    }
    if let Some(path) = &args.inventory {
        add(" -i ", &path.display().to_string());
    }
    for set in &args.choices.set {
        add(" --set ", set);
    }
    for host in &args.choices.limit {
        add(" --limit ", host);
    }
    if let Some(lab) = &args.lab {
        add(" --lab ", &lab.display().to_string());
    }
    command
}

/// Refuses a lab that was made after another inventory, before there is a run that could not go on in it.
fn fits(lab: &Lab, plan: &Plan) -> Result<(), Failure> {
    for host in &plan.hosts {
        if let Err(error) = lab.host(&host.name, Clock::real()) {
            return Err(Failure::from(error)
                .hint("give another folder with --lab: a new lab is made after the inventory"));
        }
    }
    Ok(())
}

/// Whether the lab was made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    New,
    Kept,
}

/// Where the lab and the run are.
struct Place {
    lab: PathBuf,
    state: StateDir,
    _vanishes: Option<TempDir>,
}

impl Place {
    fn of(app: &App, kept: Option<&Path>) -> Result<Self, Failure> {
        if let Some(folder) = kept {
            let lab = std::path::absolute(folder).map_err(|error| Failure::system("find the lab", &error))?;
            return Ok(Self { lab, state: app.state()?, _vanishes: None });
        }
        let folder = tempfile::Builder::new()
            .prefix("certwright-lab-")
            .tempdir()
            .map_err(|error| Failure::system("make a folder for the lab", &error))?;
        let (lab, state) = (folder.path().join("lab"), StateDir::new(folder.path().join("state")));
        Ok(Self { lab, state, _vanishes: Some(folder) })
    }

    /// The lab that is there, or a new one shaped like the inventory.
    fn lab(&self, app: &App, args: &RehearseArgs, plan: &Text) -> Result<(Lab, Origin), Failure> {
        let is_empty = match std::fs::read_dir(&self.lab) {
            Ok(mut names) => names.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        // What is there and no lab is never made one: it may be anybody's folder.
        if !is_empty {
            if !is_lab(&self.lab) {
                let message = format!("`{}` is not a lab", self.lab.display());
                return Err(Failure::new(Exit::Refused, "lab", message)
                    .hint("give --lab a folder that is not there yet, or an earlier lab"));
            }
            return Ok((Lab::open(&self.lab)?, Origin::Kept));
        }
        let spec = match &args.inventory {
            None => LabSpec::default(),
            Some(path) => {
                let like = app.resolve_texts(plan, &source::file(path)?, &args.choices)?;
                LabSpec::like(&like.cluster, &like.hosts)
            }
        };
        Ok((Lab::create(&self.lab, &spec, &Clock::real())?, Origin::New))
    }
}

fn opening(
    nodes: &[String],
    origin: Origin,
    (faults, left): (&[Fault], &[Fault]),
    kept: Option<&Path>,
) -> String {
    let (noun, state) = match origin {
        Origin::New => (human::count(nodes.len(), "new simulated node"), "certificates expired"),
        Origin::Kept => (human::count(nodes.len(), "simulated node"), "as left before"),
    };
    let place = kept.map(|folder| format!("; kept in {}", folder.display())).unwrap_or_default();
    let left = left.iter().map(|fault| format!("{fault} (left over)"));
    let faults: Vec<String> = faults.iter().map(ToString::to_string).chain(left).collect();
    let faults = if faults.is_empty() { "nothing".to_owned() } else { faults.join(", ") };
    format!(
        "Rehearsal on {noun}, {state}: {}{place}\nWhat will go wrong: {faults}. Time is virtual; no real host is touched.\n",
        nodes.join(", "),
    )
}

/// What is said at the end of a rehearsal, beside the run's own report.
struct Closing {
    faults: Vec<Fault>,
    /// Faults that an earlier rehearsal left in the lab.
    left: Vec<Fault>,
    fired: Vec<Fired>,
    lasted: Duration,
    /// Where the bundle of a rehearsal that failed is.
    bundle: Option<PathBuf>,
    /// The lab, when it stays.
    kept: Option<Kept>,
}

/// A lab that stays, for commands that are shown.
struct Kept {
    /// Its folder, as a word of a shell.
    lab: String,
    /// Its first node.
    node: String,
    /// The command that rehearses the same once more.
    again: String,
    /// Whether something in it still goes wrong.
    goes_wrong: bool,
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
        format!(
            "\nNext\n  openssl x509 -noout -enddate -in {lab}/{node}/etc/kubernetes/pki/apiserver.crt\n  \
             {again}  # again: everything should be unchanged\n"
        )
    }

    /// What an operator mends on a real host is a fault here, and only a rehearsal takes it back.
    fn mend(&self) -> Vec<(String, String)> {
        let does = || "takes back what still goes wrong here, and tries again".to_owned();
        let waits = self.kept.iter().filter(|kept| kept.goes_wrong);
        waits.map(|kept| (format!("{} --fault none", kept.again), does())).collect()
    }
}

fn tell(app: &App, view: &RunView, next: Next, closing: &Closing) {
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
            summary["rehearsed_ms"] = json!(closing.lasted.as_millis());
            out(&json::document("summary", summary));
        }
    }
}
