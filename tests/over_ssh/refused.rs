//! Hosts that will not have us: nothing is changed, the message says which host and what to do, the exit code is 14.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::cluster::Cluster;
use crate::sshd::User;

const RUN: &str = "run renew-control-plane --inventory inventory.toml --yes=lab";
const UNKNOWN: &str = "cp-1: its host key is unknown: known_hosts has no ED25519 key for [127.0.0.1]:PORT; \
     compare its fingerprint on its console (`ssh-keygen -lf \
     /etc/ssh/ssh_host_ed25519_key.pub`), then run `ssh -F ROOT/ssh_config -p PORT -i \
     ROOT/sshd/cp-1/login_key cwops@127.0.0.1` once by hand";
const CHANGED: &str = "cp-1: its host key has changed: the ED25519 key in ROOT/known_hosts line 1 is another \
     one, now SHA256:KEY; if the machine was reinstalled, compare the fingerprint on its \
     console, then run `ssh-keygen -f 'ROOT/known_hosts' -R '[127.0.0.1]:PORT'` and `ssh -F \
     ROOT/ssh_config -p PORT -i ROOT/sshd/cp-1/login_key cwops@127.0.0.1` once by hand; if not, somebody else answers";
const PASSWORD: &str = "cp-1: sudo refused (sudo: a password is required); certwright needs `cwpass ALL=(root) \
     NOPASSWD: /bin/sh` without requiretty in the sudoers of this node, or root as login";
const TERMINAL: &str = "cp-1: sudo refused (sudo: sorry, you must have a tty to run sudo); certwright needs \
     `cwtty ALL=(root) NOPASSWD: /bin/sh` without requiretty in the sudoers of this node, or \
     root as login";
const MISSING: &str = "cp-1: the login as cwops@127.0.0.1 (port PORT) was refused: cwops@127.0.0.1: Permission \
     denied (publickey).; Warning: Identity file /nonexistent/key not accessible: No such \
     file or directory.";
const NO_NAME: &str = "cp-1 could not be reached: ssh: Could not resolve hostname cp-1.invalid: Name or service \
     not known";
const READABLE: &str = "cp-1: the login as cwops@127.0.0.1 (port PORT) was refused: cwops@127.0.0.1: Permission \
     denied (publickey).; Permissions 0644 for 'ROOT/sshd/cp-1/login_key' are too open.; Load \
     key \"ROOT/sshd/cp-1/login_key\": bad permissions";

#[test]
fn a_host_that_refuses_us_is_named_with_a_remedy_and_nothing_is_changed() {
    let cluster = Cluster::expired();
    let before = cluster.certificates();
    let inventory = fs::read_to_string(cluster.path("inventory.toml")).expect("the inventory");
    let known = fs::read_to_string(cluster.path("known_hosts")).expect("known hosts");
    let key = cluster.path("sshd/cp-1/login_key").display().to_string();
    let mut cases = 0;
    let mut says = |name: &str, expected: &str| {
        let ran = cluster.run(RUN);
        assert_eq!(ran.code, Some(14), "{name}: {}", ran.whole());
        let error = ran.stderr.lines().find(|line| line.starts_with("error: "));
        let error = masked(&cluster, error.unwrap_or_else(|| panic!("{name}: {}", ran.whole())));
        assert_eq!(
            error,
            format!("error: the run would stop at prepare/preflight@cp-1: {expected}"),
            "{name}"
        );
        assert_eq!(cluster.certificates(), before, "{name}: a file was changed");
        cases += 1;
    };

    let (_first, others) = known.split_once('\n').expect("a line a machine");
    cluster.write("known_hosts", others);
    says("unknown host key", UNKNOWN);
    cluster.write("known_hosts", &other_key_for_first(&cluster, &known));
    says("changed host key", CHANGED);
    cluster.write("known_hosts", &known);

    cluster.write("inventory.toml", &inventory.replacen(User::Ops.name(), User::Pass.name(), 1));
    says("sudo wants a password", PASSWORD);
    cluster.write("inventory.toml", &inventory.replacen(User::Ops.name(), User::Tty.name(), 1));
    says("sudo wants a terminal", TERMINAL);
    cluster.write("inventory.toml", &inventory.replacen(&key, "/nonexistent/key", 1));
    says("a missing key", MISSING);
    cluster.write("inventory.toml", &inventory.replacen("127.0.0.1", "cp-1.invalid", 1));
    says("a name that does not resolve", NO_NAME);

    cluster.write("inventory.toml", &inventory);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("the key's mode");
    says("a key that others can read", READABLE);
    println!("{cases} refusals, each with its exact message, nothing changed");
}

/// The text with this cluster's folder, ports and keys masked.
fn masked(cluster: &Cluster, text: &str) -> String {
    let inventory = fs::read_to_string(cluster.path("inventory.toml")).expect("the inventory");
    let mut text = text.replace(&cluster.path("").display().to_string(), "ROOT/");
    for port in inventory.lines().filter_map(|line| line.strip_prefix("port = ")) {
        text = text.replace(port, "PORT");
    }
    let Some((before, key)) = text.split_once("SHA256:") else { return text };
    let rest = key.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+/".contains(c));
    format!("{before}SHA256:KEY{rest}")
}

/// The known hosts with the key of the second machine for the first one.
fn other_key_for_first(cluster: &Cluster, known: &str) -> String {
    let lines: Vec<&str> = known.lines().collect();
    let address = lines[0].split_once(' ').expect("an address and a key").0;
    let other = fs::read_to_string(cluster.path("sshd/cp-2/host_key.pub")).expect("a public key");
    format!("{address} {}\n{}\n{}\n", other.trim(), lines[1], lines[2])
}

#[test]
fn what_certwright_itself_lacks_on_a_node_is_told_with_all_else_before_anything_is_changed() {
    let cluster = Cluster::expired();
    let before = cluster.certificates();
    // As busybox's: it ends with status 1 at an option that it does not know.
    cluster.type_on(
        "cp-1",
        "mount --bind /bin/false /usr/bin/flock && mount -o remount,ro,bind /var/lib/certwright",
    );
    let ran = cluster.run(RUN);
    assert_eq!(ran.code, Some(14), "{}", ran.whole());
    for part in [
        "cp-1: 2 findings, the first: certwright's worker finds no flock that does what it needs",
        "install util-linux on cp-1",
        "/var/lib/certwright is read-only, and certwright keeps its lock and its backups there",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.whole());
    }
    assert_eq!(cluster.certificates(), before, "a file was changed");
}
