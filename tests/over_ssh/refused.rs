//! Hosts that will not have us: nothing is changed, the message says which host and what to do, the exit code is 14.

use std::fs;

use crate::cluster::{Cluster, Ran};
use crate::sshd::User;

const RUN: &str = "run renew-control-plane --inventory inventory.toml --yes=lab";

#[test]
fn a_host_that_refuses_us_is_named_with_a_remedy_and_nothing_is_changed() {
    let cluster = Cluster::expired();
    let before = cluster.certificates();
    let inventory = fs::read_to_string(cluster.path("inventory.toml")).expect("the inventory");
    let known = fs::read_to_string(cluster.path("known_hosts")).expect("known hosts");
    let mut cases = 0;
    let mut check = |name: &str, words: &[&str]| {
        let ran = cluster.run(RUN);
        refuses(&ran, name, words);
        assert_eq!(cluster.certificates(), before, "{name}: a file was changed");
        cases += 1;
    };

    let (_first, others) = known.split_once('\n').expect("a line a machine");
    cluster.write("known_hosts", others);
    check("unknown host key", &["cp-1", "host key", "known_hosts"]);

    cluster.write("known_hosts", &other_key_for_first(&cluster, &known));
    check("changed host key", &["cp-1", "has changed", "ssh-keygen -f"]);
    cluster.write("known_hosts", &known);

    cluster.write("inventory.toml", &inventory.replacen(User::Ops.name(), User::Pass.name(), 1));
    check("sudo wants a password", &["cp-1", "sudo", "password", "NOPASSWD"]);

    cluster.write("inventory.toml", &inventory.replacen(User::Ops.name(), User::Tty.name(), 1));
    check("sudo wants a terminal", &["cp-1", "sudo", "requiretty"]);

    let key = cluster.path("sshd/cp-1/login_key").display().to_string();
    cluster.write("inventory.toml", &inventory.replacen(&key, "/nonexistent/key", 1));
    check("a key file that is missing", &["cp-1", "/nonexistent/key", "the login as cwops@127.0.0.1 (port "]);

    cluster.write("inventory.toml", &inventory.replacen("127.0.0.1", "cp-1.invalid", 1));
    check("a name that does not resolve", &["cp-1", "could not be reached", "resolve"]);
    println!("{cases} refusals, each with its message, nothing changed");
}

fn refuses(ran: &Ran, name: &str, words: &[&str]) {
    assert_eq!(ran.code, Some(14), "{name}: {}", ran.whole());
    for word in words {
        assert!(
            ran.stderr.contains(word) || ran.stdout.contains(word),
            "{name} says `{word}`: {}",
            ran.whole()
        );
    }
}

/// The known hosts with the key of the second machine for the first one.
fn other_key_for_first(cluster: &Cluster, known: &str) -> String {
    let lines: Vec<&str> = known.lines().collect();
    let address = lines[0].split_once(' ').expect("an address and a key").0;
    let other = fs::read_to_string(cluster.path("sshd/cp-2/host_key.pub")).expect("a public key");
    format!("{address} {}\n{}\n{}\n", other.trim(), lines[1], lines[2])
}
