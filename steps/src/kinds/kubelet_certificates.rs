//! `kubelet-certificates`: the kubelet's own certificates are valid and its kubeconfig leads to one.
//!
//! The kubelet rotates them itself while it can reach an API server. Deliberately absent: the cure of a kubelet
//! whose client certificate has expired.

use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::plan::{
    CancelPolicy, ErrorClass, Field, FieldType, KindSchema, Nature, On, UndoSupport,
};
use certwright_engine::step::{Context, Kind, Probe, Step, StepError};

use super::facts::CertificateFacts;
use super::fields::unchecked;
use super::holdings::CertificatesFacts;
use super::kubelet::{CONF, Client, first};
use super::node::now;
use crate::span::span;
use crate::tools::output::plural;
use crate::tools::survey::{self, Depth, FileFacts, KeyFacts};

/// What the plan language knows of it.
pub(super) const KIND: Kind = Kind::new(
    KindSchema {
        name: "kubelet-certificates",
        doc: "Checks the kubelet's client certificate and, where there is one, its serving certificate.",
        fields: &[Field {
            name: "before",
            ty: FieldType::Duration,
            default: Some("\"0s\""),
            doc: "Certificates that expire within this time fail the check.",
        }],
        on: On::Nodes,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 60 * 1000,
        check: unchecked,
    },
    |with| Box::new(KubeletCertificates { before: with.duration("before") }),
);

/// Only with serverTLSBootstrap.
const SERVER: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/// A step of this kind.
struct KubeletCertificates {
    before: Duration,
}

impl KubeletCertificates {
    /// One certificate: what is journaled of it, and what is wrong with it.
    fn judge(&self, name: &str, file: &FileFacts, now: i64) -> (Option<CertificateFacts>, Option<String>) {
        let path = &file.path;
        let certificate = match first(file) {
            Ok(certificate) => certificate,
            Err(why) => return (None, Some(format!("{path} {why}"))),
        };
        let key_matches = match file.key {
            KeyFacts::Public(key) => key == certificate.public_key,
            KeyFacts::Absent | KeyFacts::Unreadable => false,
        };
        let left = certificate.residual(now);
        let before = i64::try_from(self.before.as_secs()).unwrap_or(i64::MAX);
        let wrong = if !key_matches {
            Some(format!("the key in {path} is not that of its certificate"))
        } else if certificate.is_expired(now) {
            Some(format!("{path} expired {} ago", span(left)))
        } else if certificate.is_not_yet_valid(now) {
            Some(format!("{path} is not valid for another {}", span(certificate.not_before - now)))
        } else if left <= before {
            Some(format!("{path} expires in {}", span(left)))
        } else {
            None
        };
        let facts = CertificateFacts { key_matches, ..CertificateFacts::new(name, path, &certificate) };
        (Some(facts), wrong)
    }
}

#[async_trait]
impl Step for KubeletCertificates {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        let client = match Client::look(cx.host.as_ref()).await?.file {
            Ok(client) => client,
            Err(why) => return Err(broken(cx, &why)),
        };
        let server = survey::survey(cx.host.as_ref(), Depth::Keys, &[SERVER.to_owned()]).await?;
        let server = server.first().expect("a survey has an answer for every path");
        let mut facts = CertificatesFacts { certificates: Vec::new() };
        let mut wrong = Vec::new();
        let serving = server.exists().then_some(("kubelet-server", server));
        for (name, file) in [("kubelet-client", &client)].into_iter().chain(serving) {
            let (seen, trouble) = self.judge(name, file, now(cx));
            facts.certificates.extend(seen);
            wrong.extend(trouble);
        }
        let probe = if wrong.is_empty() {
            let ends = facts.certificates.iter().map(|c| c.not_after).min().unwrap_or_default();
            Probe::satisfied(valid(facts.certificates.len(), ends - now(cx)))
        } else {
            Probe::drifted(wrong.join("; "))
        };
        Ok(probe.facts(&facts))
    }
}

/// The summary where nothing is wrong; `left` is in seconds.
fn valid(count: usize, left: i64) -> String {
    let (certificates, left) = (plural(count, "kubelet certificate"), span(left));
    match count {
        1 => format!("{certificates} is valid for {left}"),
        _ => format!("{certificates} are valid, the first one for {left}"),
    }
}

fn broken(cx: &Context, why: &str) -> StepError {
    StepError::new(ErrorClass::Invalid, format!("{}: {CONF} {why}", cx.host.name()))
        .remedy("make it again on that node: kubeadm init phase kubeconfig kubelet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_certificate_is_not_several() {
        let week = 7 * 86_400;
        assert_eq!(valid(1, week), format!("1 kubelet certificate is valid for {}", span(week)));
        assert_eq!(
            valid(2, week),
            format!("2 kubelet certificates are valid, the first one for {}", span(week))
        );
    }
}
