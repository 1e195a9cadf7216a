//! The cluster as tests see it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec};
use tempfile::TempDir;

use super::files::{OURS, Role, Root, USER, key};
use super::machine::{Machine, PATH};
use super::{HostError, Spec, network, objects, seed};
use crate::kubelet::LONG_AGO;
use crate::settings::{FOLDER, Settings, UnitSettings};
use crate::wire::pace::PACE;

/// The workstation's own address.
const WORKSTATION: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 254);
/// How long after its end systemd starts a kubelet again, ms.
const KUBELET_AGAIN: u64 = 10_000;
/// What the name of a cluster's folder begins with; its owner follows.
const PREFIX: &str = "certwright-cluster-";

/// Three control-plane hosts and a workstation; all of it ends when it is dropped.
pub struct Cluster {
    /// First, so that the hosts end before their files do.
    nodes: Vec<Machine>,
    workstation: Machine,
    folder: TempDir,
    took: Duration,
}

/// The binaries that a cluster is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// This crate's: the programs of the hosts.
    pub hosts: PathBuf,
    /// The product, for the workstation.
    pub certwright: PathBuf,
}

/// What a program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Exit code; None when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its standard output, when it succeeded.
    ///
    /// # Panics
    /// When it did not.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.whole());
        self.stdout
    }

    /// The whole of it, for a failing assertion.
    pub fn whole(&self) -> String {
        format!("exit {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Cluster {
    /// Starts a cluster of this kind.
    pub fn start(whole: &Spec, programs: &Programs) -> Result<Self, HostError> {
        let (began, spec) = (Instant::now(), &whole.lab);
        let folder = folder()?;
        let hosts = folder.path().join("hosts");
        Lab::create(&hosts, spec, &Clock::real())?;
        let login = folder.path().join("login_key");
        key(&login)?;
        let login = Login::read(&login)?;
        let workstation = workstation(whole, &hosts, programs)?;
        let endpoint: Ipv4Addr = spec.endpoint.parse().unwrap_or(Ipv4Addr::new(10, 200, 0, 1));
        network::bridge(&workstation, &[WORKSTATION, endpoint])?;
        let kubeconfig = workstation.path("/root").join(&spec.cluster.kubeconfig);
        let kubeconfig = std::fs::read(&kubeconfig).map_err(HostError::file("read", kubeconfig))?;
        seed::restore(&workstation, &hosts, &spec.nodes, &objects::all(whole, &kubeconfig))?;
        let mut known = String::new();
        let mut nodes = Vec::new();
        for node in &spec.nodes {
            let place = hosts.join(&node.name);
            let root = Root { place: &place, name: &node.name, role: Role::Node, programs };
            root.fill(&lines_of_hosts(spec))?;
            known.extend([&node.address, " ", &root.sshd(&login.public)?]);
            let settings = settings(spec, &root, &node.address, units(spec));
            nodes.push(Machine::start(&programs.hosts, &place, &settings)?);
        }
        login.write(&workstation.path("/root/.ssh"), &known, spec)?;
        let mut cluster = Self { nodes, workstation, folder, took: Duration::ZERO };
        cluster.go()?;
        cluster.took = began.elapsed();
        Ok(cluster)
    }

    /// Connects the hosts and lets them run.
    fn go(&mut self) -> Result<(), HostError> {
        self.workstation.go()?;
        for node in &mut self.nodes {
            network::connect(&self.workstation, node)?;
            node.go()?;
        }
        self.nodes.iter_mut().try_for_each(Machine::wait_for_sshd)
    }

    /// How long it took to start.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The control-plane nodes.
    pub fn nodes(&self) -> &[Machine] {
        &self.nodes
    }

    /// The control-plane node of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn node(&self, name: &str) -> &Machine {
        self.nodes.iter().find(|node| node.name() == name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// Switches a node off and on again; returns when its sshd listens.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn reboot(&mut self, name: &str) -> Result<(), HostError> {
        let node = self.nodes.iter_mut().find(|node| node.name() == name);
        let node = node.unwrap_or_else(|| panic!("no node {name}"));
        node.power_off();
        node.power_on()?;
        network::connect(&self.workstation, node)?;
        node.go()?;
        node.wait_for_sshd()
    }

    /// The workstation.
    pub fn workstation(&self) -> &Machine {
        &self.workstation
    }

    /// What somebody types on a node, from the workstation over ssh, as root by sudo.
    pub fn ssh(&self, node: &str, script: &str) -> Said {
        let mut ssh = self.workstation.command("ssh");
        Said::of(ssh.args([node, "sudo", "-n", "/bin/sh", "-c"]).arg(quoted(script)))
    }
}

/// A word for the login shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A folder for a cluster; those of owners that were killed are removed.
fn folder() -> Result<TempDir, HostError> {
    let place = std::env::temp_dir();
    for entry in std::fs::read_dir(&place).map_err(HostError::file("read", &place))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')).map(|(owner, _)| owner);
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Another cluster may just remove it as well.
            let _gone = std::fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().map_err(HostError::file("create a folder in", place))
}

fn workstation(whole: &Spec, hosts: &Path, programs: &Programs) -> Result<Machine, HostError> {
    let spec = &whole.lab;
    let place = hosts.join("workstation");
    let root = Root { place: &place, name: "workstation", role: Role::Workstation, programs };
    root.fill(&lines_of_hosts(spec))?;
    let home = place.join("root");
    // The lab's workstation is the operator's home.
    let kubeconfigs = home.join("bmctl-workspace");
    std::fs::rename(place.join("bmctl-workspace"), &kubeconfigs)
        .map_err(HostError::file("move to", kubeconfigs))?;
    let inventory = home.join("inventory.toml");
    std::fs::write(&inventory, spec.inventory()).map_err(HostError::file("write", inventory))?;
    let settings = settings(spec, &root, &WORKSTATION.to_string(), vec![balancer(whole)]);
    Machine::start(&programs.hosts, &place, &settings)
}

fn lines_of_hosts(spec: &LabSpec) -> String {
    let nodes = spec.nodes.iter().map(|node| format!("{} {}\n", node.address, node.name));
    let own = format!("127.0.0.1 localhost\n{WORKSTATION} workstation\n{} lab\n", spec.endpoint);
    std::iter::once(own).chain(nodes).collect()
}

fn settings(spec: &LabSpec, root: &Root<'_>, address: &str, units: Vec<UnitSettings>) -> Settings {
    let environment = [("PATH", PATH), ("HOME", "/root"), (PACE, &spec.pace.to_string())];
    Settings {
        host: root.name.to_owned(),
        address: address.parse().expect("nodes of the cluster have IPv4 addresses"),
        pace: spec.pace,
        binds: root.binds(),
        units,
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

fn unit(name: &str, command: &[&str]) -> UnitSettings {
    UnitSettings {
        name: name.to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        first: Vec::new(),
        restart_ms: Some(1_000),
    }
}

/// The load balancer in front of the API servers.
fn balancer(whole: &Spec) -> UnitSettings {
    let mut unit = unit("balancer", &[OURS, "balancer"]);
    unit.command.push(format!("--listen={}:6443", whole.lab.endpoint));
    unit.command.push(format!("--mode={}", whole.balancer.word()));
    unit.command.extend(whole.lab.nodes.iter().map(|node| format!("--server={}:6443", node.address)));
    unit
}

/// What runs on a node.
fn units(spec: &LabSpec) -> Vec<UnitSettings> {
    vec![
        unit("ssh", &["/usr/sbin/sshd", "-D", "-e", "-f", &format!("{FOLDER}/sshd_config")]),
        unit("containerd", &["/usr/local/bin/containerd"]),
        UnitSettings {
            first: vec![LONG_AGO.to_owned()],
            restart_ms: Some(KUBELET_AGAIN / u64::from(spec.pace.max(1))),
            ..unit("kubelet", &["/usr/local/bin/kubelet"])
        },
    ]
}

/// The operator's key.
struct Login {
    private: String,
    public: String,
}

impl Login {
    fn read(place: &Path) -> Result<Self, HostError> {
        let read = |place: PathBuf| std::fs::read_to_string(&place).map_err(HostError::file("read", place));
        Ok(Self { private: read(place.to_owned())?, public: read(place.with_extension("pub"))? })
    }

    /// Writes the operator's ssh folder.
    fn write(&self, folder: &Path, known: &str, spec: &LabSpec) -> Result<(), HostError> {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(folder).map_err(HostError::file("create", folder))?;
        let hosts = spec.nodes.iter().map(|node| {
            format!("Host {} {}\n  HostName {}\n  User {USER}\n", node.name, node.address, node.address)
        });
        let config: String = hosts.collect();
        let files = [("id_ed25519", self.private.as_str()), ("known_hosts", known), ("config", &config)];
        for (name, text) in files {
            let place = folder.join(name);
            std::fs::write(&place, text).map_err(HostError::file("write", &place))?;
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600))
                .map_err(HostError::file("set the mode of", place))?;
        }
        Ok(())
    }
}
