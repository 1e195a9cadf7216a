//! This machine, as the operator: no sudo, the operator's own PATH.
//!
//! The same promises as a node's, by the same worker over plain pipes: a mutating command holds the lock, has
//! its output in files and is left to finish whatever happens to us; a reading one ends, with all it started,
//! when its deadline passes or its future is dropped. So that ending the one never touches the other, reading
//! and mutating commands have workers of their own. Files are read and written by one thread, in order.
//!
//! Deliberately absent: an owner. What arrives here arrives at once, and runs of several clusters share the machine.

mod files;

mod seat;

mod exchange;

mod hand;

mod line;

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::dial::{self, Dial, Dialled};
use super::worker::{Client, NODE_BASE};
use super::{Command, Effect, Host, HostError, Output, Settled, Stat};
use hand::Hand;
pub use line::{LocalConnect, WhenAbandoned};
pub use seat::beside;

/// This machine.
pub struct LocalHost {
    name: String,
    base: PathBuf,
    readers: Client<LocalConnect>,
    writers: Client<LocalConnect>,
    files: Hand,
}

impl LocalHost {
    /// This machine under the name plans know it by.
    ///
    /// Lock and running output are in `/run/user/UID/certwright`, or `/var/tmp/certwright-UID` where there is
    /// no such folder; for root where nodes have them.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with_base(name, default_base())
    }

    /// The same with lock and running output in `base`, a folder of ours alone, made when it is missing.
    pub fn with_base(name: impl Into<String>, base: PathBuf) -> Self {
        let name = name.into();
        let connect = |when| LocalConnect::new(&name, &["/bin/sh"], &base, when);
        let readers = Client::here(name.clone(), connect(WhenAbandoned::End));
        let writers = Client::here(name.clone(), connect(WhenAbandoned::Leave));
        Self { name, base, readers, writers, files: Hand::new() }
    }

    fn refused(&self, why: String) -> HostError {
        HostError::Refused { host: self.name.clone(), why }
    }

    /// Does a file operation where it may block, behind those that were asked for before.
    async fn file<T: Send + 'static>(
        &self,
        verb: &'static str,
        path: &str,
        act: impl FnOnce(&Path) -> Result<T, files::FileError> + Send + 'static,
    ) -> Result<T, HostError> {
        let owned = PathBuf::from(path);
        let done = self.files.does(move || act(&owned)).await;
        let done = done.and_then(|done| done.map_err(|error| error.to_string()));
        done.map_err(|why| self.refused(format!("cannot {verb} `{}`: {why}", crate::text::escape(path))))
    }
}

#[async_trait]
impl Host for LocalHost {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.effect == Effect::Mutates || command.stdin.is_some() {
            own_folder(&self.base).map_err(|why| self.refused(why))?;
        }
        match command.effect {
            Effect::Reads => self.readers.run(command).await,
            Effect::Mutates => self.writers.run(command).await,
        }
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        dial.check(&self.name)?;
        Ok(dial::over_tcp(dial).await)
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.file("read", path, files::read).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        let bytes = bytes.to_vec();
        self.file("write", path, move |path| files::write(path, &bytes, mode)).await
    }

    async fn replace(
        &self,
        path: &str,
        old: Option<&[u8]>,
        bytes: &[u8],
        mode: u32,
    ) -> Result<bool, HostError> {
        let (old, bytes) = (old.map(<[u8]>::to_vec), bytes.to_vec());
        let done = self
            .file("write", path, move |path| exchange::replace(path, old.as_deref(), &bytes, mode))
            .await?;
        Ok(done == exchange::Exchanged::Done)
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.file("stat", path, files::stat).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.file("list", path, files::list).await
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.writers.settle(within).await
    }

    async fn close(&self) {
        self.readers.close();
        self.writers.close();
    }
}

fn default_base() -> PathBuf {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return PathBuf::from(NODE_BASE);
    }
    let runtime = PathBuf::from(format!("/run/user/{}", uid.as_raw()));
    match std::fs::symlink_metadata(&runtime) {
        Ok(found) if found.is_dir() && found.uid() == uid.as_raw() => runtime.join("certwright"),
        _ => PathBuf::from(format!("/var/tmp/certwright-{}", uid.as_raw())),
    }
}

/// Makes `base` unless it is there, and refuses one that others could have prepared.
fn own_folder(base: &Path) -> Result<(), String> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(base);
    let found = made.and_then(|()| std::fs::symlink_metadata(base));
    let found = found.map_err(|error| format!("cannot make the folder `{}`: {error}", base.display()))?;
    let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(format!("`{}` is not a folder that only this user can write to", base.display()))
}

#[cfg(test)]
mod tests;
