//! What `kubeadm certs check-expiration` prints, as a table and as JSON.

use certwright_engine::host::Output;

use crate::tools::OutputError;

/// All rows of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expiration {
    /// Leaf certificates in the order printed.
    pub certificates: Vec<Expiry>,
    /// CAs in the order printed; none before 1.17.
    pub authorities: Vec<Expiry>,
    /// True when the cluster's configuration was not read and defaults were taken.
    pub fell_back_to_defaults: bool,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// kubeadm's name, escaped.
    pub name: String,
    /// NotAfter, seconds since 1970; None when the certificate is missing. The table has minutes only.
    pub expires: Option<i64>,
    /// The signing CA's name; empty for a CA, for kubeconfigs before 1.24, and when missing.
    pub authority: String,
    /// True when the CA's key is not on this node.
    pub external: bool,
    /// True when there is no such certificate.
    pub missing: bool,
}

/// Parses the table, of any release since 1.15.
pub fn parse_expiration_text(output: &Output) -> Result<Expiration, OutputError> {
    let _ = output;
    todo!("table")
}

/// Parses the JSON.
pub fn parse_expiration_json(output: &Output) -> Result<Expiration, OutputError> {
    let _ = output;
    todo!("json")
}
