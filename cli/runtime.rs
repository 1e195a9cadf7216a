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
    Ok(runtime.block_on(future))
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
