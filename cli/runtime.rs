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

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(time: Time, future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(time == Time::Virtual)
        .build()
        .map_err(|error| Failure::new(Exit::Refused, "system", format!("start the runtime: {error}")))?;
    let output = runtime.block_on(future);
    // What blocks (a file on a network folder whose server is gone) was given up by then: it must not hold up the end.
    runtime.shutdown_background();
    Ok(output)
}

/// Runs a future to its end in real time.
pub(crate) fn block_on_real<F: Future>(future: F) -> Result<F::Output, Failure> {
    block_on(Time::Real, future)
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
