//! Lowering against its meaning, over every combination of small shapes.
//!
//! The oracle is the language's own definition, not the lowering: a task comes after another one exactly when
//! both are of one host and stage and their steps are ordered, or they are of one stage and the other one's
//! batch is earlier, or their stages are ordered. Nothing more and nothing less may follow from the edges.

use std::fmt::Write;

use certwright_engine::plan::{Choices, Color, HostIndex, Plan, Source, TaskId, resolve};
use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

use crate::schemas::KINDS;

/// How a stage rolls: as written, and the sizes of its batches (the last one repeats).
const ROLLINGS: [(&str, &[usize]); 5] = [
    ("1", &[1]),
    ("2", &[2]),
    ("[1, \"rest\"]", &[1, 99]),
    ("[2, 1, \"rest\"]", &[2, 1, 99]),
    ("\"all\"", &[99]),
];

/// `after` of each step or stage; None: not written.
type After = &'static [Option<&'static [usize]>];

const STEPS: [After; 4] =
    [&[None], &[None, None], &[None, Some(&[]), Some(&[0, 1])], &[Some(&[3]), None, Some(&[0]), Some(&[])]];

const STAGES: [After; 4] =
    [&[None, None, None], &[None, Some(&[])], &[Some(&[1]), Some(&[])], &[None, Some(&[0]), Some(&[0, 1])]];

#[derive(Clone, Copy)]
struct Shape {
    hosts: usize,
    stages: After,
    steps: [After; 2],
    rollings: [(&'static str, &'static [usize]); 2],
}

impl Shape {
    fn steps_of(&self, stage: usize) -> After {
        self.steps[stage % 2]
    }

    /// Stage `s` has its hosts from here on: the second one leaves the first host out.
    fn first_host(&self, stage: usize) -> usize {
        usize::from(stage % 2 == 1 && self.hosts > 1)
    }

    fn batch(&self, stage: usize, host: usize) -> usize {
        let sizes = self.rollings[stage % 2].1;
        let mut place = host - self.first_host(stage);
        for batch in 0.. {
            let size = sizes[batch.min(sizes.len() - 1)];
            if place < size {
                return batch;
            }
            place -= size;
        }
        unreachable!("batches are endless")
    }

    fn plan(&self) -> String {
        let mut text = String::from("version = 1\nname = \"shape\"\n");
        for stage in 0..self.stages.len() {
            let on = if self.first_host(stage) == 1 { "later" } else { "every" };
            let rolling = self.rollings[stage % 2].0;
            write!(text, "[[stage]]\nid = \"s{stage}\"\non = \"{on}\"\nrolling = {rolling}\n")
                .expect("a string");
            write_after(&mut text, "s", self.stages[stage]);
            for (step, after) in self.steps_of(stage).iter().enumerate() {
                write!(text, "[[stage.step]]\nid = \"t{step}\"\nkind = \"look\"\n").expect("a string");
                write_after(&mut text, "t", *after);
            }
        }
        text
    }

    fn inventory(&self) -> String {
        let mut text = String::from("[cluster]\nname = \"c\"\nnamespace = \"c\"\nkubeconfig = \"k\"\n");
        for host in 0..self.hosts {
            let groups = if host == 0 { "[\"every\"]" } else { "[\"every\", \"later\"]" };
            write!(text, "[[host]]\nname = \"h{host}\"\naddress = \"h{host}\"\ngroups = {groups}\n")
                .expect("a string");
        }
        text
    }

    fn resolve(&self, limit: Vec<String>) -> Plan {
        let (plan, inventory) = (self.plan(), self.inventory());
        let choices = Choices { set: Vec::new(), limit };
        let plan = Source { name: "plan", text: &plan };
        resolve(plan, Source { name: "inventory", text: &inventory }, &choices, &KINDS)
            .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Color::Plain)))
    }
}

fn write_after(text: &mut String, prefix: &str, after: Option<&[usize]>) {
    if let Some(after) = after {
        let ids: Vec<String> = after.iter().map(|at| format!("\"{prefix}{at}\"")).collect();
        writeln!(text, "after = [{}]", ids.join(", ")).expect("a string");
    }
}

/// Whether item `a` comes (directly or not) after item `b`.
fn is_after(items: After, a: usize, b: usize) -> bool {
    let direct: Vec<usize> = match items[a] {
        None => a.checked_sub(1).into_iter().collect(),
        Some(after) => after.to_vec(),
    };
    direct.contains(&b) || direct.iter().any(|between| is_after(items, *between, b))
}

/// Stage, step and host of a task, read from the names in the plan.
fn place(plan: &Plan, id: TaskId) -> (usize, usize, usize) {
    let number = |name: &str| name[1..].parse::<usize>().expect("a letter and a number");
    (number(&plan.step(id).stage), number(&plan.step(id).id), number(&plan.host(id).name))
}

/// For every task those it comes after, directly or not.
fn closure(plan: &Plan) -> Vec<Vec<bool>> {
    let count = plan.tasks.len();
    let mut reach: Vec<Vec<bool>> = Vec::with_capacity(count);
    for task in &plan.tasks {
        let mut row = vec![false; count];
        for before in &task.after {
            let before = before.0 as usize;
            row[before] = true;
            for (at, reached) in reach[before].iter().enumerate() {
                row[at] |= reached;
            }
        }
        reach.push(row);
    }
    reach
}

/// Compares the edges of a plan with the definition.
fn check_meaning(shape: &Shape, plan: &Plan) {
    let reach = closure(plan);
    let places: Vec<_> = plan.task_ids().map(|id| (id, place(plan, id))).collect();
    for &(a, (stage_a, step_a, host_a)) in &places {
        for &(b, (stage_b, step_b, host_b)) in &places {
            let expected = if stage_a == stage_b {
                (host_a == host_b && is_after(shape.steps_of(stage_a), step_a, step_b))
                    || shape.batch(stage_a, host_a) > shape.batch(stage_a, host_b)
            } else {
                is_after(shape.stages, stage_a, stage_b)
            };
            let found = reach[a.0 as usize][b.0 as usize];
            let names = || (plan.task_name(a), plan.task_name(b), shape.plan());
            assert_eq!(found, expected, "the first after the second? {:?}", names());
        }
    }
}

fn every_shape(mut visit: impl FnMut(&Shape)) -> usize {
    let mut count = 0;
    for hosts in [1, 3, 5] {
        for stages in STAGES {
            for first in STEPS {
                for second in STEPS {
                    for a in ROLLINGS {
                        for b in ROLLINGS {
                            visit(&Shape { hosts, stages, steps: [first, second], rollings: [a, b] });
                            count += 1;
                        }
                    }
                }
            }
        }
    }
    count
}

/// Compares the tasks of a plan with the definition: every step once on every host of its stage, in an order
/// that petgraph finds topological too.
fn check_tasks(shape: &Shape, plan: &Plan) {
    let mut found: Vec<_> = plan.task_ids().map(|id| place(plan, id)).collect();
    found.sort_unstable();
    let expected: Vec<_> = (0..shape.stages.len())
        .flat_map(|stage| (0..shape.steps_of(stage).len()).map(move |step| (stage, step)))
        .flat_map(|(stage, step)| (shape.first_host(stage)..shape.hosts).map(move |host| (stage, step, host)))
        .collect();
    assert_eq!(found, expected, "{}", shape.plan());
    assert!(plan.task_ids().all(|id| plan.task(id).after.iter().all(|before| *before < id)));
    let edges = plan.task_ids().flat_map(|id| plan.task(id).after.iter().map(move |before| (before.0, id.0)));
    assert!(toposort(&DiGraph::<(), (), u32>::from_edges(edges), None).is_ok());
}

#[test]
fn every_step_runs_once_a_host_and_the_edges_mean_exactly_what_the_plan_says() {
    let mut tasks = 0;
    let count = every_shape(|shape| {
        let plan = shape.resolve(Vec::new());
        check_tasks(shape, &plan);
        check_meaning(shape, &plan);
        tasks += plan.tasks.len();
    });
    println!("{count} shapes, {tasks} tasks");
}

#[test]
fn a_limit_keeps_exactly_the_order_that_stages_and_steps_had_over_stages_it_empties_too() {
    let mut cases = 0;
    every_shape(|shape| {
        if shape.hosts == 3 {
            // The first host is in every second stage only, so a limit to it empties the others.
            for (host, index) in [("h0", HostIndex(1)), ("h1", HostIndex(2))] {
                let plan = shape.resolve(vec![host.to_owned()]);
                assert!(plan.tasks.iter().all(|task| task.host == index), "{}", shape.plan());
                check_meaning(shape, &plan);
                cases += 1;
            }
        }
    });
    println!("{cases} limited shapes");
}
