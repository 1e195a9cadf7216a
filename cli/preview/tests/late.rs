//! Hosts that are reached late, or whose line is lost, once: the dry run says the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use certwright_engine::host::{Command, Host, HostError, Hosts, Output, Settled, Stat};
use certwright_steps::lab::Validity;

use super::{looked_at, looked_at_over};

/// How a call ends that does not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Miss {
    NotReached,
    Lost,
    Deadline,
}

/// A host to which some calls, counted from 1, do not get through.
struct Late {
    inner: Arc<dyn Host>,
    miss: Miss,
    calls: std::ops::Range<u32>,
    made: Arc<AtomicU32>,
}

impl Late {
    fn call(&self) -> Result<(), HostError> {
        let call = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let host = self.inner.name().to_owned();
        match self.miss {
            _ if !self.calls.contains(&call) => Ok(()),
            Miss::NotReached => Err(HostError::NotReached { host, why: "no connection within 15s".into() }),
            Miss::Lost => Err(HostError::Unknown { host, why: "the line was cut".into() }),
            Miss::Deadline => Err(HostError::Deadline { host, after: Duration::from_secs(30) }),
        }
    }
}

#[async_trait::async_trait]
impl Host for Late {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.call()?;
        self.inner.run(command).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.call()?;
        self.inner.read(path).await
    }

    async fn write(&self, path: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        panic!("a look writes {path}")
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.call()?;
        self.inner.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.call()?;
        self.inner.list(path).await
    }

    async fn settle(&self, _: Duration) -> Result<Settled, HostError> {
        panic!("a look takes nothing over")
    }

    async fn close(&self) {}
}

/// The text of a dry run in which these calls to cp-2 miss, and how many calls there were.
fn looked_at_late(miss: Miss, calls: std::ops::Range<u32>) -> (String, u32) {
    let made = Arc::<AtomicU32>::default();
    let late = |hosts: &Hosts| {
        Hosts::new(hosts.all().map(|host| {
            let inner = Arc::clone(host);
            let late: Arc<dyn Host> = match host.name() {
                "cp-2" => Arc::new(Late { inner, miss, calls: calls.clone(), made: Arc::clone(&made) }),
                _other => inner,
            };
            (hosts.spec(host.name()).unwrap().clone(), late)
        }))
    };
    let text = looked_at_over(Validity::Expired, late, |_| ());
    (text, made.load(Ordering::Relaxed))
}

#[test]
fn a_host_that_is_reached_at_the_second_try_only_is_looked_at_like_any_other() {
    let (text, calls) = looked_at_late(Miss::NotReached, 1..2);
    assert_eq!(text, looked_at(Validity::Expired));
    assert!(calls > 10, "{calls}");
    let (text, _) = looked_at_late(Miss::NotReached, 1..3);
    assert!(text.contains("cp-2 could not be reached: no connection within 15s"), "{text}");
}

#[test]
fn a_look_whose_line_is_lost_or_late_once_is_taken_again() {
    let expected = looked_at(Validity::Expired);
    let (_, all) = looked_at_late(Miss::Lost, 0..0);
    let (mut missed, mut again) = (0, 0);
    for (miss, first) in [(Miss::Lost, 2), (Miss::Deadline, 5)] {
        for call in (first..=all).step_by(37) {
            let (text, calls) = looked_at_late(miss, call..call + 1);
            assert_eq!(text, expected, "{miss:?} at call {call} of {all}");
            missed += 1;
            again += u32::from(calls > all);
        }
    }
    // A few are of looks that need no answer.
    assert!(missed >= 5 && again > missed / 2, "{again} of {missed} were asked again");
}
