use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use certwright_engine::clock::Clock;
use certwright_engine::host::dial::{Answer, Dialled, Served, Way};
use certwright_engine::host::{Command, Host, HostError, Output, Settled, Stat};
use certwright_engine::text::Untrusted;

use super::*;
use crate::lab::{Lab, LabSpec};

/// A host whose ports are asked through the connection: a handshake tells certificate and health.
struct Forwarding {
    inner: Arc<dyn Host>,
    leaf: Vec<u8>,
    dials: AtomicU32,
}

#[async_trait]
impl Host for Forwarding {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.inner.run(command).await
    }

    async fn dial(&self, _: &Dial) -> Result<Dialled, HostError> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let answer = Some(Answer { code: 200, body: Untrusted::default() });
        let outcome = Ok(Served { chain: vec![self.leaf.clone()], answer });
        Ok(Dialled { way: Way::Forward, outcome })
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.inner.read(path).await
    }

    async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        self.inner.write(path, bytes, mode).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, HostError> {
        self.inner.stat(path).await
    }

    async fn list(&self, path: &str) -> Result<Option<Vec<String>>, HostError> {
        self.inner.list(path).await
    }

    async fn settle(&self, within: Duration) -> Result<Settled, HostError> {
        self.inner.settle(within).await
    }

    async fn close(&self) {}
}

#[tokio::test(start_paused = true)]
async fn the_certificate_of_a_health_endpoints_handshake_is_judged_and_not_asked_for_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Clock::virtual_from(1_795_555_800_000);
    let lab = Lab::create(dir.path().join("lab"), &LabSpec::default(), &clock).expect("a lab");
    let pki = dir.path().join("lab/cp-1/etc/kubernetes/pki");
    for (file, is_its_own) in [("apiserver.crt", true), ("front-proxy-client.crt", false)] {
        let pem = std::fs::read(pki.join(file)).expect("a certificate");
        let leaf = x509_parser::pem::parse_x509_pem(&pem).expect("PEM").1.contents;
        let inner = lab.host("cp-1", clock.clone()).expect("a host");
        let host = Forwarding { inner, leaf, dials: AtomicU32::new(0) };
        let node = Node::look(&host).await.expect("a look");
        let component = [Component::KubeApiserver];
        let known = known(&node, &component, Restarts::Needed, None).await.expect("its files");
        let state = by_asking(&node, &known[0]).await.expect("an answer");
        assert_eq!(state == State::Fresh, is_its_own, "{state:?}");
        assert_eq!(matches!(state, State::Stale(_)), !is_its_own, "{state:?}");
        assert_eq!(host.dials.load(Ordering::Relaxed), 1, "one handshake tells both");
    }
}
