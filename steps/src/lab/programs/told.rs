//! What a node tells of itself when it is only looked at: releases, and the kubelet's log.

use crate::lab::clockwork::klog;
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::Kubelet;

/// How often systemd starts a kubelet that dies, ms.
const AGAIN: u64 = 10_000;

/// `kubelet --version`, `uname -srm`, `cat /etc/os-release`, `journalctl ... -u kubelet -n N ...`.
pub(super) fn run(shell: &Shell<'_>, name: &str) -> Answer {
    let words: Vec<&str> = shell.args().iter().map(String::as_str).collect();
    match (name, words.as_slice()) {
        ("kubelet", ["--version"]) => Answer::ok(format!("Kubernetes {}\n", super::kubeadm::VERSION)),
        ("uname", ["-srm"]) => Answer::ok("Linux 6.1.0-lab x86_64\n"),
        ("cat", ["/etc/os-release"]) => Answer::ok("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
        ("journalctl", words) if words.contains(&"kubelet") && shell.on_node() => {
            let (state, now) = (shell.state(), shell.now());
            let node = state.node(shell.call.host);
            let heard = state.api_is_ready(shell.call.host, now, &state.quorum(now));
            Answer::ok(kubelet_log(&node.kubelet, heard, shell.now()))
        }
        (name, words) => Answer::gap(format_args!("{name} {}", words.join(" "))),
    }
}

/// The last lines of a kubelet: those of the trap, before it and in it.
fn kubelet_log(kubelet: &Kubelet, heard: bool, now: u64) -> String {
    let expired = kubelet.client.as_ref().is_none_or(|client| !client.is_valid(now));
    let not_after = kubelet.client.as_ref().map_or(0, |client| client.not_after);
    let at = now - now % AGAIN;
    if !kubelet.active {
        let date = crate::lab::clockwork::rfc3339(not_after).replace('T', " ").replace('Z', " +0000 UTC");
        return format!(
            "{} bootstrap.go:267] \"Unhandled Error\" err=\"part of the existing bootstrap client certificate in \
             /etc/kubernetes/kubelet.conf is expired: {date}\" logger=\"UnhandledError\"\n{} run.go:72] \"command failed\" \
             err=\"failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: \
             no such file or directory\"\n",
            klog('E', at, 8909),
            klog('E', at, 8909),
        );
    }
    if expired && heard {
        return format!(
            "{} certificate_manager.go:596] \"Failed while requesting a signed certificate from the control plane\" \
             err=\"cannot create certificate signing request: Unauthorized\" \
             logger=\"kubernetes.io/kube-apiserver-client-kubelet.UnhandledError\"\n",
            klog('E', at, 8236),
        );
    }
    String::new()
}
