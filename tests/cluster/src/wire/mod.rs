//! What the components of ours share: TLS, HTTP connections, the client of the API, log lines.
//!
//! Invariant: certificates and keys are read from their files when a connection is made, never before, unless the real
//! component reads them once. Absent: HTTP/2 (whoever asks for it gets HTTP/1.1), proxies, redirects.

pub mod client;
pub mod klog;
pub mod line;
pub mod moment;
pub mod pace;
pub mod random;
pub mod tls;
