//! One question over a connection that stands.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Ask, Dial, DialError, Served, http, tls};

/// Asks over `stream`; ending it when it takes too long is the caller's business.
pub(in crate::host) async fn talk<S>(mut stream: S, dial: &Dial) -> Result<Served, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match &dial.ask {
        Ask::Http(path) => {
            let answer = http::get(&mut stream, &dial.at, path).await?;
            Ok(Served { chain: Vec::new(), answer: Some(answer) })
        }
        Ask::Certificate => {
            let tls::Shaken { chain, stream } = tls::shake(stream).await;
            match (chain, stream) {
                // The server may well have aborted since: it wanted a certificate of ours.
                (Some(chain), Ok(_) | Err(_)) => Ok(Served { chain, answer: None }),
                (None, Err(error)) => Err(error),
                (None, Ok(_)) => unreachable!("no handshake ends well without a proven certificate"),
            }
        }
        Ask::Https(path) => {
            let tls::Shaken { chain, stream } = tls::shake(stream).await;
            let answer = http::get(&mut stream?, &dial.at, path).await?;
            Ok(Served { chain: chain.unwrap_or_default(), answer: Some(answer) })
        }
    }
}
