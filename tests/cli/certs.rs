//! `certwright certs`: what it looks at, how it ends, what it writes, and that it changes nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};
use expect_test::expect;

use crate::program::Place;
use crate::screen::Screen;

/// A place with a lab in `lab`.
fn place(validity: Validity) -> Place {
    let place = Place::new();
    let spec = LabSpec::default().certificates(validity);
    drop(Lab::create(place.path("lab"), &spec, &Clock::real()).expect("a lab"));
    place
}

/// The ids of the findings of an object `certs`.
fn ids(certs: &serde_json::Value) -> Vec<String> {
    let all = certs["findings"].as_array().expect("findings");
    all.iter().map(|finding| finding["id"].as_str().expect("an id").to_owned()).collect()
}

/// Every file below a folder with its content.
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

#[test]
fn a_cluster_ends_with_0_when_sound_3_when_it_ends_soon_and_4_when_it_has_expired() {
    for (validity, code, id) in [
        (Validity::Valid, 0, None),
        (Validity::Expiring, 3, Some("within")),
        (Validity::Expired, 4, Some("expired")),
    ] {
        let place = place(validity);
        let json = place.run("certs --lab lab --output json").exits(code).json();
        assert_eq!(json.len(), 1);
        assert_eq!((json[0]["schema"].as_i64(), json[0]["type"].as_str()), (Some(1), Some("certs")));
        assert_eq!(json[0]["exit"], code);
        let told = ids(&json[0]);
        assert_eq!(told.first().map(String::as_str), id, "{told:?}");
        assert!(told.iter().all(|told| Some(told.as_str()) == id), "{told:?}");
    }
    let place = place(Validity::Expiring);
    drop(place.run("certs --lab lab --within 1d").exits(0));
    drop(place.run("certs --lab lab --within 6years --no-keys").exits(3));
}

#[test]
fn nothing_is_changed_by_a_look_however_it_is_asked_for() {
    let place = place(Validity::Valid);
    let mut before = Vec::new();
    contents(&place.path("lab"), &mut before);
    for options in
        ["--served", "--output narrow", "--output wide", "--output csv", "--output markdown", "--limit cp-2"]
    {
        drop(place.run(&format!("certs --lab lab {options}")).exits(0));
    }
    let mut after = Vec::new();
    contents(&place.path("lab"), &mut after);
    assert!(before.len() > 50 && before == after);
}

#[test]
fn a_nodes_tree_in_a_folder_is_read_as_if_it_were_that_nodes_own() {
    let place = place(Validity::Valid);
    let outside = place.path("outside");
    fs::create_dir(&outside).expect("a folder");
    for name in ["ca.crt", "sa.pub"] {
        fs::copy(place.path(&format!("lab/cp-2/etc/kubernetes/pki/{name}")), outside.join(name))
            .expect("a copy");
    }
    symlink(&outside, place.path("lab/cp-1/etc/kubernetes/pki/out")).expect("a symlink");
    let json = place.run("certs --root lab/cp-1 --root lab/cp-3 --output json").exits(0).json();
    let hosts = json[0]["hosts"].as_array().expect("hosts");
    let names: Vec<&str> = hosts.iter().map(|host| host["host"].as_str().expect("a name")).collect();
    assert_eq!(names, ["cp-1", "cp-3"]);
    let certificates = hosts[0]["certificates"].as_array().expect("certificates");
    assert_eq!(certificates.len(), 17);
    assert!(certificates.iter().all(|one| !one["path"].as_str().expect("a path").contains("/out/")));
    assert!(hosts[0]["clock_ahead_s"].is_null(), "a folder has no clock");
    place.run("certs --root outside").is(&expect![[r#"
        exit 3
        --- stdout
        HOST  CERTIFICATE  ENDS (UTC)  LEFT

        WARN     outside: it has no certificate of Kubernetes: no manifest in /etc/kubernetes/manifests, nothing in /etc/kubernetes/pki
           help  name a node of the cluster, or the folder that holds its `etc`

        WARN  1 thing to be looked at
          0 certificates on 1 host, 1 of which could not be looked at; nothing was changed
    "#]]);
}

#[test]
fn hosts_that_do_not_answer_are_rows_and_the_others_are_told() {
    let place = place(Validity::Valid);
    let inventory = "[cluster]\nname = \"prod-1\"\nnamespace = \"cluster-prod-1\"\nkubeconfig = \
                     \"lab/workstation/bmctl-workspace/lab/lab-kubeconfig\"\n\n[ssh]\nuser = \"ops\"\nport = 1\n\n[[host]]\nname = \
                     \"cp-1\"\naddress = \"127.0.0.1\"\n\n[[host]]\nname = \"cp-2\"\naddress = \"127.0.0.2\"\n";
    place.write("inventory.toml", inventory);
    place.run("certs --inventory inventory.toml").is(&expect![[r#"
        exit 3
        --- stdout
        CERTIFICATE  workstation
        kubeconfig   364d

        WARN     cp-1 could not be reached: ssh: connect to host 127.0.0.1 port 1: Connection refused
           help  try `ssh -p 1 ops@HOST true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host keys in known_hosts
        WARN     cp-2 could not be reached: ssh: connect to host 127.0.0.2 port 1: Connection refused
           help  try `ssh -p 1 ops@HOST true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host keys in known_hosts

        WARN  2 things to be looked at
          1 certificate on 3 hosts, 2 of which could not be looked at; the next to end is kubeconfig of workstation, DATE UTC; nothing was changed
    "#]]);
    let json = place.run("certs ops@127.0.0.1:1 --output json").exits(3).json();
    assert_eq!(ids(&json[0]), ["unreachable"]);
    assert!(
        json[0]["hosts"][0]["error"].as_str().expect("why").starts_with("127.0.0.1 could not be reached")
    );
}

#[test]
fn the_text_for_prometheus_is_replaced_whole_beside_any_other_output() {
    let place = place(Validity::Expired);
    place.write("certs.prom", "old");
    drop(place.run("certs --lab lab --textfile certs.prom --output json").exits(4));
    let text = fs::read_to_string(place.path("certs.prom")).expect("the file");
    assert!(text.starts_with("# HELP x509_cert_not_before "), "{text}");
    assert_eq!(text.matches("\nx509_cert_expired{").count(), 51, "{text}");
    assert!(text.contains("\ncertwright_findings{severity=\"expired\"} 33\n"), "{text}");
    let printed = place.run("certs --lab lab --output prometheus").exits(4).stdout;
    let without_time =
        |text: &str| text.lines().filter(|line| !line.starts_with("certwright_looked")).count();
    assert_eq!(without_time(&printed), without_time(&text));
    let failed = place.run("certs --lab lab --textfile nowhere/certs.prom").exits(14);
    assert!(failed.stderr.contains("nowhere/certs.prom"), "{}", failed.stderr);
}

#[test]
fn what_is_wrong_with_a_command_line_is_said() {
    let place = place(Validity::Valid);
    for bad in [
        "certs",
        "certs --lab lab --local",
        "certs --lab lab cp-1",
        "certs --root lab/cp-1 --served",
        "certs --lab lab --within soon",
        "certs --lab lab --at-once 0",
    ] {
        drop(place.run(bad).exits(2));
    }
    let unknown = place.run("certs --lab lab --limit cp-9").exits(2);
    assert!(unknown.stderr.contains("no host or group `cp-9`"), "{}", unknown.stderr);
    let option = place.run("certs -- -oProxyCommand=x").exits(2);
    assert!(option.stderr.contains("is not a host"), "{}", option.stderr);
    let other = place.run("runs --output csv").exits(2);
    assert!(other.stderr.contains("only `certs` knows this --output"), "{}", other.stderr);
    let nowhere = place.run("certs --root lab/nowhere --output csv").exits(2);
    assert!(nowhere.stderr.contains("there is no folder `lab/nowhere`"), "{}", nowhere.stderr);
}

#[test]
fn a_watch_looks_again_until_it_is_interrupted_and_ends_as_its_last_look_did() {
    use std::io::{BufRead as _, BufReader};
    let place = place(Validity::Expiring);
    let mut child = place
        .command("certs --root lab/cp-1 --watch=1s")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdout = BufReader::new(child.stdout.take().expect("its output"));
    // Each look ends with a line that counts.
    let mut looks = 0;
    for line in stdout.lines() {
        looks += usize::from(line.expect("text").starts_with("  17 certificates on 1 host"));
        if looks == 2 {
            let pid = rustix::process::Pid::from_child(&child);
            // It may be under way to its third look, and it may have ended: then nothing is left to be told.
            let _sent = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
    }
    assert!(looks >= 2, "{looks}");
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
}

/// A host that is held: its line to the node is a pipe that nobody writes to, until it is let go.
#[test]
fn on_a_terminal_hosts_are_told_as_they_answer_whatever_the_first_one_does() {
    let place = place(Validity::Expiring);
    let gate = place.path("gate");
    let made = place.under("mkfifo", "gate").status().expect("mkfifo starts");
    assert!(made.success());
    place.write("ssh_config", format!("Host held\n  ProxyCommand cat {}\n", gate.display()));
    let inventory = "[cluster]\nname = \"prod-1\"\nnamespace = \"cluster-prod-1\"\nkubeconfig = \
                     \"lab/workstation/bmctl-workspace/lab/lab-kubeconfig\"\n\n[ssh]\nport = 1\n\n[[host]]\nname = \"held\"\naddress = \
                     \"held\"\n\n[[host]]\nname = \"gone\"\naddress = \"127.0.0.2\"\n";
    place.write("inventory.toml", inventory);
    for (output, early) in [
        ("human", "1 certificate, the next to end is kubeconfig: "),
        ("json", "2 of 3 hosts; not yet: held"),
        ("narrow", "2 of 3 hosts; not yet: held"),
    ] {
        let line = format!("certs --inventory inventory.toml --ssh-config ssh_config --output {output}");
        let screen = Screen::start(&place, &line);
        screen.until(early);
        screen.until("2 of 3 hosts; not yet: held");
        let before = screen.text();
        assert!(!before.contains("nothing was changed") && !before.contains("\\u{"), "{output}: {before}");
        assert_eq!(before.contains("kubeconfig"), output == "human", "{output}: {before}");
        assert_eq!(before.contains("gone could not be reached"), output == "human", "{output}: {before}");
        // Whoever waits for the pipe reads its end.
        let whole = screen.ends(&gate);
        assert!(whole.contains("held could not be reached") && whole.contains("exit 3"), "{whole}");
        let then = &whole[before.len()..];
        match output {
            "human" => {
                assert!(then.contains("CERTIFICATE") && then.contains("nothing was changed"), "{whole}");
            }
            "json" => assert!(then.contains("\"type\":\"certs\""), "{whole}"),
            _ => assert!(then.contains("workstation  kubeconfig"), "{whole}"),
        }
    }
}
