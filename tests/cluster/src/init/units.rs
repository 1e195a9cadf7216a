//! The units of a host: started, kept, stopped, asked for.
//!
//! ```text
//! stopped ──start──> running ──ends──> waiting ──restart_ms──> running
//!    ^                  │                 │
//!    └───────stop───────┴─────────────────┘
//! ```

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::said;
use crate::settings::{Settings, UnitSettings};

/// How often due starts are looked for.
const TICK: Duration = Duration::from_millis(10);
/// How long a unit has to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// All units of a host.
pub(super) struct Units {
    settings: BTreeMap<String, UnitSettings>,
    environment: BTreeMap<String, String>,
    now: Mutex<BTreeMap<String, Unit>>,
}

/// What a unit does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// Nobody wants it to run.
    Stopped,
    /// It runs as this process.
    Running(u32),
    /// It ended, and is started again then.
    Waiting(Instant, i32),
}

impl Units {
    /// Those of the settings, all started.
    pub(super) fn of(settings: &Settings) -> Self {
        let by_name = settings.units.iter().map(|u| (u.name.clone(), u.clone())).collect();
        let units = Self {
            settings: by_name,
            environment: settings.environment.clone(),
            now: Mutex::new(BTreeMap::new()),
        };
        for unit in &settings.units {
            let mut now = units.lock();
            units.start_in(&mut now, unit, &unit.first);
        }
        units
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Unit>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a unit does; None: there is none of this name.
    pub(super) fn state(&self, name: &str) -> Option<Unit> {
        self.settings.get(name)?;
        Some(self.lock().get(name).copied().unwrap_or(Unit::Stopped))
    }

    /// Starts a unit that does not run.
    pub(super) fn start(&self, name: &str) {
        let Some(unit) = self.settings.get(name) else { return };
        let mut now = self.lock();
        if !matches!(now.get(name), Some(Unit::Running(_))) {
            self.start_in(&mut now, unit, &[]);
        }
    }

    /// Asks a unit to end, and waits until it has.
    pub(super) fn stop(&self, name: &str) {
        let pid = match self.lock().insert(name.to_owned(), Unit::Stopped) {
            Some(Unit::Running(pid)) => pid,
            Some(Unit::Stopped | Unit::Waiting(..)) | None => return,
        };
        signal(pid, Signal::TERM);
        let asked = Instant::now();
        while Path::new(&format!("/proc/{pid}")).exists() {
            if asked.elapsed() > PATIENCE {
                signal(pid, Signal::KILL);
            }
            std::thread::sleep(TICK);
        }
    }

    /// Takes note of a process that ended with `status`.
    pub(super) fn ended(&self, pid: u32, status: i32) {
        let mut now = self.lock();
        let name = now.iter().find(|(_, unit)| matches!(unit, Unit::Running(own) if *own == pid));
        let Some(name) = name.map(|(name, _)| name.clone()) else { return };
        let next = match self.settings[&name].restart_ms {
            Some(after) => Unit::Waiting(Instant::now() + Duration::from_millis(after), status),
            None => Unit::Stopped,
        };
        now.insert(name, next);
    }

    /// Starts what is due, for ever.
    pub(super) fn keep(&self) {
        loop {
            for (name, unit) in &self.settings {
                let mut now = self.lock();
                if matches!(now.get(name), Some(Unit::Waiting(due, _)) if *due <= Instant::now()) {
                    self.start_in(&mut now, unit, &[]);
                }
            }
            std::thread::sleep(TICK);
        }
    }

    /// Starts a unit while the reaper waits for the lock: it cannot miss an early end.
    fn start_in(&self, now: &mut BTreeMap<String, Unit>, unit: &UnitSettings, more: &[String]) {
        let state = match self.spawn(unit, more) {
            Ok(pid) => Unit::Running(pid),
            Err(error) => {
                said::line(&format!("init: start {}: {error}", unit.name));
                Unit::Stopped
            }
        };
        now.insert(unit.name.clone(), state);
    }

    fn spawn(&self, unit: &UnitSettings, more: &[String]) -> std::io::Result<u32> {
        let log = format!("/var/log/{}.log", unit.name);
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let (program, args) = unit.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(args).args(more).env_clear().envs(&self.environment).current_dir("/");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        // Waited for by the reaper, as everything is.
        Ok(command.spawn()?.id())
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may just have ended.
        let _gone = kill_process(pid, signal);
    }
}
