//! The model check of the machine: every run of small plans, breadth-first, over the real `Machine`.
//!
//! The environment chooses results, faults, crashes, interrupts, resumes and undos; a model of the world beside
//! the machine says what really happened on the hosts, and the rules of `rules.rs` are checked at every step.
//! Sequence numbers and times are left out of the state; a state is a 128-bit hash. The bounds of each shape are
//! fixed and printed.

#![expect(clippy::print_stdout, reason = "a suite says how much it ran")]

#[path = "model/actions.rs"]
mod actions;
#[path = "model/explore.rs"]
mod explore;
#[path = "model/hash.rs"]
mod hash;
#[path = "model/mutants.rs"]
mod mutants;
#[path = "model/node.rs"]
mod node;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/shapes.rs"]
mod shapes;
#[path = "model/transitions.rs"]
mod transitions;
#[path = "model/walks.rs"]
mod walks;
#[path = "model/world.rs"]
mod world;
