//! A node over the operator's own ssh, through the openssh crate.
//!
//! Invariant: a result is known only by the wrapper's final marks. A call that ends without them says what is
//! certain: nothing was started ([`HostError::NotReached`], [`HostError::Identity`], [`HostError::Auth`],
//! [`HostError::Busy`]) or it is not known ([`HostError::Unknown`], [`HostError::Deadline`]).
//!
//! Deliberately absent: passwords (ssh's and sudo's), the long-lived worker and the owner token.

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

use super::dial::{Dial, Dialled};
use super::exchange::Exchange;
use super::stream::Nonce;
use super::wrapper::Job;
use super::{Command, Host, HostError, Output, Stat, files};
use crate::plan::HostSpec;
use channel::Ended;
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
}

impl Default for SshOptions {
    fn default() -> Self {
        Self { config: None, known_hosts: None, runtime_dir: None, connect_timeout: Duration::from_secs(15) }
    }
}

/// A node over ssh.
pub struct SshHost {
    spec: HostSpec,
    options: SshOptions,
    /// The connection that new calls use; calls in flight keep theirs alive.
    current: Mutex<Option<Arc<Master>>>,
}

impl SshHost {
    /// The host that `spec` describes; connects on the first call.
    pub fn new(spec: &HostSpec, options: SshOptions) -> Self {
        Self { spec: spec.clone(), options, current: Mutex::new(None) }
    }

    /// The connection, made now if there is none.
    async fn master(&self, until: Instant) -> Result<Arc<Master>, HostError> {
        // Calls that wait here for somebody else's attempt to connect must not wait past their deadline.
        let Ok(mut current) = timeout_at(until, self.current.lock()).await else {
            let within = humantime::format_duration(self.options.connect_timeout);
            return Err(self.not_reached(format!("no connection within {within}")));
        };
        if let Some(master) = &*current {
            return Ok(Arc::clone(master));
        }
        let master = Arc::new(Master::connect(&self.spec, &self.options, until).await?);
        *current = Some(Arc::clone(&master));
        Ok(master)
    }

    /// Makes the next call connect afresh.
    async fn retire(&self, master: &Arc<Master>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|now| Arc::ptr_eq(now, master)) {
            *current = None;
        }
    }

    async fn perform(&self, job: Job<'_>) -> Result<Output, HostError> {
        if job.nul() {
            return Err(self.refused("an argument holds a NUL byte"));
        }
        let deadline = job.deadline();
        let until = Instant::now() + deadline;
        let mut reconnected = false;
        loop {
            let master = self.master(until).await?;
            let nonce = Nonce::random();
            let mut exchange = Exchange::new(&nonce);
            let frame = job.frame(&nonce);
            let ran = channel::run(&master, &mut exchange, &frame, job.stdin(), until);
            let Ok(ended) = timeout_at(until, ran).await else {
                // Perhaps the line is dead and ssh has not noticed, or its process hangs.
                self.retire(&master).await;
                return Err(self.out_of_time(&exchange, deadline));
            };
            let lost = match exchange.result(&self.spec.name) {
                Ok(result) => return result,
                Err(exchange) => channel::Lost { ended, exchange },
            };
            if matches!(lost.ended, Ended::NoChannel(_) | Ended::Line(_)) {
                self.retire(&master).await;
            }
            if lost.nothing_was_sent() && !reconnected {
                reconnected = true;
                continue;
            }
            return Err(lost.error(&self.spec, &master).await);
        }
    }

    fn out_of_time(&self, exchange: &Exchange, after: Duration) -> HostError {
        if exchange.was_sent() {
            return HostError::Deadline { host: self.spec.name.clone(), after };
        }
        self.not_reached(format!(
            "its ssh connection took no command within {}",
            humantime::format_duration(after)
        ))
    }

    fn not_reached(&self, why: String) -> HostError {
        HostError::NotReached { host: self.spec.name.clone(), why }
    }

    fn refused(&self, why: &str) -> HostError {
        HostError::Refused { host: self.spec.name.clone(), why: why.to_owned() }
    }
}

#[async_trait]
impl Host for SshHost {
    fn name(&self) -> &str {
        &self.spec.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.perform(Job::Run(command)).await
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        forward::dial(self, dial).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        files::read(self, path).await
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

    async fn settle(&self, within: Duration) -> Result<(), HostError> {
        self.perform(Job::Settle(within)).await.map(drop)
    }

    async fn close(&self) {
        if let Some(master) = self.current.lock().await.take() {
            master.kill();
        }
    }
}
