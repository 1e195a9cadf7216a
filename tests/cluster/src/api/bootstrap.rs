//! What the server itself puts into an empty store: the namespaces that every cluster has.

use serde_json::json;

use super::caller::Caller;
use super::path::{Place, Target};
use super::store::Store;
use super::verbs;
use crate::wire::klog::{self, Level};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Makes the namespaces that are not there yet.
pub(super) async fn namespaces(store: &Store) {
    let Target::Objects(place) = Target::read("/api/v1/namespaces") else {
        unreachable!("namespaces are a kind of the API");
    };
    for name in NAMESPACES {
        if let Err(why) = make(store, &place, name).await {
            // The next server to start makes it.
            klog::say(
                Level::Error,
                "controller.go:156",
                &format!("unable to create namespace {name}: {why}"),
            );
        }
    }
}

async fn make(store: &Store, place: &Place, name: &str) -> Result<(), String> {
    if store.get(&place.key(name)).await.map_err(|error| error.to_string())?.is_some() {
        return Ok(());
    }
    let new = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    });
    let own = Caller { user: "system:apiserver".to_owned(), groups: vec!["system:masters".to_owned()] };
    // Another server may make it in the same moment; then it is there as well.
    match verbs::create(store, place, new, &own).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_conflict() => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}
