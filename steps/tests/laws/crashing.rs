//! A host whose k-th call is lost, before or after its effect; the calls of all hosts of a bench count together.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Effect, Host, HostError, Output, Settled, Stat};

/// When the line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anything happened.
    Before,
    /// After it happened.
    After,
}

/// Calls that are counted, and a cut that may wait for one of them.
///
/// After the cut every call is lost too, as for a process that was killed.
pub(crate) struct Crash {
    at: Option<(usize, When)>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<(Effect, String)>,
    fired: bool,
}

impl Crash {
    /// A cut at the `k`-th call, from 0.
    pub(crate) fn at(k: usize, when: When) -> Arc<Self> {
        Arc::new(Self { at: Some((k, when)), seen: Mutex::default() })
    }

    /// No cut: the calls are only counted.
    pub(crate) fn never() -> Arc<Self> {
        Arc::new(Self { at: None, seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panics with it")
    }

    /// What was called so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.seen().calls.iter().map(|(_, what)| what.clone()).collect()
    }

    /// True when it happened.
    pub(crate) fn fired(&self) -> bool {
        self.seen().fired
    }

    /// The call it happened to.
    pub(crate) fn what(&self) -> String {
        let seen = self.seen();
        seen.calls.last().map(|(_, what)| what.chars().take(100).collect()).unwrap_or_default()
    }

    /// The cuts worth making in what was counted: before every call, and after every call that changes something.
    ///
    /// A read that only repeats one since the last change (a poll) is the same cut again and made once.
    pub(crate) fn cuts(&self) -> Vec<(usize, When)> {
        let mut cuts = Vec::new();
        let mut since_change = BTreeSet::new();
        for (k, (effect, what)) in self.seen().calls.iter().enumerate() {
            match effect {
                Effect::Mutates => {
                    since_change.clear();
                    cuts.extend([(k, When::Before), (k, When::After)]);
                }
                Effect::Reads if since_change.insert(what.clone()) => cuts.push((k, When::Before)),
                Effect::Reads => {}
            }
        }
        cuts
    }
}

/// A host behind a line that is cut.
pub(crate) struct Crashing {
    /// The host.
    pub(crate) inner: Arc<dyn Host>,
    /// The cut.
    pub(crate) crash: Arc<Crash>,
}

impl Crashing {
    /// Err when the call is lost before its effect; Ok(true) when after it.
    fn call(&self, effect: Effect, what: impl Fn() -> String) -> Result<bool, HostError> {
        let mut seen = self.crash.seen();
        if seen.fired {
            return Err(self.lost());
        }
        let k = seen.calls.len();
        seen.calls.push((effect, format!("{}: {}", self.inner.name(), what())));
        match self.crash.at {
            Some((at, when)) if at == k => {
                seen.fired = true;
                if when == When::Before { Err(self.lost()) } else { Ok(true) }
            }
            Some(_) | None => Ok(false),
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
        let lost_after = self.call(command.effect, || command.display())?;
        let output = self.inner.run(command).await?;
        if lost_after { Err(self.lost()) } else { Ok(output) }
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.call(Effect::Reads, || format!("read {path}"))?;
        self.inner.read(path).await
    }

    async fn read_all(&self, paths: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
        self.call(Effect::Reads, || format!("read {}", paths.join(" ")))?;
        self.inner.read_all(paths).await
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

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.inner.settle(within).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
