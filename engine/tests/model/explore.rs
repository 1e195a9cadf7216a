//! Breadth-first over every state of a case, within its bounds.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use certwright_engine::machine::Record;
use certwright_engine::plan::TaskId;
use expect_test::expect_file;

use crate::actions::Action;
use crate::hash::hash128;
use crate::node::{Node, Rig};
use crate::rules::Rule;
use crate::shapes::{CASES, Case};
use crate::transitions::{Taken, run_kind, task_kind};
use crate::world::Effect;

/// What an exploration saw.
pub(crate) struct Report {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    pub(crate) crashes: usize,
    /// Crashes after which an act had happened that the journal knows nothing of.
    pub(crate) lost_acknowledgements: usize,
    pub(crate) taken: Taken,
    pub(crate) acceptable: Taken,
}

/// A broken rule, and the shortest way to it.
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) trace: Vec<Action>,
}

/// Steps that lead on without crash and operator, for the question whether every run can end.
#[derive(Default)]
struct Progress {
    edges: Vec<(u32, u32)>,
    alive: Vec<u32>,
    ended: Vec<u32>,
}

struct Search<'a> {
    rig: &'a Rig,
    first: Record,
    known: HashMap<u128, u32>,
    /// How each state was reached first.
    origins: Vec<Option<(u32, Action)>>,
    frontier: Vec<(u32, Node)>,
    abstractions: HashSet<u128>,
    progress: Progress,
    report: Report,
}

/// Explores a case; with a mutant, until it is caught.
pub(crate) fn explore(rig: &Rig) -> Result<Report, Broken> {
    let report = Report {
        states: 0,
        steps: 0,
        crashes: 0,
        lost_acknowledgements: 0,
        taken: Taken::new(),
        acceptable: Taken::new(),
    };
    let (fresh, first) = rig.case.machine(None);
    let mut search = Search {
        rig,
        first,
        known: HashMap::new(),
        origins: Vec::new(),
        frontier: Vec::new(),
        abstractions: HashSet::new(),
        progress: Progress::default(),
        report,
    };
    search.report.acceptable.note_acceptable(&fresh, &search.first, &rig.case);
    let start = rig.start(&mut search.report.taken).map_err(|rule| Broken { rule, trace: Vec::new() })?;
    search.reach(start, None);
    while !search.frontier.is_empty() {
        for (id, node) in std::mem::take(&mut search.frontier) {
            search.expand(id, &node)?;
        }
    }
    search.report.states = search.known.len();
    search.progress.check().map_err(|id| search.broken(Rule::Deadlock, id, None))?;
    Ok(search.report)
}

impl Search<'_> {
    fn expand(&mut self, id: u32, node: &Node) -> Result<(), Broken> {
        for action in self.rig.actions(node) {
            self.report.steps += 1;
            let next = match self.rig.step(node, action, &mut self.report.taken) {
                Ok(next) => next,
                Err(rule) => return Err(self.broken(rule, id, Some(action))),
            };
            if let Action::Crash(effects) = action {
                self.report.crashes += 1;
                self.report.lost_acknowledgements += usize::from(effects.contains(&Effect::Full));
            }
            let next = self.reach(next, Some((id, action)));
            if matches!(action, Action::Ends(..) | Action::Clock | Action::LongTime) {
                self.progress.edges.push((id, next));
            }
        }
        Ok(())
    }

    /// The number of a state, which is new or known.
    fn reach(&mut self, node: Node, origin: Option<(u32, Action)>) -> u32 {
        let id = u32::try_from(self.known.len()).expect("less than 2^32 states");
        let key = hash128(&(&node.machine, &node.world));
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        self.known.insert(key, id);
        self.origins.push(origin);
        if node.machine.is_finished() {
            self.progress.ended.push(id);
        } else if node.world.alive {
            self.progress.alive.push(id);
        }
        let kinds: Vec<_> = self.rig.case.ids().map(|(_, task)| kind_of(&node, task)).collect();
        if self.abstractions.insert(hash128(&(kinds, run_kind(node.machine.run_state())))) {
            self.report.acceptable.note_acceptable(&node.machine, &self.first, &self.rig.case);
        }
        self.frontier.push((id, node));
        id
    }

    fn broken(&self, rule: Rule, mut id: u32, last: Option<Action>) -> Broken {
        let mut trace: Vec<Action> = last.into_iter().collect();
        while let Some((before, action)) = self.origins[id as usize] {
            trace.push(action);
            id = before;
        }
        trace.reverse();
        Broken { rule, trace }
    }
}

fn kind_of(node: &Node, task: TaskId) -> (usize, bool) {
    (task_kind(node.machine.task_state(task)), node.machine.entered_apply(task))
}

impl Progress {
    /// Checks that from every living state some end is reached without the help of crash and operator.
    ///
    /// The error is a state from which none is.
    fn check(&self) -> Result<(), u32> {
        let mut before: HashMap<u32, Vec<u32>> = HashMap::new();
        for (from, to) in &self.edges {
            before.entry(*to).or_default().push(*from);
        }
        let mut ends: HashSet<u32> = self.ended.iter().copied().collect();
        let mut open = self.ended.clone();
        while let Some(id) = open.pop() {
            for from in before.get(&id).into_iter().flatten() {
                if ends.insert(*from) {
                    open.push(*from);
                }
            }
        }
        self.alive.iter().find(|id| !ends.contains(id)).map_or(Ok(()), |id| Err(*id))
    }
}

#[test]
fn no_run_of_any_shape_breaks_a_rule_and_every_transition_is_taken() {
    let reports = Mutex::new(Vec::new());
    let next = Mutex::new(CASES.iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = { next.lock().expect("no panic").next() } {
                    let report = explored(case);
                    reports.lock().expect("no panic").push(report);
                }
            });
        }
    });
    let reports = reports.into_inner().expect("no panic");
    assert_eq!(reports.len(), CASES.len());
    let (mut taken, mut acceptable) = (Taken::new(), Taken::new());
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    for report in &reports {
        taken.merge(&report.taken);
        acceptable.merge(&report.acceptable);
    }
    println!(
        "{} distinct states in all, {} steps, {} crashes, {} lost acknowledgements, {} transitions",
        sum(|r| r.states),
        sum(|r| r.steps),
        sum(|r| r.crashes),
        sum(|r| r.lost_acknowledgements),
        taken.names().len(),
    );
    let list = |taken: &Taken| taken.names().into_iter().map(|name| name + "\n").collect::<String>();
    expect_file!["transitions.txt"].assert_eq(&list(&taken));
    let forged: Vec<String> = acceptable.names().difference(&taken.names()).cloned().collect();
    assert!(forged.is_empty(), "the machine accepts what it never decides: {forged:?}");
    assert!(sum(|r| r.lost_acknowledgements) > 1_000);
}

fn explored(case: &Case) -> Report {
    match explore(&Rig { case: *case, mutant: None, keeps_history: false }) {
        Err(broken) => panic!("{}: {:?} is broken by {:#?}", case.name, broken.rule, broken.trace),
        Ok(report) => {
            let Case { name, attempts, faults, restarts, limit, .. } = case;
            println!(
                "{name}: {} distinct states ({} tasks, {limit} at a time, {attempts} attempts, {faults} faults, \
                 {restarts} restarts)",
                report.states,
                case.tasks(),
            );
            report
        }
    }
}
