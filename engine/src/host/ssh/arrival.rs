//! Waits for a file to appear in a folder, told by the kernel (inotify): looking again and again cost a connection
//! milliseconds of processor time where many are made at a time.
//!
//! Invariant: nothing depends on being told. Where the kernel grants no watch, and from time to time in any case, the
//! folder is looked at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::net::unix::pipe::Receiver;
use tokio::time::sleep;

/// How often the file is looked for where nothing tells of it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How often it is looked for where the kernel tells.
const LOOK_ANYWAY: Duration = Duration::from_millis(250);

/// A file that will appear.
pub(super) struct Arrival {
    file: PathBuf,
    /// The kernel's events; a pipe as far as reading goes.
    watch: Option<Receiver>,
}

impl Arrival {
    /// Begins to watch; to be called before anybody can make the file.
    pub(super) fn of(file: PathBuf) -> Self {
        let watch = file.parent().and_then(|folder| watch(folder).ok());
        Self { file, watch }
    }

    /// Returns once the file is there.
    pub(super) async fn wait(&self) {
        while !self.file.exists() {
            match &self.watch {
                Some(watch) => tokio::select! {
                    () = told(watch) => {}
                    () = sleep(LOOK_ANYWAY) => {}
                },
                None => sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn watch(folder: &Path) -> std::io::Result<Receiver> {
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, folder, WatchFlags::CREATE | WatchFlags::MOVED_TO)?;
    Receiver::from_owned_fd_unchecked(watch)
}

/// Returns when something has happened in the folder; what, is not read.
async fn told(watch: &Receiver) {
    let mut events = [0; 4096];
    loop {
        if watch.readable().await.is_err() || watch.try_read(&mut events).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_appears_is_told_at_once_and_one_that_is_there_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m");
        let arrival = Arrival::of(file.clone());
        assert!(arrival.watch.is_some(), "the kernel grants a watch");
        let wait = arrival.wait();
        tokio::pin!(wait);
        assert!(futures_util::poll!(&mut wait).is_pending());
        // As ssh makes its socket: under another name first.
        std::fs::File::create(folder.path().join("m.x")).expect("a file");
        std::fs::hard_link(folder.path().join("m.x"), &file).expect("its name");
        wait.await;
        Arrival::of(file).wait().await;
    }

    #[tokio::test]
    async fn where_nothing_tells_of_it_a_file_is_looked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m");
        let arrival = Arrival { file: file.clone(), watch: None };
        let wait = arrival.wait();
        tokio::pin!(wait);
        assert!(futures_util::poll!(&mut wait).is_pending());
        std::fs::File::create(&file).expect("a file");
        wait.await;
    }
}
