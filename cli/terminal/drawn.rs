//! The last lines of a terminal, which are redrawn, and the lines above them, which stay.
//!
//! Invariant: whatever is drawn passes through [`obeyable`]. Deliberately absent: what is drawn, and when.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Terminal, obeyable};

/// Lines at the end of a terminal.
pub(crate) struct Drawn {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl Drawn {
    /// Takes the end of the terminal on standard output; None where it cannot be redrawn.
    pub(crate) fn new(terminal: Terminal) -> Option<Self> {
        let target = ProgressDrawTarget::stdout;
        terminal.live.then(|| Self { all: MultiProgress::with_draw_target(target()), bars: Vec::new() })
    }

    /// Puts a line above, where it stays; an error is dropped.
    pub(crate) fn say(&self, line: &str) {
        drop(self.all.println(obeyable(line)));
    }

    /// Draws these lines in the place of those that were drawn last.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        while self.bars.len() > lines.len() {
            if let Some(bar) = self.bars.pop() {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
        }
        while self.bars.len() < lines.len() {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(ProgressStyle::with_template("{msg}").expect("a template of ours is valid"));
            self.bars.push(bar);
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            bar.set_message(obeyable(line).into_owned());
        }
    }
}

impl Drop for Drawn {
    /// Gives the lines back, after a Ctrl-C too.
    fn drop(&mut self) {
        drop(self.all.clear());
    }
}
