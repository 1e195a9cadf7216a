//! What a control-plane node shows of itself: versions, containers, logs, etcd, certificates. For a diagnosis at any
//! time, and for the bundle of a failed run.
//!
//! Invariant: reads only, and one answer that is not to be had keeps none of the others back. What a node says stays
//! [`Untrusted`](certwright_engine::text::Untrusted) here. Deliberately absent: judgement (kinds and
//! [`crate::diagnosis`] judge), and files whose content is a secret.

mod answer;

mod etcd;

mod logs;

mod versions;

use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

pub use answer::{About, Answer};
pub use etcd::Member;
pub use logs::recent;

use crate::kinds::{CertificateFacts, Client, Holdings, Node, first};
use crate::pki::layout::CERT_DIR;

/// What a node showed of itself.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// The host.
    pub host: String,
    /// Everything that was asked and answered, in that order.
    pub answers: Vec<Answer>,
    /// Its etcd member; None where it runs none, or nothing was learnt of it.
    pub member: Option<Member>,
    /// The certificates kubeadm keeps there, and the kubelet's.
    pub certificates: Vec<CertificateFacts>,
    /// Why nothing more was asked; None when all was.
    pub ended: Option<String>,
}

impl Checkup {
    /// That of a node of which nothing could be learnt.
    pub fn ended(host: String, why: String) -> Self {
        Self { host, answers: Vec::new(), member: None, certificates: Vec::new(), ended: Some(why) }
    }
}

/// Asks a node for everything; what cannot be had is in its place, as words. What was answered `within` this time is kept.
pub async fn checkup(host: &dyn Host, within: Duration) -> Checkup {
    let mut checkup = Checkup {
        host: host.name().to_owned(),
        answers: Vec::new(),
        member: None,
        certificates: Vec::new(),
        ended: None,
    };
    checkup.ended = match tokio::time::timeout(within, checkup.ask(host)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.message),
        Err(_elapsed) => Some(format!("no end within {}", humantime::format_duration(within))),
    };
    checkup
}

impl Checkup {
    async fn ask(&mut self, host: &dyn Host) -> Result<(), StepError> {
        versions::ask(host, &mut self.answers).await?;
        let node = Node::look(host).await?;
        logs::ask(&node, &mut self.answers).await?;
        self.member = etcd::ask(&node, &mut self.answers).await?;
        self.certificates = certificates(&node).await?;
        Ok(())
    }
}

/// What is to be told of every certificate that can be read.
async fn certificates(node: &Node<'_>) -> Result<Vec<CertificateFacts>, StepError> {
    let mut facts = match Holdings::survey(node, CERT_DIR).await {
        Ok(holdings) => holdings.facts(),
        Err(error) => fatal(error).map(|()| Vec::new())?,
    };
    let client = match Client::look(node.host).await {
        Ok(client) => client.file.ok(),
        Err(error) => fatal(error).map(|()| None)?,
    };
    let named = client.as_ref().and_then(|file| Some((file, first(file).ok()?)));
    facts.extend(
        named.map(|(file, certificate)| CertificateFacts::new("kubelet-client", &file.path, &certificate)),
    );
    Ok(facts)
}

/// Whether an error speaks of the line rather than of what was asked: then nothing more is asked.
fn fatal(error: StepError) -> Result<(), StepError> {
    match error.class {
        ErrorClass::Unknown | ErrorClass::Denied => Err(error),
        ErrorClass::DeadlineExceeded
        | ErrorClass::Unavailable
        | ErrorClass::Refused
        | ErrorClass::Invalid
        | ErrorClass::Unsatisfied => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use certwright_engine::clock::Clock;

    use super::*;
    use crate::lab::{Fault, Lab, LabSpec};

    async fn looked(within: Duration, fault: Option<&str>) -> Checkup {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Clock::virtual_from(1_795_555_800_000);
        let lab = Lab::create(dir.path().join("lab"), &LabSpec::default(), &clock).expect("a lab");
        if let Some(fault) = fault {
            lab.inject(fault.parse::<Fault>().expect("a fault")).expect("it takes it");
        }
        checkup(lab.host("cp-1", clock).expect("a host").as_ref(), within).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_shows_everything_of_itself() {
        let seen = looked(Duration::from_secs(60), None).await;
        assert_eq!(seen.ended, None);
        assert_eq!(seen.member, Some(Member { healthy: false, leads: false }), "quorum is lost");
        let names: Vec<&str> = seen.answers.iter().map(|answer| answer.name.as_str()).collect();
        let logs = [
            "log-etcd",
            "log-kube-apiserver",
            "log-kube-controller-manager",
            "log-kube-scheduler",
            "log-kubelet",
        ];
        let others = [
            "kubeadm-version",
            "kubelet-version",
            "kernel",
            "os",
            "containers",
            "etcd-members",
            "etcd-metrics",
        ];
        for name in logs.into_iter().chain(others) {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        assert_eq!(seen.certificates.len(), 12, "eleven of kubeadm's and the kubelet's");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_answered_in_time_is_kept() {
        let seen = looked(Duration::from_secs(20), Some("slow=4@cp-1")).await;
        assert_eq!(seen.ended.as_deref(), Some("no end within 20s"));
        assert!((2..8).contains(&seen.answers.len()), "{} answers", seen.answers.len());
    }
}
