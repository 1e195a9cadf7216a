//! `completions`: what a shell offers while a command is typed.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::terminal::out;

/// Prints them.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "certwright", &mut script);
    out(&String::from_utf8_lossy(&script));
    Exit::Done
}
