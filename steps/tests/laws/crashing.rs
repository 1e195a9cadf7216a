//! A host whose k-th call is lost, before or after its effect; the calls of all hosts of a bench count together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Effect, Host, HostError, Output, Stat};

/// When the line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anything happened.
    Before,
    /// After it happened; for a call that only reads this is no other case, so it is skipped.
    After,
}

/// A cut that waits for its call. After it every call is lost too, as for a process that was killed.
pub struct Crash {
    left: AtomicUsize,
    when: When,
    what: Mutex<Option<String>>,
}

impl Crash {
    /// A cut at the `k`-th call, from 0.
    pub fn at(k: usize, when: When) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(k), when, what: Mutex::new(None) })
    }

    /// True when it happened.
    pub fn fired(&self) -> bool {
        self.what.lock().expect("no test panics with it").is_some()
    }

    /// What it happened to.
    pub fn what(&self) -> String {
        self.what.lock().expect("no test panics with it").clone().unwrap_or_default()
    }

    /// Whether this call is lost; the first one lost is the one that fires.
    fn strikes(&self, effect: Effect, what: impl Fn() -> String) -> bool {
        let mut fired = self.what.lock().expect("no test panics with it");
        if fired.is_some() {
            return true;
        }
        if self.when == When::After && effect == Effect::Reads {
            return false;
        }
        if self.left.load(Ordering::Relaxed) == 0 {
            *fired = Some(what());
            return true;
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        false
    }
}

/// A host behind a line that is cut.
pub struct Crashing {
    /// The host.
    pub inner: Arc<dyn Host>,
    /// The cut.
    pub crash: Arc<Crash>,
}

impl Crashing {
    /// Err when the call is lost before its effect; Ok(true) when after it.
    fn call(&self, effect: Effect, what: impl Fn() -> String) -> Result<bool, HostError> {
        let already = self.crash.fired();
        let strikes = self.crash.strikes(effect, || format!("{}: {}", self.inner.name(), what()));
        match (strikes, already || self.crash.when == When::Before) {
            (false, _) => Ok(false),
            (true, true) => Err(self.lost()),
            (true, false) => Ok(true),
        }
    }

    fn lost(&self) -> HostError {
        HostError::Unknown { host: self.inner.name().to_owned(), why: "cut by the test".to_owned() }
    }
}

#[async_trait]
impl Host for Crashing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let shown = || command.display().chars().take(90).collect();
        let lost_after = self.call(command.effect, shown)?;
        let output = self.inner.run(command).await?;
        if lost_after { Err(self.lost()) } else { Ok(output) }
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.call(Effect::Reads, || format!("read {path}"))?;
        self.inner.read(path).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        let lost_after = self.call(Effect::Mutates, || format!("write {path}"))?;
        self.inner.write(path, bytes, mode).await?;
        if lost_after { Err(self.lost()) } else { Ok(()) }
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.call(Effect::Reads, || format!("stat {path}"))?;
        self.inner.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.call(Effect::Reads, || format!("list {path}"))?;
        self.inner.list(path).await
    }

    async fn settle(&self, within: Duration) -> Result<(), HostError> {
        self.inner.settle(within).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
