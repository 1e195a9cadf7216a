//! Which authority of a host signed a certificate.

use crate::pki::{Authority, Certificate};

/// An authority of a host.
pub(super) struct Signer {
    /// The name of its row.
    pub(super) name: String,
    /// Its certificate.
    pub(super) certificate: Certificate,
}

/// What is known of the signature of a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signature {
    /// Name of the authority that made it, or `itself`.
    pub(super) by: Option<String>,
    /// NotAfter of that authority; None for `itself`.
    pub(super) ends: Option<i64>,
}

/// The first of the authorities that signed it; the expected one goes before the others.
pub(super) fn signature(
    certificate: &Certificate,
    expected: Option<Authority>,
    signers: &[Signer],
) -> Signature {
    let is_expected = |signer: &&Signer| expected.is_some_and(|authority| authority.name() == signer.name);
    let first = signers.iter().filter(is_expected);
    let others = signers.iter().filter(|signer| !is_expected(signer));
    let own = certificate.subject == certificate.issuer && certificate.signed_by(certificate);
    if own {
        return Signature { by: Some("itself".to_owned()), ends: None };
    }
    let by = first.chain(others).find(|signer| certificate.signed_by(&signer.certificate));
    by.map(|signer| Signature { by: Some(signer.name.clone()), ends: Some(signer.certificate.not_after) })
        .unwrap_or_default()
}
