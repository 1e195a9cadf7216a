//! The pure heart: what happened ([`Input`]) is decided into what becomes durable ([`Event`]), and state
//! changes only by applying a [`Record`].
//!
//! No clock, no I/O, no tokio, no randomness: time and jitter seeds are arguments.

mod error;

mod facts;

mod input;

mod event;

mod state;

mod shape;

mod delay;

mod run;

mod asked;

mod task_set;

mod decide;

mod apply;

mod moves;

mod illegal;

mod fold;

#[cfg(test)]
mod tests;

pub use error::{Evidence, StepError};
pub use event::{Event, Header, Record};
pub use facts::Facts;
pub use fold::fold;
pub use illegal::IllegalTransition;
pub use input::{Input, Op, OpResult, Outcome, Stop, Verdict, Want};
pub use run::Machine;
pub use shape::{Shape, ShapeError};
pub use state::{Direction, Halt, RunState, TaskState};
