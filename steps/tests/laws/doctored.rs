//! A host of the lab some of whose programs say what the test wants: what no lab has (a full file system, another
//! version of kubeadm).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Host, HostError, Output, Settled, Stat};
use certwright_engine::text::Untrusted;

/// What is never answered.
pub(crate) const SILENT: &str = "silent";

/// The host, and what it answers to command lines that begin with these words.
pub(crate) struct Doctored {
    inner: Arc<dyn Host>,
    answers: Vec<(&'static str, &'static str, AtomicUsize)>,
}

impl Doctored {
    /// `inner` with these answers: the beginning of a command line, and what is printed to it. What begins with `error: `
    /// comes on standard error, with status 1, and after `error 35: ` with that; to [`SILENT`] there is no answer within
    /// the command's deadline. Of several answers to one line each is given once, in their order, and the last for ever.
    pub(crate) fn new(inner: Arc<dyn Host>, answers: &[(&'static str, &'static str)]) -> Self {
        Self {
            inner,
            answers: answers.iter().map(|(line, text)| (*line, *text, AtomicUsize::new(0))).collect(),
        }
    }

    /// Fails where an answer was never asked for: such a test would show nothing.
    pub(crate) fn assert_asked(&self) {
        for (line, _, asked) in &self.answers {
            assert!(asked.load(Ordering::Relaxed) > 0, "nobody asked `{line}`");
        }
    }
}

#[async_trait]
impl Host for Doctored {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let line = command.argv.join(" ");
        let mut own = self.answers.iter().filter(|(start, ..)| line.starts_with(start));
        let Some(last) = own.clone().last() else { return self.inner.run(command).await };
        let (_, text, asked) = own.find(|(.., asked)| asked.load(Ordering::Relaxed) == 0).unwrap_or(last);
        asked.fetch_add(1, Ordering::Relaxed);
        if *text == SILENT {
            tokio::time::sleep(command.deadline).await;
            return Err(HostError::Deadline { host: self.name().to_owned(), after: command.deadline });
        }
        let bytes = Untrusted::new(text.as_bytes().to_vec());
        let status = text.split_once(": ").and_then(|(word, _)| match word.split_once(' ') {
            None if word == "error" => Some(1),
            Some(("error", status)) => status.parse().ok(),
            Some(_) | None => None,
        });
        Ok(match status {
            Some(status) => Output { status, stderr: bytes, ..Output::default() },
            None => Output { stdout: bytes, ..Output::default() },
        })
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.inner.read(path).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        self.inner.write(path, bytes, mode).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.inner.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.inner.list(path).await
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.inner.settle(within).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
