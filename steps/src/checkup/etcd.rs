//! A node's etcd member: its health, who leads, and whom it knows.

use certwright_engine::host::Command;
use certwright_engine::host::dial::{Dial, Endpoint};
use certwright_engine::step::StepError;
use certwright_engine::text::Untrusted;

use super::answer::{About, Answer, run};
use super::fatal;
use crate::kinds::{Node, dial};
use crate::pki::Component;
use crate::tools::crictl;
use crate::tools::manifest::{self, StaticPod};

/// What is known of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whether it says that it is healthy.
    pub healthy: bool,
    /// Whether it says that it leads.
    pub leads: bool,
}

/// Lines of `/metrics` that are kept: who leads, and which peers are there.
const METRICS: [&str; 4] =
    ["etcd_server_has_leader", "etcd_server_is_leader", "etcd_network_active_peers", "etcd_server_version"];

/// Asks the member; None where the node runs none, or its port says nothing.
pub(super) async fn ask(node: &Node<'_>, answers: &mut Vec<Answer>) -> Result<Option<Member>, StepError> {
    let pod = match node.static_pod(Component::Etcd) {
        Ok(Some(pod)) => pod,
        Ok(None) => return Ok(None),
        Err(error) => return fatal(error).map(|()| None),
    };
    let members = pod.flag("initial-cluster").unwrap_or("(no --initial-cluster)").replace(',', "\n");
    answers.push(Answer::told("etcd-initial-cluster", "--initial-cluster of etcd.yaml", members));
    answers.push(Answer::told("etcd-image", "image of etcd.yaml", pod.image.clone()));
    let at = pod.listen_metrics_urls().first().and_then(|url| manifest::endpoint(url));
    let at = at.unwrap_or_else(|| Endpoint::new("127.0.0.1", 2381));
    let health = get(node, "etcd-health", &Dial::http(at.clone(), "/health"), answers).await?;
    let metrics = get(node, "etcd-metrics", &Dial::http(at, "/metrics"), answers).await?;
    let (Some(health), metrics) = (health, metrics.unwrap_or_default()) else {
        list(node, pod, answers).await?;
        return Ok(None);
    };
    let leads = metrics.lines().any(|line| line.trim() == "etcd_server_is_leader 1");
    if let Some(answer) = answers.last_mut().filter(|answer| answer.name == "etcd-metrics") {
        let kept = |line: &&str| METRICS.iter().any(|name| line.starts_with(name));
        let text: String = metrics.lines().filter(kept).flat_map(|line| [line, "\n"]).collect();
        answer.text = Untrusted::new(text.into_bytes());
    }
    // Last: where the runtime hangs, so does this.
    list(node, pod, answers).await?;
    Ok(Some(Member { healthy: health.contains("\"health\":\"true\""), leads }))
}

/// The members as the cluster knows them, by the image's own etcdctl; where it has no quorum that fails in its words.
async fn list(node: &Node<'_>, pod: &StaticPod, answers: &mut Vec<Answer>) -> Result<(), StepError> {
    let containers = match node.containers().await {
        Ok(containers) => containers,
        Err(error) => return fatal(error),
    };
    let files = (pod.cert_file(), pod.flag("key-file"), pod.flag("trusted-ca-file"));
    let (Some(etcd), (Some(cert), Some(key), Some(ca))) =
        (crictl::running(&containers, Component::Etcd.name()), files)
    else {
        return Ok(());
    };
    let files = [format!("--cert={cert}"), format!("--key={key}"), format!("--cacert={ca}")];
    let words = ["etcdctl".to_owned(), "--endpoints=https://127.0.0.1:2379".to_owned()]
        .into_iter()
        .chain(files)
        .chain(["--command-timeout=5s", "member", "list", "-w", "table"].map(str::to_owned));
    let command: Command = node.crictl.exec(&etcd.id, words);
    run(node.host, "etcd-members", About::Plain, command, answers).await
}

/// A GET; its body, where one came.
async fn get(
    node: &Node<'_>,
    name: &str,
    url: &Dial,
    answers: &mut Vec<Answer>,
) -> Result<Option<String>, StepError> {
    let (status, text, body) = match dial(node.host, url).await {
        Ok(Ok(served)) => {
            let answer = served.answer.expect("a GET that went well has its answer");
            let body = answer.body.lossy().into_owned();
            (Some(i32::from(answer.code)), answer.body, Some(body))
        }
        Ok(Err(error)) => (None, Untrusted::new(error.to_string().into_bytes()), None),
        Err(error) => {
            let words = error.message.clone();
            fatal(error)?;
            (None, Untrusted::new(words.into_bytes()), None)
        }
    };
    let about = if name == "etcd-health" { About::Program("etcd") } else { About::Plain };
    answers.push(Answer { name: name.to_owned(), asked: url.to_string(), about, status, text });
    Ok(body)
}
