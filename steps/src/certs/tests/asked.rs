//! How often a node is asked.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use certwright_engine::host::dial::{Dial, Dialled};
use certwright_engine::host::{Command, Host, HostError, Output, Settled, Stat};

use super::super::*;
use super::{Bench, told};
use crate::lab::Validity;
use crate::tools::collect::{self, Keys};
use crate::tools::testing::FolderHost;

/// A host that counts what it is asked.
struct Counting {
    host: Arc<dyn Host>,
    commands: std::sync::atomic::AtomicUsize,
    dials: std::sync::atomic::AtomicUsize,
}

#[async_trait::async_trait]
impl Host for Counting {
    fn name(&self) -> &str {
        self.host.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.commands.fetch_add(1, Relaxed);
        self.host.run(command).await
    }

    async fn dial(&self, dial: &Dial) -> Result<Dialled, HostError> {
        self.dials.fetch_add(1, Relaxed);
        self.host.dial(dial).await
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        unreachable!("{path} is read apart")
    }

    async fn write(&self, path: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        unreachable!("{path} is written by a look")
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        unreachable!("{path} is looked at apart")
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        unreachable!("{path} is listed apart")
    }

    async fn settle(&self, _: std::time::Duration) -> Result<Settled, HostError> {
        unreachable!("nothing is to be settled by a look")
    }

    async fn close(&self) {
        self.host.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_is_asked_once_for_its_files_and_once_more_for_what_runs() {
    let bench = Bench::new(Validity::Valid);
    for (ask, commands, dials) in [(Ask::Files, 1, 0), (Ask::Running, 2, 3)] {
        let host = Counting { host: bench.host("cp-2"), commands: 0.into(), dials: 0.into() };
        let report = look(&host, &bench.clock, Keys::Asked, ask, None).await;
        assert_eq!(report.error, None);
        assert_eq!((host.commands.into_inner(), host.dials.into_inner()), (commands, dials), "{ask:?}");
    }
    // A file that is missing is asked for by name: nothing of a node tells that it should be there.
    fs::remove_file(bench.path("cp-2", "/etc/kubernetes/pki/etcd/healthcheck-client.crt")).unwrap();
    let host = Counting { host: bench.host("cp-2"), commands: 0.into(), dials: 0.into() };
    let report = look(&host, &bench.clock, Keys::Asked, Ask::Files, None).await;
    assert_eq!(host.commands.into_inner(), 2);
    assert_eq!(told(&judge(&[report], &bench.wanted())), ["missing cp-2/etcd-healthcheck-client"]);
}

/// Through the script that real nodes run.
#[tokio::test]
async fn a_real_node_that_says_the_same_again_is_remembered() {
    let bench = Bench::new(Validity::Valid);
    let host = FolderHost { root: bench.path("cp-2", "/"), shims: None };
    for keys in [Keys::NotAsked, Keys::Asked] {
        let memory = Memory::default();
        let report = look(&host, &bench.clock, keys, Ask::Files, Some(&memory)).await;
        let said = collect::first(&host, keys).await.unwrap();
        assert!(said.clock_ns().is_some() && said.digest().is_some());
        let recalled = memory.recall(&said).expect("it says the same");
        assert_eq!(recalled.rows, report.rows, "{keys:?}");
    }
}

/// What is remembered is told only to the very answer that it was made of, whatever the node's clock says meanwhile.
#[tokio::test(start_paused = true)]
async fn a_node_that_says_the_same_again_is_not_read_again_and_one_that_says_anything_else_is() {
    let bench = Bench::new(Validity::Valid);
    let (host, memory) = (bench.host("cp-2"), Memory::default());
    let again = || look(host.as_ref(), &bench.clock, Keys::NotAsked, Ask::Files, Some(&memory));
    let report = again().await;
    let said = collect::first(host.as_ref(), Keys::NotAsked).await.unwrap();
    assert_eq!(memory.recall(&said), Some(Report { skew_s: None, ..report.clone() }));
    bench.clock.sleep(std::time::Duration::from_secs(3)).await;
    let later = collect::first(host.as_ref(), Keys::NotAsked).await.unwrap();
    assert_ne!(said.clock_ns(), later.clock_ns());
    assert_eq!(said.digest(), later.digest());
    // A mark shows that it is this report which comes back, with the clock as it is now.
    memory.keep(said.digest(), &Report { troubles: vec!["remembered".to_owned()], ..report.clone() });
    let marked = again().await;
    assert_eq!((&marked.troubles[..], marked.skew_s), (&["remembered".to_owned()][..], Some(0)));
    assert_eq!(marked.rows, report.rows);
    // Another certificate, another mode, another manifest: each is another answer.
    let moved = |n: u32| match n {
        0 => bench.copy(
            ("cp-3", "/etc/kubernetes/pki/apiserver.crt"),
            ("cp-2", "/etc/kubernetes/pki/apiserver.crt"),
        ),
        1 => {
            let path = bench.path("cp-2", "/etc/kubernetes/admin.conf");
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        }
        _ => bench.edit("cp-2", "/etc/kubernetes/manifests/etcd.yaml", "priority", "priority "),
    };
    for n in 0..3 {
        let said = collect::first(host.as_ref(), Keys::NotAsked).await.unwrap();
        memory.keep(said.digest(), &Report { troubles: vec!["remembered".to_owned()], ..report.clone() });
        moved(n);
        assert_eq!(again().await.troubles, Vec::<String>::new(), "{n}");
        assert_eq!(again().await, look(host.as_ref(), &bench.clock, Keys::NotAsked, Ask::Files, None).await);
    }
    // One whose files are asked for by name in a second call is read each time.
    fs::remove_file(bench.path("cp-2", "/etc/kubernetes/pki/etcd/healthcheck-client.crt")).unwrap();
    let missing = again().await;
    let said = collect::first(host.as_ref(), Keys::NotAsked).await.unwrap();
    assert_eq!(memory.recall(&said), None);
    let told = told(&judge(&[missing], &bench.wanted()));
    assert!(told.contains(&"missing cp-2/etcd-healthcheck-client".to_owned()), "{told:?}");
}
