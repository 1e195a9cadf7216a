//! Pure certificate facts: X.509, kubeconfigs, the files of a kubeadm node.
//!
//! Invariant: bytes in, values or errors out; hostile input never panics. Deliberately absent: files, hosts and
//! clocks (time is an argument, in seconds since 1970), and private keys but for what is needed to see whether one
//! fits a certificate.

mod digest;

mod name;

pub(crate) mod yaml;

mod certificate;

mod key;

mod request;

pub mod layout;

pub mod kubeconfig;

pub use certificate::{Certificate, CertificateError};
pub use digest::Digest;
pub use key::{KeyError, public_key_digest};
pub use kubeconfig::{Kubeconfig, KubeconfigError};
pub use layout::{Authority, Component, Leaf};
pub use request::{CertificateRequest, RequestError};
