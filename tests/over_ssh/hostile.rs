//! Hostile nodes over real ssh: what they say is shown harmless by each command, and links that are planted where
//! certwright writes lead nowhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::cluster::{Cluster, Ran};
use crate::visible::{HOSTILE, obeyed};

const RUN: &str = "run renew-control-plane --inventory inventory.toml --yes=lab";
const VICTIM: &str = "another's, and to stay so";

/// A folder of a node that nothing may be written or removed in.
fn victim(cluster: &Cluster, node: &str) -> PathBuf {
    let folder = cluster.path(&format!("lab/{node}/var/lib/etcd/outside"));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("file"), VICTIM).expect("a file");
    folder
}

fn assert_untouched(folder: &PathBuf) {
    let names: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(names, ["file"], "{}", folder.display());
    assert_eq!(fs::read_to_string(folder.join("file")).expect("the file"), VICTIM);
}

/// Runs a command whose output no terminal obeys.
fn harmless(cluster: &Cluster, args: &str, code: i32) -> Ran {
    let ran = cluster.run(args);
    assert_eq!(ran.code, Some(code), "{args}: {}", ran.whole());
    for stream in [&ran.stdout, &ran.stderr] {
        assert_eq!(obeyed(stream.as_bytes()), None, "{args}");
    }
    ran
}

#[test]
fn links_that_a_node_plants_lead_nowhere_and_what_it_says_is_never_obeyed() {
    let cluster = Cluster::expired();
    for node in cluster.nodes() {
        for program in ["kubeadm", "crictl", "kubectl", "systemctl"] {
            let says = cluster.path(&format!("lab/{node}/run/certwright-lab/says/{program}"));
            fs::create_dir_all(says.parent().expect("its folder")).expect("its folder");
            fs::write(says, format!("{HOSTILE}\n")).expect("what it says");
        }
    }
    let victims: Vec<PathBuf> = ["cp-1", "cp-3"].iter().map(|node| victim(&cluster, node)).collect();
    // The folder of backups itself.
    let backups = cluster.path("lab/cp-1/var/lib/certwright/backups");
    symlink("/var/lib/etcd/outside", &backups).expect("a link");
    let mut tried = 1;
    let refused = harmless(&cluster, RUN, 14);
    assert!(refused.stdout.contains("is not a folder that only its owner can enter"), "{}", refused.whole());
    assert!(backups.is_symlink(), "it was met");
    fs::remove_file(&backups).expect("the link");

    // Where the archive of this run will be on another node, with the folder in which one is made.
    cluster.inject("renew-dies@cp-1");
    harmless(&cluster, RUN, 10);
    assert_eq!(
        cluster.lab().faults_fired().expect("the lab's memory").len(),
        1,
        "the run died on the first node"
    );
    let json = harmless(&cluster, "show --output json", 0);
    let shown: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    let run = shown["run"]["run"].as_str().expect("its id").to_owned();
    let backups = cluster.path("lab/cp-3/var/lib/certwright/backups");
    cluster.type_on("cp-3", "mkdir -p -m 700 /var/lib/certwright/backups");
    for (name, to) in [
        (format!("{run}.tar"), "/var/lib/etcd/outside/file"),
        (format!("{run}.tar.contents"), "/var/lib/etcd/outside/new"),
        (".making-1".to_owned(), "/var/lib/etcd/outside"),
    ] {
        symlink(to, backups.join(name)).expect("a link");
        tried += 1;
    }
    let resumed = harmless(&cluster, "resume", 0);
    assert!(resumed.stdout.contains("CHANGED"), "{}", resumed.whole());
    for name in [format!("{run}.tar"), format!("{run}.tar.contents")] {
        let kind = fs::symlink_metadata(backups.join(&name)).expect("the archive").file_type();
        assert!(kind.is_file(), "{name} is the archive's own now");
    }
    assert!(!backups.join(".making-1").is_symlink());

    // A file that undo restores, with a link in the place of its folder's parent.
    harmless(&cluster, "show --events", 0);
    let pki = cluster.path("lab/cp-3/etc/kubernetes/pki/etcd");
    let aside = cluster.path("lab/cp-3/etc/kubernetes/pki/etcd.aside");
    fs::rename(&pki, &aside).expect("moved");
    symlink("/var/lib/etcd/outside", &pki).expect("a link");
    tried += 1;
    let stuck = cluster.run("undo");
    assert_eq!(obeyed(stuck.stdout.as_bytes()), None);
    assert_ne!(stuck.code, Some(0), "{}", stuck.whole());
    assert!(pki.is_symlink(), "it was met: {}", stuck.whole());
    for folder in &victims {
        assert_untouched(folder);
    }
    println!(
        "{tried} links planted, none followed; 4 programs of 3 nodes that say terminal escapes, 6 commands"
    );
}
