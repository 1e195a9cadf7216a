//! The client of etcd: its JSON gateway over mutual TLS, as far as the store needs it.
//!
//! Invariant: a write that may have arrived is not sent again; a read is. Certificate and key are read at each new
//! connection, as the real client does. Absent: other members than the one of the flags, leases of etcd, compaction.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::wire::klog::{self, Level};
use crate::wire::line::{Line, LineError};
use crate::wire::pace::paced;
use crate::wire::tls::{self, Pair, TlsError};

/// How many connections are kept for the next requests.
const IDLE: usize = 16;

/// How long a request goes on trying, ms.
const PATIENCE: u64 = 10_000;

/// Why etcd did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum EtcdError {
    /// No connection, or it ended.
    #[error("rpc error: code = Unavailable desc = connection error: desc = \"{}\"", transport(.0))]
    Line(#[from] LineError),
    /// The credential cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// etcd says no.
    #[error("{0}")]
    Refused(String),
    /// No answer in time.
    #[error("context deadline exceeded")]
    Late,
}

impl EtcdError {
    fn was_never_sent(&self) -> bool {
        match self {
            Self::Line(error) => error.was_never_sent(),
            Self::Tls(_) => true,
            Self::Refused(_) | Self::Late => false,
        }
    }
}

/// Whether a request may be sent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It reads.
    Safe,
    /// It writes: again only when the first one never left.
    IfUnsent,
}

/// Where etcd is, and the files of the credential.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// `host:port`.
    pub(super) address: String,
    /// The CA of etcd.
    pub(super) ca: PathBuf,
    /// The client certificate.
    pub(super) certificate: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
}

/// One member of etcd.
#[derive(Debug)]
pub(super) struct Etcd {
    endpoint: Endpoint,
    idle: Mutex<Vec<Line>>,
}

impl Etcd {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, idle: Mutex::default() }
    }

    /// Calls a method of the gateway, such as `/v3/kv/range`.
    pub(super) async fn call(&self, path: &str, body: &Value, repeat: Repeat) -> Result<Value, EtcdError> {
        self.call_within(path, body, repeat, Duration::from_millis(PATIENCE)).await
    }

    /// The same with another patience.
    pub(super) async fn call_within(
        &self,
        path: &str,
        body: &Value,
        repeat: Repeat,
        patience: Duration,
    ) -> Result<Value, EtcdError> {
        let end = Instant::now() + patience;
        // As gRPC's back-off of a connection: 1 s, then 1.6 times as much.
        let mut back_off = paced(1000);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(tried) = tokio::time::timeout(left, self.once(path, body)).await else {
                return Err(EtcdError::Late);
            };
            let error = match tried {
                Ok(answer) => return Ok(answer),
                Err(EtcdError::Refused(why)) => return Err(EtcdError::Refused(why)),
                Err(error) => error,
            };
            let again = error.was_never_sent() || repeat == Repeat::Safe;
            if !again || Instant::now() + back_off >= end {
                return Err(error);
            }
            if error.was_never_sent() {
                self.complain(&error);
                tokio::time::sleep(back_off).await;
                back_off = (back_off * 8 / 5).min(paced(3000));
            }
        }
    }

    fn complain(&self, error: &EtcdError) {
        let address = &self.endpoint.address;
        let why = match error {
            EtcdError::Line(error) => transport(error),
            EtcdError::Tls(_) | EtcdError::Refused(_) | EtcdError::Late => error.to_string(),
        };
        let text = format!(
            "[core] [Channel #1 SubChannel #3] grpc: addrConn.createTransport failed to connect to {{Addr: \
             {address:?}, ServerName: {address:?}, }}. Err: connection error: desc = {why:?}"
        );
        klog::say(Level::Warning, "logging.go:55", &text);
    }

    async fn once(&self, path: &str, body: &Value) -> Result<Value, EtcdError> {
        let kept = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(Line::is_open);
            idle.pop()
        };
        let mut line = match kept {
            Some(line) => line,
            None => self.open().await?,
        };
        let response = line.send(self.request(path, body)).await?;
        let code = response.status();
        let bytes = response.into_body().collect().await.map_err(LineError::from)?.to_bytes();
        let answer = read(code, &bytes)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(line);
        }
        Ok(answer)
    }

    /// Watches a range of keys from a revision on.
    pub(super) async fn watch(&self, start: &str, end: &str, revision: i64) -> Result<Changes, EtcdError> {
        let create = json!({"create_request": {
            "key": STANDARD.encode(start),
            "range_end": STANDARD.encode(end),
            "start_revision": revision.to_string(),
            "prev_kv": true,
        }});
        let mut line = self.open().await?;
        let response = line.send(self.request("/v3/watch", &create)).await?;
        if response.status() != StatusCode::OK {
            return Err(EtcdError::Refused(response.status().to_string()));
        }
        Ok(Changes { body: response.into_body(), rest: Vec::new() })
    }

    async fn open(&self) -> Result<Line, EtcdError> {
        let ca = tls::file(&self.endpoint.ca)?;
        let pair = Pair::read(&self.endpoint.certificate, &self.endpoint.key)?;
        Ok(Line::open(&self.endpoint.address, tls::client(&ca, Some(&pair))?).await?)
    }

    fn request(&self, path: &str, body: &Value) -> Request<Full<Bytes>> {
        let builder = Request::post(path).header("host", &self.endpoint.address);
        let builder = builder.header("content-type", "application/json");
        builder.body(Full::new(body.to_string().into())).expect("a path and two plain headers make a request")
    }
}

/// A failed connection in the words of gRPC.
fn transport(error: &LineError) -> String {
    match error {
        LineError::Connect { .. } => format!("transport: Error while dialing: {error}"),
        LineError::Tls(_) => format!("transport: authentication handshake failed: {error}"),
        LineError::Http(_) | LineError::Late => format!("transport: {error}"),
    }
}

fn read(code: StatusCode, bytes: &[u8]) -> Result<Value, EtcdError> {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if code.is_success() {
        return Ok(value);
    }
    let said = value.get("error").and_then(Value::as_str).map(str::to_owned);
    Err(EtcdError::Refused(said.unwrap_or_else(|| String::from_utf8_lossy(bytes).trim().to_owned())))
}

/// The stream of a watch.
#[derive(Debug)]
pub(super) struct Changes {
    body: Incoming,
    rest: Vec<u8>,
}

impl Changes {
    /// The next answer of the watch; `None` when the connection ended.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let answer: Value = serde_json::from_slice(&line).ok()?;
                return answer.get("result").cloned();
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.rest.extend_from_slice(&data);
            }
        }
    }
}
