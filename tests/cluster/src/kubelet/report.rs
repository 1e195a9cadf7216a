//! What a kubelet tells the API and what it is told: its node, its lease, the pods here.
//!
//! A kubelet that is not heard tells nothing; what it told last stays, a dead one's pods among it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::identity::Identity;
use super::{Shared, pods, probe};
use crate::runtime::{Answer, Ask, Container, Sandbox, ask};
use crate::wire::client::{AskError, Client};
use crate::wire::klog::{Level, say};
use crate::wire::moment;
use crate::wire::pace::paced;

/// How often it looks at its pods, ms.
const LOOKS: u64 = 1_000;
/// It does not look more often, at whatever pace.
const LEAST: Duration = Duration::from_millis(400);
/// How often it says that it lives, ms.
const HEARTBEAT: u64 = 10_000;
/// How long the runtime may take.
const CALL: Duration = Duration::from_secs(2);

/// The reporter of one kubelet.
pub(super) struct Report {
    pub(super) host: String,
    pub(super) address: Ipv4Addr,
    pub(super) identity: watch::Receiver<Identity>,
    pub(super) shared: Arc<Shared>,
}

/// What was told last.
#[derive(Default)]
struct Told {
    heartbeat: Option<Instant>,
    /// Status by pod.
    pods: BTreeMap<String, Value>,
}

impl Report {
    /// Reports for ever.
    pub(super) async fn run(mut self) {
        let mut told = Told::default();
        let mut client = None;
        loop {
            if client.is_none() || self.identity.has_changed().unwrap_or(false) {
                client = self.identity.borrow_and_update().client().ok();
            }
            if let Some(client) = client.as_mut()
                && let Err(error) = self.look(client, &mut told).await
            {
                say(
                    Level::Error,
                    "controller.go:201",
                    &format!("\"Failed to talk to the API\" err={:?}", error.to_string()),
                );
                told = Told::default();
            }
            tokio::time::sleep(paced(LOOKS).max(LEAST)).await;
        }
    }

    async fn look(&self, client: &mut Client, told: &mut Told) -> Result<(), AskError> {
        if told.heartbeat.is_none_or(|at| at.elapsed() >= paced(HEARTBEAT)) {
            self.live(client).await?;
            told.heartbeat = Some(Instant::now());
        }
        let list = client.get(&format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", self.host)).await?;
        let known: Vec<Value> = list["items"].as_array().cloned().unwrap_or_default();
        let of_api = known.iter().filter_map(pods::wanted).collect();
        *self.shared.of_api.lock().unwrap_or_else(PoisonError::into_inner) = of_api;
        let Ok(Ok(Answer::Listing(listing))) = tokio::task::spawn_blocking(|| ask(&Ask::List, CALL)).await
        else {
            return Ok(());
        };
        for sandbox in listing.sandboxes.iter().filter(|s| s.ready) {
            let containers: Vec<&Container> =
                listing.containers.iter().filter(|c| c.uid == sandbox.uid).collect();
            self.tell(client, told, &known, sandbox, &containers).await?;
        }
        let gone = |pod: &&Value| {
            pods::is_mirror(pod)
                && listing.sandboxes.iter().all(|s| pod["metadata"]["name"] != s.name.as_str())
        };
        for pod in known.iter().filter(gone) {
            let (namespace, name) = (&pod["metadata"]["namespace"], &pod["metadata"]["name"]);
            let path = path(namespace.as_str().unwrap_or_default(), name.as_str().unwrap_or_default());
            client.delete(&path).await?;
        }
        Ok(())
    }

    /// Its node is ready, and its lease renewed.
    async fn live(&self, client: &mut Client) -> Result<(), AskError> {
        let now = moment::seconds();
        let conditions = json!({"status": {"conditions": [{
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }]}});
        client.patch(&format!("/api/v1/nodes/{}/status", self.host), &conditions).await?;
        let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
        let spec = json!({"spec": {
            "holderIdentity": self.host, "leaseDurationSeconds": 40, "renewTime": moment::micros(),
        }});
        match client.patch(&format!("{leases}/{}", self.host), &spec).await {
            Err(error) if error.code().is_some_and(|code| code.as_u16() == 404) => {
                let lease = json!({"metadata": {"name": self.host}, "spec": spec["spec"]});
                client.post(leases, &lease).await.map(drop)
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Tells how one pod is, where that is news.
    async fn tell(
        &self,
        client: &mut Client,
        told: &mut Told,
        known: &[Value],
        sandbox: &Sandbox,
        containers: &[&Container],
    ) -> Result<(), AskError> {
        let is_known = known.iter().any(|pod| pod["metadata"]["name"] == sandbox.name.as_str());
        if !is_known {
            told.pods.remove(&sandbox.name);
            if sandbox.source != "file" {
                return Ok(());
            }
            let collection = format!("/api/v1/namespaces/{}/pods", sandbox.namespace);
            client.post(&collection, &pods::mirror(sandbox, &self.host)).await?;
        }
        let ready = probe::is_ready(&sandbox.container, self.address).await;
        let status = pods::status(sandbox, containers, self.address, ready);
        if told.pods.get(&sandbox.name) != Some(&status) {
            let path = format!("{}/status", path(&sandbox.namespace, &sandbox.name));
            client.patch(&path, &json!({"status": status})).await?;
            told.pods.insert(sandbox.name.clone(), status);
        }
        Ok(())
    }
}

fn path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods/{name}")
}
