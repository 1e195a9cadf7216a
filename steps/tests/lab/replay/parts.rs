//! What becomes of each captured command: in which scene it is replayed and how it is compared, or why it is left out.

use crate::replay::compare::Mode;
use crate::replay::scene::Scene;

/// A captured command.
pub(crate) enum Part {
    Replayed(Scene, Mode),
    Left(&'static str),
}

/// Why a command is not replayed.
const NOT_USED: &str = "no kind uses it";
const HISTORY: &str = "shows the history of that machine";
const FILES: &str = "a file; compared by the tests of the lab's files";
const LEASES: &str = "a scheduler that lost its lease; the lab has no leases";
const STAND_IN: &str = "systemctl was a stand-in there";

pub(crate) fn part(name: &str) -> Part {
    use Mode::{AnyOrder, Exact, Json, Kubeconfig, Subset, Table};
    use Part::{Left, Replayed};
    use Scene::{
        ApiDown, ApiDownRenewed, Edge, Expired, Healthy, Late, LateAndDead, ShortValidity, Three,
        ThreeExpired, Trap,
    };
    match name {
        "healthy/crictl-ps-json" | "healthy/crictl-ps-a-json" | "healthy/crictl-pods-json" => {
            Replayed(Healthy, Json)
        }
        "healthy/crictl-ps-text" | "healthy/crictl-ps-name-regex-etcd" | "healthy/crictl-pods-text" => {
            Replayed(Healthy, Table)
        }
        "healthy/kubectl-get-nodes" | "healthy/kubectl-get-pods" => Replayed(Healthy, Table),
        "healthy/kubectl-get-nodes-json" => Replayed(Healthy, Subset),
        "healthy/kubectl-get-secret-jsonpath" => Replayed(Healthy, Kubeconfig),
        "healthy/kubectl-get-secret-garbled-seed-order" => Left("a mistyped command line"),
        "healthy/kubelet-version"
        | "healthy/containerd-version"
        | "healthy/check-expiration-yaml"
        | "healthy/crictl-info"
        | "healthy/crictl-images"
        | "healthy/kubectl-get-lease"
        | "healthy/kubectl-get-csr"
        | "healthy/kubectl-get-cm-kubeadm-config"
        | "expired/api-process-up/etcdctl-endpoint-health"
        | "three-expired/cp1-etcdctl-endpoint-health"
        | "three-healthy/cp1-check-expiration-jsonpath-expired"
        | "three-healthy/cp1-check-expiration-jsonpath-lt-int" => Left(NOT_USED),
        "expired/api-process-up/scheduler-healthz" => Left(LEASES),
        "expired/trap/systemctl-status-kubelet" => Left(STAND_IN),
        "expired/trap/kubectl-get-nodes" => Replayed(Trap, Table),
        "crictl-stop/deadline-tiny-rpc-timeout"
        | "crictl-stop/success"
        | "crictl-stop/unknown-id"
        | "crictl-stop/after-deadline-stop-same-id-again" => Replayed(Healthy, Exact),
        "crictl-stop/deadline-default-2s" | "crictl-stop/deadline-default-2s-retry-while-hung" => {
            Replayed(Late("deadline-exceeded"), Exact)
        }
        "crictl-stop/frozen-scheduler-stop" => Replayed(Late("deadline-exceeded-after"), Exact),
        "crictl-stop/deadline-grace3-while-hung" => Replayed(Late("deadline-unknown"), Exact),
        "crictl-stop/deadline-inspect-while-hung" => Replayed(Three, Subset),
        "crictl-stop/frozen-scheduler-inspect" => Replayed(LateAndDead, Subset),
        "crictl-stop/deadline-ps-a-while-hung"
        | "expired/api-process-up/crictl-ps-a-json"
        | "expired/api-down/crictl-ps-a-text"
        | "expired/api-down/crictl-ps-a-json" => Left(HISTORY),
        "renew/renew-all-with-config-short-validity" => Replayed(ShortValidity, Exact),
        "renew/renew-all-api-down" => Replayed(ApiDown, Exact),
        "renew/check-expiration-after-renew-api-down" => Replayed(ApiDownRenewed, Exact),
        "three-healthy/kubectl-get-nodes" | "three-healthy/kubectl-get-pods" => Replayed(Three, Table),
        "three-healthy/cp2-crictl-ps-json" | "three-healthy/cp2-crictl-pods-json" => {
            Replayed(Three, AnyOrder)
        }
        _ if name.contains("etcdctl") || name.starts_with("recovery/") => Left(NOT_USED),
        _ if ["/manifests/", "/kubeconfigs/", "/certs/", "-tree", "/tree", "-manifest-"]
            .iter()
            .any(|p| name.contains(p)) =>
        {
            Left(FILES)
        }
        "healthy/kubelet-config-yaml" | "healthy/kubelet-flags-env" | "healthy/kubelet-instance-config" => {
            Left(FILES)
        }
        _ if name.starts_with("healthy/crictl-inspect-") && !name.ends_with("unknown-id") => {
            Replayed(Healthy, Subset)
        }
        _ if name.starts_with("healthy/") => Replayed(Healthy, Exact),
        _ if name.starts_with("three-healthy/") => Replayed(Three, Exact),
        _ if name.starts_with("expired/api-process-up/") => Replayed(Expired, Exact),
        _ if name.starts_with("expired/api-down/") => Replayed(ApiDown, Exact),
        _ if name.starts_with("three-expired/") => Replayed(ThreeExpired, Exact),
        _ if name.starts_with("expired/trap/") && name.contains("crictl-stop") => Replayed(Trap, Exact),
        _ if name.starts_with("expired/trap/") => Left(HISTORY),
        "renew-edge/missing-cert.renew"
        | "renew-edge/missing-cert.check"
        | "renew-edge/missing-cert.checkjson" => Replayed(Edge("missing-cert"), Exact),
        _ if name.starts_with("renew-edge/missing-cert-and-key.") => {
            Replayed(Edge("missing-cert-and-key"), Exact)
        }
        _ if name.starts_with("renew-edge/missing-ca-key.") => Replayed(Edge("missing-ca-key"), Exact),
        _ if name.starts_with("renew-edge/missing-etcd-ca-key.") => {
            Replayed(Edge("missing-etcd-ca-key"), Exact)
        }
        _ if name.starts_with("renew-edge/missing-super-admin.") => {
            Replayed(Edge("missing-super-admin"), Exact)
        }
        _ if name.starts_with("renew-edge/garbage-cert.") => Replayed(Edge("garbage-cert"), Exact),
        _ if name.starts_with("renew-edge/readonly-key.") => Replayed(Edge("readonly-key"), Exact),
        other => panic!("nobody has decided what becomes of {other}"),
    }
}
