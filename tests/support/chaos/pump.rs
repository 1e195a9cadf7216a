//! The threads that pass bytes on: two for each connection, one a way.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use super::{End, LOOK_EVERY, Now, Shared, Way};

/// Accepts connections until the proxy has stopped, and passes on what comes.
pub(super) fn accept(listener: &TcpListener, server: u16, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mut state = shared.lock();
        if state.stopped {
            return;
        }
        let Ok(client) = client else { continue };
        // Nobody listens there: the client is told so by the end of its connection.
        let Ok(upstream) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { continue };
        state.connections += 1;
        for socket in [&client, &upstream] {
            socket.set_nodelay(true).expect("a TCP socket");
            socket.set_read_timeout(Some(LOOK_EVERY)).expect("a TCP socket");
        }
        let (client, upstream) = (Arc::new(client), Arc::new(upstream));
        let up = Pump::new(shared, state.connections, Way::Up, &client, &upstream);
        let down = Pump::new(shared, state.connections, Way::Down, &upstream, &client);
        let connection = state.connections;
        state.ways.extend([connection; 2]);
        for pump in [up, down] {
            std::thread::spawn(move || {
                pump.run();
                let mut state = pump.shared.lock();
                let mine = state.ways.iter().position(|way| *way == pump.connection).expect("it runs");
                state.ways.swap_remove(mine);
            });
        }
    }
}

/// One way of one connection.
struct Pump {
    shared: Arc<Shared>,
    connection: u64,
    way: Way,
    from: Arc<TcpStream>,
    to: Arc<TcpStream>,
}

impl Pump {
    fn new(
        shared: &Arc<Shared>,
        connection: u64,
        way: Way,
        from: &Arc<TcpStream>,
        to: &Arc<TcpStream>,
    ) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, connection, way, from: Arc::clone(from), to: Arc::clone(to) }
    }

    /// Passes bytes on until this way has ended and everything of it has arrived.
    fn run(&self) {
        let mut pending: Vec<u8> = Vec::new();
        let mut over = false;
        let mut chunk = vec![0; 64 << 10];
        loop {
            let mut came = 0;
            if over {
                sleep(LOOK_EVERY);
            } else {
                match (&*self.from).read(&mut chunk) {
                    Ok(0) => over = true,
                    Ok(n) => {
                        pending.extend_from_slice(&chunk[..n]);
                        came = n;
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(_reset) => over = true,
                }
            }
            let mut state = self.shared.lock();
            if state.stopped {
                return self.end(End::Fin);
            }
            if came > 0 {
                state.came(self.connection, self.way, came);
            }
            match state.now(self.connection, self.way, pending.len(), over) {
                Now::Keep => {}
                Now::End(how) => return self.end(how),
                Now::Pass { bytes, slowly } => {
                    let piece: Vec<u8> = pending.drain(..bytes).collect();
                    if let Some(pause) = slowly {
                        drop(state);
                        sleep(pause);
                        state = self.shared.lock();
                    }
                    let end = state.pass(self.connection, self.way, piece.len());
                    drop(state);
                    let gone = (&*self.to).write_all(&piece).is_err();
                    if let Some(how) = end {
                        return self.end(how);
                    }
                    let is_all = pending.is_empty() && over && self.shared.lock().passes_end(self.connection);
                    if is_all || gone {
                        // An error means that the other end is gone already.
                        let _gone = self.to.shutdown(Shutdown::Write);
                        return;
                    }
                }
            }
        }
    }

    /// Ends both connections; with a reset once the other pump, which is told the same, lets go of them too.
    fn end(&self, how: End) {
        for socket in [&self.from, &self.to] {
            // Errors mean that it ended already.
            match how {
                End::Fin => drop(socket.shutdown(Shutdown::Both)),
                End::Rst => drop(rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))),
            }
        }
    }
}
