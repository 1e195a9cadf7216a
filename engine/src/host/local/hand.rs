//! The thread that reads and writes files of this machine: one at a time, in the order in which that was asked for.
//!
//! Invariant: whoever looks after a write that nobody waits for any more (a network folder that hangs, a deadline that
//! passed) looks when it is over, not while it may still rename: what is done here late is never done behind a later look.
//!
//! Deliberately absent: an end. A thread whose folder's server is gone is left behind when the process ends.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

use futures_util::future::join;
use tokio::sync::oneshot;

/// Its name, as `ps -L` and `/proc` show it: at most 15 bytes.
const NAME: &str = "files";

/// What it is to do.
type Job = Box<dyn FnOnce() + Send>;

/// What a panic leaves.
type Panic = Box<dyn Any + Send>;

/// The way to the thread, or why there is none.
pub(super) struct Hand(Result<Sender<Job>, String>);

impl Hand {
    /// Starts the thread, which ends with this value.
    pub(super) fn new() -> Self {
        let (jobs, todo) = channel::<Job>();
        let started =
            Builder::new().name(NAME.to_owned()).spawn(move || todo.into_iter().for_each(|job| job()));
        Self(started.map(|_left| jobs).map_err(|error| error.to_string()))
    }

    /// Does this once all that was asked for before is done; not at all where nobody waits for it any more by then. The
    /// error says why there is no thread.
    ///
    /// # Panics
    /// Where `act` does.
    pub(super) async fn does<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let jobs = self.0.as_ref().map_err(|error| format!("no thread for it can be started: {error}"))?;
        let (tell, told) = oneshot::channel::<Result<T, Panic>>();
        let job = move || {
            if !tell.is_closed() {
                // Nobody may wait for it by now.
                let _unheard = tell.send(catch_unwind(AssertUnwindSafe(act)));
            }
        };
        let ask = async {
            jobs.send(Box::new(job)).expect("the thread lives as long as the way to it");
        };
        // Waited for before it is asked for: whoever waits is woken each time, by one call, however fast the thread is.
        let (told, ()) = join(told, ask).await;
        match told.expect("a job tells how it ended") {
            Ok(done) => Ok(done),
            Err(panic) => resume_unwind(panic),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_look_comes_after_a_write_that_nobody_waits_for_and_one_not_begun_is_left_out() {
        let hand = Hand::new();
        let (release, held) = mpsc::channel::<()>();
        let (tell, done) = mpsc::channel();
        let told = tell.clone();
        let mut hangs = Box::pin(hand.does(move || {
            told.send("it begins")?;
            held.recv().expect("released");
            told.send("the write")
        }));
        assert!(tokio::time::timeout(Duration::ZERO, &mut hangs).await.is_err(), "it hangs");
        assert_eq!(done.recv(), Ok("it begins"));
        drop(hangs);
        let told = tell.clone();
        let given_up = hand.does(move || told.send("given up"));
        assert!(tokio::time::timeout(Duration::ZERO, given_up).await.is_err(), "it waits");
        release.send(()).expect("it is held");
        hand.does(move || tell.send("the look")).await.expect("a thread").expect("told");
        assert_eq!(done.iter().collect::<Vec<_>>(), ["the write", "the look"]);
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_that_of_whoever_asked() {
        drop(Hand::new().does(|| panic!("a bug")).await);
    }
}
