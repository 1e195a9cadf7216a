//! `certs` on real machines: one look over ssh and sudo tells what the same trees tell from their folders.

use crate::cluster::Cluster;

/// Everything of a host's certificates but what a folder does not know.
fn certificates(stdout: &str) -> Vec<(String, serde_json::Value)> {
    let json: serde_json::Value = serde_json::from_str(stdout).expect("one JSON object");
    let hosts = json["hosts"].as_array().expect("hosts");
    let mut all = Vec::new();
    for host in hosts {
        let name = host["host"].as_str().expect("a name").to_owned();
        for mut one in host["certificates"].as_array().expect("certificates").clone() {
            // It is later by the time between the two looks.
            one.as_object_mut().expect("an object").remove("residual_s");
            all.push((name.clone(), one));
        }
    }
    all
}

#[test]
fn a_look_over_ssh_tells_what_the_folders_of_the_nodes_tell_and_a_machine_that_is_down_is_a_row() {
    let mut cluster = Cluster::expired();
    let (before, attempts) = (cluster.certificates(), cluster.attempts());
    let over_ssh = cluster.run("certs --inventory inventory.toml --output json");
    assert_eq!(over_ssh.code, Some(4), "{}", over_ssh.whole());
    let root = |node: &String| format!("--root {}", cluster.path("lab").join(node).display());
    let roots: Vec<String> = cluster.nodes().iter().map(root).collect();
    let folders = cluster.run(&format!("certs {} --output json", roots.join(" ")));
    assert_eq!(folders.code, Some(4), "{}", folders.whole());
    let (seen, kept) = (certificates(&over_ssh.stdout), certificates(&folders.stdout));
    assert_eq!(kept.len(), 3 * 16 + 1, "{}", folders.whole());
    for (one, other) in kept.iter().zip(&seen) {
        assert_eq!(one, other);
    }
    // Openssl told of every key but those of the kubelets' own authorities.
    let of_nodes =
        seen.iter().filter(|(host, one)| host != "workstation" && one["certificate"] != "kubelet-serving[2]");
    assert!(of_nodes.clone().all(|(_, one)| one["key"] == "matches"), "{:#?}", of_nodes.collect::<Vec<_>>());

    cluster.stop_machine(2);
    let told = cluster.run("certs --inventory inventory.toml");
    assert_eq!(told.code, Some(4), "{}", told.whole());
    assert!(told.stdout.contains("\nWARN     cp-3 could not be reached: "), "{}", told.whole());
    assert!(told.stdout.contains(", 1 of which could not be looked at; "), "{}", told.whole());
    assert_eq!(cluster.certificates(), before, "a look changed a file");
    assert_eq!(cluster.attempts(), attempts, "a look stopped a container");
    println!("{} certificates over ssh as in the folders", seen.len());
}
