//! A host that may be looked at and not changed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::dial::{Dial, Dialled};
use super::{Command, Effect, Host, HostError, Output, Settled, Stat};

/// The same host over the same connection; whoever changes something through it has a bug, and is stopped.
pub(super) struct ReadOnly(pub(super) Arc<dyn Host>);

#[async_trait]
impl Host for ReadOnly {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn login(&self) -> Option<String> {
        self.0.login()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let program = &command.argv[0];
        assert!(
            command.effect == Effect::Reads,
            "a look at {} runs {program}, which changes it",
            self.name()
        );
        self.0.run(command).await
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        self.0.dial(dial).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.0.read(path).await
    }

    async fn read_all(&self, paths: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
        self.0.read_all(paths).await
    }

    async fn write(&self, path: &str, _bytes: &[u8], _mode: u32) -> Result<(), HostError> {
        panic!("a look at {} writes {path}", self.name())
    }

    async fn replace(
        &self,
        path: &str,
        _old: Option<&[u8]>,
        _bytes: &[u8],
        _mode: u32,
    ) -> Result<bool, HostError> {
        panic!("a look at {} writes {path}", self.name())
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.0.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.0.list(path).await
    }

    async fn settle(&self, _within: Duration) -> Result<Settled, HostError> {
        panic!("a look at {} takes it over", self.name())
    }

    async fn connect(&self) -> Result<(), HostError> {
        self.0.connect().await
    }

    async fn release(&self) -> Result<(), HostError> {
        panic!("a look at {} gives it up", self.name())
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hosts, LocalHost};
    use super::*;
    use crate::plan::{HostSpec, SshSettings};

    fn looked_at() -> Arc<dyn Host> {
        let spec =
            HostSpec { name: "here".into(), address: None, groups: Vec::new(), ssh: SshSettings::default() };
        let host: Arc<dyn Host> = Arc::new(LocalHost::new("here"));
        let hosts = Hosts::new([(spec, host)]).read_only();
        Arc::clone(hosts.get("here").expect("it is there"))
    }

    #[tokio::test]
    async fn a_look_reads() {
        let output = looked_at().run(&Command::reads(["printf", "seen"])).await.expect("it runs");
        assert_eq!(output.stdout.bytes(), b"seen");
    }

    #[tokio::test]
    #[should_panic(expected = "a look at here runs true, which changes it")]
    async fn a_look_that_changes_something_is_stopped_before_it_does() {
        let _never = looked_at().run(&Command::mutates(["true"])).await;
    }

    #[tokio::test]
    #[should_panic(expected = "a look at here writes /nowhere")]
    async fn a_look_writes_nothing() {
        let _never = looked_at().write("/nowhere", b"", 0o600).await;
    }
}
