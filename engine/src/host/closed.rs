//! A host that did not let us in, for looks: it says so again at once, where asking it would cost the same time again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::dial::{Dial, Dialled};
use super::{Command, Host, HostError, Output, Settled, Stat};

/// The host, and what it said.
pub(super) struct Closed {
    pub(super) host: Arc<dyn Host>,
    pub(super) said: HostError,
}

impl Closed {
    fn again<T>(&self) -> Result<T, HostError> {
        Err(self.said.clone())
    }
}

#[async_trait]
impl Host for Closed {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn login(&self) -> Option<String> {
        self.host.login()
    }

    async fn run(&self, _: &Command) -> Result<Output, HostError> {
        self.again()
    }

    async fn dial(&self, _: &Dial) -> Result<Dialled, HostError> {
        self.again()
    }

    async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.again()
    }

    async fn write(&self, _: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        self.again()
    }

    async fn stat(&self, _: &str) -> Result<Option<Stat>, HostError> {
        self.again()
    }

    async fn list(&self, _: &str) -> Result<Option<Vec<String>>, HostError> {
        self.again()
    }

    async fn settle(&self, _: Duration) -> Result<Settled, HostError> {
        self.again()
    }

    async fn connect(&self) -> Result<(), HostError> {
        self.again()
    }

    async fn close(&self) {
        self.host.close().await;
    }
}
