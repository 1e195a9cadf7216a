//! Who renews the three nodes, and how each is started on the workstation.

use std::path::Path;
use std::process::Command;

use crate::cluster::Cluster;

/// The operator's kubeconfig, in the cluster's folder.
pub(crate) const KUBECONFIG: &str = "lab/workstation/bmctl-workspace/lab/lab-kubeconfig";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// The shipped plan, probes and journal on.
    Certwright,
    /// `renew.sh`.
    Bash,
    /// `connect.sh`: renews nothing.
    Connections,
    /// `renew.yml`, as ansible-core is unless somebody configures it.
    Ansible,
    /// The same with pipelining, and no facts gathered.
    AnsibleTuned,
}

impl Contestant {
    /// Those that are installed.
    pub(crate) fn all() -> Vec<Self> {
        let installed = |name: &str| {
            std::env::var_os("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).exists()))
        };
        let mut all = vec![Self::Certwright, Self::Bash, Self::Connections];
        if installed("ansible-playbook") {
            all.extend([Self::Ansible, Self::AnsibleTuned]);
        }
        all
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Certwright => "certwright",
            Self::Bash => "bash, ControlMaster",
            Self::Connections => "three connections and nothing else",
            Self::Ansible => "ansible-core, its defaults",
            Self::AnsibleTuned => "ansible-core, pipelining, no facts",
        }
    }

    /// Its command on the workstation of `cluster`.
    pub(crate) fn command(self, cluster: &Cluster) -> Command {
        let kubeconfig = cluster.path(KUBECONFIG);
        match self {
            Self::Certwright => {
                cluster.command("run renew-control-plane --inventory inventory.toml --yes=lab")
            }
            Self::Bash => {
                let mut bash = cluster.program(Path::new("bash"));
                bash.arg(source("renew.sh")).arg(cluster.path("rivals_config")).arg(kubeconfig);
                bash
            }
            Self::Connections => {
                let mut bash = cluster.program(Path::new("bash"));
                bash.arg(source("connect.sh")).arg(cluster.path("rivals_config"));
                bash
            }
            Self::Ansible | Self::AnsibleTuned => {
                let settings = if self == Self::Ansible { "ansible.cfg" } else { "tuned.cfg" };
                let mut ansible = cluster.program(Path::new("ansible-playbook"));
                ansible.arg("-i").arg(cluster.path("hosts.ini")).arg("-e");
                ansible.arg(format!("kubeconfig={}", kubeconfig.display())).arg(source("renew.yml"));
                ansible.env("ANSIBLE_CONFIG", cluster.path(settings));
                ansible
            }
        }
    }
}

/// Writes what the rivals need to know of the nodes.
pub(crate) fn introduce(cluster: &Cluster) {
    let path = |name: &str| cluster.path(name).display().to_string();
    let config = format!(
        "BatchMode yes\nControlMaster auto\nControlPersist 60\nControlPath {}\nInclude {}\n",
        path("%n.socket"),
        path("ssh_config")
    );
    cluster.write("rivals_config", &config);
    let hosts: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| format!("{node} ansible_python_interpreter=/usr/bin/python3\n"))
        .collect();
    cluster.write("hosts.ini", &format!("[control_plane]\n{}", hosts.concat()));
    // Its connections are those of the file: ControlPersist is on there, as it is by Ansible's own options.
    let (tmp, config) = (path("ansible"), path("rivals_config"));
    let connection = format!("[ssh_connection]\nssh_args = -F {config}\n");
    cluster.write("ansible.cfg", &format!("[defaults]\nlocal_tmp = {tmp}\n{connection}"));
    let tuned =
        format!("[defaults]\nlocal_tmp = {tmp}\ngathering = explicit\n{connection}pipelining = True\n");
    cluster.write("tuned.cfg", &tuned);
}

fn source(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/over_ssh").join(name)
}
