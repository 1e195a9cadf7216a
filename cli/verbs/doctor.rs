//! `doctor`: what is wrong with a cluster now, and what mends it.

use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_engine::plan::Plan;
use certwright_engine::text::Untrusted;
use certwright_steps::diagnosis::Grade;

use crate::app::App;
use crate::args::{ChoiceArgs, DoctorArgs, Format};
use crate::doctor::{Examination, Finding, LOOKS, examine};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime::{Runtime, Time};
use crate::session::{lab_wall_ms, open_lab};
use crate::source::{self, Text};
use crate::terminal::out;
use crate::{bundle, file, hosts, human, json, runtime, signals};

/// Looks at every host and tells; changes nothing.
pub(crate) fn doctor(app: &App, args: &DoctorArgs) -> Result<Exit, Failure> {
    let looks = Text { name: "the looks of doctor".to_owned(), text: LOOKS.to_owned() };
    let choices = ChoiceArgs { set: Vec::new(), limit: args.limit.clone() };
    let mut stops = signals::listen()?;
    let (plan, seen, now_ms) = if let Some(folder) = &args.lab {
        let lab = open_lab(app, folder)?;
        let inventory = Text { name: "the lab's inventory".to_owned(), text: lab.inventory()? };
        let plan = app.resolve_texts(&looks, &inventory, &choices)?;
        let wall_ms = lab_wall_ms(&lab)?;
        let seen = Runtime::new(Time::Virtual)?.block_on(async {
            let clock = Clock::virtual_from(wall_ms);
            let hosts = hosts::of_lab(&plan, &lab, &clock)?;
            let look = examine(&plan, &app.registry, &hosts, &clock);
            signals::unless_stopped(&mut stops, "while looking", look).await
        })?;
        (plan, seen, wall_ms)
    } else {
        let inventory = args.inventory.as_deref().expect("clap wants one of the two");
        let plan = app.resolve_here(&looks, &source::file(inventory)?, &choices)?;
        let seen = real(app, &plan, &mut stops)?;
        (plan, seen, Clock::system_wall_ms())
    };
    let now = i64::try_from(now_ms / 1000).expect("the clock is in this millennium");
    let findings = seen.findings(&plan, now, &renewal(app, args));
    let exit = verdict(&findings);
    if let Some(path) = &args.bundle {
        let told = human::doctor::text(&plan, &findings, bundle::PLAIN);
        let about = bundle::About::Findings(told);
        let text = bundle::render(&about, &seen.checkups, now_ms, Untrusted::escaped);
        file::create(path, &text, "bundle", "--bundle")?;
    }
    match app.format {
        Format::Json => out(&json::document("doctor", json::doctor(&plan, &findings, exit))),
        Format::Human => out(&human::doctor::text(&plan, &findings, app.terminal)),
    }
    Ok(exit)
}

fn real(app: &App, plan: &Plan, stops: &mut signals::Stops) -> Result<Examination, Failure> {
    runtime::block_on_real(async {
        let hosts = hosts::real(&plan.hosts, app.ssh_config.as_deref(), None);
        let clock = Clock::real();
        let look = examine(plan, &app.registry, &hosts, &clock);
        let seen = signals::unless_stopped(stops, "while looking", look).await;
        runtime::close(&hosts).await;
        seen
    })?
}

/// The command that renews what was looked at.
fn renewal(app: &App, args: &DoctorArgs) -> String {
    let options = app.next().options;
    let path = |path: &Path| human::word(&path.display().to_string());
    match (&args.lab, &args.inventory) {
        (Some(lab), _) => format!("certwright{options} rehearse --fault none --lab {}", path(lab)),
        (None, inventory) => {
            let inventory = inventory.as_deref().map(path).unwrap_or_default();
            format!("certwright{options} run renew-control-plane --inventory {inventory}")
        }
    }
}

/// How bad it is, as the shell sees it.
fn verdict(findings: &[Finding]) -> Exit {
    match findings.iter().map(|finding| finding.grade).min() {
        Some(Grade::Broken) => Exit::Ill,
        Some(Grade::Endangered) => Exit::Endangered,
        Some(Grade::Note) | None => Exit::Done,
    }
}
