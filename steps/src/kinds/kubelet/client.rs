//! The kubelet's client certificate, where its kubeconfig says that it is, and where the kubelet keeps what it rotates.

use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::step::StepError;
use certwright_engine::text::escape;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::pki::kubeconfig::Source;
use crate::pki::{Certificate, Kubeconfig};
use crate::span::span;
use crate::tools::survey::{self, Depth, FileFacts, KeyFacts, KubeconfigText};

/// The kubelet's kubeconfig.
pub(in crate::kinds) const CONF: &str = "/etc/kubernetes/kubelet.conf";

/// Where the kubelet keeps the certificate it rotates, and kubelet.conf points.
pub(in crate::kinds) const ROTATED: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// What a look at the kubelet's kubeconfig told.
pub(crate) struct Client {
    /// The kubeconfig, where it can be used.
    pub(in crate::kinds) conf: Option<Kubeconfig>,
    /// The file that holds the certificate (kubelet.conf itself, or the one it points at); why there is none, as
    /// words that follow the kubeconfig's path.
    pub(crate) file: Result<FileFacts, String>,
    /// The file in which the kubelet keeps what it rotates, whether or not its kubeconfig points there.
    rotated: FileFacts,
}

impl Client {
    /// Looks at the kubeconfig and the file it points at.
    pub(crate) async fn look(host: &dyn Host) -> Result<Self, StepError> {
        let [conf, rotated] = survey(host, [CONF, ROTATED]).await?;
        let kubeconfig = match parsed(&conf) {
            Ok(kubeconfig) => kubeconfig,
            Err(why) => return Ok(Self { conf: None, file: Err(why), rotated }),
        };
        let file = match named_file(&kubeconfig) {
            Err(why) => Err(why),
            Ok(None) => Ok(conf),
            Ok(Some(path)) if path == ROTATED => Ok(rotated.clone()),
            Ok(Some(path)) => survey(host, [&path]).await.map(|[file]| Ok(file))?,
        };
        Ok(Self { conf: Some(kubeconfig), file, rotated })
    }

    /// True when the kubeconfig embeds the certificate instead of pointing at a file.
    pub(in crate::kinds) fn embeds(&self) -> bool {
        self.file.as_ref().is_ok_and(|file| file.kubeconfig.is_some())
    }

    /// True when the kubelet keeps something where it keeps what it rotates.
    pub(in crate::kinds) fn has_rotated(&self) -> bool {
        self.rotated.exists()
    }

    /// Whom the certificates and the kubeconfig name as the kubelet, the surest first.
    pub(in crate::kinds) fn subjects(&self) -> impl Iterator<Item = String> {
        let of_file = self.file.as_ref().ok().and_then(|file| first(file).ok());
        let of_rotated = first(&self.rotated).ok();
        let of_user = self.conf.as_ref().and_then(|conf| Some(conf.current().ok()?.1.name.clone()));
        let of_certificates =
            of_file.into_iter().chain(of_rotated).map(|certificate| certificate.common_name);
        of_certificates.chain(of_user)
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
    pub(in crate::kinds) fn trouble(&self, margin: Duration, now: i64) -> Option<String> {
        let found = self.certificate();
        let (path, certificate) = match &found {
            Ok((path, certificate)) => (path, certificate),
            Err(why) => return Some(format!("the kubelet's client certificate cannot be read: {why}")),
        };
        end_of_trust(certificate, margin, now)
            .map(|(when, at)| format!("the kubelet's client certificate {when} ({at}, {})", escape(path)))
    }

    /// The same of the certificate in [`ROTATED`], as words that follow its path.
    pub(in crate::kinds) fn rotated_trouble(&self, margin: Duration, now: i64) -> Option<String> {
        match first(&self.rotated) {
            Ok(certificate) => {
                end_of_trust(&certificate, margin, now).map(|(when, at)| format!("{when} ({at})"))
            }
            Err(why) => Some(why),
        }
    }

    /// True when [`ROTATED`] holds the same kubelet's certificate, good for longer than `margin`, with its key.
    pub(in crate::kinds) fn rotated_is_good(&self, margin: Duration, now: i64) -> bool {
        let Ok(rotated) = first(&self.rotated) else { return false };
        self.rotated.key == KeyFacts::Public(rotated.public_key)
            && self
                .subjects()
                .all(|subject| !subject.starts_with("system:node:") || subject == rotated.common_name)
            && end_of_trust(&rotated, margin, now).is_none()
    }
}

/// Why a certificate is not to be relied on for another `margin`, and the instant that it hangs on.
pub(in crate::kinds) fn end_of_trust(
    certificate: &Certificate,
    margin: Duration,
    now: i64,
) -> Option<(String, String)> {
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
    Some((when, instant(since)))
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
