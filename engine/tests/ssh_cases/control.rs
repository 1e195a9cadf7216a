//! The control socket: where it stands, and who may have put another one there.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::row::Row;
use crate::sshd::processes::processes_with;
use crate::{Command, Folder, Node, SshHost, SshOptions, User, ok, until};

/// Somebody else on this machine.
const OTHER: u32 = 65_534;

async fn works_outside(node: &Node, runtime_dir: &Path) {
    let options = SshOptions { runtime_dir: Some(runtime_dir.to_owned()), ..node.options() };
    let host = SshHost::new(&node.spec(User::Ops.name()), options);
    ok(&host, &Command::mutates(["true"])).await;
    let port = format!("-p {} ", node.sshd.port());
    let ours = processes_with(&port);
    let lines: Vec<String> = ours
        .iter()
        .map(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(" -S /tmp/cw-")), "{lines:?}");
    drop(host);
    until("ssh ends", || processes_with(&port).is_empty()).await;
}

#[tokio::test]
async fn a_runtime_folder_in_which_others_can_put_sockets_is_not_used() {
    let mut row = Row::of("planted control socket");
    let node = Node::start("planted");
    let folder = Folder::new("planted-runtime");
    // (owner, mode): somebody else's; ours, but everybody can rename what is in it.
    for (owner, mode) in [(OTHER, 0o700), (OTHER, 0o1777), (0, 0o777), (0, 0o770)] {
        let runtime = folder.path().join(format!("{owner}-{mode:o}"));
        std::fs::create_dir(&runtime).expect("a folder");
        std::fs::create_dir(runtime.join("cw-planted")).expect("a folder");
        let socket = UnixListener::bind(runtime.join("cw-planted/m")).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(mode)).expect("set");
        chown(&runtime, Some(owner), None).expect("root may");
        works_outside(&node, &runtime).await;
        let names: Vec<_> = std::fs::read_dir(&runtime).expect("there").flatten().collect();
        row.fired(names.len() == 1 && names[0].file_name() == "cw-planted");
        assert!(socket.accept().is_err(), "nobody connected to it");
    }
}

#[tokio::test]
async fn a_control_path_that_is_too_long_is_not_used() {
    let mut row = Row::of("long control path");
    let node = Node::start("long-path");
    let runtime = node.folder.path().join("x".repeat(100));
    std::fs::create_dir(&runtime).expect("a folder");
    works_outside(&node, &runtime).await;
    row.fired(std::fs::read_dir(&runtime).expect("there").next().is_none());
}

#[tokio::test]
async fn sockets_that_are_there_already_are_left_alone() {
    let mut row = Row::of("stale control sockets");
    let node = Node::start("stale");
    let stale = node.path("control/cw-00112233445566778899aabbccddeeff");
    std::fs::create_dir(&stale).expect("a folder");
    drop(UnixListener::bind(format!("{stale}/m")).expect("a socket"));
    let host = node.host();
    ok(&host, &Command::mutates(["true"])).await;
    row.fired(node.control_folders() == 2 && Path::new(&format!("{stale}/m")).exists());
}
