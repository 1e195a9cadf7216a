//! Nodes whose kubelet is no longer heard are not ready.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::manager::list;
use crate::wire::client::{AskError, Client};
use crate::wire::moment;

/// How old a kubelet's last sign of life may be.
const GRACE: Duration = Duration::seconds(40);

pub(super) async fn reconcile(client: &mut Client) -> Result<(), AskError> {
    let leases = list(client, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases").await?;
    for node in list(client, "/api/v1/nodes").await? {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        // A node without a lease was made by a test.
        let Some(lease) = leases.iter().find(|lease| lease["metadata"]["name"] == name) else { continue };
        if is_heard(lease) || !is_ready(&node) {
            continue;
        }
        let unknown = json!({
            "type": "Ready",
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": moment::seconds(),
        });
        let mut conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.retain(|condition| condition["type"] != "Ready");
        conditions.push(unknown);
        let change = json!({"status": {"conditions": conditions}});
        client.patch(&format!("/api/v1/nodes/{name}/status"), &change).await?;
    }
    Ok(())
}

fn is_heard(lease: &Value) -> bool {
    let renewed = lease["spec"]["renewTime"].as_str().and_then(moment::parse);
    renewed.is_some_and(|renewed| OffsetDateTime::now_utc() - renewed < GRACE)
}

/// Whether the node's Ready condition holds.
pub(super) fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}
