//! Signals of a run: Ctrl-C (SIGINT) and SIGTERM stop it, softly first; SIGHUP is survived.

use certwright_engine::machine::Stop;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Listens from here on: the first signal drains, every further one cancels.
pub(crate) fn listen() -> std::io::Result<UnboundedReceiver<Stop>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (stops, receiver) = unbounded_channel();
    // The task ends with the runtime.
    drop(tokio::spawn(async move {
        let mut stop = Stop::Drain;
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => {}
                Some(()) = terminate.recv() => {}
                Some(()) = hangup.recv() => continue,
                else => return,
            }
            if stops.send(stop).is_err() {
                return;
            }
            stop = Stop::Cancel;
        }
    }));
    Ok(receiver)
}
