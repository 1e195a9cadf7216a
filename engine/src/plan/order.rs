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

/// Items that may wait for each other.
pub(super) struct Siblings<'i> {
    /// The items, as written.
    pub(super) items: Vec<&'i Item>,
    /// What they are: "step" or "stage".
    pub(super) noun: &'static str,
    /// Where they are: " of stage `x`" or nothing.
    pub(super) place: String,
}

impl Siblings<'_> {
    /// Puts them in order.
    ///
    /// Duplicate ids, unknown ids and circles are findings; the order is then of no use.
    pub(super) fn order(&self, findings: &mut Findings) -> Order {
        let places = self.places(findings);
        let after: Vec<Vec<usize>> = (0..self.items.len())
            .map(|at| match &self.items[at].after {
                After::Previous => at.checked_sub(1).into_iter().collect(),
                After::These(ids, _) => self.named(ids, self.items[at], &places, findings),
            })
            .collect();
        let mut graph = DiGraph::<(), ()>::with_capacity(after.len(), after.len());
        let nodes: Vec<NodeIndex> = after.iter().map(|_| graph.add_node(())).collect();
        for (at, before) in after.iter().enumerate() {
            for dependency in before {
                graph.add_edge(nodes[*dependency], nodes[at], ());
            }
        }
        for component in tarjan_scc(&graph) {
            let members: BTreeSet<usize> = component.iter().map(|node| node.index()).collect();
            if members.len() > 1 || graph.contains_edge(component[0], component[0]) {
                self.report_cycle(&after, &members, findings);
            }
        }
        Order { sequence: sequence(&graph), after }
    }

    /// The place of each id.
    fn places(&self, findings: &mut Findings) -> BTreeMap<&str, usize> {
        let mut places = BTreeMap::new();
        for (at, item) in self.items.iter().enumerate() {
            let Some(id) = &item.id else { continue };
            if places.contains_key(id.get_ref().as_str()) {
                let message = format!("{} is there twice", self.describe(item));
                findings.report(Found::new(Code::Duplicate, id.span(), message).label("the second one"));
            } else {
                places.insert(id.get_ref().as_str(), at);
            }
        }
        places
    }

    /// The places of the ids that an item waits for.
    fn named(
        &self,
        ids: &[Spanned<String>],
        item: &Item,
        places: &BTreeMap<&str, usize>,
        findings: &mut Findings,
    ) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut after = Vec::new();
        for id in ids {
            let (waiting, awaited) = (self.describe(item), quote(id.get_ref()));
            if !seen.insert(id.get_ref()) {
                let message = format!("{waiting} waits for {awaited} twice");
                findings.report(Found::new(Code::Duplicate, id.span(), message));
            } else if let Some(at) = places.get(id.get_ref().as_str()) {
                after.push(*at);
            } else {
                let message = format!("{waiting} waits for {awaited}, which is not there");
                let own = item.id.as_ref().map_or("", |own| own.get_ref());
                let mut found = Found::new(Code::UnknownAfter, id.span(), message)
                    .label(format!("no such {}{}", self.noun, self.place));
                found.help =
                    findings.suggest(id.get_ref(), places.keys().copied().filter(|known| *known != own));
                findings.report(found);
            }
        }
        after
    }

    /// Reports the shortest circle through the first written member.
    fn report_cycle(&self, after: &[Vec<usize>], members: &BTreeSet<usize>, findings: &mut Findings) {
        let start = *members.first().expect("a component has members");
        let path: Vec<&Item> = circle(start, after, members).into_iter().map(|at| self.items[at]).collect();
        let names: Vec<String> = path.iter().map(|item| item.name()).collect();
        let message = if members.len() == 1 {
            format!("{} waits for itself", self.describe(path[0]))
        } else {
            format!("{}s{} wait for each other in a circle: {}", self.noun, self.place, names.join(" -> "))
        };
        let span = match (&path[0].after, &path[0].id) {
            (After::These(_, span), _) => span.clone(),
            (After::Previous, Some(id)) => id.span(),
            (After::Previous, None) => 0..0,
        };
        let implied = path.windows(2).find(|pair| matches!(pair[0].after, After::Previous));
        let help = implied.map_or_else(
            || "take one of them out of an `after`".to_owned(),
            |pair| {
                let (waiting, before) = (pair[0].name(), pair[1].name());
                format!("{waiting} waits for {before} only because it is written below it; say `after = []`")
            },
        );
        let label = format!("{} waits for {}", names[0], names[1]);
        findings.report(Found::new(Code::Cycle, span, message).label(label).help(help));
    }

    fn describe(&self, item: &Item) -> String {
        format!("{} {}{}", self.noun, item.name(), self.place)
    }
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
