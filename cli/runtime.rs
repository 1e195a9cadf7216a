//! The async runtime of a command: one thread, in real or in virtual time.

use std::future::Future;

use certwright_engine::host::Hosts;

use crate::exit::Exit;
use crate::failure::Failure;

/// Whose time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// This machine's.
    Real,
    /// A lab's: a wait passes at once when nothing else is to be done.
    Virtual,
}

/// A runtime; connections made in it live as long as it.
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// A runtime of this time.
    pub(crate) fn new(time: Time) -> Result<Self, Failure> {
        let built = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(time == Time::Virtual)
            .build();
        let failed = |error| Failure::new(Exit::Refused, "system", format!("start the runtime: {error}"));
        Ok(Self(Some(built.map_err(failed)?)))
    }

    /// Runs a future to its end.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("it is taken at its end only").block_on(future)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // What blocks (a file on a network folder whose server is gone) was given up by then: it must not hold up
        // the end.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs a future to its end in real time.
pub(crate) fn block_on_real<F: Future>(future: F) -> Result<F::Output, Failure> {
    Ok(Runtime::new(Time::Real)?.block_on(future))
}

/// Ends all connections.
pub(crate) async fn close(hosts: &Hosts) {
    for host in hosts.all() {
        host.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_operation_that_never_ends_does_not_hold_up_the_end() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (tell, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let given_up = block_on_real(async {
                drop(tokio::task::spawn_blocking(move || held.recv()));
                7
            });
            tell.send(given_up.is_ok_and(|n| n == 7))
        });
        let ended = ended.recv_timeout(std::time::Duration::from_secs(20));
        drop(release);
        assert_eq!(ended, Ok(true));
    }
}
