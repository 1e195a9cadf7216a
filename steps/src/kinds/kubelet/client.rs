//! The kubelet's client certificate, where its kubeconfig says that it is.

use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::step::StepError;
use certwright_engine::text::escape;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kinds::candidate::span;
use crate::pki::kubeconfig::Source;
use crate::pki::{Certificate, Kubeconfig};
use crate::tools::survey::{self, Depth, FileFacts, KubeconfigText};

/// The kubelet's kubeconfig.
pub(in crate::kinds) const CONF: &str = "/etc/kubernetes/kubelet.conf";

/// Where the kubelet keeps the certificate it rotates, and kubelet.conf points.
const ROTATED: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// What a look at the kubelet's kubeconfig told.
pub(crate) struct Client {
    /// The kubeconfig, where it can be used.
    pub(super) conf: Option<Kubeconfig>,
    /// The file that holds the certificate (kubelet.conf itself, or the one it points at); why there is none, as
    /// words that follow the kubeconfig's path.
    pub(crate) file: Result<FileFacts, String>,
}

impl Client {
    /// Looks at the kubeconfig and the file it points at.
    pub(crate) async fn look(host: &dyn Host) -> Result<Self, StepError> {
        let [conf, rotated] = survey(host, [CONF, ROTATED]).await?;
        let kubeconfig = match parsed(&conf) {
            Ok(kubeconfig) => kubeconfig,
            Err(why) => return Ok(Self { conf: None, file: Err(why) }),
        };
        let file = match named_file(&kubeconfig) {
            Err(why) => Err(why),
            Ok(None) => Ok(conf),
            Ok(Some(path)) if path == ROTATED => Ok(rotated),
            Ok(Some(path)) => survey(host, [&path]).await.map(|[file]| Ok(file))?,
        };
        Ok(Self { conf: Some(kubeconfig), file })
    }

    /// The certificate; what is wrong with its file instead, as one line that names it.
    pub(super) fn certificate(&self) -> Result<(&str, Certificate), String> {
        let file = self.file.as_ref().map_err(|why| format!("{CONF} {why}"))?;
        match first(file) {
            Ok(certificate) => Ok((&file.path, certificate)),
            Err(why) => Err(format!("{} {why}", escape(&file.path))),
        }
    }

    /// Why a kubelet with this certificate is not going to stay for another `margin`; None when it is. `now` in
    /// seconds since 1970.
    pub(super) fn trouble(&self, margin: Duration, now: i64) -> Option<String> {
        let (path, certificate) = match self.certificate() {
            Ok(found) => found,
            Err(why) => return Some(format!("the kubelet's client certificate cannot be read: {why}")),
        };
        let left = certificate.residual(now);
        let margin = i64::try_from(margin.as_secs()).unwrap_or(i64::MAX);
        let (when, since) = if certificate.is_expired(now) {
            (format!("expired {} ago", span(left)), certificate.not_after)
        } else if certificate.is_not_yet_valid(now) {
            let early = certificate.not_before - now;
            (format!("is not valid for another {}", span(early)), certificate.not_before)
        } else if left <= margin {
            (format!("ends in {}, which is less than a run may take", span(left)), certificate.not_after)
        } else {
            return None;
        };
        Some(format!("the kubelet's client certificate {when} ({}, {})", instant(since), escape(path)))
    }
}

/// A survey of so many paths.
async fn survey<const N: usize>(host: &dyn Host, paths: [&str; N]) -> Result<[FileFacts; N], StepError> {
    let found = survey::survey(host, Depth::Keys, &paths.map(str::to_owned)).await?;
    Ok(found.try_into().expect("a survey has an answer for every path"))
}

fn parsed(conf: &FileFacts) -> Result<Kubeconfig, String> {
    match &conf.kubeconfig {
        Some(KubeconfigText::Redacted(text)) => Kubeconfig::parse(text).map_err(|error| error.to_string()),
        Some(KubeconfigText::Opaque) => Err("is a kubeconfig in a form that is not read".to_owned()),
        None if conf.exists() => Err("is not a kubeconfig".to_owned()),
        None => Err("is missing".to_owned()),
    }
}

/// The file in which a kubeconfig keeps its client certificate; None where it embeds it.
fn named_file(kubeconfig: &Kubeconfig) -> Result<Option<String>, String> {
    let (_, user) = kubeconfig.current().map_err(|error| error.to_string())?;
    match &user.entry.client_certificate {
        Some(Source::File(path)) if path.starts_with('/') => Ok(Some(path.clone())),
        Some(Source::File(path)) => {
            Err(format!("keeps its client certificate in `{}`, which is not absolute", escape(path)))
        }
        Some(Source::Data(_)) => Ok(None),
        None => Err("has no client certificate".to_owned()),
    }
}

/// The certificate of a kubelet's file: the first of a chain, or the one a kubeconfig embeds.
pub(crate) fn first(file: &FileFacts) -> Result<Certificate, String> {
    if !file.exists() || file.kubeconfig.is_some() {
        return file.certificate().map_err(|error| error.to_string());
    }
    let chain = Certificate::all_from_pem(&file.certificates).map_err(|error| error.to_string())?;
    chain.into_iter().next().ok_or_else(|| "holds no certificate".to_owned())
}

/// `2026-11-24T20:45:07Z`; the number where it is out of range.
fn instant(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
