//! How often a node is asked.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use certwright_engine::host::dial::{Dial, Dialled};
use certwright_engine::host::{Command, Host, HostError, Output, Settled, Stat};

use super::super::*;
use super::{Bench, told};
use crate::lab::Validity;
use crate::tools::collect::Keys;
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

/// Whether a report is that of the look before: it says so itself.
fn mark(report: &Report) -> Report {
    Report { troubles: vec!["the same again".to_owned()], ..report.clone() }
}

/// Through the script that real nodes run.
#[tokio::test]
async fn a_real_node_that_says_the_same_again_is_not_read_again() {
    let bench = Bench::new(Validity::Valid);
    let host = FolderHost { root: bench.path("cp-2", "/"), shims: None };
    for keys in [Keys::NotAsked, Keys::Asked] {
        let report = look(&host, &bench.clock, keys, Ask::Files, None).await;
        assert!(report.rows.len() > 10, "{keys:?}");
        let again = look(&host, &bench.clock, keys, Ask::Files, Some(mark(&report))).await;
        assert_eq!(
            (again.rows, again.troubles),
            (report.rows, vec!["the same again".to_owned()]),
            "{keys:?}"
        );
    }
}

/// What is there comes back with the very answer that it was made of only, whatever the node's clock says meanwhile.
#[tokio::test(start_paused = true)]
async fn a_node_that_says_anything_else_than_before_is_read() {
    let bench = Bench::new(Validity::Valid);
    let host = bench.host("cp-2");
    let look = |before| look(host.as_ref(), &bench.clock, Keys::NotAsked, Ask::Files, before);
    let report = look(None).await;
    bench.clock.sleep(std::time::Duration::from_secs(3)).await;
    let off = Report { skew_s: Some(77), ..mark(&report) };
    assert_eq!(look(Some(off)).await, Report { skew_s: Some(0), ..mark(&report) });
    // Another certificate, another mode, another manifest.
    let changed = |n: u32| match n {
        0 => {
            let path = "/etc/kubernetes/pki/apiserver.crt";
            bench.copy(("cp-3", path), ("cp-2", path));
        }
        1 => {
            let path = bench.path("cp-2", "/etc/kubernetes/admin.conf");
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        }
        _ => bench.edit("cp-2", "/etc/kubernetes/manifests/etcd.yaml", "priority", "priority "),
    };
    for n in 0..3 {
        let before = mark(&look(None).await);
        changed(n);
        let now = look(Some(before)).await;
        assert_eq!((&now.troubles[..], &now), (&[][..], &look(None).await), "{n}");
    }
    // One of which more was asked is read each time.
    fs::remove_file(bench.path("cp-2", "/etc/kubernetes/pki/etcd/healthcheck-client.crt")).unwrap();
    let missing = look(None).await;
    assert_eq!(look(Some(mark(&missing))).await, missing);
    let told = told(&judge(&[missing], &bench.wanted()));
    assert!(told.contains(&"missing cp-2/etcd-healthcheck-client".to_owned()), "{told:?}");
}
