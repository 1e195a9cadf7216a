//! The kubeconfig that is there now.

use certwright_engine::host::{Command, StatKind};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError, refused};

use crate::kinds::candidate::{Examined, Rejection};
use crate::kinds::facts::CertificateFacts;
use crate::kinds::silence::silence;
use crate::pki::Digest;
use crate::tools::kubectl::{self, Failure, Kubectl};

/// The kubeconfig on the workstation.
pub(super) struct Present {
    /// Where it is, symlinks resolved.
    pub(super) path: String,
    /// Its bytes; None when there is none.
    pub(super) bytes: Option<Vec<u8>>,
    /// Permission bits; 0600 when there is none.
    pub(super) mode: u32,
    /// Owner and group; None when there is none.
    pub(super) owner: Option<(u32, u32)>,
    examined: Option<Result<Examined, Rejection>>,
}

impl Present {
    /// Reads the file that the inventory names.
    pub(super) async fn read(cx: &Context) -> Result<Self, StepError> {
        let mut path = cx.cluster.kubeconfig.clone();
        let mut stat = cx.host.stat(&path).await?;
        if stat.as_ref().is_some_and(|stat| stat.kind == StatKind::Symlink) {
            path = resolve(cx, &path).await?;
            stat = cx.host.stat(&path).await?;
        }
        let bytes = cx.host.read(&path).await?;
        Ok(Self {
            examined: bytes.as_deref().map(Examined::new),
            mode: stat.as_ref().map_or(0o600, |stat| stat.mode),
            owner: stat.map(|stat| (stat.uid, stat.gid)),
            path,
            bytes,
        })
    }

    /// What it leads to, where it can be read.
    pub(super) fn examined(&self) -> Option<&Examined> {
        self.examined.as_ref()?.as_ref().ok()
    }

    /// What is wrong with it without asking anyone.
    pub(super) fn trouble(&self, now: i64) -> Option<String> {
        match &self.examined {
            None => Some("is missing".to_owned()),
            Some(Err(rejection)) => Some(rejection.to_string()),
            Some(Ok(examined)) => examined.valid(now).err().map(|rejection| rejection.to_string()),
        }
    }

    /// What the API server says to it; None when it works.
    ///
    /// That no server answers is not the file's fault, and no other file would mend it: an error.
    pub(super) async fn try_out(&self, cx: &Context) -> Result<Option<String>, StepError> {
        let kubectl = Kubectl::new(&self.path);
        if let Some(silence) = silence(cx, cx.host.as_ref(), &kubectl).await? {
            return Err(silence.error(&format!("{}: {}", cx.host.name(), self.path)));
        }
        let command = kubectl.nodes_text();
        let output = cx.run(&command).await?;
        let Some(failure) = kubectl::classify(&output) else {
            return Ok(None);
        };
        match failure {
            Failure::ConnectionRefused | Failure::Closed | Failure::TimedOut => {
                Err(kubectl::step_error(&format!("{}: {}", cx.host.name(), self.path), &command, &output))
            }
            Failure::Expired
            | Failure::NotYetValid
            | Failure::UnknownAuthority
            | Failure::NameMismatch
            | Failure::Unauthorized
            | Failure::Forbidden
            | Failure::NotFound
            | Failure::Kubeconfig
            | Failure::Other => Ok(Some(format!("does not work: {}", failure.in_words(&output)))),
        }
    }

    /// What is journaled of its certificate.
    pub(super) fn certificates(&self) -> Vec<CertificateFacts> {
        self.examined().iter().map(|examined| examined.facts(&self.path)).collect()
    }

    /// Its digest.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.bytes.as_deref().map(Digest::of)
    }
}

async fn resolve(cx: &Context, path: &str) -> Result<String, StepError> {
    let command = Command::reads(["readlink", "-f", "--", path]);
    let output = cx.run(&command).await?;
    let target = String::from_utf8(output.stdout.bytes().to_vec()).ok();
    match target.as_deref().and_then(|text| text.strip_suffix('\n')) {
        Some(target) if output.success() && target.starts_with('/') => Ok(target.to_owned()),
        Some(_) | None => {
            let message = format!("{}: {path} is a symlink that leads nowhere", cx.host.name());
            Err(refused(ErrorClass::Invalid, message, &command, &output)
                .remedy("name the file itself as `kubeconfig` in the inventory"))
        }
    }
}
