//! The pure heart: what happened ([`Input`]) is decided into what becomes durable ([`Event`]), and state
//! changes only by applying a [`Record`].
//!
//! No clock, no I/O, no tokio, no randomness: time and jitter seeds are arguments.

mod error;
mod event;

pub use error::{Evidence, StepError};
pub use event::{Event, Facts, Header, Input, Op, OpResult, Outcome, Record, Stop, Verdict, Want};
