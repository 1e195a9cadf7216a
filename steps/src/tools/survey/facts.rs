//! What is known of one surveyed file.

use certwright_engine::text::Secret;

use super::{Depth, cut};
use crate::pki::kubeconfig::{Named, Source, User};
use crate::pki::{
    Certificate, CertificateError, Digest, KeyError, Kubeconfig, KubeconfigError, public_key_digest,
};

/// Content of larger files is not looked into, bytes; the script has the same number.
const LARGEST: usize = 262_144;

/// Facts about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The path that was asked for.
    pub path: String,
    /// What is there.
    pub kind: FileKind,
    /// Permission bits (`0o7777`) of what is there, links followed; 0 when nothing is.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size, bytes.
    pub size: u64,
    /// Last modification, ns since 1970.
    pub mtime_ns: i128,
    /// SHA-256 of the content; None for anything but a file, for `*.key`, and when it cannot be read.
    pub sha256: Option<Digest>,
    /// Its CERTIFICATE blocks, PEM; empty when there are none, and for a kubeconfig.
    pub certificates: Vec<u8>,
    /// The private key in it, else the one beside it (`X.key` for `X.crt`); of a kubeconfig the current
    /// user's, where it is embedded and the kubeconfig is not [`KubeconfigText::Opaque`].
    pub key: KeyFacts,
    /// The kubeconfig, where it is one.
    pub kubeconfig: Option<KubeconfigText>,
}

/// What is at a path, symlinks followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing, or a link that leads nowhere.
    Missing,
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Anything else.
    Other,
}

/// What is known of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFacts {
    /// There is none.
    Absent,
    /// There is one that openssl cannot read.
    Unreadable,
    /// The SHA-256 of its public half as SubjectPublicKeyInfo.
    Public(Digest),
}

/// A kubeconfig as it left the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KubeconfigText {
    /// YAML with every key and token replaced by `REDACTED`.
    Redacted(Vec<u8>),
    /// It is written in a form in which keys cannot be told from the rest with certainty (JSON, block scalars).
    Opaque,
}

/// Why a surveyed file has no certificate to speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// Nothing is there.
    #[error("is missing")]
    Missing,
    /// It is a folder or a device.
    #[error("is not a file")]
    NotAFile,
    /// Its content is not one certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its content is not a usable kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// It is a kubeconfig in an unusual form.
    #[error("is a kubeconfig in a form that is not read on the node (JSON or block scalars)")]
    Opaque,
}

fn key_facts(pem: &[u8]) -> KeyFacts {
    match public_key_digest(&Secret::new(pem.to_vec())) {
        Ok(digest) => KeyFacts::Public(digest),
        Err(KeyError::None | KeyError::Unreadable) => KeyFacts::Unreadable,
    }
}

impl FileFacts {
    /// Facts of a path where nothing is.
    pub fn missing(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind: FileKind::Missing,
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime_ns: 0,
            sha256: None,
            certificates: Vec::new(),
            key: KeyFacts::Absent,
            kubeconfig: None,
        }
    }

    /// True when something is there.
    pub fn exists(&self) -> bool {
        self.kind != FileKind::Missing
    }

    /// True for a file whose content was not looked into.
    pub fn is_too_large(&self) -> bool {
        self.size > LARGEST as u64
    }

    /// Facts of a file with this content as the script would find them, for labs and tests; the caller fills in
    /// mode, owner and time.
    ///
    /// `beside` is the content of the key file beside it (`X.key` for `X.crt`), where there is one.
    pub fn of_content(path: &str, content: &[u8], beside: Option<&[u8]>) -> Self {
        let mut facts = Self::missing(path);
        facts.kind = FileKind::File;
        facts.size = content.len() as u64;
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        if extension != "key" {
            facts.sha256 = Some(Digest::of(content));
        }
        if content.len() > LARGEST {
            return facts;
        }
        match extension {
            "crt" => {
                facts.certificates = cut::certificates(content);
                facts.key = beside.map_or(KeyFacts::Absent, key_facts);
            }
            "key" => facts.key = key_facts(content),
            "pem" => {
                facts.certificates = cut::certificates(content);
                if cut::holds_key(content) {
                    facts.key = key_facts(content);
                }
            }
            _ if cut::holds_certificate(content) => {
                facts.certificates = cut::certificates(content);
                if cut::holds_key(content) {
                    facts.key = key_facts(content);
                }
            }
            _ => facts.read_kubeconfig(content),
        }
        facts
    }

    /// What a survey to `depth` tells of these facts.
    #[must_use]
    pub fn cut_to(self, depth: Depth) -> Self {
        let mut cut = self;
        if depth != Depth::Whole {
            cut.sha256 = None;
        }
        match depth {
            Depth::Whole | Depth::Keys => return cut,
            Depth::Certificates => {}
            Depth::Public => return Self { key: KeyFacts::Absent, ..cut },
            Depth::Dates => cut.certificates = Vec::new(),
        }
        Self { key: KeyFacts::Absent, kubeconfig: None, ..cut }
    }

    fn read_kubeconfig(&mut self, content: &[u8]) {
        if !cut::is_kubeconfig(content) {
            self.kubeconfig = cut::is_json_kubeconfig(content).then_some(KubeconfigText::Opaque);
            return;
        }
        self.kubeconfig =
            Some(cut::redacted(content).map_or(KubeconfigText::Opaque, KubeconfigText::Redacted));
        let embedded = |config: &Kubeconfig| match &config.current().ok()?.1.entry.client_key {
            Some(Source::Data(key)) => Some(key_facts(key.reveal())),
            Some(Source::File(_)) | None => None,
        };
        // Where the redacted form has a key and the original one cannot be decoded, it is unreadable.
        if let Some(redacted) = self.parsed_kubeconfig().ok().as_ref().and_then(embedded) {
            let original = Kubeconfig::parse(content).ok();
            self.key = original.as_ref().and_then(embedded).unwrap_or(redacted);
        }
    }

    /// Which of the keys that were seen these facts speak of: a pki file's only one, a kubeconfig's current user's;
    /// None when that user has none, or the kubeconfig cannot be used.
    pub(super) fn key_position(&self) -> Option<usize> {
        if self.kubeconfig.is_none() {
            return Some(0);
        }
        let config = self.parsed_kubeconfig().ok()?;
        let current = &config.current().ok()?.1.name;
        let embedded = |user: &&Named<User>| matches!(user.entry.client_key, Some(Source::Data(_)));
        config.users.iter().filter(embedded).position(|user| user.name == *current)
    }

    /// Whether the private key fits the file's certificate.
    pub fn key_fits(&self) -> Result<bool, FactsError> {
        Ok(self.key == KeyFacts::Public(self.certificate()?.public_key))
    }

    /// The one certificate of the file: a pki file's, or a kubeconfig's current user's.
    pub fn certificate(&self) -> Result<Certificate, FactsError> {
        match self.kind {
            FileKind::Missing => return Err(FactsError::Missing),
            FileKind::Folder | FileKind::Other => return Err(FactsError::NotAFile),
            FileKind::File => {}
        }
        match &self.kubeconfig {
            None => Ok(Certificate::from_pem(&self.certificates)?),
            Some(_) => Ok(self.parsed_kubeconfig()?.client_certificate()?),
        }
    }

    /// The kubeconfig (keys are `REDACTED`).
    pub fn parsed_kubeconfig(&self) -> Result<Kubeconfig, FactsError> {
        match &self.kubeconfig {
            Some(KubeconfigText::Redacted(text)) => Ok(Kubeconfig::parse(text)?),
            Some(KubeconfigText::Opaque) => Err(FactsError::Opaque),
            None => Err(KubeconfigError::Absent("clusters").into()),
        }
    }
}
