//! `kubectl get --raw .../leases/NAME`.

use certwright_engine::host::Output;
use serde::Deserialize;

use crate::tools::OutputError;
use crate::tools::output::json;

#[derive(Deserialize)]
struct LeaseWire {
    #[serde(default)]
    spec: SpecWire,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SpecWire {
    holder_identity: Option<String>,
}

/// The node whose process holds a lease of a component, which calls itself `NODE_UID`; None where nobody does.
pub fn parse_lease_holder(output: &Output) -> Result<Option<String>, OutputError> {
    let wire: LeaseWire = json("the lease", &output.stdout)?;
    let identity = wire.spec.holder_identity.unwrap_or_default();
    Ok(identity.rsplit_once('_').map(|(node, _)| node.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{fixture, printed};

    #[test]
    fn the_holder_of_a_real_lease_is_its_node_and_a_lease_that_was_given_back_has_none() {
        let all: serde_json::Value =
            serde_json::from_slice(fixture("healthy/kubectl-get-lease").stdout.bytes()).unwrap();
        let of = |name: &str| {
            let items = all["items"].as_array().unwrap().iter();
            items.filter(|item| item["metadata"]["name"] == name).map(ToString::to_string).next().unwrap()
        };
        for name in ["kube-scheduler", "kube-controller-manager"] {
            assert_eq!(parse_lease_holder(&printed(of(name))).unwrap().as_deref(), Some("cp1"), "{name}");
        }
        for free in [r#"{"spec":{"holderIdentity":""}}"#, r#"{"spec":{}}"#, "{}"] {
            assert_eq!(parse_lease_holder(&printed(free)).unwrap(), None, "{free}");
        }
        assert!(parse_lease_holder(&printed("ok")).is_err());
    }
}
