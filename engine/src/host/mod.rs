//! Machines: the only way to touch a computer.
//!
//! A non-zero exit is an [`Output`], not an error. [`HostError`] says what is known when there is no output.
//! Values reach commands as argv elements; only the one `quote()` of the worker's client ever makes shell text.

mod by_hand;

mod closed;

mod command;

pub mod worker;

mod files;

pub mod dial;

mod local;
mod read_only;
mod ssh;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use by_hand::by_hand;
pub use command::{Command, Effect, HostError, Output, Settled, Stat, StatKind};
pub use local::{LocalConnect, LocalHost, WhenAbandoned, beside};
pub use ssh::{SshHost, SshOptions};
pub use worker::Claim;

use crate::plan::HostSpec;
use dial::{Dial, Dialled};

/// A machine we act on.
#[async_trait]
pub trait Host: Send + Sync {
    /// Its name in the plan.
    fn name(&self) -> &str;

    /// What a person types to log in to it as we do, in one line for a shell; None where nobody can.
    fn login(&self) -> Option<String> {
        None
    }

    /// Runs a command to its end, or to its deadline.
    ///
    /// A mutating command runs under the host's lock, one at a time, and its output goes to files on the host
    /// first, so that a lost line does not kill it half-way.
    async fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// Asks a port of the host, as the host itself sees it, for its certificate or its health.
    ///
    /// A port that serves nothing is an outcome, not an error. Unless a host knows a better way, `openssl s_client`
    /// and `curl` ask on it.
    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        dial::on_host(self, dial, dial.within).await
    }

    /// Reads a whole file of at most 1 MiB; None when nothing is there.
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// Reads several whole files, each as [`Host::read`] does; in one go where the host can.
    async fn read_all(&self, paths: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
        let mut all = Vec::with_capacity(paths.len());
        for path in paths {
            all.push(self.read(path).await?);
        }
        Ok(all)
    }

    /// Puts a file in place atomically (new file in the same folder, 0600 until it has `mode`, fsync, rename,
    /// fsync of the folder), creating missing parents with 0700.
    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError>;

    /// Puts a file in the place of one that holds `old` (None: there is none), as [`Host::write`] does; false where another
    /// one is there, which stays. At one instant where the host can, else a look right before the write.
    async fn replace(
        &self,
        path: &str,
        old: Option<&[u8]>,
        bytes: &[u8],
        mode: u32,
    ) -> Result<bool, HostError> {
        if self.read(path).await?.as_deref() != old {
            return Ok(false);
        }
        self.write(path, bytes, mode).await?;
        Ok(true)
    }

    /// Facts about what is at `path`, symlinks not followed; None when nothing is there.
    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError>;

    /// Names in a folder, sorted; None when it is not there.
    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError>;

    /// Waits until no mutating command of this run runs on the host any more, at most `within`, and fences those
    /// that may still be on their way.
    ///
    /// Called before a probe that follows a lost or timed-out command: what was still running is over then.
    async fn settle(&self, within: Duration) -> Result<Settled, HostError>;

    /// Connects ahead of the first call, so that it need not wait. Nothing is lost where this fails: that call
    /// connects, and says what is wrong.
    async fn connect(&self) -> Result<(), HostError> {
        Ok(())
    }

    /// Gives the host up for other runs, if this run has claimed it.
    async fn release(&self) -> Result<(), HostError> {
        Ok(())
    }

    /// Ends the connection; later calls connect again.
    async fn close(&self);
}

/// All hosts of a run by name; a clone is cheap.
#[derive(Clone, Default)]
pub struct Hosts {
    by_name: Arc<BTreeMap<String, Named>>,
}

/// What the plan says of a host, and the host.
type Named = (HostSpec, Arc<dyn Host>);

impl Hosts {
    /// Collects hosts with what the plan says of them.
    pub fn new(hosts: impl IntoIterator<Item = (HostSpec, Arc<dyn Host>)>) -> Self {
        let by_name = hosts.into_iter().map(|(spec, host)| (spec.name.clone(), (spec, host))).collect();
        Self { by_name: Arc::new(by_name) }
    }

    /// The host with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Host>> {
        self.by_name.get(name).map(|(_, host)| host)
    }

    /// What the plan says of the host with this name.
    pub fn spec(&self, name: &str) -> Option<&HostSpec> {
        self.by_name.get(name).map(|(spec, _)| spec)
    }

    /// The hosts of a group, in the order of their names.
    pub fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Arc<dyn Host>> {
        self.by_name
            .values()
            .filter(move |(spec, _)| spec.groups.iter().any(|g| g == group))
            .map(|(_, host)| host)
    }

    /// The same hosts over the same connections, for a look: an attempt to change one panics.
    #[must_use]
    pub fn read_only(&self) -> Self {
        let look = |(spec, host): &Named| {
            let host: Arc<dyn Host> = Arc::new(read_only::ReadOnly(Arc::clone(host)));
            (spec.clone(), host)
        };
        Self::new(self.by_name.values().map(look))
    }

    /// The same hosts, those named here closed: each says at once what it said when it was asked.
    #[must_use]
    pub fn closed<'a>(&self, said: impl IntoIterator<Item = (&'a str, HostError)>) -> Self {
        let mut by_name = BTreeMap::clone(&self.by_name);
        for (name, said) in said {
            if let Some((_, host)) = by_name.get_mut(name) {
                *host = Arc::new(closed::Closed { host: Arc::clone(host), said });
            }
        }
        Self { by_name: Arc::new(by_name) }
    }

    /// All hosts, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Host>> {
        self.by_name.values().map(|(_, host)| host)
    }
}
