//! A cluster of hundreds of nodes, asked by the real kubectl as the product asks: every answer can be read whole.

use certwright_cluster::wire::client::Client;
use certwright_engine::host::{Command, Output};
use certwright_engine::text::{KEPT, Untrusted};
use certwright_steps::tools::kubectl::{Asker, Kubectl, Readiness};
use certwright_steps::tools::kubectl::{parse_nodes, parse_pods, parse_signing_requests};
use serde_json::{Value, json};

use crate::ask::{block_on, stdout};
use crate::ground::Ground;

/// Nodes; each has two pods.
const NODES: usize = 150;

/// Requests for serving certificates that others left pending.
const REQUESTS: usize = 500;

/// An address that a kubelet told to look like the end of its record and the begin of another one.
const HOSTILE: &str = "x\"\n]\n[\n    \"True\"\n]\n[\n    \"node-1000\"\n]\u{1b}[2J";

/// The recorded node, with the images that a node has after a while.
fn node(number: usize) -> Value {
    let recorded = include_str!("../../../fixtures/real-node/healthy/kubectl-get-nodes-json.stdout");
    let list: Value = serde_json::from_str(recorded).expect("the recorded nodes");
    let mut node = list["items"][0].clone();
    node["metadata"]["name"] = format!("node-{number}").into();
    node["status"]["addresses"][0]["address"] = format!("10.1.{}.{}", number / 250, 1 + number % 250).into();
    node["status"]["addresses"][1]["address"] = format!("node-{number}").into();
    let image = |n: usize| {
        let digest = "0123456789abcdef".repeat(4);
        let names = [
            format!("registry.example/team/app-{n}@sha256:{digest}"),
            format!("registry.example/team/app-{n}:1"),
        ];
        json!({"names": names, "sizeBytes": 100_000_000 + n})
    };
    node["status"]["images"] = (0..40).map(image).collect();
    if number == 7 {
        node["status"]["addresses"][1]["address"] = HOSTILE.into();
        node["status"]["conditions"] = json!([]);
    }
    node
}

fn pod(number: usize) -> Value {
    let mount = |n: usize| json!({"name": format!("volume-{n}"), "mountPath": format!("/var/lib/agent/{n}"), "readOnly": true});
    let volume = |n: usize| json!({"name": format!("volume-{n}"), "hostPath": {"path": format!("/var/lib/agent/{n}"), "type": ""}});
    json!({
        "metadata": {"name": format!("agent-{number}"), "labels": {"app": "agent"}},
        "spec": {
            "nodeName": format!("node-{}", number / 2),
            "containers": [{"name": "agent", "image": "registry.example/agent:1", "volumeMounts": (0..15).map(mount).collect::<Vec<_>>()}],
            "volumes": (0..15).map(volume).collect::<Vec<_>>(),
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "agent", "ready": number != 9, "restartCount": 0, "state": {"running": {}}}],
        },
    })
}

fn request(number: usize) -> Value {
    json!({
        "metadata": {"name": format!("csr-{number}")},
        "spec": {
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
            "request": "cGVt".repeat(350),
        },
    })
}

/// Creates them, several at a time.
async fn create(ground: &Ground, at: &'static str, objects: Vec<Value>) {
    let share = |part: Vec<Value>| async {
        let mut client: Client = ground.client(1);
        for object in part {
            client.post(at, &object).await.expect("created");
        }
    };
    let (mut shares, mut turn) = ([const { Vec::new() }; 4], 0);
    for object in objects {
        shares[turn % 4].push(object);
        turn += 1;
    }
    let [a, b, c, d] = shares.map(share);
    tokio::join!(a, b, c, d);
}

/// What a command of the product prints when the real kubectl runs it.
fn asked(ground: &Ground, command: &Command) -> Output {
    let args: Vec<&str> = command.argv.iter().skip(2).map(String::as_str).collect();
    let output = ground.kubectl(1, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Output { stdout: Untrusted::new(output.stdout), ..Output::default() }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what it is about")]
fn answers_about_hundreds_of_nodes_are_read_whole() {
    let ground = Ground::up(1);
    block_on(async {
        create(&ground, "/api/v1/nodes", (0..NODES).map(node).collect()).await;
        create(&ground, "/api/v1/namespaces/kube-system/pods", (0..2 * NODES).map(pod).collect()).await;
        let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        create(&ground, requests, (0..REQUESTS).map(request).collect()).await;
    });
    let whole = |what: &[&str]| stdout(&ground.kubectl(1, &[what, &["-o", "json"]].concat())).len();
    let whole =
        [whole(&["get", "nodes"]), whole(&["get", "pods", "-n", "kube-system"]), whole(&["get", "csr"])];
    assert!(whole.iter().all(|size| *size > KEPT), "{whole:?}: none is too large");

    let kubectl = Kubectl::new("");
    let output = asked(&ground, &kubectl.nodes());
    let nodes = parse_nodes(&output).expect("the nodes");
    let mut sizes = vec![output.stdout.bytes().len()];
    assert_eq!(
        (nodes.len(), nodes.iter().filter(|n| n.ready == Readiness::Ready).count()),
        (NODES, NODES - 1)
    );
    let odd = nodes.iter().find(|node| node.name == "node-7").expect("that node");
    assert_eq!((odd.ready, odd.names[1].as_str()), (Readiness::Unknown, HOSTILE));

    let output = asked(&ground, &kubectl.pods("kube-system"));
    let pods = parse_pods(&output).expect("the pods");
    sizes.push(output.stdout.bytes().len());
    let sick: Vec<&str> = pods.iter().filter(|pod| !pod.is_healthy()).map(|pod| pod.name.as_str()).collect();
    assert_eq!((pods.len(), sick), (2 * NODES, vec!["agent-9"]));

    let output = asked(&ground, &kubectl.serving_requests(Asker::Node("cp-1")));
    assert_eq!(parse_signing_requests(&output).expect("no request").len(), 0);
    let others = asked(&ground, &kubectl.serving_requests(Asker::AnyoneElse { than: "cp-1" }));
    assert!(
        others.stdout.is_cut() || parse_signing_requests(&others).expect("the requests").len() == REQUESTS
    );
    println!("{NODES} nodes, {} pods: {whole:?} bytes of JSON, {sizes:?} bytes asked for", 2 * NODES);
}
