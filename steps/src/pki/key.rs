//! Whether a private key belongs to a certificate, answered by the digest of its public half.

use certwright_engine::text::Secret;

use super::Digest;

/// Why the public half of a private key is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no private key block.
    #[error("holds no private key")]
    None,
    /// It is not a key that could be read: encrypted, damaged, or of a kind other than RSA and EC on P-256 or P-384.
    #[error("holds a private key that cannot be read")]
    Unreadable,
}

/// The SHA-256 of the public key (as SubjectPublicKeyInfo, DER) of the first private key in `pem`.
///
/// Equals [`super::Certificate::public_key`] of the certificate it belongs to. Reads PKCS#8, PKCS#1 and SEC1.
pub fn public_key_digest(pem: &Secret) -> Result<Digest, KeyError> {
    let _ = pem;
    todo!("read the key")
}
