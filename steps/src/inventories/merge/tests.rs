use super::*;

const TEXT: &str = r#"# ours, since 2024
[cluster]
name      = "prod-1"   # typed before a run
namespace = "cluster-prod-1"
kubeconfig = "kubeconfig"

[ssh]
user = "root"

# the first one
[[host]]
name = "cp-1"
address = "10.0.0.1"
groups = ["control-plane", "rack-a"]

[[host]]
name = "10.0.0.2"      # nobody knew its name
address = "10.0.0.2"

[[host]]
name = "cp-9"
address = "10.0.0.9"
groups = ["control-plane"]

[[host]]
name = "worker"
address = "10.0.0.77"
"#;

fn host(name: &str, address: &str) -> Host {
    Host { name: name.to_owned(), address: address.to_owned(), ssh: Ssh::default() }
}

fn draft() -> Draft {
    Draft {
        name: Some("prod-1".to_owned()),
        namespace: Some("other".to_owned()),
        virtual_ip: Some("10.0.0.100".to_owned()),
        ssh: Ssh { user: Some("ops".to_owned()), identity: None, port: Some(2222) },
        hosts: vec![host("cp-1", "10.0.0.1"), host("cp-2", "10.0.0.2"), host("cp-3", "10.0.0.3")],
        ..Draft::default()
    }
}

fn kept(what: &str, has: &str, source: &str) -> Told {
    Told::Kept { what: what.to_owned(), has: has.to_owned(), source: source.to_owned() }
}

#[test]
fn what_is_missing_is_added_and_all_else_stays_as_it_was_written() {
    let merged = merge(TEXT, "prod-1.toml", &draft()).unwrap();
    let added = |what: &str| Told::Added(what.to_owned());
    assert_eq!(
        merged.told,
        [
            kept("cluster.namespace", "cluster-prod-1", "other"),
            added("cluster.virtual-ip = 10.0.0.100"),
            kept("ssh.user", "root", "ops"),
            added("ssh.port = 2222"),
            Told::Unknown("cp-9".to_owned()),
            added("host cp-2: the name of 10.0.0.2"),
            added("host cp-2: group control-plane"),
            added("host cp-3"),
        ]
    );
    let expected = TEXT
        .replace(
            "kubeconfig = \"kubeconfig\"\n",
            "kubeconfig = \"kubeconfig\"\nvirtual-ip = \"10.0.0.100\"\n",
        )
        .replace("user = \"root\"\n", "user = \"root\"\nport = 2222\n")
        .replace("name = \"10.0.0.2\"      #", "name = \"cp-2\"      #")
        .replace("address = \"10.0.0.2\"\n", "address = \"10.0.0.2\"\ngroups = [\"control-plane\"]\n")
        + "\n[[host]]\nname = \"cp-3\"\naddress = \"10.0.0.3\"\ngroups = [\"control-plane\"]\n";
    assert_eq!(merged.text, expected);
}

#[test]
fn a_second_merge_adds_nothing() {
    let once = merge(TEXT, "prod-1.toml", &draft()).unwrap().text;
    let twice = merge(&once, "prod-1.toml", &draft()).unwrap();
    assert_eq!(twice.text, once);
    assert!(!twice.told.iter().any(|told| matches!(told, Told::Added(_))), "{:?}", twice.told);
    let new = merge("", "new", &draft()).unwrap().text;
    assert_eq!(merge(&new, "new", &draft()).unwrap(), Merged { text: new, told: Vec::new() });
}

#[test]
fn an_address_is_the_same_however_it_is_spelled() {
    let text = "[[host]]\nname = \"cp-1\"\naddress = \"fd00:0:0::1\"\ngroups = [\"control-plane\"]\n";
    let six = Draft { hosts: vec![host("cp-1", "fd00::1")], ..Draft::default() };
    let merged = merge(text, "six", &six).unwrap();
    assert_eq!(merged.told, []);
    let moved = Draft { hosts: vec![host("cp-1", "fd00::2")], ..Draft::default() };
    assert_eq!(
        merge(text, "six", &moved).unwrap().told,
        [kept("host cp-1: address", "fd00:0:0::1", "fd00::2")]
    );
}

#[test]
fn another_cluster_and_what_is_no_inventory_are_refused() {
    let refused = |text: &str| merge(text, "x.toml", &draft()).unwrap_err().message;
    assert_eq!(refused("[cluster]\nname = \"b\"\n"), "`x.toml` is of cluster `b`, and this is `prod-1`");
    assert_eq!(refused("cluster = 3\n"), "`x.toml`: `cluster` is no section: write [cluster]");
    assert_eq!(refused("host = [{name = \"a\"}]\n"), "`x.toml` lists its hosts in one line");
    assert!(refused("a = 1\n[b\n").starts_with("`x.toml:2` is not TOML: "));
}
