//! `kubectl`: which command, and what stands before its answer.

use super::args::{Flags, go_duration};
use super::connect::{Asked, Options, ask};
use super::kubeadm::VERSION;
use super::{leases, objects, requests, rollout};
use crate::lab::exec::{Answer, Shell};
use crate::pki::layout::Component;

/// How long a request takes when nothing is wrong, ms.
const USUAL: u64 = 120;

pub(super) fn run(shell: &mut Shell<'_>) -> Answer {
    let valued = [
        "--kubeconfig",
        "-s|--server",
        "-n|--namespace",
        "-o|--output",
        "--request-timeout",
        "--timeout",
        "--tls-server-name",
        "--raw",
        "--field-selector",
        "--type",
        "-p|--patch",
    ];
    let switches = ["-A|--all-namespaces", "--insecure-skip-tls-verify"];
    let flags = match Flags::read(shell.args(), &valued, &switches) {
        Ok(flags) => flags,
        Err(gap) => return gap,
    };
    let words = words(&flags);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let lease = match words.as_slice() {
        ["get"] => flags.get("--raw").and_then(leases::at).map(Command::Lease),
        ["patch", "lease", name] if flags.get("--type") == Some("json") => {
            leases::of(name).map(Command::GiveBack)
        }
        _ => None,
    };
    let command = match words.as_slice() {
        ["get"] if flags.get("--raw") == Some(objects::KUBEADM_CONFIG) => Command::KubeadmConfig,
        ["version"] => Command::Version,
        ["get", "node" | "nodes" | "no"] => Command::Nodes,
        ["get", "pod" | "pods" | "po"] => Command::Pods,
        ["get", "secret" | "secrets", name] => Command::Secret(name),
        ["get", "daemonset" | "daemonsets" | "ds", name] => Command::DaemonSet(name),
        ["get", "csr" | "certificatesigningrequest" | "certificatesigningrequests"] => Command::Requests,
        ["certificate", "approve", name] => Command::Approve(name),
        ["rollout", "restart", "daemonset" | "ds", name] => Command::Restart(name),
        ["rollout", "status", "daemonset" | "ds", name] => Command::Status(name),
        _ => match lease {
            Some(lease) => lease,
            None => return Answer::gap(format_args!("kubectl {}", words.join(" "))),
        },
    };
    let asked = match connect(shell, &flags) {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let answer = answer(shell, &flags, asked, &command);
    let takes = answer.takes + shell.state().delay(USUAL);
    answer.takes(takes)
}

enum Command<'a> {
    Version,
    KubeadmConfig,
    Lease(Component),
    GiveBack(Component),
    Nodes,
    Pods,
    Secret(&'a str),
    DaemonSet(&'a str),
    Requests,
    Approve(&'a str),
    Restart(&'a str),
    Status(&'a str),
}

/// The words, `KIND/NAME` taken apart.
fn words(flags: &Flags) -> Vec<String> {
    flags.rest.iter().flat_map(|word| word.split('/')).map(str::to_owned).collect()
}

fn connect(shell: &Shell<'_>, flags: &Flags) -> Result<Asked, Answer> {
    let Some(kubeconfig) = flags.get("--kubeconfig") else {
        let why = "The connection to the server localhost:8080 was refused - did you specify the right host or port?\n";
        return Err(Answer::fail(1, why));
    };
    let options = Options {
        server: flags.get("--server"),
        name: flags.get("--tls-server-name"),
        insecure: flags.has("--insecure-skip-tls-verify"),
        timeout: flags.get("--request-timeout").and_then(go_duration),
    };
    ask(shell, kubeconfig, &options)
}

fn answer(shell: &mut Shell<'_>, flags: &Flags, asked: Asked, command: &Command<'_>) -> Answer {
    let namespace = flags.get("--namespace").unwrap_or("default");
    let output = flags.get("--output");
    match (command, asked) {
        (Command::Version, _) => Answer::ok(format!(
            "Client Version: {VERSION}\nKustomize Version: v5.8.1\nServer Version: {VERSION}\n"
        )),
        (Command::Secret(name), asked) => objects::secret(shell, asked, name, namespace, output),
        (Command::KubeadmConfig, Asked::Cluster) => objects::kubeadm_config(shell),
        (Command::Lease(component), Asked::Cluster) => leases::get(shell, *component),
        (Command::GiveBack(component), Asked::Cluster) => {
            leases::give_back(shell, *component, flags.get("--patch"))
        }
        (Command::Nodes, Asked::Cluster) => objects::nodes(shell, output),
        (Command::Pods, Asked::Cluster) => {
            let all = flags.has("--all-namespaces");
            objects::pods(shell, if all { None } else { Some(namespace) }, output)
        }
        (Command::DaemonSet(name), Asked::Cluster) => rollout::daemonset(shell, name, namespace, output),
        (Command::Requests, Asked::Cluster) => requests::list(shell, flags.get("--field-selector"), output),
        (Command::Approve(name), Asked::Cluster) => requests::approve(shell, name),
        (Command::Restart(name), Asked::Cluster) => rollout::restart(shell, name, namespace),
        (Command::Status(name), Asked::Cluster) => {
            let timeout = flags.get("--timeout").and_then(go_duration).filter(|t| *t > 0);
            rollout::status(shell, name, namespace, timeout)
        }
        (Command::Nodes, Asked::Admin) => {
            let rows = "NAME      STATUS   ROLES           AGE    VERSION\nadmin-1   Ready    control-plane   365d   v1.36.1\n";
            if output.is_some() {
                Answer::gap("kubectl get nodes -o ... of the admin cluster")
            } else {
                Answer::ok(rows)
            }
        }
        (
            Command::KubeadmConfig
            | Command::Lease(_)
            | Command::GiveBack(_)
            | Command::Pods
            | Command::DaemonSet(_)
            | Command::Requests
            | Command::Approve(_)
            | Command::Restart(_)
            | Command::Status(_),
            Asked::Admin,
        ) => Answer::gap("anything but nodes and the secret in the admin cluster"),
    }
}
