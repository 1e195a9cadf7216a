//! The versions of a run: certwright's own, and those of the nodes as its preflight saw them.

use certwright_steps::kinds::versions;
use serde::Serialize;

use crate::view::RunView;

/// What ran, and on what.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Versions {
    /// The certwright that began the run.
    certwright: String,
    /// Of the nodes that a preflight looked at, in the order of the plan.
    nodes: Vec<Node>,
}

/// One node.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Node {
    host: String,
    kubernetes: Option<String>,
    kubeadm: Option<String>,
}

impl Versions {
    /// Those of a run.
    pub(super) fn of(view: &RunView) -> Self {
        let of_task = |(id, task): (certwright_engine::plan::TaskId, &crate::view::TaskView)| {
            let found = task.first.as_ref().and_then(versions)?;
            let host = view.plan().host(id).name.clone();
            Some(Node { host, kubernetes: found.kubernetes, kubeadm: found.kubeadm })
        };
        let nodes = view.tasks_with_ids().filter_map(of_task).collect();
        Self { certwright: view.header.tool.clone(), nodes }
    }

    /// One line: what all nodes have is said once.
    pub(super) fn words(&self) -> String {
        let own = format!("certwright {}", self.certwright);
        let mut told: Vec<(String, Vec<&str>)> = Vec::new();
        for node in &self.nodes {
            let words = words(node);
            match told.iter_mut().find(|(known, _)| *known == words) {
                Some((_, hosts)) => hosts.push(&node.host),
                None => told.push((words, vec![&node.host])),
            }
        }
        let of_nodes = match &told[..] {
            [(words, _)] => vec![words.clone()],
            several => {
                several.iter().map(|(words, hosts)| format!("{words} on {}", hosts.join(", "))).collect()
            }
        };
        std::iter::once(own)
            .chain(of_nodes.into_iter().filter(|words| !words.is_empty()))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

fn words(Node { kubernetes, kubeadm, .. }: &Node) -> String {
    let of =
        |name: &str, version: &Option<String>| version.as_ref().map(|version| format!("{name} {version}"));
    [of("Kubernetes", kubernetes), of("kubeadm", kubeadm)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}
