//! `certwright doctor`: what it says of labs in every state, and that it changes nothing.

use std::fs;
use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};
use expect_test::expect;

use crate::program::Place;

/// The ids of the findings, in the order in which they are told.
fn ids(findings: &serde_json::Value) -> Vec<String> {
    let all = findings["findings"].as_array().expect("findings");
    let mut ids: Vec<String> =
        all.iter().map(|finding| finding["id"].as_str().expect("an id").to_owned()).collect();
    ids.dedup();
    ids
}

/// Components of a lab complain every five seconds of its time, which is at least ours.
fn until_components_complain(place: &Place) {
    let mut told = Vec::new();
    for _ in 0..1_000 {
        told = ids(&place.run("doctor --lab lab --output json").json()[0]);
        if told.iter().any(|id| id == "peer-refused") {
            return;
        }
    }
    panic!("nothing complains: {told:?}");
}

/// Every file of a lab's hosts with its content; the lab's own memory knows what time it is.
fn contents(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.ends_with(".lab") {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            contents(&path, into);
        } else {
            into.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
        }
    }
    into.sort();
}

/// A plan that changes nothing: it only lets a fault happen.
const LOOK: &str = "version = 1\nname = \"look\"\n[[stage]]\nid = \"look\"\non = \"control-plane\"\n[[stage.step]]\nid = \
                    \"preflight\"\nkind = \"preflight\"\n";

#[test]
fn everything_expired_and_a_trapped_kubelet_are_told_in_the_order_in_which_they_are_mended() {
    let place = Place::new();
    place.write("look.toml", LOOK);
    drop(place.run("rehearse look.toml --lab lab --fault kubelet-expired@cp-2").exits(0));
    until_components_complain(&place);
    let mut before = Vec::new();
    contents(&place.path("lab"), &mut before);
    assert!(before.len() > 50, "{} files", before.len());
    place.run("doctor --lab lab").is(&expect![[r#"
        exit 15
        --- stdout
        BROKEN      cp-2: the kubelet's client certificate expired 24h ago (INSTANT, /var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing brings a stopped container back
                    | kubelet-client ended DATE UTC (/var/lib/kubelet/pki/kubelet-client-current.pem)
          cure      certwright rehearse --fault none --lab lab

        BROKEN      cp-1: admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client expired 24h ago; and 8 more
                    | admin.conf ended DATE UTC (/etc/kubernetes/admin.conf)
                    | apiserver ended DATE UTC (/etc/kubernetes/pki/apiserver.crt)
                    | apiserver-etcd-client ended DATE UTC (/etc/kubernetes/pki/apiserver-etcd-client.crt)
                    | apiserver-kubelet-client ended DATE UTC (/etc/kubernetes/pki/apiserver-kubelet-client.crt)
                    | and 7 more
          also      cp-2: admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client expired 24h ago; and 7 more
                    cp-3: admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client expired 24h ago; and 7 more
          cure      certwright rehearse --fault none --lab lab

        What most likely follows from certificates-expired
          - 0 of 3 etcd members are healthy: their quorum is lost: nothing can be written
          - cp-1: etcd is not ready: http://127.0.0.1:2381/health says 503  (and 8 like it)
          - kubectl on cp-1 finds a certificate expired since INSTANT  (and 2 like it)
          - workstation: bmctl-workspace/lab/lab-kubeconfig holds a client certificate that expired 24h ago, and nothing may replace it: the secret cluster-lab/lab-kubeconfig holds a client certificate that [...]
          - kubectl on workstation finds a certificate expired since INSTANT
          - kube-apiserver on cp-1 finds the certificate of etcd at 127.0.0.1:2379 expired since INSTANT  (and 8 like it)
          - 10.200.0.3 does not accept the certificate that etcd on cp-1 serves  (and 2 like it)
          - etcd has no leader, so no quorum: etcd on cp-1 can write nothing  (and 2 like it)

        BROKEN  2 troubles, in 34 findings
          3 nodes and the workstation were asked; nothing was changed
    "#]]);
    let json = place.run("doctor --lab lab --output json").exits(15).json();
    assert_eq!(json.len(), 1);
    assert_eq!(json[0]["type"], "doctor");
    let told = ids(&json[0]);
    assert_eq!(told[..3], ["kubelet-client", "certificates-expired", "etcd-quorum"]);
    for id in ["certificate-expired", "peer-refused", "etcd-no-leader", "kubeconfig"] {
        assert!(told.iter().any(|told| told == id), "{id} is missing in {told:?}");
    }
    let mut after = Vec::new();
    contents(&place.path("lab"), &mut after);
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(&after) {
        assert!(one == other, "{} was changed by a look", one.0);
    }
}

#[test]
fn a_renewed_cluster_is_healthy() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    place.run("doctor --lab lab").is(&expect![[r#"
        exit 0
        --- stdout
        HEALTHY  nothing is wrong
          3 nodes and the workstation were asked; nothing was changed
    "#]]);
    let json = place.run("doctor --lab lab --output json").exits(0).json();
    assert_eq!(json[0]["findings"], serde_json::json!([]));
}

#[test]
fn a_kubelet_that_ended_is_known_by_its_log() {
    let place = Place::new();
    // cp-2's kubelet expires once its API server works again: it ends five minutes later, by its own success.
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    place.write("look.toml", LOOK);
    drop(place.run("rehearse look.toml --lab lab --fault kubelet-expired@cp-2").exits(0));
    let json = place.run("doctor --lab lab --output json").exits(15).json();
    let trap = json[0]["findings"].as_array().expect("findings").iter().find(|f| f["id"] == "kubelet-trap");
    let trap = trap.unwrap_or_else(|| panic!("{:?}", ids(&json[0])));
    assert_eq!(trap["host"], "cp-2");
    assert!(trap["evidence"][0].as_str().expect("a line").contains("bootstrap"), "{trap}");
}

#[test]
fn hosts_that_do_not_answer_are_findings_and_the_look_goes_on() {
    let place = Place::new();
    place.write(
        "inventory.toml",
        "[cluster]\nname = \"prod-1\"\nnamespace = \"cluster-prod-1\"\nkubeconfig = \"kubeconfig\"\n\n[ssh]\nuser = \"ops\"\nport \
         = 1\n\n[[host]]\nname = \"cp-1\"\naddress = \"127.0.0.1\"\ngroups = [\"control-plane\"]\n\n[[host]]\nname = \
         \"cp-2\"\naddress = \"127.0.0.2\"\ngroups = [\"control-plane\"]\n",
    );
    place.run("doctor --inventory inventory.toml --limit cp-1 --limit cp-2").is(&expect![[r#"
        exit 15
        --- stdout
        BROKEN      cp-1 could not be reached: ssh: connect to host 127.0.0.1 port 1: Connection refused
          also      cp-2 could not be reached: ssh: connect to host 127.0.0.2 port 1: Connection refused
          cure      try `ssh -p 1 ops@HOST true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host keys in known_hosts

        BROKEN  1 trouble, in 2 findings
          2 nodes were asked; nothing was changed
    "#]]);
    let one = place.run("doctor --inventory inventory.toml --host cp-2").exits(15).stdout;
    assert!(one.ends_with("\n  1 node was asked; nothing was changed\n"), "{one}");
    let json = place.run("doctor --inventory inventory.toml --host cp-2 --output json").exits(15).json();
    assert_eq!(json[0]["findings"].as_array().expect("findings").len(), 1, "{}", json[0]);
    assert_eq!(json[0]["hosts"], serde_json::json!(["cp-2"]));
}

#[test]
fn one_of_inventory_and_lab_is_wanted() {
    let place = Place::new();
    drop(place.run("doctor").exits(2));
    drop(place.run("doctor --lab lab -i inventory.toml").exits(2));
    let none = place.run("doctor --lab nowhere").exits(14);
    assert!(none.stderr.contains("nowhere"), "{}", none.stderr);
}

#[test]
fn certificates_that_end_soon_are_no_failure_yet_and_have_an_exit_code_of_their_own() {
    let place = Place::new();
    let spec = LabSpec::default().certificates(Validity::Expiring);
    drop(Lab::create(place.path("lab"), &spec, &Clock::real()).expect("a lab"));
    let json = place.run("doctor --lab lab --output json").exits(16).json();
    let told = ids(&json[0]);
    assert!(told.iter().any(|id| id == "certificates-due"), "{told:?}");
    let grades: Vec<&str> = json[0]["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| finding["grade"].as_str().expect("a grade"))
        .collect();
    assert!(grades.iter().all(|grade| *grade == "endangered" || *grade == "note"), "{}", json[0]);
    let text = place.run("doctor --lab lab").exits(16).stdout;
    assert!(text.contains("ENDANGERED  nothing is broken yet; "), "{text}");
}

#[test]
fn the_last_words_of_a_failed_run_name_the_most_likely_cause() {
    let place = Place::new();
    let failed = place.run("rehearse --lab lab --fault deadline-exceeded@cp-2*99").exits(10).stdout;
    let cause = "the container runtime on cp-2 did not answer in time; what was asked for may have happened all the same";
    assert!(failed.contains(&format!("\n  most likely cause: {cause}\n")), "{failed}");
    assert!(
        failed.contains(&format!("\n  cause     {cause}\n  cure      crictl --timeout 60s inspect ")),
        "{failed}"
    );
    let json = place.run("show --output json").exits(0).json();
    let tasks = json[0]["run"]["tasks"].as_array().expect("tasks");
    let causes: Vec<&str> = tasks.iter().filter_map(|task| task["cause"]["id"].as_str()).collect();
    assert_eq!(causes, ["runtime-deadline"]);
}

#[test]
fn a_machine_that_is_no_control_plane_node_is_told_to_be_that_and_nothing_else() {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    for folder in ["etc/kubernetes/manifests", "etc/kubernetes/pki", "var/lib/kubelet"] {
        fs::remove_dir_all(place.path("lab/cp-3").join(folder)).expect("it was there");
        fs::create_dir(place.path("lab/cp-3").join(folder)).expect("made again");
    }
    fs::remove_file(place.path("lab/cp-3/etc/kubernetes/kubelet.conf")).expect("it was there");
    let json = place.run("doctor --lab lab --output json").exits(15).json();
    let of_it: Vec<&serde_json::Value> =
        json[0]["findings"].as_array().expect("findings").iter().filter(|f| f["host"] == "cp-3").collect();
    assert_eq!(of_it.len(), 1, "{of_it:?}");
    assert_eq!(
        of_it[0]["cause"],
        "cp-3: it is no control-plane node: no manifest in /etc/kubernetes/manifests, nothing in /etc/kubernetes/pki"
    );
    assert!(of_it[0]["cure"][0].as_str().expect("a line").contains("inventory"), "{of_it:?}");
}
