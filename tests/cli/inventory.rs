//! `inventory`: from bmctl's four sorts of cluster, from Ansible's two formats, from kubectl's nodes; new, merged, refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use expect_test::{Expect, expect};

use crate::program::Place;

/// A workspace as bmctl leaves it: a folder a cluster.
fn workspace() -> Place {
    let place = Place::new();
    for (name, text) in [
        ("admin-1", include_str!("bmctl/admin.yaml")),
        ("user-1", include_str!("bmctl/user.yaml")),
        ("hybrid-1", include_str!("bmctl/hybrid.yaml")),
        ("alone-1", include_str!("bmctl/standalone.yaml")),
    ] {
        place.write(&format!("bmctl-workspace/{name}/{name}.yaml"), text);
    }
    place
}

fn from_bmctl(name: &str, options: &str, expected: &Expect) {
    workspace()
        .run(&format!("inventory from-bmctl bmctl-workspace/{name}/{name}.yaml {options}"))
        .is(expected);
}

#[test]
fn an_admin_cluster_keeps_its_own_secrets() {
    from_bmctl(
        "admin-1",
        "",
        &expect![[r#"
        exit 0
        --- stdout
        # The machines of one cluster: who they are and how they are reached.
        [cluster]
        name = "admin-1"
        namespace = "cluster-admin-1"
        kubeconfig = "bmctl-workspace/admin-1/admin-1-kubeconfig"
        virtual-ip = "10.200.0.70"

        [ssh]
        user = "ops"
        identity = "/home/ops/.ssh/id_rsa"

        [[host]]
        name = "10.200.0.2"
        address = "10.200.0.2"
        groups = ["control-plane"]

        [[host]]
        name = "10.200.0.3"
        address = "10.200.0.3"
        groups = ["control-plane"]

        [[host]]
        name = "10.200.0.4"
        address = "10.200.0.4"
        groups = ["control-plane"]
        --- stderr
        note: the kubeconfig `bmctl-workspace/admin-1/admin-1-kubeconfig` is looked for from the folder in which certwright is started; --kubeconfig with a whole path makes it one from everywhere
    "#]],
    );
}

#[test]
fn a_hybrid_cluster_of_ipv6_nodes_is_logged_in_to_by_root() {
    from_bmctl(
        "hybrid-1",
        "",
        &expect![[r#"
        exit 0
        --- stdout
        # The machines of one cluster: who they are and how they are reached.
        [cluster]
        name = "hybrid-1"
        namespace = "cluster-hybrid-1"
        kubeconfig = "bmctl-workspace/hybrid-1/hybrid-1-kubeconfig"
        virtual-ip = "fd00::70"

        [ssh]
        user = "root"
        identity = "/home/ops/.ssh/id_rsa"

        [[host]]
        name = "fd00::2"
        address = "fd00::2"
        groups = ["control-plane"]

        [[host]]
        name = "fd00::3"
        address = "fd00::3"
        groups = ["control-plane"]

        [[host]]
        name = "fd00::4"
        address = "fd00::4"
        groups = ["control-plane"]
        --- stderr
        note: the kubeconfig `bmctl-workspace/hybrid-1/hybrid-1-kubeconfig` is looked for from the folder in which certwright is started; --kubeconfig with a whole path makes it one from everywhere
    "#]],
    );
}

#[test]
fn a_standalone_cluster_has_the_namespace_that_its_file_says_and_no_key_from_a_template() {
    from_bmctl(
        "alone-1",
        "",
        &expect![[r#"
        exit 0
        --- stdout
        # The machines of one cluster: who they are and how they are reached.
        [cluster]
        name = "alone-1"
        namespace = "edge"
        kubeconfig = "bmctl-workspace/alone-1/alone-1-kubeconfig"
        virtual-ip = "10.200.0.73"

        [ssh]
        user = "root"

        [[host]]
        name = "10.200.0.32"
        address = "10.200.0.32"
        groups = ["control-plane"]
        --- stderr
        note: the kubeconfig `bmctl-workspace/alone-1/alone-1-kubeconfig` is looked for from the folder in which certwright is started; --kubeconfig with a whole path makes it one from everywhere
    "#]],
    );
}

#[test]
fn a_user_clusters_admin_cluster_is_named_where_several_are_beside_it() {
    from_bmctl(
        "user-1",
        "",
        &expect![[r#"
        exit 2
        --- stderr
        error: `bmctl-workspace/user-1/user-1.yaml`: `user-1` is a user cluster, whose file does not name its admin cluster, and there are several beside it: bmctl-workspace/admin-1/admin-1-kubeconfig, bmctl-workspace/hybrid-1/hybrid-1-kubeconfig
          name it: --admin-kubeconfig bmctl-workspace/ADMIN/ADMIN-kubeconfig
    "#]],
    );
    let admin = "--admin-kubeconfig bmctl-workspace/admin-1/admin-1-kubeconfig --identity ~/.ssh/id_rsa";
    from_bmctl(
        "user-1",
        admin,
        &expect![[r#"
        exit 0
        --- stdout
        # The machines of one cluster: who they are and how they are reached.
        [cluster]
        name = "user-1"
        namespace = "cluster-user-1"
        kubeconfig = "bmctl-workspace/user-1/user-1-kubeconfig"
        admin-kubeconfig = "bmctl-workspace/admin-1/admin-1-kubeconfig"
        virtual-ip = "10.200.0.71"

        [ssh]
        user = "ops"
        identity = "~/.ssh/id_rsa"

        [[host]]
        name = "10.200.0.12"
        address = "10.200.0.12"
        groups = ["control-plane"]

        [[host]]
        name = "10.200.0.13"
        address = "10.200.0.13"
        groups = ["control-plane"]

        [[host]]
        name = "10.200.0.14"
        address = "10.200.0.14"
        groups = ["control-plane"]
        --- stderr
        note: the kubeconfig `bmctl-workspace/user-1/user-1-kubeconfig` is looked for from the folder in which certwright is started; --kubeconfig with a whole path makes it one from everywhere
    "#]],
    );
}

/// The one admin cluster of a workspace is that of its user clusters, and so is its key.
#[test]
fn the_only_admin_cluster_beside_a_user_cluster_is_its_admin_cluster() {
    let place = workspace();
    fs::remove_dir_all(place.path("bmctl-workspace/hybrid-1")).expect("the other one");
    place.run("inventory from-bmctl bmctl-workspace/user-1/user-1.yaml").is(&expect![[r#"
        exit 0
        --- stdout
        # The machines of one cluster: who they are and how they are reached.
        [cluster]
        name = "user-1"
        namespace = "cluster-user-1"
        kubeconfig = "bmctl-workspace/user-1/user-1-kubeconfig"
        admin-kubeconfig = "bmctl-workspace/admin-1/admin-1-kubeconfig"
        virtual-ip = "10.200.0.71"

        [ssh]
        user = "ops"
        identity = "/home/ops/.ssh/id_rsa"

        [[host]]
        name = "10.200.0.12"
        address = "10.200.0.12"
        groups = ["control-plane"]

        [[host]]
        name = "10.200.0.13"
        address = "10.200.0.13"
        groups = ["control-plane"]

        [[host]]
        name = "10.200.0.14"
        address = "10.200.0.14"
        groups = ["control-plane"]
        --- stderr
        note: the kubeconfig `bmctl-workspace/user-1/user-1-kubeconfig` is looked for from the folder in which certwright is started; --kubeconfig with a whole path makes it one from everywhere
    "#]]);
}

#[test]
fn what_is_no_configuration_of_bmctl_is_refused_with_its_place() {
    let place = Place::new();
    place.write("a.yaml", "kind: Cluster\n  bad: [\n").write("b.yaml", "kind: Pod\nmetadata: {name: x}\n");
    place.write("c.yaml", include_str!("bmctl/admin.yaml").replace("type: admin", "type: management"));
    place.write("d.yaml", include_str!("bmctl/admin.yaml").replace("- address:", "- addr:"));
    for (file, expected) in [
        (
            "a.yaml",
            expect![[r#"
            exit 2
            --- stderr
            error: `a.yaml:2:6` is not a configuration of bmctl: it cannot be read as YAML
              it is the file that bmctl made: bmctl-workspace/CLUSTER/CLUSTER.yaml
        "#]],
        ),
        (
            "b.yaml",
            expect![[r#"
            exit 2
            --- stderr
            error: `b.yaml` has no document of kind Cluster of baremetal.cluster.gke.io/v1
              it is the file that bmctl made: bmctl-workspace/CLUSTER/CLUSTER.yaml
        "#]],
        ),
        (
            "c.yaml",
            expect![[r#"
            exit 2
            --- stderr
            error: `c.yaml`: cluster `admin-1` has the `spec.type` "management"
              bmctl knows admin, user, hybrid and standalone
        "#]],
        ),
        (
            "d.yaml",
            expect![[r#"
            exit 2
            --- stderr
            error: `d.yaml`: node 1 of spec.controlPlane.nodePoolSpec.nodes of `admin-1` has no address
        "#]],
        ),
        (
            "e.yaml",
            expect![[r#"
                exit 2
                --- stderr
                error: read `e.yaml`: no such file or directory
                  paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory
            "#]],
        ),
    ] {
        place.run(&format!("inventory from-bmctl {file} --into inventory.toml")).is(&expected);
        assert!(!place.path("inventory.toml").exists(), "nothing is written");
    }
}

const HOSTS: &str = "\
[kube_control_plane]
cp-1 ansible_host=10.0.0.1
cp-2 ansible_host=10.0.0.2 ansible_port=2222

[all:vars]
ansible_user=ops
";

#[test]
fn an_ansible_inventory_needs_the_clusters_facts_from_the_operator() {
    let place = Place::new();
    place.write("hosts.ini", HOSTS).write("group_vars/all.yml", "ansible_user: other\n");
    place.run("inventory from-ansible hosts.ini").is(&expect![[r#"
        exit 2
        --- stderr
        error: an Ansible inventory does not tell all of a cluster
          give the same command `--cluster NAME` and `--kubeconfig FILE`, too
    "#]]);
    place.run("inventory from-ansible hosts.ini --cluster prod-1 --kubeconfig ~/.kube/config").is(&expect![
        [r#"
            exit 0
            --- stdout
            # The machines of one cluster: who they are and how they are reached.
            [cluster]
            name = "prod-1"
            namespace = "cluster-prod-1"
            kubeconfig = "~/.kube/config"

            [ssh]
            user = "ops"

            [[host]]
            name = "cp-1"
            address = "10.0.0.1"
            groups = ["control-plane"]

            [[host]]
            name = "cp-2"
            address = "10.0.0.2"
            groups = ["control-plane"]
            port = 2222
            --- stderr
            note: `group_vars` is not read: see that logins, keys, ports and addresses are right
        "#]
    ]);
}

#[test]
fn an_inventory_that_is_there_is_added_to_and_keeps_its_comments_and_mode() {
    let place = Place::new();
    place.write("hosts.ini", HOSTS);
    let facts = "inventory from-ansible hosts.ini --into inventory.toml --cluster prod-1 --kubeconfig k";
    place.run(facts).is(&expect![[r#"
        exit 0
        --- stdout
        added    cluster.name = prod-1
        added    cluster.namespace = cluster-prod-1
        added    cluster.kubeconfig = k
        added    ssh.user = ops
        added    host cp-1
        added    host cp-2
        inventory.toml is written; `certwright doctor --inventory inventory.toml` looks at its hosts
    "#]]);
    let mode = |place: &Place| {
        fs::metadata(place.path("inventory.toml")).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode(&place), 0o600, "nobody else's business");
    let text = fs::read_to_string(place.path("inventory.toml")).expect("it is there");
    place.write("inventory.toml", text.replace("name = \"cp-1\"", "name = \"cp-1\" # the old one"));
    place.write("hosts.ini", HOSTS.replace("cp-2 ansible_host=10.0.0.2", "cp-3 ansible_host=10.0.0.3"));
    place.run(facts).is(&expect![[r#"
        exit 0
        --- stdout
        kept     host cp-2, which the source does not know
        added    host cp-3
        inventory.toml is written; `certwright doctor --inventory inventory.toml` looks at its hosts
    "#]]);
    assert_eq!(mode(&place), 0o644, "its owner wanted that");
    let text = fs::read_to_string(place.path("inventory.toml")).expect("it is there");
    assert!(text.contains("name = \"cp-1\" # the old one"), "{text}");
    place.run(facts).is(&expect![[r#"
        exit 0
        --- stdout
        kept     host cp-2, which the source does not know
        inventory.toml is unchanged; `certwright doctor --inventory inventory.toml` looks at its hosts
    "#]]);
    place.run(&format!("{facts} --output json").replace("prod-1", "prod-2")).is(&expect![[r#"
        exit 2
        --- stdout
        {"code":"source","diagnostics":null,"exit":2,"hints":["an inventory is of one cluster: name another file"],"message":"`inventory.toml` is of cluster `prod-1`, and this is `prod-2`","schema":1,"type":"error"}
    "#]]);
    assert_eq!(fs::read_to_string(place.path("inventory.toml")).expect("it is there"), text);
    place.run("check renew-control-plane -i inventory.toml").exits(0);
}

#[test]
fn what_others_can_write_to_is_not_added_to() {
    let place = Place::new();
    place.write("hosts.ini", HOSTS).write("inventory.toml", "# mine\n");
    fs::set_permissions(place.path("inventory.toml"), fs::Permissions::from_mode(0o666)).expect("its mode");
    let refused =
        place.run("inventory from-ansible hosts.ini --into inventory.toml --cluster c --kubeconfig k");
    refused.is(&expect![[r#"
        exit 14
        --- stderr
        error: `inventory.toml` is not trusted: it is writable by everyone
          a plan or an inventory is code that runs as root; only you may be able to change it
          mend it: chmod o-w ROOT/inventory.toml
    "#]]);
    assert_eq!(fs::read_to_string(place.path("inventory.toml")).expect("it is there"), "# mine\n");
}

/// A name that no plan could use is a mistake with its place, and nothing is written.
#[test]
fn what_the_plan_language_does_not_take_is_not_written() {
    let place = Place::new();
    place.write("hosts.ini", "[masters]\ncp-1 ansible_host='10.0.0.1; reboot'\n");
    place.run("inventory from-ansible hosts.ini --into x.toml --cluster c --kubeconfig k").is(&expect![[
        r#"
        exit 2
        --- stderr
        error[P010]: `address` of host `cp-1` is not a valid name: `10.0.0.1; reboot`
         --> x.toml:9:11
          |
        9 | address = "10.0.0.1; reboot"
          |           ^^^^^^^^^^^^^^^^^^ a host name, an IP address or an alias of ssh_config

        1 mistake; nothing was run
    "#
    ]]);
    assert!(!place.path("x.toml").exists());
}
