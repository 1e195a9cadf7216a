use super::range::expand;
use super::*;

const INI: &str = "\
# three nodes
cp-9 ansible_host=10.0.0.9

[kube_control_plane]
cp-[1:2].example:2222 ansible_user=ops   # two of them
cp-3 ansible_host=10.0.0.3 ansible_ssh_private_key_file='~/.ssh/a key'

[kube_control_plane:vars]
ansible_user = admin

[k8s:children]
kube_control_plane

[k8s:vars]
ansible_user=outer
ansible_ssh_private_key_file=\"~/.ssh/cluster\"

[all:vars]
ansible_port=22
";

const YAML: &str = "\
all:
  vars: {ansible_port: 22}
  hosts:
    cp-9: {ansible_host: 10.0.0.9}
  children:
    k8s:
      vars: {ansible_user: outer, ansible_ssh_private_key_file: ~/.ssh/cluster}
      children:
        kube_control_plane:
          vars: {ansible_user: admin}
          hosts:
            cp-[1:2].example: {ansible_user: ops, ansible_port: 2222}
            cp-3: {ansible_host: 10.0.0.3, ansible_ssh_private_key_file: '~/.ssh/a key'}
";

fn told(draft: &Draft) -> Vec<String> {
    let ssh = |ssh: &Ssh| format!("{:?} {:?} {:?}", ssh.user, ssh.identity, ssh.port);
    let host = |host: &Host| format!("{} {} {}", host.name, host.address, ssh(&host.ssh));
    std::iter::once(ssh(&draft.ssh)).chain(draft.hosts.iter().map(host)).collect()
}

#[test]
fn both_formats_say_the_same_and_the_innermost_variable_wins() {
    let expected = [
        "None None None",
        r#"cp-1.example cp-1.example Some("ops") Some("~/.ssh/cluster") Some(2222)"#,
        r#"cp-2.example cp-2.example Some("ops") Some("~/.ssh/cluster") Some(2222)"#,
        r#"cp-3 10.0.0.3 Some("admin") Some("~/.ssh/a key") Some(22)"#,
    ];
    for tree in [ini::read(INI).unwrap(), yaml::read(YAML).unwrap()] {
        assert_eq!(told(&draft(&tree, None, "hosts").unwrap()), expected);
    }
}

#[test]
fn what_all_hosts_share_is_said_once() {
    let tree =
        ini::read("[masters]\na ansible_user=ops ansible_port=22\nb ansible_user=ops ansible_port=23\n");
    let draft = draft(&tree.unwrap(), None, "hosts").unwrap();
    assert_eq!(
        told(&draft),
        [r#"Some("ops") None None"#, "a a None None Some(22)", "b b None None Some(23)"]
    );
}

#[test]
fn ranges_are_those_of_ansible() {
    for (pattern, expected) in [
        ("cp-1", &["cp-1"][..]),
        ("cp-[08:10]", &["cp-08", "cp-09", "cp-10"]),
        ("cp-[a:c].x", &["cp-a.x", "cp-b.x", "cp-c.x"]),
        ("cp-[0:4:2]", &["cp-0", "cp-2", "cp-4"]),
        ("r[1:2]-n[1:2]", &["r1-n1", "r2-n1", "r1-n2", "r2-n2"]),
    ] {
        assert_eq!(expand(pattern).unwrap(), expected, "{pattern}");
    }
    for pattern in ["cp-[1:]", "cp-[3:1]", "cp-[1", "cp-[1:2:0]", "cp-[a:3]", "cp-[1:2:3:4]"] {
        assert!(expand(pattern).is_err(), "{pattern}");
    }
    let error = expand("cp-[1:99999999]").unwrap_err();
    assert_eq!(error, "`cp-[1:99999999]` stands for more than 1000 hosts");
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, at, why) in [
        ("[a]\nb 'c\n", ":2", "a quote that does not end"),
        ("[a]\nb c\n", ":2", "`c` is no key=value"),
        ("[a:b]\n", ":1", "`b` is no sort of section"),
        ("[a:vars]\nb\n", ":2", "a variable without `=`"),
        ("[a:children]\nb\n", "", "group `a` has a child `b` that is not there"),
    ] {
        assert_eq!(ini::read(text), Err((at.to_owned(), why.to_owned())), "{text}");
    }
    let (at, why) = yaml::read("all:\n  hosts: [a]\n").unwrap_err();
    assert_eq!((at.as_str(), why.as_str()), (":2:10", "its YAML is not that of an inventory"));
}

#[test]
fn a_template_a_bad_port_and_a_group_that_is_not_there_are_refused() {
    let refused = |text: &str, group| draft(&ini::read(text).unwrap(), group, "hosts").unwrap_err();
    let error = refused("[masters]\na ansible_host='{{ ip }}'\n", None);
    assert_eq!(error.message, "`hosts`: `ansible_host` of host `a` is a template");
    let error = refused("[masters]\na ansible_port=ssh\n", None);
    assert_eq!(error.message, "`hosts`: `ansible_port` of host `a` is no port: \"ssh\"");
    let error = refused("[web]\na\n", None);
    assert_eq!(error.message, "`hosts` has no group that is called like a control plane's");
    assert_eq!(error.hints, ["name one by --group; it has: web, all"]);
    let error = refused("[web]\n", Some("web"));
    assert_eq!(error.message, "`hosts`: group `web` has no hosts");
}

/// Ansible refuses it as well.
#[test]
fn groups_in_a_circle_are_refused() {
    let text = "[masters:children]\na\n[a:children]\nmasters\nb\n[b]\nx\n[c]\ny\n";
    let error = draft(&ini::read(text).unwrap(), None, "hosts").unwrap_err();
    assert_eq!(error.message, "`hosts`: group `masters` is, through its children, in itself");
}

#[test]
fn what_a_text_multiplies_is_bounded() {
    let long = "x".repeat(300);
    for (text, at, why) in [
        (format!("[{long}]\n"), ":1", "is longer than 253 bytes"),
        (format!("[a]\n{long}\n"), ":2", "is longer than 253 bytes"),
        (format!("[a]\n{}\n", "[1:1]".repeat(9)), ":2", "stands for more than 1000 hosts"),
        (format!("[a]\nx-[{}:9]\n", "0".repeat(300)), ":2", "is no range of hosts"),
        (format!("[a]\nx ansible_user={}\n", "y".repeat(4097)), ":2", "is longer than 4096 bytes"),
        (format!("[a]\n{}", "x-[1:1000]\n".repeat(21)), ":22", "more than 20000 hosts are named"),
    ] {
        let (place, told) = ini::read(&text).unwrap_err();
        assert!(place == at && told.contains(why) && told.len() < 200, "{place}: {told}");
    }
    let tree = ini::read("[masters]\nx-[1:900]\ny-[1:101]\n").unwrap();
    let error = draft(&tree, None, "hosts").unwrap_err();
    assert_eq!(error.message, "`hosts`: group `masters` has 1001 hosts, and an inventory at most 1000");
    let error = read(Path::new("hosts"), &"#".repeat((1 << 20) + 1), None).unwrap_err();
    assert_eq!(error.message, "`hosts` is larger than 1024 KiB");
}

#[test]
fn yaml_under_another_name_and_a_text_without_groups_say_so() {
    for text in [YAML, "---\nall:\n  hosts: {}\n", "# x\nkube_control_plane:\n  hosts:\n    cp-1:\n"] {
        let error = read(Path::new("hosts"), text, None).unwrap_err();
        assert_eq!(error.message, "`hosts` looks like YAML, and is read as INI for its name");
        assert!(error.hints[0].contains("ends in .yml, .yaml or .json"), "{:?}", error.hints);
    }
    let error = read(Path::new("hosts"), "# nothing\n", None).unwrap_err();
    assert!(error.hints[0].starts_with("it has no group"), "{:?}", error.hints);
}
