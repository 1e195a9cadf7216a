//! One GET, as HTTP/1.0: the server then neither chunks its answer nor waits for another request.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Answer, BODY_KEPT, DialError, Endpoint};
use crate::text::Untrusted;

/// Longest head of an answer, bytes.
const HEAD_MAX: usize = 16 << 10;

/// Most lines of a head.
const LINES_MAX: usize = 64;

/// Asks for `path` and reads the answer.
pub(super) async fn get<S>(stream: &mut S, at: &Endpoint, path: &str) -> Result<Answer, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {at}\r\nUser-Agent: certwright\r\nAccept: */*\r\n\r\n");
    // A server may answer, and close, before it has read all of this: what it says tells more than the error here.
    let _ignored = stream.write_all(request.as_bytes()).await;
    let _ignored = stream.flush().await;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = Head::parse(&bytes)? {
            break head;
        }
        if bytes.len() >= HEAD_MAX {
            return Err(DialError::Other(format!("the answer's head is longer than {HEAD_MAX} bytes")));
        }
        if more(stream, &mut bytes).await? == 0 {
            return Err(DialError::Closed);
        }
    };
    let mut body = bytes.split_off(head.length);
    let total = loop {
        match head.body {
            Some(length) if body.len() as u64 >= length => {
                body.truncate(usize::try_from(length).unwrap_or(usize::MAX));
                break length;
            }
            Some(length) if body.len() > BODY_KEPT => break length,
            None if body.len() > BODY_KEPT => break body.len() as u64,
            Some(_) | None => {}
        }
        if more(stream, &mut body).await? == 0 {
            match head.body {
                Some(_) => return Err(DialError::Closed),
                None => break body.len() as u64,
            }
        }
    };
    body.truncate(BODY_KEPT);
    Ok(Answer { code: head.code, body: Untrusted::capped(body, total) })
}

async fn more(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<usize, DialError> {
    stream.read_buf(bytes).await.map_err(|error| DialError::of_io(&error))
}

/// The head of an answer.
struct Head {
    /// Bytes of it.
    length: usize,
    /// HTTP status.
    code: u16,
    /// Bytes of the body that follows; None: until the connection ends.
    body: Option<u64>,
}

impl Head {
    /// None while it is not whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, DialError> {
        let wrong = |why: &dyn std::fmt::Display| DialError::Other(format!("the answer is not HTTP: {why}"));
        let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
        let mut answer = httparse::Response::new(&mut lines);
        let length = match answer.parse(bytes).map_err(|error| wrong(&error))? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete(length) => length,
        };
        let code = answer.code.expect("a whole head has its status");
        let value = |name: &str| {
            let line = answer.headers.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
            Some(std::str::from_utf8(line.value).unwrap_or_default())
        };
        if value("Transfer-Encoding").is_some() {
            return Err(wrong(&"it is chunked, and HTTP/1.0 was asked for"));
        }
        let body = value("Content-Length").map(str::parse).transpose().map_err(|error| wrong(&error))?;
        Ok(Some(Self { length, code, body }))
    }
}
