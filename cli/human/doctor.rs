//! A diagnosis as text: each trouble once, with every host that has it, what shows it and what mends it.

use std::fmt::Write as _;

use certwright_engine::plan::{Plan, WORKSTATION};
use certwright_steps::diagnosis::Grade;

use super::{count, lines::shortened};
use crate::doctor::Finding;
use crate::terminal::{Terminal, Tone, wrap};

/// Columns before the text of a finding.
const INDENT: usize = 12;

/// Lines of evidence that are shown of one finding; all of them are in the JSON.
const EVIDENCE: usize = 4;

/// Other hosts with the same trouble that are told.
const OTHERS: usize = 8;

/// Characters of a line of evidence.
const LONGEST: usize = 200;

/// What is wrong, the most important first.
pub(crate) fn text(plan: &Plan, findings: &[Finding], terminal: Terminal) -> String {
    let mut out = String::new();
    let mut told: Vec<&Finding> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.follows_from.is_none()) {
        if told.iter().any(|other| is_same(other, finding)) {
            continue;
        }
        let others: Vec<&Finding> =
            findings.iter().filter(|other| is_same(other, finding) && *other != finding).collect();
        out.push_str(&one(finding, &others, terminal));
        told.push(finding);
    }
    out.push_str(&following(findings, terminal));
    out.push_str(&closing(plan, findings, &told, terminal));
    out
}

/// What most likely goes away with its cause: a line each, one host for all.
fn following(findings: &[Finding], terminal: Terminal) -> String {
    let mut out = String::new();
    let mut told: Vec<&Finding> = Vec::new();
    for finding in findings {
        let Some(root) = finding.follows_from.filter(|_| !told.iter().any(|other| is_same(other, finding)))
        else {
            continue;
        };
        if told.is_empty() {
            let heading = format!("What most likely follows from {root}");
            let _infallible = writeln!(out, "{}", terminal.paint.tone(Tone::Strong, &heading));
        }
        let others = findings.iter().filter(|other| is_same(other, finding)).count() - 1;
        let more = if others == 0 { String::new() } else { format!("  (and {others} like it)") };
        let text = format!("{}{more}", shortened(&finding.cause, LONGEST));
        for (n, piece) in wrap(&text, terminal.width.map(|width| width.saturating_sub(4))).iter().enumerate()
        {
            let _infallible = writeln!(out, "  {}{piece}", if n == 0 { "- " } else { "  " });
        }
        told.push(finding);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// The same trouble on another host, or seen by another component.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.id == other.id && one.grade == other.grade && (one.id != "preflight" || one.cause == other.cause)
}

fn one(finding: &Finding, others: &[&Finding], terminal: Terminal) -> String {
    let (word, tone) = match finding.grade {
        Grade::Broken => ("BROKEN", Tone::Bad),
        Grade::Endangered => ("ENDANGERED", Tone::Warn),
        Grade::Note => ("NOTE", Tone::Faint),
    };
    let mut out = String::new();
    let mut field = |label: &str, tone: Tone, mark: &str, text: &str| {
        let width = terminal.width.map(|width| width.saturating_sub(INDENT + mark.len()));
        for (n, piece) in wrap(text, width).iter().enumerate() {
            let label = if n == 0 { label } else { "" };
            let head = format!("{label:0$}", INDENT - 2);
            let _infallible = writeln!(out, "{}  {mark}{piece}", terminal.paint.tone(tone, &head));
        }
    };
    field(word, tone, "", &terminal.paint.tone(Tone::Strong, &finding.cause));
    for line in finding.evidence.iter().take(EVIDENCE) {
        field("", Tone::Faint, "| ", &shortened(line, LONGEST));
    }
    if finding.evidence.len() > EVIDENCE {
        field("", Tone::Faint, "| ", &format!("and {} more", finding.evidence.len() - EVIDENCE));
    }
    for (n, other) in others.iter().take(OTHERS).enumerate() {
        field(if n == 0 { "  also" } else { "" }, Tone::Faint, "", &other.cause);
    }
    if others.len() > OTHERS {
        field("", Tone::Faint, "", &format!("and {} more (--output json has all)", others.len() - OTHERS));
    }
    for (n, line) in finding.cure.iter().enumerate() {
        field(if n == 0 { "  cure" } else { "" }, Tone::Faint, "", line);
    }
    out.push('\n');
    out
}

fn closing(plan: &Plan, findings: &[Finding], told: &[&Finding], terminal: Terminal) -> String {
    let asked = |name: &str| plan.tasks.iter().any(|task| plan.hosts[task.host.0 as usize].name == name);
    let nodes = plan.hosts.iter().filter(|host| host.name != WORKSTATION && asked(&host.name)).count();
    let looked = match (nodes, asked(WORKSTATION)) {
        (0, _) => "the workstation was asked".to_owned(),
        (1, false) => "1 node was asked".to_owned(),
        (n, false) => format!("{} were asked", count(n, "node")),
        (n, true) => format!("{} and the workstation were asked", count(n, "node")),
    };
    let looked = format!("{looked}; nothing was changed");
    let broken = told.iter().filter(|finding| finding.grade == Grade::Broken).count();
    let endangered = told.iter().filter(|finding| finding.grade == Grade::Endangered).count();
    let (word, tone, rest) = match (broken, endangered) {
        (0, 0) => ("HEALTHY", Tone::Good, "nothing is wrong".to_owned()),
        (0, n) => (
            "ENDANGERED",
            Tone::Warn,
            format!("nothing is broken yet; {} to be mended soon", count(n, "trouble")),
        ),
        (n, 0) => {
            ("BROKEN", Tone::Bad, format!("{}, in {}", count(n, "trouble"), count(findings.len(), "finding")))
        }
        (n, more) => (
            "BROKEN",
            Tone::Bad,
            format!("{} and {more} to come, in {}", count(n, "trouble"), count(findings.len(), "finding")),
        ),
    };
    format!("{}  {rest}\n  {looked}\n", terminal.paint.tone(tone, word))
}
