//! A node over the operator's own ssh, through the openssh crate.
//!
//! Invariant: a result is known only by the worker's final marks. A call that ends without them says what is
//! certain: nothing was started ([`HostError::NotReached`], [`HostError::Identity`], [`HostError::Auth`],
//! [`HostError::Busy`], [`HostError::Owned`]) or it is not known ([`HostError::Unknown`], [`HostError::Deadline`]).
//!
//! Deliberately absent: passwords (ssh's and sudo's).

mod channel;
mod classify;
mod config;
mod forward;
mod master;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::by_hand::typed;
use super::dial::{Dial, Dialled};
use super::worker::{Claim, Client, Connect, Ended, Nonce, OpenError, Pipes};
use super::{Command, Host, HostError, Output, Settled, Stat, files};
use crate::plan::HostSpec;
use crate::text::Untrusted;
use channel::NoChannel;
use master::Master;

/// How connections are made, beside what the inventory says of a host.
#[derive(Debug, Clone)]
pub struct SshOptions {
    /// An ssh_config that is read before the user's own.
    pub config: Option<PathBuf>,
    /// The only known_hosts file to use; None: those of ssh_config.
    pub known_hosts: Option<PathBuf>,
    /// Where control sockets may stand (`XDG_RUNTIME_DIR`); None: /tmp.
    pub runtime_dir: Option<PathBuf>,
    /// Our own wall clock for a connection, jump hosts and login included.
    pub connect_timeout: Duration,
    /// The run that changes the hosts; None for somebody who only reads.
    pub claim: Option<Claim>,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            config: None,
            known_hosts: None,
            runtime_dir: None,
            connect_timeout: Duration::from_secs(15),
            claim: None,
        }
    }
}

/// A node over ssh.
pub struct SshHost {
    client: Client<SshConnect>,
}

impl SshHost {
    /// The host that `spec` describes; connects on the first call.
    pub fn new(spec: &HostSpec, options: SshOptions) -> Self {
        let claim = options.claim.clone();
        let connect = SshConnect { spec: spec.clone(), options, current: Mutex::new(None) };
        Self { client: Client::node(&spec.name, connect, claim) }
    }
}

/// Opens workers on one node, all over one connection.
struct SshConnect {
    spec: HostSpec,
    options: SshOptions,
    /// The connection that new workers use; those there are keep theirs alive.
    current: Mutex<Option<Arc<Master>>>,
}

impl SshConnect {
    /// The connection, made now if there is none.
    async fn master(&self, until: Instant) -> Result<Arc<Master>, HostError> {
        // Calls that wait here for somebody else's attempt to connect must not wait past their deadline.
        let Ok(mut current) = timeout_at(until, self.current.lock()).await else {
            let within = humantime::format_duration(self.options.connect_timeout);
            return Err(self.not_reached(format!("no connection within {within}")));
        };
        if let Some(master) = current.as_ref().filter(|master| !master.is_retired()) {
            return Ok(Arc::clone(master));
        }
        *current = None;
        let master = Arc::new(Master::connect(&self.spec, &self.options, until).await?);
        *current = Some(Arc::clone(&master));
        Ok(master)
    }

    fn not_reached(&self, why: String) -> HostError {
        HostError::NotReached { host: self.spec.name.clone(), why }
    }
}

/// Retires a connection that does not answer: when its caller gives up, this is dropped.
struct Unanswered(Option<Arc<Master>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(master) = &self.0 {
            master.retire();
        }
    }
}

#[async_trait]
impl Connect for SshConnect {
    async fn open(&self, start: &Nonce, until: Instant) -> Result<Pipes, OpenError> {
        let mut again = true;
        loop {
            let master = self.master(until).await?;
            let mut unanswered = Unanswered(Some(Arc::clone(&master)));
            let opened = channel::open(&master, start).await;
            match opened {
                Ok(pipes) => {
                    unanswered.0 = None;
                    return Ok(pipes);
                }
                Err(NoChannel::Full) => {
                    unanswered.0 = None;
                    return Err(OpenError::Full);
                }
                // It was dead before we came.
                Err(NoChannel::Dead(_)) if again => again = false,
                Err(NoChannel::Dead(why)) => {
                    return Err(self.not_reached(format!("{why}: {}", master.last_words().await)).into());
                }
            }
        }
    }

    fn not_ready(&self, ended: Ended, noise: &Untrusted) -> HostError {
        channel::not_ready(&self.spec, ended, noise)
    }
}

#[async_trait]
impl Host for SshHost {
    fn name(&self) -> &str {
        self.client.name()
    }

    fn login(&self) -> Option<String> {
        let SshConnect { spec, options, .. } = self.client.connector();
        Some(typed(spec, options.config.as_deref()))
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.client.run(command).await
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        forward::dial(self, dial).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        files::read(self, path).await
    }

    async fn read_all(&self, paths: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
        files::read_all(self, paths).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        files::write(self, path, bytes, mode).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        files::stat(self, path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        files::list(self, path).await
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.client.settle(within).await
    }

    async fn connect(&self) -> Result<(), HostError> {
        // The login may be slow on top of the connection.
        self.client.connect(self.client.connector().options.connect_timeout * 2).await
    }

    async fn release(&self) -> Result<(), HostError> {
        self.client.release().await
    }

    async fn close(&self) {
        self.client.close();
        if let Some(master) = self.client.connector().current.lock().await.take() {
            master.kill();
        }
    }
}
