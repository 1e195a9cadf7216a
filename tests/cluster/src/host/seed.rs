//! What etcd holds when the cluster begins: one member is filled, and each node's data folder restored from it.
//!
//! So a cluster of three members exists before the first of them runs, whatever the state of their certificates: with
//! expired ones they refuse each other from the start.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certwright_steps::lab::NodeSpec;

use super::files::run;
use super::{HostError, Machine};

/// Where the one member listens, in the workstation's network.
const URL: &str = "http://127.0.0.1:2379";
/// How long it may take to come up.
const UP: Duration = Duration::from_secs(20);

/// An object by its key.
pub(super) type Object = (String, Vec<u8>);

/// A process that ends with its owner.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// Fills the data folder of each node; `hosts` holds their folders.
pub(super) fn restore(
    workstation: &Machine,
    hosts: &Path,
    nodes: &[NodeSpec],
    objects: &[Object],
) -> Result<(), HostError> {
    let folder = hosts.join("seed");
    std::fs::create_dir_all(&folder).map_err(HostError::file("create", &folder))?;
    let snapshot = folder.join("snapshot.db");
    snapshot_of(workstation, &folder, &snapshot, objects)?;
    let members: Vec<String> =
        nodes.iter().map(|node| format!("{}=https://{}:2380", node.name, node.address)).collect();
    for node in nodes {
        let data = folder.join(&node.name);
        let mut etcdctl = Command::new("etcdctl");
        etcdctl
            .args(["snapshot", "restore"])
            .arg(&snapshot)
            .args(["--name", &node.name, "--data-dir"])
            .arg(&data);
        etcdctl.args(["--initial-cluster", &members.join(","), "--initial-advertise-peer-urls"]);
        etcdctl.arg(format!("https://{}:2380", node.address)).env("ETCDCTL_API", "3").stdin(Stdio::null());
        run(&mut etcdctl)?;
        let member = hosts.join(&node.name).join("var/lib/etcd/member");
        std::fs::rename(data.join("member"), &member).map_err(HostError::file("move to", &member))?;
    }
    std::fs::remove_dir_all(&folder).map_err(HostError::file("remove", folder))
}

fn snapshot_of(workstation: &Machine, folder: &Path, to: &Path, objects: &[Object]) -> Result<(), HostError> {
    let first = workstation.first().to_string();
    let inside = |program: &str| {
        let mut command = Command::new("nsenter");
        command.args(["--target", &first, "--net", "--", program]).env("ETCDCTL_API", "3");
        command.stdin(Stdio::null());
        command
    };
    let log = folder.join("log");
    let log = std::fs::File::create(&log).map_err(HostError::file("create", &log))?;
    let mut etcd = inside("etcd");
    etcd.arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--heartbeat-interval=10", "--election-timeout=100"]);
    etcd.args([format!("--listen-client-urls={URL}"), format!("--advertise-client-urls={URL}")]);
    etcd.arg("--listen-peer-urls=http://127.0.0.1:2380").stdout(Stdio::null()).stderr(log);
    let failed = |source| HostError::Program { program: "etcd".into(), source };
    let _member = Ends(etcd.spawn().map_err(failed)?);
    let began = Instant::now();
    loop {
        match run(inside("etcdctl").args(["--endpoints", URL, "put", "/certwright/seed", "1"])) {
            Ok(_) => break,
            Err(error) if began.elapsed() > UP => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    for (key, value) in objects {
        put(&mut inside("etcdctl"), key, value)?;
    }
    run(inside("etcdctl").args(["--endpoints", URL, "snapshot", "save"]).arg(to)).map(drop)
}

fn put(etcdctl: &mut Command, key: &str, value: &[u8]) -> Result<(), HostError> {
    use std::io::Write as _;
    let failed = |source| HostError::Program { program: "etcdctl".into(), source };
    etcdctl.args(["--endpoints", URL, "put", key]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = etcdctl.spawn().map_err(failed)?;
    child.stdin.take().expect("a pipe").write_all(value).map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(HostError::Failed { command: format!("etcdctl put {key}"), said: status.to_string() })
}
