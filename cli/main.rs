//! The certwright command: the only part that prints, exits, or reads the environment.
//!
//! [`args`] is the command line, [`app`] what every verb is given, [`verbs`] what each verb does, [`view`] what is known
//! of a run, [`human`] and [`json`] how it is said, [`failure`] and [`exit`] how it ends.

mod exit;

mod args;

mod app;

mod failure;

mod file;

mod warning;

mod when;

mod place;

mod terminal;

mod source;

mod confirm;

mod pick;

mod view;

mod preview;

mod doctor;

mod certs;

mod bundle;

mod human;

mod json;

mod neighbours;

mod reached;
mod report;

mod reporter;

mod runtime;

mod signals;

mod hosts;

mod driven;

mod beside;

mod session;

mod verbs;

#[cfg(test)]
mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    ExitCode::from(verbs::run().code())
}
