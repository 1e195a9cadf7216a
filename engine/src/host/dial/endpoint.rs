//! Address and port of something that listens.

use std::fmt;

/// Address and port, as the host that is asked sees them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// An IPv4 address, an IPv6 address without brackets, or a name.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint with this address; brackets around an IPv6 address are taken off.
    pub fn new(host: &str, port: u16) -> Self {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        Self { host: bare.to_owned(), port }
    }

    /// Whether the address holds only what addresses and names are made of.
    pub(super) fn is_plain(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte);
        !self.host.is_empty() && !self.host.starts_with('-') && self.host.bytes().all(plain)
    }
}

/// `127.0.0.1:2379`, `[::1]:2379`; escaped.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = crate::text::escape(&self.host);
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}
