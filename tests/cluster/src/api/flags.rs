//! The flags of the static manifest, those that this server heeds.

use std::path::PathBuf;

/// Why it cannot start with these flags.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FlagError {
    /// A flag that is needed.
    #[error("Error: required flag(s) \"{0}\" not set")]
    Missing(&'static str),
    /// A flag with a value that is none.
    #[error("Error: invalid argument \"{value}\" for \"--{flag}\" flag")]
    Invalid {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: String,
    },
}

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flags {
    /// The port of TLS.
    pub(super) secure_port: u16,
    /// The address that it listens on.
    pub(super) bind_address: String,
    /// The serving certificate and its key.
    pub(super) tls_certificate: PathBuf,
    pub(super) tls_key: PathBuf,
    /// Who signs client certificates.
    pub(super) client_ca: PathBuf,
    /// etcd: `host:port`, and the credential for it.
    pub(super) etcd: String,
    pub(super) etcd_ca: PathBuf,
    pub(super) etcd_certificate: PathBuf,
    pub(super) etcd_key: PathBuf,
}

impl Flags {
    /// Reads `--flag=value` words; flags that say nothing to this server are passed over.
    pub(super) fn read(args: &[String]) -> Result<Self, FlagError> {
        let get = |flag: &'static str| {
            let prefix = format!("--{flag}=");
            args.iter().rev().find_map(|arg| arg.strip_prefix(&prefix))
        };
        let need = |flag| get(flag).map(str::to_owned).ok_or(FlagError::Missing(flag));
        let path = |flag| need(flag).map(PathBuf::from);
        let port = get("secure-port").unwrap_or("6443");
        let invalid = |flag, value: &str| FlagError::Invalid { flag, value: value.to_owned() };
        let servers = need("etcd-servers")?;
        let first = servers.split(',').next().and_then(|url| url.strip_prefix("https://"));
        Ok(Self {
            secure_port: port.parse().map_err(|_| invalid("secure-port", port))?,
            bind_address: get("bind-address").unwrap_or("0.0.0.0").to_owned(),
            tls_certificate: path("tls-cert-file")?,
            tls_key: path("tls-private-key-file")?,
            client_ca: path("client-ca-file")?,
            etcd: first.ok_or_else(|| invalid("etcd-servers", &servers))?.trim_end_matches('/').to_owned(),
            etcd_ca: path("etcd-cafile")?,
            etcd_certificate: path("etcd-certfile")?,
            etcd_key: path("etcd-keyfile")?,
        })
    }
}
