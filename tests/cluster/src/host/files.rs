//! The files that make a host of a folder: users, names, sshd, programs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{HostError, Programs};
use crate::settings::{Bind, FOLDER};

/// The login user of every host, who may sudo and nothing else.
pub(super) const USER: &str = "ops";
/// Folders that are every host's own, in the order of their mounts.
const OWN: [&str; 7] = ["usr/local/bin", "etc/sudoers.d", "run", "var/log", "home", "root", "tmp"];
/// The same of nodes alone.
const OF_NODES: [&str; 4] = ["etc/kubernetes", "var/lib/kubelet", "var/lib/etcd", "var/lib/certwright"];
/// Files that are every host's own.
const FILES: [&str; 5] = ["etc/passwd", "etc/shadow", "etc/group", "etc/hosts", "etc/hostname"];
/// Programs of ours on a node.
const PROGRAMS: [&str; 5] = ["kubeadm", "crictl", "systemctl", "kubelet", "containerd"];

/// This crate's binary on every host, wherever it was built.
pub const OURS: &str = "/usr/local/bin/certwright-cluster";
/// The product's on the workstation.
const CERTWRIGHT: &str = "/usr/local/bin/certwright";

/// What a host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A control-plane node.
    Node,
    /// The operator's.
    Workstation,
}

/// A folder that becomes a host.
pub(super) struct Root<'a> {
    /// Where it is.
    pub(super) place: &'a Path,
    /// Its name.
    pub(super) name: &'a str,
    /// What it is for.
    pub(super) role: Role,
    /// The binaries of the cluster.
    pub(super) programs: &'a Programs,
}

impl Root<'_> {
    fn path(&self, path: &str) -> PathBuf {
        self.place.join(path)
    }

    fn write(&self, path: &str, text: &str, mode: u32) -> Result<(), HostError> {
        let place = self.path(path);
        fs::write(&place, text).map_err(HostError::file("write", &place))?;
        fs::set_permissions(&place, fs::Permissions::from_mode(mode))
            .map_err(HostError::file("set the mode of", place))
    }

    fn folder(&self, path: &str, mode: u32) -> Result<(), HostError> {
        let place = self.path(path);
        fs::create_dir_all(&place).map_err(HostError::file("create", &place))?;
        fs::set_permissions(&place, fs::Permissions::from_mode(mode))
            .map_err(HostError::file("set the mode of", place))
    }

    /// Writes everything but what kubeadm keeps; `hosts` are the lines of `/etc/hosts`.
    pub(super) fn fill(&self, hosts: &str) -> Result<(), HostError> {
        for folder in OWN.iter().chain(OF_NODES.iter().filter(|_| self.role == Role::Node)) {
            if !self.path(folder).exists() {
                self.folder(folder, 0o755)?;
            }
        }
        self.folder("tmp", 0o1777)?;
        self.folder("root", 0o700)?;
        self.folder("run/sshd", 0o755)?;
        self.folder(&FOLDER[1..], 0o755)?;
        self.folder(&format!("home/{USER}"), 0o755)?;
        self.users()?;
        self.write("etc/hostname", &format!("{}\n", self.name), 0o644)?;
        self.write("etc/hosts", hosts, 0o644)?;
        self.write("etc/sudoers.d/ops", &format!("{USER} ALL=(ALL) NOPASSWD: ALL\n"), 0o440)?;
        for name in PROGRAMS.iter().filter(|_| self.role == Role::Node) {
            let place = self.path("usr/local/bin").join(name);
            symlink(OURS, &place).map_err(HostError::file("link", place))?;
        }
        Ok(())
    }

    /// The machine's users and groups, and the login user.
    fn users(&self) -> Result<(), HostError> {
        let more = [
            ("etc/passwd", format!("{USER}:x:4242:4242::/home/{USER}:/bin/sh\n"), 0o644),
            ("etc/shadow", format!("{USER}:*:19000:0:99999:7:::\n"), 0o640),
            ("etc/group", format!("{USER}:x:4242:\n"), 0o644),
        ];
        for (path, line, mode) in more {
            let own = Path::new("/").join(path);
            let text = fs::read_to_string(&own).map_err(HostError::file("read", own))?;
            let others: String = text
                .lines()
                .filter(|line| !line.starts_with(&format!("{USER}:")))
                .flat_map(|line| [line, "\n"])
                .collect();
            self.write(path, &(others + &line), mode)?;
        }
        Ok(())
    }

    /// Writes what sshd needs; the public key of whoever may log in.
    pub(super) fn sshd(&self, login: &str) -> Result<String, HostError> {
        let own = &FOLDER[1..];
        key(&self.path(own).join("host_key"))?;
        self.write(&format!("{own}/authorized_keys"), login, 0o644)?;
        let config = format!(
            "Port 22\nHostKey {FOLDER}/host_key\nPidFile none\nAuthorizedKeysFile {FOLDER}/authorized_keys\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n\
             AllowUsers {USER}\nMaxStartups 100\nUseDNS no\nLogLevel VERBOSE\n"
        );
        self.write(&format!("{own}/sshd_config"), &config, 0o600)?;
        let public = self.path(own).join("host_key.pub");
        fs::read_to_string(&public).map_err(HostError::file("read", public))
    }

    /// The mounts that make it one.
    pub(super) fn binds(&self) -> Vec<Bind> {
        let of_nodes = OF_NODES.iter().filter(|_| self.role == Role::Node);
        let all = of_nodes.chain(&FILES).chain(&OWN);
        let own = all.map(|path| Bind { source: self.path(path), target: Path::new("/").join(path) });
        let mut binds: Vec<Bind> = own.collect();
        // After the folder that they are in, before the folders that they may come from.
        let at =
            binds.iter().position(|bind| bind.target == Path::new("/usr/local/bin")).map_or(0, |at| at + 1);
        let bind = |source: &Path, target: &str| Bind { source: source.to_owned(), target: target.into() };
        binds.insert(at, bind(&self.programs.hosts, OURS));
        if self.role == Role::Workstation {
            binds.insert(at, bind(&self.programs.certwright, CERTWRIGHT));
        }
        let boot = Path::new(FOLDER).join("boot_id");
        binds.push(Bind { source: boot, target: "/proc/sys/kernel/random/boot_id".into() });
        binds
    }
}

/// Makes a key pair.
pub(super) fn key(place: &Path) -> Result<(), HostError> {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(place).stdin(Stdio::null());
    run(&mut keygen).map(drop)
}

/// Runs a program of the machine to its end; its standard output.
pub(super) fn run(command: &mut Command) -> Result<Vec<u8>, HostError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| HostError::Program { program, source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(HostError::Failed { command: format!("{command:?}"), said: format!("{} {said}", output.status) })
}
