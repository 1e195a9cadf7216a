//! What is shown on a terminal while hosts are asked: who has answered, as they answer, and who has not.
//!
//! Deliberately absent: a terminal. What is shown is text of [`crate::human::certs`]; where nothing may be redrawn, nothing
//! of this is written.

use std::time::Duration;

use certwright_steps::certs::Report;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::human::certs::waiting;
use crate::terminal::{Terminal, obeyable};

/// Time between two redraws.
const REDRAW: Duration = Duration::from_millis(250);

/// The last line of a terminal, and lines above it that stay.
pub(crate) struct Live {
    all: MultiProgress,
    last: ProgressBar,
    terminal: Terminal,
}

impl Live {
    /// Takes the last line of the terminal for these hosts; None where it cannot be redrawn.
    pub(crate) fn new(terminal: Terminal, hosts: &[&str]) -> Option<Self> {
        if !terminal.live || hosts.is_empty() {
            return None;
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let last = all.add(ProgressBar::new_spinner());
        last.set_style(ProgressStyle::with_template("{msg}").expect("a template of ours is valid"));
        let live = Self { all, last, terminal };
        live.show(hosts.len(), hosts);
        live.last.enable_steady_tick(REDRAW);
        Some(live)
    }

    /// Says who has not answered yet.
    pub(crate) fn show(&self, of: usize, left: &[&str]) {
        let line = waiting(of, left, self.terminal);
        self.last.set_message(obeyable(&line).into_owned());
        self.last.tick();
    }

    /// Puts lines above, where they stay.
    pub(crate) fn say(&self, text: &str) {
        for line in text.lines() {
            // An error is a terminal that is gone.
            drop(self.all.println(obeyable(line)));
        }
    }
}

impl Drop for Live {
    /// Gives the last line back, after a Ctrl-C too.
    fn drop(&mut self) {
        self.last.finish_and_clear();
        drop(self.all.clear());
    }
}

/// What is told while hosts are asked.
pub(crate) trait Audience {
    /// A host has answered, whatever those before it do; those that have not are left.
    fn answered(&mut self, report: &Report, left: &[&str]);
    /// A host and all those before it have answered.
    fn in_turn(&mut self, report: &Report);
}
