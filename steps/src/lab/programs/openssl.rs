//! `openssl s_client`: the certificate that the process behind a port has loaded.
//!
//! Nothing else of openssl is played: on hosts that are machines the real one is called for the rest.

use super::connect::host_and_port;
use crate::lab::exec::{Answer, Shell};
use crate::pki::layout::Component;

pub(super) fn run(shell: &Shell<'_>) -> Answer {
    let args = shell.args();
    if args.first().is_none_or(|a| a != "s_client") {
        return Answer::gap(format_args!("openssl {}", args.first().map_or("", String::as_str)));
    }
    let mut target = None;
    let mut words = args[1..].iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-connect" => target = words.next(),
            "-servername" | "-CAfile" | "-cert" | "-key" => drop(words.next()),
            "-showcerts" | "-brief" | "-noservername" => {}
            other => return Answer::gap(format_args!("openssl s_client {other}")),
        }
    }
    let Some(target) = target else { return Answer::gap("openssl s_client without -connect") };
    let (host, port) = host_and_port(target);
    let takes = shell.state().delay(30);
    match served(shell, &host, port) {
        Some(pem) => Answer::ok(format!(
            "CONNECTED(00000003)\n---\nServer certificate\n{pem}---\nNo client certificate CA names sent\n---\n"
        ))
        .takes(takes),
        None => Answer::fail(1, format!("connect:errno=111\nConnection refused\n{host}:{port}\n")).takes(takes),
    }
}

/// What a port of the node serves.
fn served(shell: &Shell<'_>, host: &str, port: u16) -> Option<String> {
    let (state, now) = (shell.state(), shell.now());
    let own = ["127.0.0.1", "localhost", "::1"].contains(&host) && shell.on_node();
    let node = if own {
        shell.call.host.to_owned()
    } else {
        state.nodes.iter().find(|(name, n)| *name == host || n.address == host)?.0.clone()
    };
    let container = |component: Component| state.node(&node).running(component.name());
    let loaded = |component: Component, leaf: &str| {
        let container = container(component).filter(|c| c.came_up && c.started + state.delay(200) <= now)?;
        Some(container.loaded.get(leaf)?.pem.clone())
    };
    let own = |component| container(component).filter(|c| c.ready_at <= now).map(|c| c.own.clone());
    match port {
        6443 => loaded(Component::KubeApiserver, "apiserver"),
        2379 => loaded(Component::Etcd, "etcd-server"),
        2380 => loaded(Component::Etcd, "etcd-peer"),
        10250 => {
            let chain = shell.files().text(&node, "/var/lib/kubelet/pki/kubelet.crt")?;
            state.node(&node).kubelet.active.then_some(chain)
        }
        10257 => own(Component::KubeControllerManager),
        10259 => own(Component::KubeScheduler),
        _ => None,
    }
}
