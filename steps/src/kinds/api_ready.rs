//! `api-ready`: a node's own API server answers a real read.
//!
//! Invariant: the node's own server is asked, never the load balancer, behind which a healthy peer answers for a
//! broken node. Waiting is the retry of the step.

use async_trait::async_trait;
use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Kind, Probe, Step, StepError};

use super::fields::unchecked;
use super::node::{Node, own_server};
use crate::tools::kubectl::{self, Kubectl, Readiness};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "api-ready",
        doc: "Checks that a node's own API server answers `kubectl get nodes` without a certificate error.",
        fields: &[Field {
            name: "kubeconfig",
            ty: FieldType::Path,
            default: Some("\"/etc/kubernetes/admin.conf\""),
            doc: "The kubeconfig on the node that is used to ask.",
        }],
        on: On::Nodes,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 60 * 1000,
        check: unchecked,
    },
    |with| Box::new(ApiReady::new(with)),
);

/// A step of this kind.
struct ApiReady {
    kubeconfig: String,
}

impl ApiReady {
    fn new(with: &Params) -> Self {
        Self { kubeconfig: with.str("kubeconfig").to_owned() }
    }
}

#[async_trait]
impl Step for ApiReady {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let node = Node::look(cx.host.as_ref()).await?;
        let server = own_server(&node)?;
        let command = Kubectl::new(&self.kubeconfig).server(&server).nodes();
        let output = cx.run(&command).await?;
        if !output.success() {
            return Err(kubectl::step_error(&format!("{}: {server}", cx.host.name()), &command, &output));
        }
        let nodes = kubectl::parse_nodes(&output)
            .map_err(|error| error.step_error(cx.host.name(), &command, &output))?;
        let ready = nodes.iter().filter(|node| node.ready == Readiness::Ready).count();
        let summary = listed(&server, nodes.len(), ready);
        Ok(if nodes.is_empty() { Probe::drifted(summary) } else { Probe::satisfied(summary) })
    }
}

fn listed(server: &str, nodes: usize, ready: usize) -> String {
    match (nodes, ready) {
        (1, 1) => format!("{server} lists 1 node, which is ready"),
        (1, _) => format!("{server} lists 1 node, which is not ready"),
        (_, _) => format!("{server} lists {nodes} nodes, {ready} of them ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_node_is_not_counted_as_several() {
        assert_eq!(listed("https://a:1", 1, 1), "https://a:1 lists 1 node, which is ready");
        assert_eq!(listed("https://a:1", 1, 0), "https://a:1 lists 1 node, which is not ready");
        assert_eq!(listed("https://a:1", 3, 2), "https://a:1 lists 3 nodes, 2 of them ready");
    }
}
