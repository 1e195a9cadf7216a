//! This test binary once more, in surroundings that a process cannot give to itself: killed, or with other
//! environment variables, or in a mount namespace with another resolver.

use std::path::{Path, PathBuf};
use std::process::Command;

use certwright_engine::plan::{HostSpec, SshSettings};

use crate::{Node, SshHost, SshOptions, User, claim};

const NODE: &str = "CERTWRIGHT_TEST_HELD_NODE";

/// The command that runs one ignored test of this binary, given a node; `before` stands before it.
#[expect(clippy::disallowed_methods, reason = "the process that is started is this test binary")]
pub(crate) fn again(test: &str, node: &Node, before: &[&str]) -> Command {
    let exe = std::env::current_exe().expect("a test binary");
    let mut command = match before {
        [] => Command::new(exe),
        [program, argv @ ..] => {
            let mut command = Command::new(program);
            command.args(argv).arg(exe);
            command
        }
    };
    command.args(["--exact", &format!("ssh_cases::{test}"), "--nocapture", "--ignored"]);
    command.env(NODE, format!("{} {}", node.sshd.port(), node.folder.path().display()));
    command
}

/// Runs it to its end, and asserts that it passed; what it printed.
pub(crate) fn passes(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text
}

/// In the process that was started so: the node it was given; None where somebody runs all ignored tests.
pub(crate) struct Given {
    /// The node's folder, the same on both sides.
    pub(crate) folder: PathBuf,
    /// As [`Node::spec`].
    pub(crate) spec: HostSpec,
    /// As [`Node::options`].
    pub(crate) options: SshOptions,
}

impl Given {
    pub(crate) fn node() -> Option<Self> {
        let given = std::env::var(NODE).ok()?;
        let (port, folder) = given.split_once(' ').expect("port and folder");
        let folder = Path::new(folder).to_owned();
        let spec = HostSpec {
            name: "cp-1".to_owned(),
            address: Some("127.0.0.1".to_owned()),
            groups: Vec::new(),
            ssh: SshSettings {
                user: Some(User::Ops.name().to_owned()),
                identity: Some(folder.join("sshd/login_key").display().to_string()),
                port: Some(port.parse().expect("a port")),
            },
        };
        let options = SshOptions {
            known_hosts: Some(folder.join("sshd/known_hosts")),
            runtime_dir: Some(folder.join("control")),
            claim: Some(claim("run-1")),
            ..SshOptions::default()
        };
        Some(Self { folder, spec, options })
    }

    pub(crate) fn host(&self) -> SshHost {
        SshHost::new(&self.spec, self.options.clone())
    }
}
