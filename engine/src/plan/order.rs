//! `after`: who waits for whom, among the steps of a stage and among the stages of a plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use toml::Spanned;

use super::Code;
use super::findings::{Findings, Found, Span, quote};
use super::section::{Section, texts};

/// What an item waits for, as written.
#[derive(Debug)]
pub(super) enum After {
    /// The item before it in the file.
    Previous,
    /// These; none of them: it waits for nothing.
    These(Vec<Spanned<String>>, Span),
}

/// A step or a stage, as far as order is concerned.
#[derive(Debug)]
pub(super) struct Item {
    /// Its id; None when that is wrong.
    pub(super) id: Option<Spanned<String>>,
    /// What it waits for.
    pub(super) after: After,
}

impl Item {
    /// Its id.
    ///
    /// # Panics
    /// When it has none, which is a finding.
    pub(super) fn id(&self) -> String {
        self.id.as_ref().expect("an item without findings has an id").get_ref().clone()
    }

    /// Its id for messages.
    pub(super) fn name(&self) -> String {
        self.id.as_ref().map_or_else(|| "`?`".to_owned(), |id| quote(id.get_ref()))
    }
}

/// The order of some items.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// For each item, those it waits for, by their places.
    pub(super) after: Vec<Vec<usize>>,
    /// All places, each behind those it waits for, otherwise as written.
    pub(super) sequence: Vec<usize>,
}

/// Reads `after` of a step or stage.
pub(super) fn read_after(section: &mut Section, findings: &mut Findings) -> After {
    let Some(node) = section.get("after") else { return After::Previous };
    let ids = texts(node, &section.name_of("after"), findings).unwrap_or_default();
    After::These(ids, node.span())
}

/// Puts items in order; `noun` is "step" or "stage", `place` where they are (" of stage `x`" or nothing).
///
/// Duplicate ids, unknown ids and circles are findings; the order is then of no use.
pub(super) fn order(items: &[&Item], noun: &str, place: &str, findings: &mut Findings) -> Order {
    let places = index(items, noun, place, findings);
    let after: Vec<Vec<usize>> = items
        .iter()
        .enumerate()
        .map(|(at, item)| match &item.after {
            After::Previous => at.checked_sub(1).into_iter().collect(),
            After::These(ids, _) => named(ids, item, &places, noun, place, findings),
        })
        .collect();
    let mut graph = DiGraph::<(), ()>::with_capacity(items.len(), items.len());
    let nodes: Vec<NodeIndex> = items.iter().map(|_| graph.add_node(())).collect();
    for (at, before) in after.iter().enumerate() {
        for dependency in before {
            graph.update_edge(nodes[*dependency], nodes[at], ());
        }
    }
    for component in tarjan_scc(&graph) {
        let members: BTreeSet<usize> = component.iter().map(|node| node.index()).collect();
        if members.len() > 1 || graph.contains_edge(component[0], component[0]) {
            report_cycle(items, &after, &members, noun, findings);
        }
    }
    Order { sequence: sequence(&graph), after }
}

fn index<'i>(
    items: &[&'i Item],
    noun: &str,
    place: &str,
    findings: &mut Findings,
) -> BTreeMap<&'i str, usize> {
    let mut places = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let Some(id) = &item.id else { continue };
        if places.contains_key(id.get_ref().as_str()) {
            let message = format!("{noun} {}{place} is there twice", quote(id.get_ref()));
            findings.report(Found::new(Code::Duplicate, id.span(), message).label("the second one"));
        } else {
            places.insert(id.get_ref().as_str(), at);
        }
    }
    places
}

/// The places of the ids that an item waits for.
fn named(
    ids: &[Spanned<String>],
    item: &Item,
    places: &BTreeMap<&str, usize>,
    noun: &str,
    place: &str,
    findings: &mut Findings,
) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut after = Vec::new();
    for id in ids {
        if !seen.insert(id.get_ref()) {
            let message = format!("{noun} {}{place} waits for {} twice", item.name(), quote(id.get_ref()));
            findings.report(Found::new(Code::Duplicate, id.span(), message));
        } else if let Some(at) = places.get(id.get_ref().as_str()) {
            after.push(*at);
        } else {
            let (waiting, awaited) = (item.name(), quote(id.get_ref()));
            let message = format!("{noun} {waiting}{place} waits for {awaited}, which is not there");
            let mut found =
                Found::new(Code::UnknownAfter, id.span(), message).label(format!("no such {noun}"));
            found.help = findings.suggest(id.get_ref(), places.keys().copied());
            findings.report(found);
        }
    }
    after
}

/// Reports the shortest circle through the first written member.
fn report_cycle(
    items: &[&Item],
    after: &[Vec<usize>],
    members: &BTreeSet<usize>,
    noun: &str,
    findings: &mut Findings,
) {
    let start = *members.first().expect("a component has members");
    let path = circle(start, after, members);
    let names: Vec<String> = path.iter().map(|at| items[*at].name()).collect();
    let message = format!("{noun}s wait for each other in a circle: {}", names.join(" -> "));
    let span = match (&items[start].after, &items[start].id) {
        (After::These(_, span), _) => span.clone(),
        (After::Previous, Some(id)) => id.span(),
        (After::Previous, None) => 0..0,
    };
    let mut found =
        Found::new(Code::Cycle, span, message).label(format!("{} waits for {}", names[0], names[1]));
    let implied = path.windows(2).find(|pair| matches!(items[pair[0]].after, After::Previous));
    found.help = Some(implied.map_or_else(
        || "take one of them out of an `after`".to_owned(),
        |pair| {
            let (waiting, before) = (items[pair[0]].name(), items[pair[1]].name());
            format!(
                "{waiting} waits for {before} because it is written below it; `after = []` would change that"
            )
        },
    ));
    findings.report(found);
}

/// The shortest way from `start` along what is waited for back to `start`, both ends included.
fn circle(start: usize, after: &[Vec<usize>], members: &BTreeSet<usize>) -> Vec<usize> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in after[at].iter().copied().filter(|next| members.contains(next)) {
            if next == start {
                let mut path = vec![start, at];
                while let Some(previous) = came_from.get(path.last().expect("not empty")) {
                    path.push(*previous);
                }
                path.reverse();
                return path;
            }
            if next != at && !came_from.contains_key(&next) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    unreachable!("every member of a strongly connected component lies on a circle")
}

/// A topological order that is as near to the written one as can be; without the members of circles.
fn sequence(graph: &DiGraph<(), ()>) -> Vec<usize> {
    let mut unmet: Vec<usize> =
        graph.node_indices().map(|n| graph.neighbors_directed(n, Direction::Incoming).count()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..unmet.len()).filter(|at| unmet[*at] == 0).map(Reverse).collect();
    let mut sequence = Vec::with_capacity(unmet.len());
    while let Some(Reverse(at)) = ready.pop() {
        sequence.push(at);
        for next in graph.neighbors(NodeIndex::new(at)) {
            unmet[next.index()] -= 1;
            if unmet[next.index()] == 0 {
                ready.push(Reverse(next.index()));
            }
        }
    }
    sequence
}
