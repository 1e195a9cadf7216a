//! Fake hosts: keys with values, commands that outlive their callers, faults, and an eye on the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Effect, Host, HostError, Hosts, Output, Settled, Stat};
use certwright_engine::machine::TaskState;
use certwright_engine::plan::{Plan, TaskId};
use tokio::time::{Instant, sleep};

use crate::kinds::WANTED;
use crate::life;
use crate::memory::Disk;
use crate::random::Random;

/// The world outside a run; it goes on when the run's process dies.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

pub(crate) struct State {
    plan: Plan,
    start: Instant,
    random: Random,
    /// Values by host and key.
    pub(crate) values: BTreeMap<(usize, String), String>,
    /// Commands under way on the hosts, whoever still waits for them.
    landing: Vec<Landing>,
    /// Faults still to come, and those that fired by name.
    pub(crate) faults: u64,
    pub(crate) fired: BTreeMap<&'static str, u64>,
    /// What went against the rules.
    pub(crate) problems: Vec<String>,
    /// The journal of the process that lives now.
    pub(crate) disk: Option<Disk>,
    /// Faults of the next commands, the last one first, for tests of single rules.
    pub(crate) script: Vec<&'static str>,
    /// Every call in order, for tests of single rules.
    pub(crate) calls: Vec<String>,
    /// Hosts that were rebooted and whose next settling finds that.
    pub(crate) rebooted: BTreeSet<String>,
}

struct Landing {
    host: usize,
    ends_ms: u64,
    /// None: it ends without an effect.
    effect: Option<(String, String)>,
}

impl World {
    /// Hosts with some keys as they should be already; `check`s come true at some time.
    pub(crate) fn new(plan: &Plan, faults: u64, mut random: Random) -> Self {
        let (mut values, mut landing) = (BTreeMap::new(), Vec::new());
        for id in plan.task_ids() {
            let (host, key) = (plan.task(id).host.0 as usize, plan.step(id).id.clone());
            match plan.step(id).kind.as_str() {
                "check" => landing.push(Landing {
                    host: usize::MAX,
                    ends_ms: random.below(1_500),
                    effect: Some((format!("{host}/{key}"), "there".into())),
                }),
                _ if random.percent(20) => drop(values.insert((host, key), WANTED.into())),
                _ if random.percent(50) => drop(values.insert((host, key), "old".into())),
                _ => {}
            }
        }
        Self(Arc::new(Mutex::new(State {
            plan: plan.clone(),
            start: Instant::now(),
            random,
            values,
            landing,
            faults,
            fired: BTreeMap::new(),
            problems: Vec::new(),
            disk: None,
            script: Vec::new(),
            calls: Vec::new(),
            rebooted: BTreeSet::new(),
        })))
    }

    /// The state as of now.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap();
        let now = state.now_ms();
        state.land_until(now);
        state
    }

    /// The values once everything under way has ended.
    pub(crate) fn settled(&self) -> BTreeMap<(usize, String), String> {
        let mut state = self.0.lock().unwrap();
        state.land_until(u64::MAX);
        state.values.clone()
    }

    pub(crate) fn hosts(&self) -> Hosts {
        let plan = self.state().plan.clone();
        let host = |(at, spec): (usize, &certwright_engine::plan::HostSpec)| {
            let host = FakeHost { world: self.clone(), at, name: spec.name.clone() };
            (spec.clone(), Arc::new(host) as Arc<dyn Host>)
        };
        Hosts::new(plan.hosts.iter().enumerate().map(host))
    }
}

impl State {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }

    fn land_until(&mut self, now: u64) {
        self.landing.sort_by_key(|l| l.ends_ms);
        while self.landing.first().is_some_and(|l| l.ends_ms <= now) {
            let Landing { host, effect, .. } = self.landing.remove(0);
            match effect {
                // What a check waits for happens to its host by itself.
                Some((place, value)) if host == usize::MAX => {
                    let (host, key) = place.split_once('/').unwrap();
                    self.values.insert((host.parse().unwrap(), key.into()), value);
                }
                Some((key, value)) => self.take_effect(host, key, value),
                None => {}
            }
        }
    }

    fn take_effect(&mut self, host: usize, key: String, value: String) {
        let task = self.task(host, &key);
        let name = self.plan.task_name(task);
        if value == WANTED {
            if self.values.get(&(host, key.clone())).is_some_and(|v| v == WANTED) {
                self.problems.push(format!("{name} was applied twice"));
            }
            for after in self.plan.task(task).after.clone() {
                if !self.is_done(after) {
                    self.problems.push(format!("{name} before {}", self.plan.task_name(after)));
                }
            }
        }
        match value.as_str() {
            "" => drop(self.values.remove(&(host, key))),
            _ => drop(self.values.insert((host, key), value)),
        }
    }

    fn is_done(&self, task: TaskId) -> bool {
        let (host, key) = (self.plan.task(task).host.0 as usize, self.plan.step(task).id.clone());
        let value = self.values.get(&(host, key));
        if self.plan.step(task).kind == "check" {
            value.is_some()
        } else {
            value.is_some_and(|v| v == WANTED)
        }
    }

    fn task(&self, host: usize, key: &str) -> TaskId {
        let is_it =
            |id: &TaskId| self.plan.task(*id).host.0 as usize == host && self.plan.step(*id).id == key;
        self.plan.task_ids().find(is_it).expect("a key is of one task")
    }

    /// Nothing may act before the record that says so is durable.
    fn check_written_ahead(&mut self, host: usize, key: &str, value: &str) {
        let Some(disk) = &self.disk else { return };
        let task = self.task(host, key);
        let machine = life::replayed(&self.plan, &disk.durable()).0;
        let state = machine.task_state(task);
        let expected = if value == WANTED {
            matches!(state, TaskState::Applying { .. })
        } else {
            matches!(state, TaskState::Undoing { .. })
        };
        if !expected {
            self.problems
                .push(format!("{} acted while its journal said {state:?}", self.plan.task_name(task)));
        }
    }

    /// When the host is free of commands under way, ms.
    fn free_at(&self, host: usize) -> u64 {
        self.landing.iter().filter(|l| l.host == host).map(|l| l.ends_ms).max().unwrap_or(0)
    }

    fn fault(&mut self, names: &[&'static str]) -> &'static str {
        if self.faults == 0 || !self.random.percent(35) {
            return "none";
        }
        self.faults -= 1;
        let at = self.random.below(names.len() as u64);
        self.fire(names[usize::try_from(at).unwrap()])
    }

    fn fire(&mut self, name: &'static str) -> &'static str {
        *self.fired.entry(name).or_default() += 1;
        name
    }
}

struct FakeHost {
    world: World,
    at: usize,
    name: String,
}

impl FakeHost {
    fn not_reached(&self) -> HostError {
        HostError::NotReached { host: self.name.clone(), why: "injected".into() }
    }

    fn lost(&self) -> HostError {
        HostError::Unknown { host: self.name.clone(), why: "injected".into() }
    }

    /// Waits until nothing acts on the host.
    async fn free(&self) {
        loop {
            let (now, free_at) = {
                let state = self.world.state();
                (state.now_ms(), state.free_at(self.at))
            };
            if free_at <= now {
                return;
            }
            sleep(Duration::from_millis(free_at - now)).await;
        }
    }

    /// Starts a command on the host: from here on it ends there, whoever waits.
    fn start(&self, key: &str, value: &str) -> (&'static str, u64) {
        let mut state = self.world.state();
        state.check_written_ahead(self.at, key, value);
        let faults =
            ["not-reached", "lost-before", "lost-after", "late", "hang", "exit-1", "no-work", "panic"];
        let fault = match state.script.pop() {
            Some(scripted) => state.fire(scripted),
            None => state.fault(&faults),
        };
        let (takes, late) = (state.random.below(80), state.random.below(4_000));
        let effect = || Some((key.to_owned(), value.to_owned()));
        let (effect, late) = match fault {
            "none" | "lost-after" => (effect(), 0),
            "late" | "hang" => (effect().filter(|_| late % 3 > 0), late),
            "stuck" => (None, 600_000),
            _ => (None, 0),
        };
        let ends_ms = state.now_ms() + takes + late;
        state.landing.push(Landing { host: self.at, ends_ms, effect });
        (fault, takes)
    }
}

#[async_trait]
impl Host for FakeHost {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        assert_eq!(command.effect, Effect::Mutates);
        let (key, value) = (&command.argv[1], &command.argv[2]);
        self.free().await;
        self.world.state().calls.push(format!("run {}/{key}={value}", self.name));
        let (fault, takes) = self.start(key, value);
        if fault == "not-reached" {
            return Err(self.not_reached());
        }
        sleep(Duration::from_millis(takes)).await;
        let output = |status| Ok(Output { status, ..Output::default() });
        match fault {
            "none" | "no-work" => output(0),
            "exit-1" => output(1),
            "lost-before" | "lost-after" | "late" => Err(self.lost()),
            "panic" => panic!("injected panic"),
            _ => std::future::pending().await,
        }
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.world.state().calls.push(format!("read {}/{path}", self.name));
        let (fault, takes) = {
            let mut state = self.world.state();
            let faults = ["read not-reached", "read lost", "read hang", "read panic"];
            (state.fault(&faults), state.random.below(20))
        };
        if takes > 5 {
            sleep(Duration::from_millis(takes)).await;
        }
        match fault {
            "read not-reached" => Err(self.not_reached()),
            "read lost" => Err(self.lost()),
            "read hang" => std::future::pending().await,
            "read panic" => panic!("injected panic"),
            _ => {
                let value = self.world.state().values.get(&(self.at, path.to_owned())).cloned();
                Ok(value.map(String::into_bytes))
            }
        }
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.world.state().calls.push(format!("settle {}", self.name));
        let free = tokio::time::timeout(within, self.free()).await;
        free.map_err(|_| HostError::Deadline { host: self.name.clone(), after: within })?;
        Ok(if self.world.state().rebooted.remove(&self.name) { Settled::Rebooted } else { Settled::Quiet })
    }

    async fn connect(&self) -> Result<(), HostError> {
        self.world.state().calls.push(format!("connect {}", self.name));
        Err(self.not_reached())
    }

    async fn write(&self, _: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        unreachable!("kinds of this test write by commands")
    }

    async fn stat(&self, _: &str) -> Result<Option<Stat>, HostError> {
        unreachable!("kinds of this test do not stat")
    }

    async fn list(&self, _: &str) -> Result<Option<Vec<String>>, HostError> {
        unreachable!("kinds of this test do not list")
    }

    async fn close(&self) {}
}
