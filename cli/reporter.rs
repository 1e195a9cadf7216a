//! Shows a run while it goes on, from a thread of its own.
//!
//! Invariant: a run never waits for its output and never stops because of it. A blocked or vanished terminal
//! blocks this thread only. Deliberately absent: what is said (see [`crate::human`] and [`crate::json`]).

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::machine::{Event, Record};
use certwright_engine::plan::TaskId;

use crate::args::Format;
use crate::failure::Failure;
use crate::human::lines::{self, Columns};
use crate::human::live;
use crate::json;
use crate::terminal::{Drawn, Terminal, out};
use crate::view::{Phase, RunView};

/// Time between two redraws of a terminal.
const REDRAW: Duration = Duration::from_millis(100);
/// Silence after which plain output says what is still running.
const SILENCE: Duration = Duration::from_secs(15);

/// What the run tells its reporter.
#[derive(Debug)]
enum News {
    Record(Box<Record>),
    Progress(TaskId, String),
}

/// The run's end of the line.
#[derive(Debug)]
pub(crate) struct Reporter {
    news: Sender<News>,
    thread: JoinHandle<RunView>,
}

impl Reporter {
    /// Starts to show a run of which `view` is known already.
    pub(crate) fn start(view: RunView, format: Format) -> Result<Self, Failure> {
        let (news, inbox) = channel();
        let screen = Screen::new(view, format);
        let thread = std::thread::Builder::new().spawn(move || screen.run(&inbox));
        let thread = thread.map_err(|error| Failure::system("show the run", &error))?;
        Ok(Self { news, thread })
    }

    /// Tells a durable record.
    pub(crate) fn record(&self, record: &Record) {
        // A reporter that is gone is no reason to stop a run.
        drop(self.news.send(News::Record(Box::new(record.clone()))));
    }

    /// Tells droppable progress.
    pub(crate) fn progress(&self, task: TaskId, line: &str) {
        drop(self.news.send(News::Progress(task, line.to_owned())));
    }

    /// Waits until everything is shown.
    ///
    /// # Panics
    /// When the thread panicked, a bug.
    pub(crate) fn finish(self) -> RunView {
        drop(self.news);
        self.thread.join().expect("the reporter's thread does not panic")
    }
}

/// Whose clock tells how long something takes.
#[derive(Debug, Clone, Copy)]
enum Now {
    /// This machine's.
    Wall,
    /// The newest record's: in a rehearsal time is virtual.
    Records,
}

struct Screen {
    view: RunView,
    format: Format,
    terminal: Terminal,
    columns: Columns,
    now: Now,
    progress: BTreeMap<TaskId, String>,
    drawn: Option<Drawn>,
}

impl Screen {
    fn new(view: RunView, format: Format) -> Self {
        let terminal = Terminal::of_stdout();
        let drawn = match format {
            Format::Human => Drawn::new(terminal),
            Format::Json => None,
        };
        Self {
            columns: Columns::of(view.plan()),
            now: if view.header.lab.is_some() { Now::Records } else { Now::Wall },
            view,
            format,
            terminal,
            progress: BTreeMap::new(),
            drawn,
        }
    }

    fn run(mut self, inbox: &Receiver<News>) -> RunView {
        let patience = if self.drawn.is_some() { REDRAW } else { SILENCE };
        loop {
            match inbox.recv_timeout(patience) {
                Ok(News::Record(record)) => self.record(&record),
                Ok(News::Progress(task, line)) => drop(self.progress.insert(task, line)),
                Err(RecvTimeoutError::Timeout) => self.silence(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.redraw();
        }
        drop(self.drawn.take());
        self.view
    }

    fn record(&mut self, record: &Record) {
        self.view.apply(record);
        if let Some(task) = record.body.task() {
            drop(self.progress.remove(&task));
        }
        match self.format {
            Format::Json => out(&json::record_line(record)),
            Format::Human => {
                self.terminal.width = Terminal::of_stdout().width;
                // How it ended is said by the report that follows.
                let ends = matches!(record.body, Event::RunFinished { .. });
                if let Some(line) = lines::line(&self.view, record).filter(|_| !ends) {
                    self.say(&line);
                }
            }
        }
    }

    fn say(&self, line: &lines::Line) {
        for text in self.columns.lay(line, self.view.plan(), self.terminal) {
            match &self.drawn {
                Some(drawn) => drawn.say(&text),
                None => out(&format!("{text}\n")),
            }
        }
    }

    fn now_ms(&self) -> u64 {
        match self.now {
            Now::Wall => Clock::system_wall_ms(),
            Now::Records => self.view.latest_ms,
        }
    }

    /// Plain output after a silence: what is in flight, a line each.
    fn silence(&self) {
        if self.drawn.is_some() || self.format == Format::Json {
            return;
        }
        let now_ms = self.now_ms();
        for (id, task) in self.view.tasks_with_ids() {
            if let Phase::Running(op) = task.phase {
                self.say(&lines::still(now_ms, (id, task), op, self.progress.get(&id)));
            }
        }
    }

    fn redraw(&mut self) {
        let now_ms = self.now_ms();
        let Some(drawn) = &mut self.drawn else { return };
        let width = self.terminal.width.unwrap_or(80) - 1;
        let news = |id: TaskId| self.progress.get(&id).cloned();
        let lines = live::lines(&self.view, now_ms, &news, width, self.terminal.paint);
        drawn.draw(&lines);
    }
}
