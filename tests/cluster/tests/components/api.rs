//! kube-apiserver on a real etcd, asked by the real kubectl.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_cluster::wire::client::Client;
use serde_json::json;
use time::Duration as Days;

use crate::ask::{block_on, node, stderr, stdout};
use crate::ground::{Ground, curl, eventually};

#[test]
fn the_real_kubectl_reads_nodes_secrets_config_and_leases() {
    let ground = Ground::up(1);
    block_on(async {
        let mut client = ground.client(1);
        client.post("/api/v1/nodes", &node("cp-1", "10.0.0.1")).await.expect("a node");
        let value = STANDARD.encode("a kubeconfig");
        let secret =
            json!({"metadata": {"name": "lab-kubeconfig"}, "data": {"value": value}, "type": "Opaque"});
        client.post("/api/v1/namespaces/cluster-lab/secrets", &secret).await.expect("a secret");
        let config =
            json!({"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration": "a: b\n"}});
        client.post("/api/v1/namespaces/kube-system/configmaps", &config).await.expect("a config");
        let lease = json!({"metadata": {"name": "kube-scheduler"}, "spec": {"holderIdentity": "cp-1_x"}});
        let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
        client.post(leases, &lease).await.expect("a lease");
    });
    let kubectl = |args: &[&str]| ground.kubectl(1, args);
    let table = stdout(&kubectl(&["get", "nodes"]));
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    assert_eq!((&words[1][..3], words[1][4]), (&["cp-1", "Ready", "control-plane"][..], "v1.36.1"));
    let secret = ["get", "secret/lab-kubeconfig", "-n", "cluster-lab", "-o", "jsonpath={.data.value}"];
    assert_eq!(stdout(&kubectl(&secret)), STANDARD.encode("a kubeconfig"));
    let config =
        ["get", "cm", "-n", "kube-system", "kubeadm-config", "-o", "jsonpath={.data.ClusterConfiguration}"];
    assert_eq!(stdout(&kubectl(&config)), "a: b\n");
    let raw = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
    assert!(stdout(&kubectl(&["get", "--raw", raw])).contains("\"kind\":\"ConfigMap\""));
    let leases = stdout(&kubectl(&["get", "leases", "-A"]));
    assert!(leases.contains("kube-system") && leases.contains("kube-scheduler   cp-1_x"), "{leases}");
    let pods = kubectl(&["get", "pods", "-n", "kube-system"]);
    assert_eq!(stderr(&pods), "No resources found in kube-system namespace.\n");
    assert!(stdout(&kubectl(&["version"])).contains("v1.36.1"));
}

/// Each refusal in the words of the real node's fixtures.
#[test]
fn refusals_come_out_of_kubectl_as_those_of_the_real_server() {
    let ground = Ground::up(1);
    let missing = ["get", "secret", "nosuch-kubeconfig", "-n", "kube-system", "-o", "jsonpath={.data.value}"];
    let not_found = "Error from server (NotFound): secrets \"nosuch-kubeconfig\" not found\n";
    assert_eq!(stderr(&ground.kubectl(1, &missing)), not_found);
    let missing = ["rollout", "restart", "daemonset", "nosuch", "-n", "kube-system"];
    let not_found = "Error from server (NotFound): daemonsets.apps \"nosuch\" not found\n";
    assert_eq!(stderr(&ground.kubectl(1, &missing)), not_found);

    let expired = ground.credential("expired.conf", "kubernetes-admin", &["system:masters"], -Days::hours(1));
    let refused = ground.kubectl_as(&expired, &["get", "nodes"]);
    assert_eq!(
        stderr(&refused).lines().last(),
        Some("error: You must be logged in to the server (Unauthorized)")
    );
    assert!(ground.log(1, "kube-apiserver").contains("x509: certificate has expired or is not yet valid"));

    let stranger = ground.credential("stranger.conf", "mallory", &[], Days::hours(1));
    let refused = ground.kubectl_as(&stranger, &["get", "secrets", "-n", "kube-system"]);
    let forbidden = "Error from server (Forbidden): secrets is forbidden: User \"mallory\" cannot list resource \
                     \"secrets\" in API group \"\" in the namespace \"kube-system\"\n";
    assert_eq!(stderr(&refused), forbidden);

    let url = format!("https://{}:6443", ground.address(1));
    assert_eq!(curl(&format!("{url}/livez")).as_deref(), Some("ok"));
    assert_eq!(curl(&format!("{url}/api")), None, "nobody is let past the health endpoints");
}

/// kubectl verifies the server: expired, it is refused; renewed on disk, it is served without a restart.
#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let ground = Ground::up(1);
    ground.issue(1, -Days::minutes(1));
    let look = || stderr(&ground.kubectl(1, &["get", "nodes"]));
    let expired = eventually("the expired certificate is served", || {
        Some(look()).filter(|text| text.contains("certificate has expired or is not yet valid: current time"))
    });
    let last = expired.lines().last().unwrap_or_default();
    // kubectl of 1.2x leaves out the middle of it: `tls: failed to verify certificate: `.
    let words = ["Unable to connect to the server: ", "x509: certificate has expired or is not yet valid"];
    assert!(words.iter().all(|words| last.contains(words)), "{last}");
    // Half a renewal: a key that does not fit is not taken up.
    let key = std::fs::read(ground.path(1, "apiserver.key")).expect("the key");
    ground.issue(1, Days::days(300));
    let new = std::fs::read(ground.path(1, "apiserver.key")).expect("the new key");
    std::fs::write(ground.path(1, "apiserver.key"), key).expect("the old key again");
    eventually("the misfit is told", || {
        ground.log(1, "kube-apiserver").contains("dynamic_serving_content").then_some(())
    });
    std::fs::write(ground.path(1, "apiserver.key"), new).expect("the new key");
    eventually("the new certificate is served", || look().contains("No resources found").then_some(()));
}

/// The new client certificate for etcd is used where a new connection is made.
#[test]
fn the_server_follows_a_renewed_etcd_and_does_not_start_without_one() {
    let mut ground = Ground::up(1);
    ground.issue(1, Days::days(300));
    ground.kill(1, "etcd");
    ground.start_etcd(1);
    let nodes = ["get", "nodes"];
    eventually("the server reads again", || ground.kubectl(1, &nodes).status.success().then_some(()));
    ground.kill(1, "etcd");
    ground.kill(1, "kube-apiserver");
    ground.start_api(1);
    assert_eq!(ground.wait_end(1, "kube-apiserver"), Some(1));
    let log = ground.log(1, "kube-apiserver");
    assert!(log.contains("error while creating storage") && log.contains("connection refused"), "{log}");
}

#[test]
fn a_writer_that_was_overtaken_gets_a_conflict() {
    let ground = Ground::up(1);
    block_on(async {
        let mut client = ground.client(1);
        let at = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
        let lease = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}});
        let first = client.post(at, &lease).await.expect("created");
        let again = client.post(at, &lease).await.expect_err("it exists");
        assert_eq!(again.to_string(), "leases.coordination.k8s.io \"l\" already exists");
        let one = format!("{at}/l");
        let mut newer = first.clone();
        newer["spec"]["holderIdentity"] = "b".into();
        let second = client.put(&one, &newer).await.expect("the newest is changed");
        assert_ne!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
        newer["spec"]["holderIdentity"] = "c".into();
        let overtaken = client.put(&one, &newer).await.expect_err("it was changed since");
        assert_eq!(overtaken.code().map(|code| code.as_u16()), Some(409));
        let now = client.get(&one).await.expect("it is there");
        assert_eq!(now["spec"]["holderIdentity"], "b");
    });
}

/// As it is given back in the name of a controller-manager that has ended; the texts of the real server.
#[test]
fn a_patch_of_the_real_kubectl_gives_a_lease_back_only_in_its_holders_name() {
    let ground = Ground::up(1);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
    block_on(async {
        let lease =
            json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "cp-1_a", "leaseTransitions": 7}});
        ground.client(1).post(leases, &lease).await.expect("a lease");
    });
    let patch = |holder: &str| {
        let steps = json!([
            {"op": "test", "path": "/spec/holderIdentity", "value": holder},
            {"op": "replace", "path": "/spec/holderIdentity", "value": ""},
        ]);
        ground.kubectl(
            1,
            &["patch", "lease", "l", "-n", "kube-system", "--type=json", "-p", &steps.to_string()],
        )
    };
    let refused = patch("cp-1_b");
    assert_eq!(refused.status.code(), Some(1));
    let words = "The request is invalid: the server rejected our request due to an error in our request\n";
    assert_eq!(stderr(&refused), words);
    assert_eq!(stdout(&patch("cp-1_a")), "lease.coordination.k8s.io/l patched\n");
    let now = block_on(async { ground.client(1).get(&format!("{leases}/l")).await }).expect("it is there");
    assert_eq!((&now["spec"]["holderIdentity"], &now["spec"]["leaseTransitions"]), (&json!(""), &json!(7)));
}

#[test]
fn readiness_comes_after_the_first_answer_and_the_end_is_in_order() {
    let mut ground = Ground::new(1);
    ground.pace = 2;
    ground.start_etcd(1);
    ground.start_api(1);
    let url = format!("https://{}:6443/readyz?verbose", ground.address(1));
    let early = eventually("it answers", || {
        let output = std::process::Command::new("curl").args(["-sSk", &url]).output().expect("curl starts");
        Some(String::from_utf8_lossy(&output.stdout).into_owned()).filter(|text| !text.is_empty())
    });
    assert!(early.contains("[-]informer-sync failed: reason withheld\n"), "{early}");
    assert!(early.ends_with("readyz check failed\n"), "{early}");
    ground.wait_ready(1);
    let listed = curl(&url).expect("it is ready");
    let real = include_str!("../../../fixtures/real-node/healthy/apiserver-127.0.0.1-readyz-verbose.stdout");
    assert_eq!(listed, real.trim_end_matches("\nhttp_code=200\n"));
    let (took, code) = ground.stop(1, "kube-apiserver");
    assert_eq!(code, Some(0), "after {took:?}");
    assert!(ground.log(1, "kube-apiserver").contains("Shutting down"));
}

/// Adds one to a number in an object so many times, over what it read; how often another writer was faster.
async fn add(mut client: Client, path: &str, times: u32) -> u32 {
    let (mut added, mut overtaken) = (0, 0);
    while added < times {
        let mut object = client.get(path).await.expect("it is there");
        let number: u32 = object["data"]["number"].as_str().expect("a number").parse().expect("a number");
        object["data"]["number"] = (number + 1).to_string().into();
        match client.put(path, &object).await {
            Ok(_) => added += 1,
            Err(error) if error.code().is_some_and(|code| code.as_u16() == 409) => overtaken += 1,
            Err(error) => panic!("{error}"),
        }
    }
    overtaken
}

#[test]
fn writers_at_several_servers_never_overwrite_each_other() {
    let ground = Ground::up(3);
    let at = "/api/v1/namespaces/default/configmaps";
    let path = "/api/v1/namespaces/default/configmaps/counter";
    block_on(async {
        let counter = json!({"metadata": {"name": "counter"}, "data": {"number": "0"}});
        ground.client(1).post(at, &counter).await.expect("created");
        let (a, b, c) = tokio::join!(
            add(ground.client(1), path, 20),
            add(ground.client(2), path, 20),
            add(ground.client(3), path, 20)
        );
        assert!(a + b + c > 0, "no two of them ever met");
        let end = ground.client(1).get(path).await.expect("it is there");
        assert_eq!(end["data"]["number"], "60");
    });
}
