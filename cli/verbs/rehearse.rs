//! `rehearse`: the same plan, engine and kinds on simulated nodes, in virtual time.
//!
//! Invariant: no real host is touched, and what a rehearsal needs is in its lab's folder: with `--lab` it stays
//! (the run itself is in the state folder, so that it can be resumed), without it everything vanishes.

mod closing;

mod faults;

mod place;

use std::path::Path;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::machine::Input;
use certwright_engine::plan::Plan;
use certwright_steps::lab::{Fault, Lab};
use serde_json::json;

use closing::{Closing, Kept, tell};
use faults::{default_faults, fault_help, fault_help_json, faults, left_over};
use place::{Origin, Place};

use crate::app::App;
use crate::args::{Format, RehearseArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::report::Next;
use crate::session::{Begin, Ground, Session, bundle_of, lab_wall_ms};
use crate::source::{self, Text};
use crate::terminal::out;
use crate::{beside, human, json, signals};

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
    let begin = (!args.make_only)
        .then(|| Begin::new(&place.state, plan.clone(), Ground::Lab(&place.lab)))
        .transpose()?;
    if let (Some(_), Some(last)) = (&begin, lab.run()?) {
        beside::refuse_unfinished_in(app, &place.state, &place.lab.display().to_string(), &last)?;
    }
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
    let Some(begin) = begin else {
        tell_made(app, args, args.lab.as_deref().unwrap_or(&place.lab), &nodes);
        return Ok(Exit::Done);
    };
    let stops = signals::listen()?;
    lab.begin(begin.run())?;
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
        mend: format!(
            "certwright{} rehearse --make-only --lab {} --fault none",
            next.options,
            human::word(&lab.display().to_string())
        ),
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
