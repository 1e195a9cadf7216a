//! The network between the hosts: a bridge on the workstation, a pair of interfaces for each node.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use super::{HostError, Machine};

/// The bridge.
const BRIDGE: &str = "br0";

/// Makes the bridge on the workstation, with these addresses.
pub(super) fn bridge(workstation: &Machine, addresses: &[Ipv4Addr]) -> Result<(), HostError> {
    let mut lines = vec![
        "link set lo up".to_owned(),
        format!("link add {BRIDGE} type bridge forward_delay 0"),
        format!("link set {BRIDGE} up"),
    ];
    lines.extend(addresses.iter().map(|address| format!("addr add {address}/24 dev {BRIDGE}")));
    ip(workstation, &lines)
}

/// Connects a node with the bridge.
pub(super) fn connect(workstation: &Machine, node: &Machine) -> Result<(), HostError> {
    let name = node.name();
    // Of a node that was switched off; without one there is nothing to remove.
    let _none = ip(workstation, &[format!("link del {name}")]);
    ip(
        workstation,
        &[
            format!("link add {name} type veth peer name eth0 netns {}", node.first()),
            format!("link set {name} master {BRIDGE}"),
            format!("link set {name} up"),
        ],
    )?;
    ip(
        node,
        &[
            "link set lo up".to_owned(),
            format!("addr add {}/24 dev eth0", node.address()),
            "link set eth0 up".to_owned(),
        ],
    )
}

/// Runs lines of `ip -batch` in a host's network.
fn ip(host: &Machine, lines: &[String]) -> Result<(), HostError> {
    use std::io::Write as _;
    let mut command = Command::new("nsenter");
    command.args(["--target", &host.first().to_string(), "--net", "--", "ip", "-batch", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |source| HostError::Program { program: "ip".into(), source };
    let mut child = command.spawn().map_err(failed)?;
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all((lines.join("\n") + "\n").as_bytes()).map_err(failed)?;
    drop(input);
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(HostError::Failed { command: format!("ip -batch on {}", host.name()), said })
}
