//! What is shown on a terminal while hosts are asked: who has answered, as they answer, and who has not.
//!
//! Deliberately absent: the words, which are those of [`crate::human::certs`].

use certwright_steps::certs::Report;

use crate::human::certs::waiting;
use crate::terminal::{Drawn, Terminal};

/// The last line of a terminal, and lines above it that stay.
pub(crate) struct Live {
    drawn: Drawn,
    terminal: Terminal,
}

impl Live {
    /// Takes the last line of the terminal for these hosts; None where it cannot be redrawn.
    pub(crate) fn new(terminal: Terminal, hosts: &[&str]) -> Option<Self> {
        let mut live = Self { drawn: Drawn::new(terminal)?, terminal };
        live.show(hosts.len(), hosts);
        Some(live)
    }

    /// Says who has not answered yet.
    pub(crate) fn show(&mut self, of: usize, left: &[&str]) {
        self.drawn.draw(&[waiting(of, left, self.terminal)]);
    }

    /// Puts lines above, where they stay.
    pub(crate) fn say(&self, text: &str) {
        text.lines().for_each(|line| self.drawn.say(line));
    }
}

/// What is told while hosts are asked.
pub(crate) trait Audience {
    /// A host has answered, whatever those before it do; those that have not are left.
    fn answered(&mut self, report: &Report, left: &[&str]);
    /// A host and all those before it have answered.
    fn in_turn(&mut self, report: &Report);
}
