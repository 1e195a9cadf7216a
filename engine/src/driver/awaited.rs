//! What an operation waits for: the calls of its own host that have not ended, and what it said last.
//!
//! For whoever reads of an operation that took too long. Deliberately absent: calls of other hosts; what a step waits for
//! there it tells itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::host::dial::{Dial, Dialled};
use crate::host::{Command, Host, HostError, Output, Settled, Stat};

/// Noted while an operation goes on.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    said: Option<String>,
    next: u64,
    calls: BTreeMap<u64, String>,
}

impl Awaited {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        // Each note is made at once.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the operation says of itself, in one line.
    pub(super) fn says(&self, line: &str) {
        self.noted().said = Some(line.to_owned());
    }

    /// In words, to follow another sentence; empty where nothing is known.
    pub(super) fn in_words(&self) -> String {
        let noted = self.noted();
        let calls: Vec<&str> = noted.calls.values().map(String::as_str).collect();
        let calls = match calls.as_slice() {
            [] => String::new(),
            calls => format!("; it waited for {}", calls.join(" and ")),
        };
        let said = noted.said.as_ref().map_or(String::new(), |said| format!("; it last said: {said}"));
        format!("{calls}{said}")
    }

    fn begin(self: &Arc<Self>, what: String) -> Call {
        let mut noted = self.noted();
        let number = noted.next;
        noted.next += 1;
        noted.calls.insert(number, what);
        Call { of: Arc::clone(self), number }
    }
}

/// A call under way; it is over when this is dropped.
struct Call {
    of: Arc<Awaited>,
    number: u64,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.of.noted().calls.remove(&self.number);
    }
}

/// The host of an operation; what is asked of it is noted while it goes on.
pub(super) struct Watched {
    inner: Arc<dyn Host>,
    awaited: Arc<Awaited>,
}

impl Watched {
    pub(super) fn new(inner: Arc<dyn Host>, awaited: Arc<Awaited>) -> Self {
        Self { inner, awaited }
    }

    fn begin(&self, what: impl std::fmt::Display) -> Call {
        self.awaited.begin(format!("{what} on {}", self.inner.name()))
    }

    fn path(&self, does: &str, path: &str) -> Call {
        self.begin(format_args!("{does} {}", crate::text::escape(path)))
    }
}

#[async_trait]
impl Host for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn login(&self) -> Option<String> {
        self.inner.login()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let _call = self.begin(format_args!("`{}`", command.display()));
        self.inner.run(command).await
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        let _call = self.begin("an answer of a port");
        self.inner.dial(dial).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        let _call = self.path("reading", path);
        self.inner.read(path).await
    }

    async fn read_all(&self, paths: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
        let _call = self.path("reading", &paths.join(", "));
        self.inner.read_all(paths).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        let _call = self.path("writing", path);
        self.inner.write(path, bytes, mode).await
    }

    async fn replace(
        &self,
        path: &str,
        old: Option<&[u8]>,
        bytes: &[u8],
        mode: u32,
    ) -> Result<bool, HostError> {
        let _call = self.path("writing", path);
        self.inner.replace(path, old, bytes, mode).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        let _call = self.path("a look at", path);
        self.inner.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        let _call = self.path("a look into", path);
        self.inner.list(path).await
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.inner.settle(within).await
    }

    async fn connect(&self) -> Result<(), HostError> {
        self.inner.connect().await
    }

    async fn release(&self) -> Result<(), HostError> {
        self.inner.release().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::host::LocalHost;

    #[tokio::test]
    async fn what_goes_on_is_told_and_what_is_over_is_not() {
        let awaited = Arc::new(Awaited::default());
        assert_eq!(awaited.in_words(), "");
        let host = Watched::new(Arc::new(LocalHost::new("h0")), Arc::clone(&awaited));
        let (sleep, short) = (Command::reads(["sleep", "3600"]), Command::reads(["true"]));
        let mut long = Box::pin(host.run(&sleep));
        assert!(long.as_mut().now_or_never().is_none(), "it has begun");
        assert!(host.run(&short).await.expect("it runs").success());
        assert_eq!(awaited.in_words(), "; it waited for `sleep 3600` on h0");
        awaited.says("waiting: kube-apiserver is not ready; 3 s left");
        let told = "; it waited for `sleep 3600` on h0; it last said: waiting: kube-apiserver is not ready; 3 s left";
        assert_eq!(awaited.in_words(), told);
        drop(long);
        assert_eq!(awaited.in_words(), "; it last said: waiting: kube-apiserver is not ready; 3 s left");
    }
}
