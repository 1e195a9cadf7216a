//! The pure heart: what happened ([`Input`]) is decided into what becomes durable ([`Event`]), and state
//! changes only by applying a [`Record`].
//!
//! No clock, no I/O, no tokio, no randomness: time and jitter seeds are arguments.

mod error;
mod event;

mod state;

mod shape;

mod delay;

mod machine;

mod task_set;

mod decide;

mod apply;

mod illegal;

mod fold;

#[cfg(test)]
mod tests;

pub use error::{Evidence, StepError};
pub use event::{Event, Facts, Header, Input, Op, OpResult, Outcome, Record, Stop, Verdict, Want};
pub use fold::fold;
pub use illegal::IllegalTransition;
pub use machine::Machine;
pub use shape::{Shape, ShapeError};
pub use state::{Direction, Halt, RunState, TaskState};
