//! A port of this machine.

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Dial, DialError, Dialled, Served, Way, talk};

/// Asks over a connection of our own.
pub(in crate::host) async fn over_tcp(dial: &Dial) -> Dialled {
    let outcome = timeout(dial.within, connect_and_talk(dial)).await;
    Dialled { way: Way::Direct, outcome: outcome.unwrap_or(Err(DialError::TimedOut)) }
}

async fn connect_and_talk(dial: &Dial) -> Result<Served, DialError> {
    let connected = TcpStream::connect((dial.at.host.as_str(), dial.at.port)).await;
    talk(connected.map_err(|error| DialError::of_io(&error))?, dial).await
}
