//! One sshd under many names, on a machine that is a node of a lab.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};

use crate::sshd::{Folder, Setup, Sshd, User};

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// A user with sudo.
    Sudo,
    /// root, with an empty home.
    Root,
}

impl Login {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Sudo, Self::Root];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sudo => "user with sudo",
            Self::Root => "root",
        }
    }

    fn user(self) -> &'static str {
        match self {
            Self::Sudo => User::Ops.name(),
            Self::Root => "root",
        }
    }

    /// The name of a node where this one logs in.
    fn node(self, number: u32) -> String {
        match self {
            Self::Sudo => format!("s{number}"),
            Self::Root => format!("r{number}"),
        }
    }
}

/// The nodes.
pub(crate) struct Nodes {
    folder: Folder,
    _sshd: Sshd,
}

impl Nodes {
    /// So many names.
    pub(crate) fn new(most: u32) -> Self {
        let folder = Folder::new("fleet");
        let root = folder.path();
        let spec = LabSpec::default().certificates(Validity::Valid);
        let lab = Lab::create(root.join("lab"), &spec, &Clock::real()).expect("a lab");
        let node = lab.spec().expect("its spec").nodes.remove(0).name;
        let mut setup = Setup::node(&root.join("lab").join(node));
        // Whatever root's own shell does when it starts is not what is measured.
        let home = root.join("home");
        fs::create_dir(&home).expect("a home");
        setup.binds.push((home, PathBuf::from("/root")));
        "MaxStartups 1000".clone_into(&mut setup.config);
        let sshd = Sshd::start(&root.join("sshd"), &setup);
        let known = sshd.known_hosts();
        let mut config = format!("UserKnownHostsFile {}\n", known.display());
        let (port, key) = (sshd.port(), sshd.login_key());
        for login in Login::ALL {
            let user = login.user();
            config.extend((1..=most).map(|number| {
                format!(
                    "Host {}\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {}\n  IdentitiesOnly yes\n",
                    login.node(number),
                    key.display()
                )
            }));
        }
        let nodes = Self { folder, _sshd: sshd };
        nodes.write("ssh_config", &config);
        nodes
    }

    /// A path in their folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file of the benchmark");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("its mode");
    }

    /// `xargs -P32 ssh NODE WORDS`.
    pub(crate) fn xargs(&self, login: Login, many: u32, words: &str) -> Command {
        let names: String = (1..=many).map(|number| login.node(number) + "\n").collect();
        self.write("names", &names);
        let (names, config) = (self.path("names"), self.path("ssh_config"));
        let line =
            format!("exec xargs -P{AT_ONCE} -I@ ssh -F {} @ {words} <{}", config.display(), names.display());
        let mut sh = self.program(Path::new("/bin/sh"));
        sh.args(["-c", &line]);
        sh
    }

    /// `certwright certs` of these nodes, and more arguments.
    pub(crate) fn certs(&self, login: Login, many: u32, more: &[&str]) -> Command {
        let mut certwright = self.program(Path::new(env!("CARGO_BIN_EXE_certwright")));
        certwright
            .arg("--state-dir")
            .arg(self.path("state"))
            .arg("--ssh-config")
            .arg(self.path("ssh_config"));
        certwright.args(["certs", "--output", "json", "--no-keys", "--at-once", &AT_ONCE.to_string()]);
        certwright.args(more).args((1..=many).map(|number| login.node(number)));
        certwright
    }

    fn program(&self, program: &Path) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env_remove("SSH_AUTH_SOCK");
        command
    }
}

/// Nodes at a time.
const AT_ONCE: u32 = 32;
