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

/// The process that holds a lease of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What it calls itself: `NODE_UID`, new with each start.
    pub identity: String,
}

impl Holder {
    /// The node on which it runs, as that node calls itself.
    pub fn node(&self) -> &str {
        self.identity.rsplit_once('_').map_or("", |(node, _)| node)
    }
}

/// Longest name of a node, an underscore and a UID.
const LONGEST: usize = 253 + 1 + 36;

/// Who holds a lease of a component; None where nobody does, or somebody whose name tells no node.
pub fn parse_lease_holder(output: &Output) -> Result<Option<Holder>, OutputError> {
    let wire: LeaseWire = json("the lease", &output.stdout)?;
    let is_one = |identity: &String| {
        let printable = identity.bytes().all(|byte| byte.is_ascii_graphic());
        identity.len() <= LONGEST && identity.contains('_') && printable
    };
    let identity = wire.spec.holder_identity.filter(is_one);
    Ok(identity.map(|identity| Holder { identity }))
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
            let holder = parse_lease_holder(&printed(of(name))).unwrap().unwrap();
            assert_eq!(holder.node(), "cp1", "{name}");
            assert_eq!(holder.identity.len(), "cp1_".len() + 36, "{name}: {}", holder.identity);
        }
        for free in [
            r#"{"spec":{"holderIdentity":""}}"#,
            r#"{"spec":{"holderIdentity":"x"}}"#,
            r#"{"spec":{}}"#,
            "{}",
        ] {
            assert_eq!(parse_lease_holder(&printed(free)).unwrap(), None, "{free}");
        }
        assert!(parse_lease_holder(&printed("ok")).is_err());
    }
}
