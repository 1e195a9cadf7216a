//! Three nodes of a lab as three machines behind sshd, and a workstation that runs certwright against them.

#![expect(clippy::disallowed_methods, reason = "this is what the tests are about")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Fault, Lab, LabSpec, Seat, program_names};

use crate::sshd::{Folder, Setup, Sshd, User};

/// By how much the lab's delays are shorter than a real machine's.
const PACE: u32 = 40;
/// Folders of a node that are its own on the machine its sshd shows.
pub(crate) const OWN: [&str; 4] = ["etc/kubernetes", "var/lib/kubelet", "var/lib/etcd", "var/lib/certwright"];

/// Three machines and a workstation.
pub(crate) struct Cluster {
    folder: Folder,
    machines: Vec<Sshd>,
}

/// What certwright left.
pub(crate) struct Ran {
    /// Exit code; None when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Cluster {
    /// Everything expired but the kubelets' certificates, quorum lost.
    pub(crate) fn expired() -> Self {
        Self::at_pace(PACE)
    }

    /// The same at a pace of its own.
    pub(crate) fn at_pace(pace: u32) -> Self {
        let folder = Folder::new("cluster");
        let root = folder.path().to_owned();
        let spec = LabSpec { pace, ..spec(&root) };
        let lab = Lab::create(root.join("lab"), &spec, &Clock::real()).expect("a lab");
        programs(&root.join("bin"));
        let nodes = lab.spec().expect("its spec").nodes;
        let machines: Vec<Sshd> = nodes.iter().map(|node| machine(&root, &node.name)).collect();
        let cluster = Self { folder, machines };
        cluster.write(
            "inventory.toml",
            &inventory(&root, &nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), &cluster.machines),
        );
        let known: String = cluster
            .machines
            .iter()
            .map(|m| fs::read_to_string(m.known_hosts()).expect("known hosts"))
            .collect();
        cluster.write("known_hosts", &known);
        let names = nodes.iter().zip(&cluster.machines).map(|(node, machine)| alias(&node.name, machine));
        let known = format!("UserKnownHostsFile {}\n", root.join("known_hosts").display());
        cluster.write("ssh_config", &std::iter::once(known).chain(names).collect::<String>());
        cluster
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in its folder that only its owner can change.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file of a test");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("its mode");
    }

    /// Takes a machine off the network.
    pub(crate) fn stop_machine(&mut self, index: usize) {
        self.machines[index].stop();
    }

    /// Brings it back.
    pub(crate) fn start_machine(&mut self, index: usize) {
        let binds = binds(self.folder.path(), &self.nodes()[index]);
        self.machines[index].power_on(&Setup { binds, ..Setup::default() });
    }

    /// Kills the sshd processes of all sessions of a machine; how many there were.
    pub(crate) fn cut_lines(&self, index: usize) -> usize {
        self.machines[index].cut_lines()
    }

    /// Switches a machine off and on again: another boot id and an empty /run; how many processes it ended.
    pub(crate) fn reboot(&mut self, index: usize, boot: u32) -> usize {
        let ended = self.machines[index].power_off();
        let (id, run) = (self.path(&format!("boot-{boot}")), self.path(&format!("run-{boot}")));
        fs::write(&id, format!("{boot:08}-1111-4111-8111-111111111111\n")).expect("a boot id");
        fs::create_dir_all(run.join("sshd")).expect("sshd's own folder");
        let mut binds = binds(self.folder.path(), &self.nodes()[index]);
        binds.extend([(id, "/proc/sys/kernel/random/boot_id".into()), (run, "/run".into())]);
        self.machines[index].power_on(&Setup { binds, ..Setup::default() });
        ended
    }

    /// The ports of the machines.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.machines.iter().map(Sshd::port).collect()
    }

    /// What the sshd of each machine logged so far.
    pub(crate) fn logs(&self) -> Vec<String> {
        self.machines.iter().map(Sshd::log).collect()
    }

    /// The lab behind the machines.
    pub(crate) fn lab(&self) -> Lab {
        Lab::open(self.path("lab")).expect("the lab")
    }

    /// Lets a fault wait for its moment.
    pub(crate) fn inject(&self, fault: &str) {
        let fault: Fault = fault.parse().expect("a fault of the lab");
        self.lab().inject(fault).expect("the lab takes it");
    }

    /// Names of the nodes.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.lab().spec().expect("its spec").nodes.into_iter().map(|node| node.name).collect()
    }

    /// certwright on the workstation with these arguments, split at blanks.
    pub(crate) fn command(&self, args: &str) -> Command {
        self.under(Path::new(env!("CARGO_BIN_EXE_certwright")), &[], args)
    }

    /// Another program of the workstation, `before` and then `args`.
    pub(crate) fn under(&self, program: &Path, before: &[&str], args: &str) -> Command {
        let mut command = self.plain(program, before, args);
        command.arg("--ssh-config").arg(self.path("ssh_config"));
        command
    }

    /// Runs certwright to its end, with no ssh_config named.
    pub(crate) fn run_plain(&self, args: &str) -> Ran {
        Ran::of(&mut self.plain(Path::new(env!("CARGO_BIN_EXE_certwright")), &[], args))
    }

    fn plain(&self, program: &Path, before: &[&str], args: &str) -> Command {
        let mut command = self.program(program);
        command.args(before).args(args.split_whitespace());
        if !before.contains(&"--state-dir") {
            command.arg("--state-dir").arg(self.path("state"));
        }
        command
    }

    /// A program on the workstation: the lab's kubectl is its kubectl.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("CERTWRIGHT_LAB_DIR", self.path("lab"))
            .env("CERTWRIGHT_LAB_NODE", "workstation")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    /// Runs certwright to its end.
    pub(crate) fn run(&self, args: &str) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// What somebody types on a node as root, over ssh and sudo; its standard output. Fails where it fails.
    pub(crate) fn type_on(&self, node: &str, script: &str) -> String {
        let mut ssh = Command::new("ssh")
            .arg("-F")
            .arg(self.path("ssh_config"))
            .args([node, "sudo -n /bin/sh -s"])
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ssh starts");
        let mut stdin = ssh.stdin.take().expect("a pipe");
        stdin.write_all(script.as_bytes()).expect("ssh reads");
        drop(stdin);
        let output = ssh.wait_with_output().expect("ssh ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{node}: {script}\n{} {said}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs certwright to its end on the workstation of another operator, which has a state folder of its own.
    pub(crate) fn run_as(&self, user: &str, args: &str) -> Ran {
        let state = self.path(user);
        let mut command = self.under(
            Path::new(env!("CARGO_BIN_EXE_certwright")),
            &["--state-dir", state.to_str().expect("UTF-8")],
            args,
        );
        Ran::of(command.env("USER", user).env_remove("SUDO_USER"))
    }

    /// Every file below `/etc/kubernetes` of every node, with its content.
    pub(crate) fn certificates(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders: Vec<PathBuf> =
            self.nodes().iter().map(|node| self.path("lab").join(node).join("etc/kubernetes")).collect();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder of the lab") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let content = fs::read(&path).expect("a file of the lab");
                    files.insert(path, content);
                }
            }
        }
        files
    }

    /// The highest attempt of each container of each node: how often it was stopped.
    pub(crate) fn attempts(&self) -> BTreeMap<String, u64> {
        let mut attempts = BTreeMap::new();
        for node in self.nodes() {
            let list = Command::new(self.path("bin").join("crictl"))
                .args(["ps", "-a", "-o", "json"])
                .env("CERTWRIGHT_LAB_DIR", self.path("lab"))
                .env("CERTWRIGHT_LAB_NODE", &node)
                .output()
                .expect("the lab's crictl");
            let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("crictl prints JSON");
            for container in list["containers"].as_array().expect("containers") {
                let name = container["metadata"]["name"].as_str().expect("a name");
                let attempt = container["metadata"]["attempt"].as_u64().unwrap_or(0);
                let highest = attempts.entry(format!("{node}/{name}")).or_insert(0);
                *highest = attempt.max(*highest);
            }
        }
        attempts
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().expect("certwright starts");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The whole of it, for a failing assertion.
    pub(crate) fn whole(&self) -> String {
        format!("exit {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

fn spec(root: &Path) -> LabSpec {
    let mut spec = LabSpec::default();
    let workstation = root.join("lab/workstation");
    for path in
        [Some(&mut spec.cluster.kubeconfig), spec.cluster.admin_kubeconfig.as_mut()].into_iter().flatten()
    {
        *path = workstation.join(&*path).display().to_string();
    }
    spec
}

/// The lab's programs under their names, for nodes and workstation.
fn programs(bin: &Path) {
    fs::create_dir_all(bin).expect("a folder for programs");
    for name in program_names() {
        symlink(env!("CARGO_BIN_EXE_certwright-lab"), bin.join(name)).expect("a program");
    }
}

fn machine(root: &Path, node: &str) -> Sshd {
    Sshd::start(&root.join("sshd").join(node), &Setup { binds: binds(root, node), ..Setup::default() })
}

/// What the machine of a node has in the places of this one's.
fn binds(root: &Path, node: &str) -> Vec<(PathBuf, PathBuf)> {
    let lab = root.join("lab");
    let marker = root.join(format!("{node}.marker"));
    fs::write(&marker, Seat { dir: lab.clone(), host: node.to_owned() }.marker()).expect("a marker");
    let mut binds: Vec<(PathBuf, PathBuf)> = OWN
        .iter()
        .map(|folder| {
            let own = lab.join(node).join(folder);
            fs::create_dir_all(&own).expect("a folder of the node");
            (own, Path::new("/").join(folder))
        })
        .collect();
    binds.push((root.join("bin"), "/usr/local/bin".into()));
    binds.push((marker, "/etc/certwright-lab".into()));
    binds
}

/// What ssh is told of a machine, so that its node's name is enough.
fn alias(node: &str, machine: &Sshd) -> String {
    let (port, user, key) = (machine.port(), User::Ops.name(), machine.login_key());
    format!(
        "Host {node}\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {}\n  IdentitiesOnly yes\n",
        key.display()
    )
}

fn inventory(root: &Path, nodes: &[&str], machines: &[Sshd]) -> String {
    let cluster = spec(root).cluster;
    let mut text = format!(
        "[cluster]\nname = \"{}\"\nnamespace = \"{}\"\nkubeconfig = \"{}\"\nadmin-kubeconfig = \"{}\"\n",
        cluster.name,
        cluster.namespace,
        cluster.kubeconfig,
        cluster.admin_kubeconfig.as_deref().expect("the lab has an admin cluster")
    );
    for (node, machine) in nodes.iter().zip(machines) {
        let (port, user, key) = (machine.port(), User::Ops.name(), machine.login_key());
        let host = format!(
            "\n[[host]]\nname = \"{node}\"\naddress = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n\
             identity = \"{}\"\ngroups = [\"control-plane\"]\n",
            key.display()
        );
        text.push_str(&host);
    }
    text
}
