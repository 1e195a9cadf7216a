//! `crictl ps` and `crictl pods`.

use serde_json::{Value, json};

use super::args::Flags;
use super::inspect::{annotations, image, image_name, labels};
use super::table::{row, table};
use crate::lab::clockwork::{ago, rfc3339_ns};
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::{Container, Pod};
use crate::lab::world::pods::DEFRAG;

/// Two spaces, as crictl writes JSON.
pub(super) fn pretty(value: &Value) -> Answer {
    let text = serde_json::to_string_pretty(value).expect("a value serializes to JSON");
    Answer::ok(text).stdout("\n")
}

/// `crictl ps [-a] [-q] [-o json] [--name REGEX]`, newest first.
pub(super) fn ps(shell: &Shell<'_>, args: &[String]) -> Result<Answer, Answer> {
    let flags = Flags::read(args, &["-o|--output", "--name"], &["-a|--all", "-q|--quiet"])?;
    let pattern = flags.get("--name").map(Pattern::read).transpose()?;
    let node = shell.state().node(shell.call.host);
    let mut all: Vec<(&str, &Pod, &Container)> = node
        .pods
        .iter()
        .flat_map(|(name, pod)| pod.containers.iter().map(move |c| (name.as_str(), pod, c)))
        .filter(|(_, _, c)| flags.has("--all") || c.ended.is_none())
        .filter(|(name, _, _)| pattern.as_ref().is_none_or(|p| p.matches(name)))
        .collect();
    all.sort_by_key(|(name, _, c)| (std::cmp::Reverse(c.started), start_order(name)));
    match flags.get("--output") {
        _ if flags.has("--quiet") => Ok(Answer::ok(lines(all.iter().map(|(_, _, c)| c.id.as_str())))),
        None | Some("table") => Ok(Answer::ok(ps_table(&all, shell.now()))),
        Some("json") => {
            let items: Vec<Value> = all.iter().map(|(name, pod, c)| ps_json(name, pod, c)).collect();
            Ok(pretty(&json!({"containers": items})))
        }
        Some(other) => Err(Answer::gap(format_args!("crictl ps -o {other}"))),
    }
}

fn lines<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.flat_map(|id| [id, "\n"]).collect()
}

/// Containers that were started in the same moment stand as on the real node.
fn start_order(name: &str) -> usize {
    let order = [DEFRAG, "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"];
    order.iter().position(|n| *n == name).unwrap_or(order.len())
}

fn ps_table(all: &[(&str, &Pod, &Container)], now: u64) -> String {
    let mut rows = vec![row([
        "CONTAINER",
        "IMAGE",
        "CREATED",
        "STATE",
        "NAME",
        "ATTEMPT",
        "POD ID",
        "POD",
        "NAMESPACE",
    ])];
    rows.extend(all.iter().map(|(name, pod, c)| {
        let state = if c.ended.is_some() { "Exited" } else { "Running" };
        row([
            &c.id[..13],
            &image(name)[7..20],
            &ago(now.saturating_sub(c.started) / 1000),
            state,
            name,
            &c.attempt.to_string(),
            &pod.sandbox[..13],
            &pod.name,
            "kube-system",
        ])
    }));
    table(&rows, 20, 3)
}

fn ps_json(name: &str, pod: &Pod, container: &Container) -> Value {
    let state = if container.ended.is_some() { "CONTAINER_EXITED" } else { "CONTAINER_RUNNING" };
    json!({
        "id": container.id,
        "podSandboxId": pod.sandbox,
        "metadata": {"name": name, "attempt": container.attempt},
        "image": {
            "image": image(name),
            "annotations": {},
            "userSpecifiedImage": image_name(name),
            "runtimeHandler": "",
            "imageRef": "",
        },
        "imageRef": image(name),
        "state": state,
        "createdAt": format!("{}", container.started * 1_000_000),
        "labels": labels(name, pod),
        "annotations": annotations(name, container),
        "imageId": "",
    })
}

/// `crictl pods [-q] [-o json] [--name REGEX]`, newest first.
pub(super) fn pods(shell: &Shell<'_>, args: &[String]) -> Result<Answer, Answer> {
    let flags = Flags::read(args, &["-o|--output", "--name"], &["-q|--quiet"])?;
    let pattern = flags.get("--name").map(Pattern::read).transpose()?;
    let node = shell.state().node(shell.call.host);
    let mut all: Vec<(&str, &Pod)> = node
        .pods
        .iter()
        .map(|(name, pod)| (name.as_str(), pod))
        .filter(|(_, pod)| pattern.as_ref().is_none_or(|p| p.matches(&pod.name)))
        .collect();
    all.sort_by_key(|(name, pod)| (std::cmp::Reverse(pod.sandbox_created), start_order(name)));
    match flags.get("--output") {
        _ if flags.has("--quiet") => Ok(Answer::ok(lines(all.iter().map(|(_, pod)| pod.sandbox.as_str())))),
        None | Some("table") => {
            let mut rows =
                vec![row(["POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"])];
            rows.extend(all.iter().map(|(_, pod)| {
                let created = ago(shell.now().saturating_sub(pod.sandbox_created) / 1000);
                row([&pod.sandbox[..13], &created, "Ready", &pod.name, "kube-system", "0", "(default)"])
            }));
            Ok(Answer::ok(table(&rows, 20, 3)))
        }
        Some("json") => {
            let items: Vec<Value> =
                all.iter().map(|(name, pod)| pod_json(name, &node.address, pod)).collect();
            Ok(pretty(&json!({"items": items})))
        }
        Some(other) => Err(Answer::gap(format_args!("crictl pods -o {other}"))),
    }
}

fn pod_json(name: &str, address: &str, pod: &Pod) -> Value {
    let seen = rfc3339_ns(pod.sandbox_created);
    let mut labels = json!({
        "io.kubernetes.pod.name": pod.name,
        "io.kubernetes.pod.namespace": "kube-system",
        "io.kubernetes.pod.uid": pod.uid,
    });
    let annotations = if name == DEFRAG {
        labels["app"] = json!(DEFRAG);
        labels["controller-revision-hash"] = json!("5b4d7494dc");
        labels["pod-template-generation"] = json!(pod.generation.to_string());
        json!({"kubernetes.io/config.seen": seen, "kubernetes.io/config.source": "api"})
    } else {
        labels["component"] = json!(name);
        labels["tier"] = json!("control-plane");
        let mut own = json!({
            "kubernetes.io/config.hash": pod.uid,
            "kubernetes.io/config.seen": seen,
            "kubernetes.io/config.source": "file",
        });
        // kubeadm's own annotations of the manifest come along.
        let (key, value) = match name {
            "etcd" => ("kubeadm.kubernetes.io/etcd.advertise-client-urls", format!("https://{address}:2379")),
            "kube-apiserver" => {
                ("kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint", format!("{address}:6443"))
            }
            _ => ("", String::new()),
        };
        if !key.is_empty() {
            own[key] = json!(value);
        }
        own
    };
    json!({
        "id": pod.sandbox,
        "metadata": {"name": pod.name, "uid": pod.uid, "namespace": "kube-system", "attempt": 0},
        "state": "SANDBOX_READY",
        "createdAt": format!("{}", pod.sandbox_created * 1_000_000),
        "labels": labels,
        "annotations": annotations,
        "runtimeHandler": "",
    })
}

/// `--name` is a regular expression; the lab knows those made of plain characters, `.`, and `^` and `$` at the ends.
struct Pattern {
    body: String,
    from_start: bool,
    to_end: bool,
}

impl Pattern {
    fn read(text: &str) -> Result<Self, Answer> {
        let from_start = text.starts_with('^');
        let to_end = text.ends_with('$');
        let body = text.trim_start_matches('^').trim_end_matches('$').to_owned();
        if body.chars().any(|c| !c.is_ascii_alphanumeric() && !"-_.".contains(c)) {
            return Err(Answer::gap(format_args!("regular expression {text}")));
        }
        Ok(Self { body, from_start, to_end })
    }

    fn matches(&self, name: &str) -> bool {
        let width = self.body.len();
        let fits = |at: usize| {
            let part = name.as_bytes().get(at..at + width);
            part.is_some_and(|p| p.iter().zip(self.body.bytes()).all(|(a, b)| b == b'.' || *a == b))
                && (!self.to_end || at + width == name.len())
        };
        let last = if self.from_start { 0 } else { name.len() };
        (0..=last).any(fits)
    }
}
