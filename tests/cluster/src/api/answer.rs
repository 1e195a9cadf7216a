//! Answers: objects, texts, and the Status objects of failures.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::etcd::EtcdError;
use super::kinds::Kind;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// A watch: pieces as they come.
    Live(mpsc::Receiver<Bytes>),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Live(pieces) => {
                pieces.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Live(_) => SizeHint::default(),
        }
    }
}

/// An answer to a request.
pub(super) type Answer = Response<Outgoing>;

/// An object.
pub(super) fn object(code: StatusCode, value: &Value) -> Answer {
    let mut bytes = value.to_string();
    bytes.push('\n');
    with_body(code, "application/json", Outgoing::Whole(Some(bytes.into())))
}

/// A text.
pub(super) fn text(code: StatusCode, text: String) -> Answer {
    with_body(code, "text/plain; charset=utf-8", Outgoing::Whole(Some(text.into())))
}

/// A watch.
pub(super) fn live(pieces: mpsc::Receiver<Bytes>) -> Answer {
    with_body(StatusCode::OK, "application/json", Outgoing::Live(pieces))
}

fn with_body(code: StatusCode, kind: &'static str, body: Outgoing) -> Answer {
    let builder = Response::builder().status(code).header("content-type", kind);
    let builder = builder.header("cache-control", "no-cache, private");
    builder.body(body).expect("a status and two plain headers make an answer")
}

/// A request that is answered with a Status object.
#[derive(Debug)]
pub(super) struct Failure {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Failure {
    fn new(code: StatusCode, reason: &'static str, message: String) -> Self {
        Self { code, reason, message, details: json!({}) }
    }

    fn about(self, kind: &Kind, name: &str) -> Self {
        let details = json!({"name": name, "group": kind.group, "kind": kind.plural});
        Self { details, ..self }
    }

    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.resource());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(kind, name)
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            "the server could not find the requested resource".to_owned(),
        )
    }

    pub(super) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.resource());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(kind, name)
    }

    pub(super) fn conflict(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes \
             to the latest version and try again",
            kind.resource()
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(kind, name)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized".to_owned())
    }

    pub(super) fn forbidden(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    pub(super) fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// A patch whose test fails, or whose place is not there.
    pub(super) fn invalid() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    }

    pub(super) fn wrong_method() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    pub(super) fn wrong_media_type(kind: &str) -> Self {
        let message = format!("the body of the request was in an unknown format - {kind}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    pub(super) fn not_ready() -> Self {
        let message = "the server is currently unable to handle the request".to_owned();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// Whether someone else was there first.
    pub(super) fn is_conflict(&self) -> bool {
        self.code == StatusCode::CONFLICT
    }

    pub(super) fn answer(&self) -> Answer {
        object(
            self.code,
            &json!({
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": self.message,
                "reason": self.reason,
                "details": self.details,
                "code": self.code.as_u16(),
            }),
        )
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl From<EtcdError> for Failure {
    fn from(error: EtcdError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", error.to_string())
    }
}
