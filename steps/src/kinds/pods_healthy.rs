//! `pods-healthy`: every pod of a namespace runs and is ready.
//!
//! Deliberately absent: trust in it alone. A dead kubelet leaves mirror pods that still show as running; the
//! restart step has looked at the containers themselves.

use async_trait::async_trait;
use certwright_engine::plan::{
    CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, UndoSupport, WORKSTATION,
};
use certwright_engine::step::{Context, Kind, Probe, Step, StepError};

use super::silence::{ask, patience};
use crate::tools::kubectl::{self, Kubectl, Pod};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "pods-healthy",
        doc: "Checks that every pod of a namespace runs and is ready.",
        fields: &[Field {
            name: "namespace",
            ty: FieldType::String,
            default: Some("\"kube-system\""),
            doc: "The namespace.",
        }],
        on: On::Anywhere,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 60 * 1000,
        check,
    },
    |with| Box::new(PodsHealthy { namespace: with.str("namespace").to_owned() }),
);

fn check(with: &Params) -> Result<(), String> {
    is_namespace(with.str("namespace"))
}

/// Whether `namespace` may be one.
pub(super) fn is_namespace(namespace: &str) -> Result<(), String> {
    if kubectl::is_name(namespace) {
        Ok(())
    } else {
        Err("`namespace` is not a name of Kubernetes (lower-case letters, digits, `-` and `.`)".to_owned())
    }
}

/// kubectl for the cluster: with the operator's kubeconfig on the workstation, with a node's own on a node.
pub(super) fn kubectl(cx: &Context) -> Kubectl {
    if cx.host.name() == WORKSTATION {
        Kubectl::new(&cx.cluster.kubeconfig)
    } else {
        Kubectl::new("/etc/kubernetes/admin.conf")
    }
}

/// A step of this kind.
struct PodsHealthy {
    namespace: String,
}

#[async_trait]
impl Step for PodsHealthy {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let kubectl = kubectl(cx);
        let object = format!("{}: pods of {}", cx.host.name(), self.namespace);
        let patience = patience(cx, cx.host.as_ref(), &kubectl).await?;
        let patience = patience.map_err(|silence| silence.error(&object))?;
        let command = kubectl.pods(&self.namespace).deadline(patience);
        let output = ask(cx.host.as_ref(), &command, &object).await?;
        if !output.success() {
            return Err(kubectl::step_error(&object, &command, &output));
        }
        let pods = kubectl::parse_pods(&output)
            .map_err(|error| error.step_error(cx.host.name(), &command, &output))?;
        let sick: Vec<String> = pods.iter().filter(|pod| !pod.is_healthy()).map(describe).collect();
        Ok(if pods.is_empty() {
            Probe::drifted(format!("there is no pod in {}", self.namespace))
        } else if sick.is_empty() {
            Probe::satisfied(format!("all {} pods of {} run", pods.len(), self.namespace))
        } else {
            Probe::drifted(format!("{} of {} pods are not well: {}", sick.len(), pods.len(), sick.join("; ")))
        })
    }
}

fn describe(pod: &Pod) -> String {
    let why = match (pod.terminating, pod.waiting.as_str()) {
        (true, _) => "terminating".to_owned(),
        (false, "") => format!("{}, {} of {} ready", pod.phase, pod.ready_containers, pod.containers),
        (false, waiting) => waiting.to_owned(),
    };
    format!("{} on {} ({why})", pod.name, if pod.node.is_empty() { "no node" } else { &pod.node })
}
