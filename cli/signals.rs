//! Signals of a command that acts: Ctrl-C (SIGINT) and SIGTERM stop it, softly first; SIGHUP is survived.
//!
//! They are listened for from a thread of their own, from before the first look until the end: one that comes while
//! nothing is awaited (a journal is being made, a name is being typed) is not lost, and not deadly either.

use std::future::Future;

use certwright_engine::machine::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::exit::Exit;
use crate::failure::Failure;

/// What the operator asked for by signals, in order.
pub(crate) type Stops = UnboundedReceiver<Stop>;

/// Listens from here on: the first signal drains, every further one cancels.
pub(crate) fn listen() -> Result<Stops, Failure> {
    let failed = |error: std::io::Error| Failure::system("listen for signals", &error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let signals = {
        let _within = runtime.enter();
        let all = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let [interrupt, terminate, hangup] = all;
        (interrupt.map_err(failed)?, terminate.map_err(failed)?, hangup.map_err(failed)?)
    };
    let (stops, receiver) = unbounded_channel();
    // The thread ends with the process.
    let thread = std::thread::Builder::new().spawn(move || runtime.block_on(forward(signals, stops)));
    drop(thread.map_err(failed)?);
    Ok(receiver)
}

async fn forward(signals: (Signal, Signal, Signal), stops: UnboundedSender<Stop>) {
    let (mut interrupt, mut terminate, mut hangup) = signals;
    let mut stop = Stop::Drain;
    loop {
        tokio::select! {
            Some(()) = interrupt.recv() => {}
            Some(()) = terminate.recv() => {}
            Some(()) = hangup.recv() => continue,
            else => return,
        }
        // Nobody listens any more: what is left is short, and a report is not cut off.
        let _unheard = stops.send(stop);
        stop = Stop::Cancel;
    }
}

/// Waits for the next Ctrl-C or SIGTERM, whoever else hears it too.
pub(crate) async fn next_stop() {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        },
        // Without a way to hear one there is none to wait for.
        (Err(_), _) | (_, Err(_)) => std::future::pending().await,
    }
}

/// Waits for a future that changes nothing, unless a signal comes first.
pub(crate) async fn unless_stopped<T>(
    stops: &mut Stops,
    during: &str,
    future: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        Some(_) = stops.recv() => {
            let failure = Failure::new(Exit::Refused, "interrupted", format!("stopped by a signal {during}"));
            Err(failure.hint("nothing was changed"))
        }
        done = future => Ok(done),
    }
}
