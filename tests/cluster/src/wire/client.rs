//! A client of the API, for kubelets, controllers and tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use certwright_steps::pki::kubeconfig::{Kubeconfig, KubeconfigError, Source};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use rustls::ClientConfig;
use serde_json::Value;

use super::line::{Line, LineError};
use super::tls::{self, Pair, TlsError};

/// Why a kubeconfig gives no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file of it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The kubeconfig itself.
    #[error("kubeconfig {0}")]
    Kubeconfig(#[from] KubeconfigError),
}

/// Why a request failed, in the words of the logs of the real components.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No answer.
    #[error("{} {url:?}: {source}", verb(method))]
    Line {
        /// The method.
        method: Method,
        /// The whole address.
        url: String,
        /// Why.
        source: LineError,
    },
    /// An answer that says no: the message of its Status.
    #[error("{message}")]
    Status {
        /// Its code.
        code: StatusCode,
        /// What it says.
        message: String,
    },
}

impl AskError {
    /// The status code, where there was an answer.
    pub fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Line { .. } => None,
        }
    }
}

/// Go names the method of a failed request like a word.
fn verb(method: &Method) -> String {
    let text = method.as_str().to_ascii_lowercase();
    text.split_at_checked(1).map_or_else(String::new, |(head, tail)| head.to_ascii_uppercase() + tail)
}

/// A client of one API server with one credential, on a connection that is kept and made anew when it ends.
#[derive(Debug)]
pub struct Client {
    address: String,
    tls: Arc<ClientConfig>,
    line: Option<Line>,
    timeout: Duration,
}

impl Client {
    /// A client of `address` (`host:port`) that trusts `ca` and shows `pair`.
    pub fn new(address: &str, ca: &[u8], pair: Option<&Pair>) -> Result<Self, TlsError> {
        let (address, tls) = (address.to_owned(), tls::client(ca, pair)?);
        Ok(Self { address, tls, line: None, timeout: Duration::from_secs(5) })
    }

    /// The client that a kubeconfig describes; it is read now and not again, and neither are the files it points at.
    pub fn from_kubeconfig(path: &Path) -> Result<Self, ClientError> {
        let kubeconfig = Kubeconfig::parse(&tls::file(path)?)?;
        let (cluster, user) = kubeconfig.current()?;
        let ca = match &cluster.entry.certificate_authority {
            Some(Source::Data(pem)) => pem.clone(),
            Some(Source::File(path)) => tls::file(Path::new(path))?,
            None => return Err(KubeconfigError::Absent("certificate authority").into()),
        };
        let certificate = match &user.entry.client_certificate {
            Some(Source::Data(pem)) => pem.clone(),
            Some(Source::File(path)) => tls::file(Path::new(path))?,
            None => return Err(KubeconfigError::Absent("client certificate").into()),
        };
        let key = match &user.entry.client_key {
            Some(Source::Data(pem)) => pem.reveal().to_vec(),
            Some(Source::File(path)) => tls::file(Path::new(path))?,
            None => return Err(KubeconfigError::Absent("client key").into()),
        };
        let address = cluster.entry.server.trim_start_matches("https://").trim_end_matches('/');
        Ok(Self::new(address, &ca, Some(&Pair { certificate, key }))?)
    }

    /// The same asking another server (`host:port`).
    #[must_use]
    pub fn at(self, address: &str) -> Self {
        Self { address: address.to_owned(), line: None, ..self }
    }

    /// The same waiting so long for an answer, instead of 5 s.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Another client of the same server with the same credential, on a connection of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { address: self.address.clone(), tls: self.tls.clone(), line: None, timeout: self.timeout }
    }

    /// Whom it asks, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Drops the kept connection.
    pub fn hang_up(&mut self) {
        self.line = None;
    }

    /// Gets an object or a list.
    pub async fn get(&mut self, path: &str) -> Result<Value, AskError> {
        self.ask(Method::GET, path, None).await
    }

    /// Creates an object in the collection at `path`.
    pub async fn post(&mut self, path: &str, object: &Value) -> Result<Value, AskError> {
        self.ask(Method::POST, path, Some(object)).await
    }

    /// Replaces the object at `path`.
    pub async fn put(&mut self, path: &str, object: &Value) -> Result<Value, AskError> {
        self.ask(Method::PUT, path, Some(object)).await
    }

    /// Merges into the object at `path`.
    pub async fn patch(&mut self, path: &str, change: &Value) -> Result<Value, AskError> {
        self.ask(Method::PATCH, path, Some(change)).await
    }

    /// Deletes the object at `path`.
    pub async fn delete(&mut self, path: &str) -> Result<Value, AskError> {
        self.ask(Method::DELETE, path, None).await
    }

    /// Asks with a method; an answer other than 2xx is an error.
    pub async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, AskError> {
        let failed = |source| AskError::Line {
            method: method.clone(),
            url: format!("https://{}{path}", self.address),
            source,
        };
        let exchange = Self::exchange(&mut self.line, &self.address, &self.tls, &method, path, body);
        let answered = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answered) => answered,
            Err(_) => Err(LineError::Late),
        };
        let (code, bytes) = match answered {
            Ok(answer) => answer,
            Err(error) => {
                // A connection with a request on it that nobody waits for is of no use to the next one.
                self.line = None;
                return Err(failed(error));
            }
        };
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if code.is_success() {
            return Ok(value);
        }
        let message = value.get("message").and_then(Value::as_str).map(str::to_owned);
        let message = message.unwrap_or_else(|| String::from_utf8_lossy(&bytes).trim().to_owned());
        Err(AskError::Status { code, message })
    }

    /// Opens a stream of the answer's body on a connection of its own, as a watch is.
    pub async fn stream(&self, path: &str) -> Result<Response<Incoming>, AskError> {
        let failed = |source| AskError::Line {
            method: Method::GET,
            url: format!("https://{}{path}", self.address),
            source,
        };
        let mut line = Line::open(&self.address, self.tls.clone()).await.map_err(failed)?;
        let request = request(&self.address, &Method::GET, path, None);
        let response = line.send(request).await.map_err(failed)?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(AskError::Status { code: response.status(), message: response.status().to_string() })
    }

    async fn exchange(
        kept: &mut Option<Line>,
        address: &str,
        tls: &Arc<ClientConfig>,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), LineError> {
        let again = kept.take().filter(Line::is_open);
        let sent = match again {
            Some(mut line) => match line.send(request(address, method, path, body)).await {
                // It was closed in the very moment: as with a new one.
                Err(error) if error.was_never_sent() => None,
                sent => Some((line, sent?)),
            },
            None => None,
        };
        let (line, response) = if let Some(sent) = sent {
            sent
        } else {
            let mut line = Line::open(address, tls.clone()).await?;
            let response = line.send(request(address, method, path, body)).await?;
            (line, response)
        };
        let code = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        *kept = Some(line);
        Ok((code, bytes))
    }
}

fn request(address: &str, method: &Method, path: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
    let kind = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let bytes = body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()));
    let builder = Request::builder().method(method).uri(path).header("host", address);
    let builder = builder.header("content-type", kind).header("accept", "application/json");
    builder.body(Full::new(bytes)).expect("a method, a path and four plain headers make a request")
}
