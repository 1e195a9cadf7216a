//! Whether a private key belongs to a certificate, answered by the digest of its public half.

use certwright_engine::text::Secret;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use x509_parser::pem::Pem;

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
    for block in Pem::iter_from_buffer(pem.reveal()) {
        let block = block.map_err(|_| KeyError::Unreadable)?;
        let spki = match block.label.as_str() {
            "RSA PRIVATE KEY" => rsa(ring::rsa::KeyPair::from_der(&block.contents).ok()),
            "PRIVATE KEY" => rsa(ring::rsa::KeyPair::from_pkcs8(&block.contents).ok())
                .or_else(|| ec(&block.contents, Curve::P256))
                .or_else(|| ec(&block.contents, Curve::P384)),
            "EC PRIVATE KEY" => [Curve::P256, Curve::P384]
                .into_iter()
                .find_map(|curve| ec(&wrap_sec1(&block.contents, curve), curve)),
            label if label.ends_with("PRIVATE KEY") => None,
            _ => continue,
        };
        return spki.map(|spki| Digest::of(&spki)).ok_or(KeyError::Unreadable);
    }
    Err(KeyError::None)
}

#[derive(Clone, Copy)]
enum Curve {
    P256,
    P384,
}

/// OIDs with tag and length: rsaEncryption (RFC 8017), id-ecPublicKey and the curves (RFC 5480).
const RSA_ENCRYPTION: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC_PUBLIC_KEY: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

impl Curve {
    fn oid(self) -> &'static [u8] {
        match self {
            Self::P256 => &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
            Self::P384 => &[6, 5, 0x2b, 0x81, 4, 0, 0x22],
        }
    }

    fn algorithm(self) -> Vec<u8> {
        tlv(0x30, &[EC_PUBLIC_KEY, self.oid()].concat())
    }
}

fn rsa(key: Option<ring::rsa::KeyPair>) -> Option<Vec<u8>> {
    let null = [5, 0];
    Some(spki(&tlv(0x30, &[RSA_ENCRYPTION, &null].concat()), key?.public_key().as_ref()))
}

fn ec(pkcs8: &[u8], curve: Curve) -> Option<Vec<u8>> {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    };
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new()).ok()?;
    Some(spki(&curve.algorithm(), key.public_key().as_ref()))
}

/// An ECPrivateKey (RFC 5915) as PKCS#8, the form ring reads.
fn wrap_sec1(sec1: &[u8], curve: Curve) -> Vec<u8> {
    let version = [2, 1, 0];
    tlv(0x30, &[&version[..], &curve.algorithm(), &tlv(4, sec1)].concat())
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let no_unused_bits = [0];
    tlv(0x30, &[algorithm, &tlv(3, &[&no_unused_bits, key].concat())].concat())
}

/// Tag, length and value in DER.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant = &length[length.iter().position(|b| *b != 0).unwrap_or(length.len() - 1)..];
    let mut out = vec![tag];
    if value.len() >= 0x80 {
        out.push(0x80 | u8::try_from(significant.len()).expect("a length has at most eight bytes"));
    }
    out.extend_from_slice(significant);
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Certificate;
    use crate::tools::testing::{TestCa, run};

    fn digest(pem: impl Into<Vec<u8>>) -> Result<Digest, KeyError> {
        public_key_digest(&Secret::new(pem.into()))
    }

    #[test]
    fn a_key_fits_its_own_certificate_and_no_other() {
        let ca = TestCa::new("kubernetes");
        let (certificate, key) = ca.leaf("apiserver", 2027);
        let expected = Certificate::from_pem(certificate.as_bytes()).unwrap().public_key;
        assert_eq!(
            digest(format!("{certificate}{key}")),
            Ok(expected),
            "a certificate before the key is skipped"
        );
        assert_ne!(digest(ca.key_pem.clone()), Ok(expected));
    }

    #[test]
    fn keys_in_every_form_openssl_writes_have_the_public_half_openssl_says() {
        let folder = tempfile::tempdir().unwrap();
        let (key, public) = (folder.path().join("key"), folder.path().join("public"));
        let (key, public) = (key.to_str().unwrap(), public.to_str().unwrap());
        let openssl = |words: &str| {
            let argv: Vec<String> =
                std::iter::once("openssl").chain(words.split(' ')).map(str::to_owned).collect();
            let output = run(&argv);
            assert!(output.success(), "{words}: {}", output.stderr.escaped());
        };
        let forms = [
            format!("genrsa -traditional -out {key} 2048"),
            format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out {key}"),
            format!("ecparam -name prime256v1 -genkey -noout -out {key}"),
            format!("ecparam -name secp384r1 -genkey -noout -out {key}"),
            format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {key}"),
            format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out {key}"),
        ];
        for form in &forms {
            openssl(form);
            openssl(&format!("pkey -in {key} -pubout -outform DER -out {public}"));
            let expected = Digest::of(&std::fs::read(public).unwrap());
            assert_eq!(digest(std::fs::read(key).unwrap()), Ok(expected), "{form}");
        }
        openssl(&format!(
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes128 -pass pass:x -out {key}"
        ));
        assert_eq!(digest(std::fs::read(key).unwrap()), Err(KeyError::Unreadable));
        crate::tools::testing::tell(format_args!("{} forms of keys", forms.len() + 1));
    }

    #[test]
    fn what_is_no_key_is_an_error() {
        assert_eq!(digest(""), Err(KeyError::None));
        assert_eq!(digest(TestCa::new("x").pem), Err(KeyError::None));
        let key = TestCa::new("x").key_pem;
        for cut in 0..key.find("-----END").unwrap() {
            assert!(digest(&key.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
        let garbage = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        assert_eq!(digest(garbage), Err(KeyError::Unreadable));
        assert_eq!(digest(garbage.replace("PRIVATE", "RSA PRIVATE")), Err(KeyError::Unreadable));
        assert_eq!(digest(garbage.replace("PRIVATE", "EC PRIVATE")), Err(KeyError::Unreadable));
    }
}
