use certwright_engine::host::Output;
use certwright_engine::plan::ErrorClass;
use certwright_engine::text::KEPT;
use serde_json::json;

use super::*;
use crate::lab::jsonpath;
use crate::pki::Kubeconfig;
use crate::tools::OutputError;
use crate::tools::testing::{failed, fixture, fixtures, printed};

#[test]
fn every_recorded_failure_of_kubectl_has_its_cause() {
    let all = fixtures(|_, command| command.starts_with("kubectl"));
    let mut failures = 0;
    for fixture in &all {
        let expected = match fixture.name.as_str() {
            "healthy/kubectl-get-secret-missing" | "healthy/kubectl-rollout-restart-missing" => {
                Some(Failure::NotFound)
            }
            "healthy/kubectl-get-secret-garbled-seed-order" => Some(Failure::ConnectionRefused),
            "expired/api-process-up/kubectl-get-nodes" | "three-expired/cp1-kubectl-get-nodes-vip" => {
                Some(Failure::Expired)
            }
            "expired/api-process-up/kubectl-get-nodes-skip-verify" => Some(Failure::Unauthorized),
            "expired/api-down/kubectl-get-nodes" => Some(Failure::Closed),
            _ => None,
        };
        assert_eq!(classify(&fixture.output), expected, "{}", fixture.name);
        failures += usize::from(expected.is_some());
    }
    crate::tools::testing::tell(format_args!("{} recorded calls, {failures} failures", all.len()));
    assert_eq!((all.len(), failures), (22, 7));
}

#[test]
fn causes_that_were_not_recorded_are_known_by_their_texts() {
    for (stderr, expected) in [
        (
            "Unable to connect to the server: x509: certificate has expired or is not yet valid: current time 2026-11-24T21:13:04Z is before 2026-11-25T21:13:00Z",
            Failure::NotYetValid,
        ),
        (
            "Unable to connect to the server: x509: certificate has expired or is not yet valid",
            Failure::Expired,
        ),
        (
            "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
            Failure::UnknownAuthority,
        ),
        (
            "Unable to connect to the server: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"kubernetes\")",
            Failure::UnknownAuthority,
        ),
        (
            "Unable to connect to the server: x509: certificate is valid for 10.96.0.1, not 10.0.0.9",
            Failure::NameMismatch,
        ),
        (
            "error: You must be logged in to the server (the server has asked for the client to provide credentials)",
            Failure::Unauthorized,
        ),
        (
            "Error from server (Forbidden): nodes is forbidden: User \"system:anonymous\" cannot list resource",
            Failure::Forbidden,
        ),
        ("Unable to connect to the server: dial tcp 10.0.0.2:6443: i/o timeout", Failure::TimedOut),
        ("Unable to connect to the server: net/http: TLS handshake timeout", Failure::TimedOut),
        ("Error from server: etcdserver: request timed out", Failure::Closed),
        ("Error from server: etcdserver: leader changed", Failure::Closed),
        (
            "Error from server (InternalError): an error on the server (\"\") has prevented the request",
            Failure::Closed,
        ),
        ("Error from server (TooManyRequests): the server is currently unable", Failure::Closed),
        ("Unable to connect to the server: http2: client connection lost", Failure::Closed),
        (
            "Unable to connect to the server: write tcp 10.0.0.1:1->10.0.0.2:6443: write: broken pipe",
            Failure::Closed,
        ),
        (
            "Unable to connect to the server: dial tcp: lookup api.lab: no such host",
            Failure::ConnectionRefused,
        ),
        ("error: timed out waiting for the condition", Failure::TimedOut),
        ("Unable to connect to the server: remote error: tls: expired certificate", Failure::Expired),
        (
            "Unable to connect to the server: dial tcp 10.0.0.2:6443: connect: no route to host",
            Failure::ConnectionRefused,
        ),
        ("error: error loading config file \"/x\": yaml: line 2", Failure::Kubeconfig),
        ("error: unknown flag", Failure::Other),
        ("", Failure::Other),
    ] {
        assert_eq!(classify(&failed(1, stderr)), Some(expected), "{stderr}");
    }
    let command = Kubectl::new("/etc/kubernetes/admin.conf").nodes();
    let error = step_error("API server of cp-1", &command, &failed(1, "EOF"));
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert_eq!(error.to_string(), "API server of cp-1: the server closed the connection");
    let unread = "error: error loading config file \"/x\": read /x: input/output error";
    let error = step_error("nodes", &command, &failed(1, unread)).to_string();
    assert!(error.ends_with("read /x: input/output error"), "{error}");
}

/// What a command prints of a list of objects.
fn asked(command: &Command, list: &serde_json::Value) -> Output {
    let format = command.argv.iter().skip_while(|word| *word != "-o").nth(1).expect("a format");
    printed(jsonpath::print(format, list).expect("a format that the lab knows"))
}

/// The recorded node, asked as the kinds ask.
#[test]
fn nodes_of_a_real_cluster_are_read() {
    let recorded = fixture("healthy/kubectl-get-nodes-json");
    let list = serde_json::from_slice(recorded.stdout.bytes()).unwrap();
    let nodes = parse_nodes(&asked(&Kubectl::new("k").nodes(), &list)).unwrap();
    let [node] = &nodes[..] else { panic!("one node") };
    assert_eq!((node.name.as_str(), node.ready), ("cp1", Readiness::Ready));
    assert_eq!(node.names, ["10.77.0.11", "cp1"]);
}

#[test]
fn what_stands_in_a_field_is_never_taken_for_another_one() {
    let list = json!({"items": [
        {"metadata": {"name": "a"}, "status": {"addresses": [{"address": "x\"\n]\n[\n\"b"}, {"address": ""}]}},
        {"metadata": {"name": "b"}},
    ]});
    let command = Kubectl::new("k").nodes();
    let nodes = parse_nodes(&asked(&command, &list)).unwrap();
    assert_eq!(nodes[0].names, ["x\"\n]\n[\n\"b", ""]);
    assert_eq!((nodes[1].name.as_str(), nodes[1].ready, nodes.len()), ("b", Readiness::Unknown, 2));

    assert_eq!(parse_nodes(&printed("")).unwrap(), []);
    let what = "the output of `kubectl get nodes` is ";
    for (bad, why) in [
        ("[\"a\"]\n[]\n", "not understood: 2 fields where each object has 3"),
        ("[]\n[]\n[]\n", "not understood: 0 values where there is one"),
        ("[\"a\", \"b\"]\n[]\n[]\n", "not understood: 2 values where there is one"),
        ("[\"a\"]\n[7]\n[]\n", "not understood: invalid type: integer `7`, expected a string"),
        ("NAME STATUS\n", "not understood: expected value at line 1 column 1"),
        (&" ".repeat(KEPT + 1), "too large to be read whole"),
    ] {
        let error = parse_nodes(&printed(bad)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{what}{why}")), "{error}");
    }
}

#[test]
fn a_pod_is_healthy_only_when_all_its_containers_are_ready() {
    let good = json!({"name": "a", "ready": true, "state": {"running": {}}});
    let crashing = json!({"name": "b", "ready": false, "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    let read = |phase: &str, ready: &str, statuses: &[&serde_json::Value]| {
        let list = json!({"items": [{
            "metadata": {"name": "p", "namespace": "kube-system"},
            "spec": {"nodeName": "cp-1", "containers": [{"name": "a"}, {"name": "b"}]},
            "status": {
                "phase": phase,
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": statuses,
            },
        }]});
        parse_pods(&asked(&Kubectl::new("k").pods("kube-system"), &list)).unwrap().remove(0)
    };
    let healthy = read("Running", "True", &[&good, &good]);
    assert!(healthy.is_healthy());
    assert_eq!((healthy.ready_containers, healthy.containers, healthy.node.as_str()), (2, 2, "cp-1"));
    let sick = read("Running", "False", &[&good, &crashing]);
    assert!(!sick.is_healthy() && !sick.terminating);
    assert_eq!(sick.waiting, "CrashLoopBackOff");
    assert!(!read("Pending", "False", &[]).is_healthy());
    assert!(!read("Running", "True", &[&good]).is_healthy(), "a status is still missing");
    assert!(read("Succeeded", "False", &[]).is_healthy());
}

#[test]
fn requests_are_those_of_one_kubelet_or_of_all_others() {
    let request = |name: &str, user: &str, conditions: serde_json::Value| {
        json!({
            "metadata": {"name": name, "creationTimestamp": "2026-11-24T21:05:28Z"},
            "spec": {
                "username": user, "groups": ["system:nodes"], "usages": ["server auth"],
                "signerName": KUBELET_SERVING, "request": "cGVt",
            },
            "status": {"conditions": conditions},
        })
    };
    let list = json!({"items": [
        request("csr-1", "system:node:cp-1", json!([])),
        request("csr-2", "system:node:cp-11", json!([])),
        request("csr-3", "system:node:cp-1", json!([{"type": "Approved"}])),
    ]});
    let kubectl = Kubectl::new("k");
    let read = |asker| parse_signing_requests(&asked(&kubectl.serving_requests(asker), &list)).unwrap();
    let own = read(Asker::Node("cp-1"));
    let told: Vec<_> = own.iter().map(|request| (request.name.as_str(), request.state)).collect();
    assert_eq!(told, [("csr-1", SigningState::Pending), ("csr-3", SigningState::Decided)]);
    assert_eq!(
        (own[0].groups.as_slice(), own[0].pem.as_slice()),
        (&["system:nodes".to_owned()][..], &b"pem"[..])
    );
    let others: Vec<String> = read(Asker::AnyoneElse { than: "cp-1" }).into_iter().map(|r| r.name).collect();
    assert_eq!(others, ["csr-2"]);
}

#[test]
fn a_daemonset_is_rolled_out_when_all_its_pods_have_the_newest_template() {
    let daemonset = |observed: i64, updated: i64, available: i64| {
        let text = format!(
            r#"{{"metadata":{{"name":"etcd-defrag","generation":3}},"spec":{{"template":{{"metadata":{{"annotations":
            {{"kubectl.kubernetes.io/restartedAt":"2026-11-24T21:08:43Z"}}}}}}}},"status":{{"observedGeneration":{observed},
            "desiredNumberScheduled":3,"updatedNumberScheduled":{updated},"numberAvailable":{available},"numberReady":3}}}}"#
        );
        parse_daemonset(&printed(text)).unwrap()
    };
    assert!(daemonset(3, 3, 3).is_rolled_out());
    assert_eq!(daemonset(3, 3, 3).restarted_at.as_deref(), Some("2026-11-24T21:08:43Z"));
    for (observed, updated, available) in [(2, 3, 3), (3, 2, 3), (3, 3, 2)] {
        assert!(!daemonset(observed, updated, available).is_rolled_out());
    }
    let bare = r#"{"metadata":{"name":"d"},"spec":{"template":{"metadata":{}}}}"#;
    assert_eq!(parse_daemonset(&printed(bare)).unwrap().restarted_at, None);
}

#[test]
fn the_secret_of_a_real_cluster_is_a_kubeconfig_and_an_absent_key_is_none() {
    let value = parse_secret_value(&fixture("healthy/kubectl-get-secret-jsonpath")).unwrap().unwrap();
    let config = Kubeconfig::parse(value.reveal()).unwrap();
    assert_eq!(config.client_certificate().unwrap().common_name, "kubernetes-admin");
    assert_eq!(parse_secret_value(&printed("")), Ok(None));
    let garbage = parse_secret_value(&printed("c2VjcmV0!"));
    assert_eq!(
        garbage,
        Err(OutputError::Shape { what: "`kubectl get secret`", why: "not base64".into() }),
        "quotes nothing"
    );
}

#[test]
fn a_workload_is_named_by_kind_and_name_and_never_an_option() {
    let resource: Resource = "ds/etcd-defrag".parse().unwrap();
    assert_eq!(resource.to_string(), "daemonset/etcd-defrag");
    for (bad, message) in [
        ("etcd-defrag", "`etcd-defrag` is not of the form KIND/NAME"),
        ("pod/x", "`pod` is not daemonset, deployment or statefulset"),
        ("daemonset/--all", "`--all` is not a name of Kubernetes (lower-case letters, digits, `-` and `.`)"),
        ("daemonset/", "`` is not a name of Kubernetes (lower-case letters, digits, `-` and `.`)"),
    ] {
        assert_eq!(bad.parse::<Resource>().unwrap_err().to_string(), message);
    }
}

#[test]
fn command_lines_name_kubeconfig_server_and_deadline() {
    let kubectl = Kubectl::new("/etc/kubernetes/admin.conf");
    assert_eq!(
        kubectl.nodes_text().argv.join(" "),
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes --request-timeout=10s"
    );
    assert_eq!(
        kubectl.clone().server("https://10.0.0.2:6443").pods("kube-system").argv.join(" "),
        format!(
            "kubectl --kubeconfig=/etc/kubernetes/admin.conf get pods -n kube-system -o {} --server=https://10.0.0.2:6443 \
             --request-timeout=10s",
            records::format(".items[*]", &pods::FIELDS)
        )
    );
    assert_eq!(
        kubectl.secret_value("prod-1-kubeconfig", "cluster-prod-1").argv[2..8].join(" "),
        "get secret prod-1-kubeconfig -n cluster-prod-1 -o"
    );
    let resource = "daemonset/etcd-defrag".parse().unwrap();
    let status = kubectl.rollout_status(&resource, "kube-system", Duration::from_secs(300));
    assert_eq!(
        status.argv.join(" "),
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf rollout status daemonset etcd-defrag -n kube-system --timeout=300s"
    );
    assert!(status.deadline > Duration::from_secs(300));
}

#[test]
fn a_failure_that_is_not_known_is_told_in_kubectls_own_words() {
    let command = Kubectl::new("k").nodes();
    let output = failed(1, "W1124 a warning\nerror: unknown command \"x\" for \"kubectl\"\n");
    let error = step_error("consumers: daemonset/etcd-defrag", &command, &output);
    assert_eq!(
        error.message,
        "consumers: daemonset/etcd-defrag: kubectl failed: error: unknown command \"x\" for \"kubectl\""
    );
    let missing = step_error("workstation", &command, &failed(127, ""));
    assert_eq!(missing.message, "workstation: kubectl failed: status 127 and no words");
}
