//! What is kept for whoever has to understand a failure later: one text file that opens everywhere.
//!
//! Versions, certificates, etcd, containers, the ends of the logs, and how the run ended. Invariant: bytes of a node get
//! in through one function, which leaves no secret; the file is the operator's alone. Deliberately absent: anything to
//! be read back by a program (the journal and `--output json` are for that).

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::Hosts;
use certwright_engine::machine::Outcome;
use certwright_engine::plan::WORKSTATION;
use certwright_engine::text::{Untrusted, harmless};
use certwright_steps::checkup::{Answer, Checkup};

use crate::doctor::checkups;
use crate::human::report::{self, Next};
use crate::terminal::{Paint, Terminal};
use crate::view::RunView;
use crate::when;

/// Bytes of one answer that are kept, counted from its end.
const LONGEST: usize = 64 << 10;

/// How long the nodes of a run that failed may take to show themselves.
const WITHIN: Duration = Duration::from_secs(20);

/// Text for a file: no colours, no width.
pub(crate) const PLAIN: Terminal = Terminal { width: None, paint: Paint::Plain, live: false };

/// What a bundle tells beside what the nodes show.
pub(crate) enum About<'a> {
    /// A run that failed.
    Run(&'a RunView),
    /// A diagnosis.
    Findings(String),
}

/// How a node's bytes become text.
pub(crate) type Shown = fn(&Untrusted) -> String;

/// Whether a run failed, and nodes can be looked at for a bundle.
pub(crate) fn is_due(view: &RunView) -> bool {
    failed(view) && !nodes(view).is_empty()
}

fn failed(view: &RunView) -> bool {
    match view.outcome {
        Some(Outcome::Failed | Outcome::Stuck) => true,
        Some(
            Outcome::Unchanged
            | Outcome::Changed
            | Outcome::Interrupted
            | Outcome::Undone
            | Outcome::Abandoned,
        )
        | None => false,
    }
}

/// The nodes that the run has tasks on.
fn nodes(view: &RunView) -> Vec<&str> {
    let plan = view.plan();
    let used = |name: &str| plan.tasks.iter().any(|task| plan.hosts[task.host.0 as usize].name == name);
    let names = plan.hosts.iter().map(|host| host.name.as_str());
    names.filter(|name| *name != WORKSTATION && used(name)).collect()
}

/// The bundle of a run that ended so; None where nothing failed.
pub(crate) async fn of_run(view: &RunView, hosts: &Hosts, clock: &Clock) -> Option<String> {
    if !failed(view) {
        return None;
    }
    let nodes = nodes(view);
    let seen = checkups(&hosts.read_only(), &nodes, WITHIN).await;
    Some(render(&About::Run(view), &seen, clock.wall_ms(), Untrusted::escaped))
}

/// The whole text; `shown` is the one way of a node's bytes into it.
pub(crate) fn render(about: &About<'_>, checkups: &[Checkup], now_ms: u64, shown: Shown) -> String {
    let mut out = format!(
        "certwright {} on {} UTC. What looked like a private key, a token, a password or a kubeconfig's key reads [redacted].\n",
        env!("CARGO_PKG_VERSION"),
        when::seconds(now_ms)
    );
    match about {
        About::Run(view) => section(&mut out, "run", &run(view)),
        About::Findings(text) => section(&mut out, "diagnosis", text),
    }
    for checkup in checkups {
        let host = &checkup.host;
        if let Some(why) = &checkup.ended {
            section(&mut out, &format!("{host}: not looked at whole"), why);
        }
        section(&mut out, &format!("{host}: certificates"), &certificates(checkup));
        for answer in &checkup.answers {
            let Answer { name, asked, status, text, .. } = answer;
            let status = status.map(|status| format!("   # status {status}")).unwrap_or_default();
            section(
                &mut out,
                &format!("{host}: {name}"),
                &format!("$ {asked}{status}\n{}", end(&shown(text))),
            );
        }
    }
    harmless(&out).into_owned()
}

fn section(out: &mut String, title: &str, text: &str) {
    let _infallible = writeln!(out, "\n===== {title} =====\n{}", text.trim_end());
}

/// How a run ended, as its report says it.
fn run(view: &RunView) -> String {
    let header = &view.header;
    let plan = view.plan();
    let hosts: Vec<String> = plan
        .hosts
        .iter()
        .map(|host| format!("{} ({})", host.name, host.address.as_deref().unwrap_or("this machine")))
        .collect();
    format!(
        "run       {}\nplan      {} on cluster {}\ndigest    {}\noperator  {}\nhosts     {}\ntime      {} to {} UTC, resumed {} \
         times\n\n{}",
        header.run,
        plan.name,
        plan.cluster.name,
        plan.digest,
        header.operator,
        hosts.join(", "),
        when::seconds(view.started_ms),
        when::seconds(view.latest_ms),
        view.resumes,
        report::report(view, &Next { kept: true, ..Next::default() }, PLAIN)
    )
}

/// Every certificate of a node in some lines; they are public.
fn certificates(checkup: &Checkup) -> String {
    let mut text = String::new();
    for c in &checkup.certificates {
        let date = |at: i64| when::seconds(u64::try_from(at).unwrap_or(0).saturating_mul(1000));
        let _infallible = writeln!(
            text,
            "{} ({})\n  {} to {} UTC, serial {}\n  subject {}\n  issuer {}\n  for {}\n  sha256 {}; key fits: {}; signed by its CA: {}",
            c.name,
            c.path,
            date(c.not_before),
            date(c.not_after),
            c.serial,
            c.subject,
            c.issuer,
            c.sans.join(", "),
            c.fingerprint,
            c.key_matches,
            c.signed
        );
    }
    if text.is_empty() { "none could be read".to_owned() } else { text }
}

/// The end of a text, from the start of a line.
fn end(text: &str) -> &str {
    let Some(over) = text.len().checked_sub(LONGEST) else { return text };
    let from = (over..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text[from..].split_once('\n').map_or("", |(_, rest)| rest)
}
