//! The work of the controller-manager that leads: each controller in turn, again and again.

use super::signer::Signer;
use super::{daemonsets, nodes, requests, secrets};
use crate::wire::client::{AskError, Client};
use crate::wire::klog::{self, Level};
use crate::wire::pace::paced;

/// From one round to the next, ms.
const ROUND: u64 = 500;

/// Runs the controllers until the process loses its lease.
pub(super) async fn run(mut client: Client, signer: Option<Signer>) {
    loop {
        if let Err(error) = round(&mut client, signer.as_ref()).await {
            let text = format!("\"Unhandled Error\" err={:?}", error.to_string());
            klog::say(Level::Error, "controller_utils.go:154", &text);
        }
        tokio::time::sleep(paced(ROUND)).await;
    }
}

async fn round(client: &mut Client, signer: Option<&Signer>) -> Result<(), AskError> {
    nodes::reconcile(client).await?;
    daemonsets::reconcile(client).await?;
    if let Some(signer) = signer {
        requests::reconcile(client, signer).await?;
        secrets::reconcile(client, signer).await?;
    }
    Ok(())
}

/// The items of a list.
pub(super) async fn list(client: &mut Client, path: &str) -> Result<Vec<serde_json::Value>, AskError> {
    let mut list = client.get(path).await?;
    Ok(list.get_mut("items").and_then(|items| items.as_array_mut()).map(std::mem::take).unwrap_or_default())
}
