//! The dry run of a cluster that does not answer: how long it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Command, Host, HostError, Hosts, Output, Settled, Stat};
use certwright_engine::plan::{Choices, Plan, Source, WORKSTATION, resolve};
use certwright_steps::lab::{Lab, LabSpec, Validity};

use super::preview;
use crate::hosts;
use crate::runtime::{Runtime, Time};
use crate::source::SHIPPED;

/// A workstation whose kubectl waits for a cluster that does not answer; how often it was asked.
struct Waiting(Arc<dyn Host>, Arc<AtomicUsize>);

/// How long.
const WAITS: Duration = Duration::from_secs(25);

#[async_trait::async_trait]
impl Host for Waiting {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.argv[0] == "kubectl" {
            self.1.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(WAITS).await;
            return Err(HostError::Deadline { host: self.name().to_owned(), after: WAITS });
        }
        self.0.run(command).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.0.read(path).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        self.0.write(path, bytes, mode).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.0.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.0.list(path).await
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.0.settle(within).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// Two of its tasks ask; one after the other they would wait twice as long before anything is changed.
#[test]
fn the_tasks_of_a_workstation_wait_for_a_cluster_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let spec = LabSpec::default().certificates(Validity::Valid);
    let lab = Lab::create(folder.path(), &spec, &Clock::real()).unwrap();
    let inventory = lab.inventory().unwrap();
    let registry = certwright_steps::registry();
    let shipped = Source { name: SHIPPED[0].name, text: SHIPPED[0].text };
    let inventory = Source { name: "inventory", text: &inventory };
    let plan: Plan = resolve(shipped, inventory, &Choices::default(), &registry).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let took = Runtime::new(Time::Virtual).unwrap().block_on(async {
        let clock = Clock::virtual_from(lab.now_ms().unwrap());
        let hosts = hosts::of_lab(&plan, &lab, &clock).unwrap();
        let hosts = Hosts::new(hosts.all().map(|host| {
            let spec = hosts.spec(host.name()).unwrap().clone();
            let waits: Arc<dyn Host> = Arc::new(Waiting(Arc::clone(host), Arc::clone(&asked)));
            (spec, if host.name() == WORKSTATION { waits } else { Arc::clone(host) })
        }));
        let start = clock.mono();
        preview(&plan, "RUN", &registry, &hosts, &clock).await;
        Duration::from_millis(clock.mono().since(start))
    });
    assert_eq!(asked.load(Ordering::Relaxed), 2, "two tasks asked in vain");
    assert!(took >= WAITS && took < WAITS * 3 / 2, "{took:?}");
}
