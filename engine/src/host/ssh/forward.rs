//! Ports of the node through the connection: unix sockets in the control folder that the master forwards.
//!
//! A socket is made when a port is first asked and stays for as long as its master: folder and sockets end with it.
//! The server's refusal to forward and the node's refusal to connect look the same from here (the connection closes
//! before its first byte), and a firewall may let root through and not the login: so whatever brought nothing is asked
//! again on the node, whose answer counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use openssh::{ForwardType, Session, Socket};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::SshHost;
use crate::host::dial::{Dial, Dialled, Endpoint, Way, on_host, talk};
use crate::host::{Host as _, HostError};

/// A dial with so much time, whose forward was silent where the node got an answer, tells that something swallows what is
/// forwarded. With less, the server may just have begun to answer.
const TELLING: Duration = Duration::from_secs(10);

/// The forwards of one master.
pub(super) struct Forwards {
    folder: PathBuf,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    sockets: BTreeMap<Endpoint, PathBuf>,
    /// How many were asked for: no name is used twice, even when nobody waited for the answer.
    asked: u32,
    /// The node got an answer where a forward got none: each further try would cost time, and a line in its log.
    refused: bool,
}

impl Forwards {
    /// None yet; their sockets will stand in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), made: Mutex::default() }
    }

    /// A connection to a port of the node. That it stands does not say that the node's end does.
    async fn connect(&self, session: &Session, at: &Endpoint) -> Option<UnixStream> {
        let mut made = self.made.lock().await;
        if made.refused {
            return None;
        }
        let socket = if let Some(socket) = made.sockets.get(at) {
            socket.clone()
        } else {
            made.asked += 1;
            let socket = self.folder.join(format!("f{}", made.asked));
            let to = Socket::new(at.host.as_str(), at.port);
            session.request_port_forward(ForwardType::Local, socket.as_path(), to).await.ok()?;
            made.sockets.insert(at.clone(), socket.clone());
            socket
        };
        drop(made);
        UnixStream::connect(socket).await.ok()
    }
}

/// Asks a port of the node: through the connection for half of the time, then on the node.
pub(super) async fn dial(host: &SshHost, dial: &Dial) -> Result<Dialled, HostError> {
    dial.check(host.name())?;
    let until = Instant::now() + dial.within;
    let left = || until.saturating_duration_since(Instant::now());
    let master = host.client.connector().master(until).await?;
    let half = Instant::now() + left() / 2;
    let connected = timeout_at(half, master.forwards().connect(&master.session(), &dial.at)).await;
    if connected.is_err() {
        // The master itself does not answer.
        master.retire();
    }
    let forwarded = match connected {
        Ok(Some(stream)) => Some(timeout_at(half, talk(stream, dial)).await),
        Ok(None) | Err(_) => None,
    };
    let tells = match forwarded {
        Some(Ok(Ok(served))) => return Ok(Dialled { way: Way::Forward, outcome: Ok(served) }),
        Some(Ok(Err(_))) => true,
        Some(Err(_silent)) => dial.within >= TELLING,
        None => false,
    };
    let dialled = on_host(host, dial, left()).await?;
    if tells && dialled.outcome.is_ok() {
        master.forwards().made.lock().await.refused = true;
    }
    Ok(dialled)
}
