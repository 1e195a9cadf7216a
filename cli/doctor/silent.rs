//! A diagnosis while a host does not answer at all: it is waited for once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Command, Host, HostError, Hosts, Output, Settled, Stat};
use certwright_engine::plan::{Choices, Plan, Source, resolve};
use certwright_steps::lab::{Lab, LabSpec, Validity};

use super::{LOOKS, examine};
use crate::hosts;
use crate::runtime::{Runtime, Time};

/// What a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// A host behind a firewall that drops everything.
struct Silent {
    name: String,
    clock: Clock,
    asked: Arc<AtomicU32>,
}

impl Silent {
    async fn wait<T>(&self) -> Result<T, HostError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.clock.sleep(PATIENCE).await;
        Err(HostError::NotReached { host: self.name.clone(), why: "no connection within 15s".to_owned() })
    }
}

#[async_trait::async_trait]
impl Host for Silent {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, _: &Command) -> Result<Output, HostError> {
        self.wait().await
    }

    async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.wait().await
    }

    async fn write(&self, _: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        self.wait().await
    }

    async fn stat(&self, _: &str) -> Result<Option<Stat>, HostError> {
        self.wait().await
    }

    async fn list(&self, _: &str) -> Result<Option<Vec<String>>, HostError> {
        self.wait().await
    }

    async fn settle(&self, _: Duration) -> Result<Settled, HostError> {
        self.wait().await
    }

    async fn close(&self) {}
}

#[test]
fn a_host_that_is_silent_is_waited_for_once_and_the_others_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let spec = LabSpec::default().certificates(Validity::Expired);
    let lab = Lab::create(folder.path(), &spec, &Clock::real()).unwrap();
    let inventory = lab.inventory().unwrap();
    let registry = certwright_steps::registry();
    let source = |name, text| Source { name, text };
    let looks = source("looks", LOOKS);
    let plan: Plan = resolve(looks, source("inventory", &inventory), &Choices::default(), &registry).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let (seen, took_ms, now) = Runtime::new(Time::Virtual).unwrap().block_on(async {
        let clock = Clock::virtual_from(lab.now_ms().unwrap());
        let all = hosts::of_lab(&plan, &lab, &clock).unwrap();
        let hosts = Hosts::new(all.all().map(|host| {
            let name = host.name();
            let silent = Silent { name: name.to_owned(), clock: clock.clone(), asked: Arc::clone(&asked) };
            let host: Arc<dyn Host> = if name == "cp-3" { Arc::new(silent) } else { Arc::clone(host) };
            (all.spec(host.name()).unwrap().clone(), host)
        }));
        let start = clock.wall_ms();
        let seen = examine(&plan, &registry, &hosts, &clock).await;
        (seen, clock.wall_ms() - start, clock.wall_ms() / 1000)
    });
    let found = seen.findings(&plan, i64::try_from(now).unwrap(), "renew");
    let has = |id: &str, host: &str| found.iter().any(|finding| finding.id == id && finding.host == host);
    assert!(has("unreachable", "cp-3") && has("certificates-expired", "cp-1"), "{found:#?}");
    assert!(has("certificates-expired", "cp-2") && has("etcd-quorum", "etcd"), "{found:#?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the looks of the others ask it, too");
    let rest = Duration::from_millis(took_ms).checked_sub(PATIENCE).expect("it was waited for");
    assert!(rest < PATIENCE, "{rest:?}");
}
