//! One look at a node, or at its tree in a folder: asked, collected, read.
//!
//! Invariant: a node that says what it said at the look before has the report of that look, but for its clock.

use certwright_engine::clock::Clock;
use certwright_engine::host::{Host, by_hand};
use certwright_engine::step::StepError;

use super::node::{Node, Report};
use super::running;
use crate::pki::Digest;
use crate::tools::collect::{self, Collected, First, Keys, Request, Tree};
use crate::tools::survey;

/// Whether what runs is asked, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Files only.
    Files,
    /// What each port serves, and since when each component has run.
    Running,
}

/// Looks at a node: one call for its files; an error is in the report. `before` is what the last look at it that asked the
/// same has told, if any: a node says the same again nearly always, and then nothing of it is read again.
pub async fn look(host: &dyn Host, clock: &Clock, keys: Keys, ask: Ask, before: Option<Report>) -> Report {
    match try_look(host, clock, keys, ask, before).await {
        Ok(report) => report,
        Err(error) => Report::failed(host.name(), error.message, error.remedy.or_else(|| by_hand(host))),
    }
}

async fn try_look(
    host: &dyn Host,
    clock: &Clock,
    keys: Keys,
    ask: Ask,
    before: Option<Report>,
) -> Result<Report, StepError> {
    let (wall, start) = (clock.wall_ms(), clock.mono());
    let first = collect::first(host, keys).await?;
    // The node reads its clock somewhere between the call and its answer: the middle is off by half of that at most.
    let took_ms = i128::from(clock.mono().since(start));
    let ours_ms = i128::from(wall) + took_ms / 2;
    let skew_ms = first.clock_ns().map(|ns| ns / 1_000_000 - ours_ms);
    let said = first.digest();
    let mut report = match before.filter(|before| said.is_some() && before.said == said) {
        Some(same) => same,
        None => read(host, first, said, ask).await?,
    };
    report.skew_s = skew_ms.map(|ms| {
        let certain = (ms.abs() - took_ms / 2).max(0) * ms.signum();
        i64::try_from((certain + 500).div_euclid(1000)).unwrap_or(i64::MAX)
    });
    Ok(report)
}

/// Reads what a node said, and asks it for the rest.
async fn read(host: &dyn Host, first: First, said: Option<Digest>, ask: Ask) -> Result<Report, StepError> {
    let (mut collected, asked_more) = collect::rest(host, first).await?;
    let node = Node::new(&collected);
    let left = node.left();
    let mut report = if left.is_empty() {
        node.report(host.name())
    } else {
        let facts = survey::survey(host, keys_depth(collected.keys), &left).await?;
        collected.files.extend(facts.into_iter().map(|facts| (facts.path.clone(), facts)));
        Node::new(&collected).report(host.name())
    };
    match ask {
        Ask::Files => report.said = said.filter(|_| !asked_more && left.is_empty()),
        Ask::Running => running::ask(host, &collected, &mut report).await?,
    }
    Ok(report)
}

fn keys_depth(keys: Keys) -> survey::Depth {
    match keys {
        Keys::Asked => survey::Depth::Keys,
        Keys::NotAsked | Keys::NoOpenssl => survey::Depth::Public,
    }
}

/// Reads a node's tree in a folder of this machine, under the name of a host.
pub fn tree(host: &str, tree: &Tree, keys: Keys) -> (Report, Collected) {
    let mut collected = tree.collect(keys);
    let left = Node::new(&collected).left();
    let more = tree.look(keys, &Request { files: left, ..Request::default() });
    collected.files.extend(more.files);
    collected.refused.extend(more.refused);
    (Node::new(&collected).report(host), collected)
}

/// The same, and where a machine is given and what runs is asked, what runs there.
pub async fn tree_with(name: &str, folder: &Tree, keys: Keys, here: Option<&dyn Host>, ask: Ask) -> Report {
    let (mut report, collected) = tree(name, folder, keys);
    if let (Ask::Running, Some(host), None) = (ask, here, &report.error)
        && let Err(error) = running::ask(host, &collected, &mut report).await
    {
        report.trouble(&format!("what runs is not known: {}", error.message));
    }
    report
}
