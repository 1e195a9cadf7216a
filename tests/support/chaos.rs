//! A line with faults: a TCP proxy between ssh and sshd, in the test's own process.
//!
//! Invariant: bytes are never changed or reordered, and none is kept or lost but by the fault that was armed; the
//! proxy says whether that fault fired. One fault at a time, on one connection; whoever connects again has a good
//! line. Std only, but for the one socket option that makes a close a reset.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// How long a pump waits for bytes before it looks at the faults again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How many times a second a trickle passes something on.
const DROPS: u32 = 20;

/// A direction of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From ssh to sshd.
    Up,
    /// From sshd to ssh.
    Down,
}

/// How a line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order: both ends read everything that passed, then the end of it.
    Fin,
    /// By a reset of both connections.
    Rst,
}

/// What goes wrong. `after` counts the bytes of one way since the fault was armed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Exactly `after` bytes pass, then both connections end; 0: when the next byte comes.
    Cut { way: Way, after: u64, how: End },
    /// What comes after `after` bytes is kept until it is released; it arrives then, though ssh be gone.
    Hold { way: Way, after: u64 },
    /// After `after` bytes nothing passes in either way, and both connections stay whatever their ends do.
    HalfOpen { way: Way, after: u64 },
    /// Every piece of both ways arrives so much later.
    Delay { by: Duration },
    /// No more than so many bytes a second pass in this way.
    Trickle { way: Way, bytes_per_second: u32 },
}

/// Which connection a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The newest one there is.
    Newest,
    /// The next one that is made.
    Next,
}

/// What is let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Bytes, and the end of the connection behind them.
    All,
    /// Bytes; of the end the other side never hears, as when a workstation is gone for good.
    Bytes,
}

/// The proxy; its lines end with it.
pub(crate) struct Chaos {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: u64,
    armed: Option<Armed>,
    /// Bytes since the last call of `arm` or `count`, and where each piece of them ended.
    passed: [u64; 2],
    pieces: Vec<(Way, u64)>,
    /// The connection of each pump that runs.
    ways: Vec<u64>,
    /// Connections that were cut, and how.
    cut: BTreeMap<u64, End>,
    stopped: bool,
}

struct Armed {
    fault: Fault,
    connection: u64,
    passed: [u64; 2],
    fired: bool,
    released: Option<Release>,
}

/// What a pump does with the next piece.
enum Now {
    Pass { bytes: usize, slowly: Option<Duration> },
    Keep,
    End(End),
}

impl Chaos {
    /// A proxy to this port of 127.0.0.1.
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || accept(&listener, server, &theirs));
        Self { port, shared, accepting: Some(accepting) }
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Arms a fault for one connection, in place of the one before; counts from 0.
    pub(crate) fn arm(&self, line: Line, fault: Fault) {
        let mut state = self.shared.lock();
        let next = u64::from(line == Line::Next);
        let connection = state.connections + next;
        assert!(connection > 0, "there is no connection yet");
        state.armed = Some(Armed { fault, connection, passed: [0; 2], fired: false, released: None });
        (state.passed, state.pieces) = ([0; 2], Vec::new());
    }

    /// Cuts the newest connection now.
    pub(crate) fn cut(&self, how: End) {
        let mut state = self.shared.lock();
        let newest = state.connections;
        state.cut.insert(newest, how);
    }

    /// Disarms and counts from 0.
    pub(crate) fn count(&self) {
        let mut state = self.shared.lock();
        state.armed = None;
        (state.passed, state.pieces) = ([0; 2], Vec::new());
    }

    /// Lets go of what a `Hold` keeps.
    pub(crate) fn release(&self, what: Release) {
        self.shared.lock().armed.as_mut().expect("a fault is armed").released = Some(what);
    }

    /// True once the armed fault has changed something.
    pub(crate) fn fired(&self) -> bool {
        self.shared.lock().armed.as_ref().is_some_and(|armed| armed.fired)
    }

    /// Bytes that passed this way since `arm` or `count`, on all connections.
    pub(crate) fn passed(&self, way: Way) -> u64 {
        self.shared.lock().passed[way as usize]
    }

    /// Where each piece ended: so many bytes of its way since `arm` or `count`. ssh writes a packet at once, so
    /// these are the frames of its protocol.
    pub(crate) fn pieces(&self) -> Vec<(Way, u64)> {
        self.shared.lock().pieces.clone()
    }

    /// How many connections have a way that is not over.
    pub(crate) fn open(&self) -> usize {
        self.shared.lock().ways.iter().collect::<BTreeSet<_>>().len()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.lock().connections
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        // Wakes the thread that accepts.
        let _refused = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(accepting) = self.accepting.take() {
            let _panicked = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, server: u16, shared: &Arc<Shared>) {
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
            if over {
                sleep(LOOK_EVERY);
            } else {
                match (&*self.from).read(&mut chunk) {
                    Ok(0) => over = true,
                    Ok(n) => pending.extend_from_slice(&chunk[..n]),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(_reset) => over = true,
                }
            }
            let mut state = self.shared.lock();
            if state.stopped {
                return self.end(End::Fin);
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// What to do with `pending` bytes of one way of a connection.
    fn now(&mut self, connection: u64, way: Way, pending: usize, over: bool) -> Now {
        let all = Now::Pass { bytes: pending, slowly: None };
        if let Some(how) = self.cut.get(&connection) {
            return Now::End(*how);
        }
        let Some(armed) = self.armed.as_mut().filter(|armed| armed.connection == connection) else {
            return all;
        };
        let left = |after: u64| usize::try_from(after - armed.passed[way as usize].min(after)).expect("fits");
        match armed.fault {
            Fault::Cut { way: its, after, how } if its == way && !armed.fired => match left(after) {
                0 if pending > 0 => {
                    armed.fired = true;
                    self.cut.insert(connection, how);
                    Now::End(how)
                }
                left => Now::Pass { bytes: pending.min(left), slowly: None },
            },
            Fault::Hold { way: its, .. } if its == way && armed.released.is_some() => {
                // Not even the end of it, where only bytes were released.
                if armed.released == Some(Release::Bytes) && pending == 0 { Now::Keep } else { all }
            }
            Fault::Hold { way: its, after } if its == way => match left(after) {
                // Its end is kept as its bytes are.
                0 => {
                    armed.fired |= pending > 0 || over;
                    Now::Keep
                }
                left => Now::Pass { bytes: pending.min(left), slowly: None },
            },
            Fault::HalfOpen { .. } if armed.fired => Now::Keep,
            Fault::HalfOpen { way: its, after } if its == way => match left(after) {
                0 => {
                    armed.fired = true;
                    Now::Keep
                }
                left => Now::Pass { bytes: pending.min(left), slowly: None },
            },
            Fault::Delay { by } if pending > 0 => {
                armed.fired = true;
                Now::Pass { bytes: pending, slowly: Some(by) }
            }
            Fault::Trickle { way: its, bytes_per_second } if its == way && pending > 0 => {
                armed.fired = true;
                let drop = usize::try_from((bytes_per_second / DROPS).max(1)).expect("fits");
                let pause = Duration::from_secs(1) / bytes_per_second.min(DROPS);
                Now::Pass { bytes: pending.min(drop), slowly: Some(pause) }
            }
            Fault::Cut { .. }
            | Fault::Hold { .. }
            | Fault::HalfOpen { .. }
            | Fault::Delay { .. }
            | Fault::Trickle { .. } => all,
        }
    }

    /// False where the other side must not hear of the end of a connection.
    fn passes_end(&self, connection: u64) -> bool {
        let armed = self.armed.as_ref().filter(|armed| armed.connection == connection);
        armed.is_none_or(|armed| armed.released != Some(Release::Bytes))
    }

    /// Counts what passes; how the line ends right after it, if it does.
    fn pass(&mut self, connection: u64, way: Way, bytes: usize) -> Option<End> {
        if bytes == 0 {
            return None;
        }
        self.passed[way as usize] += bytes as u64;
        self.pieces.push((way, self.passed[way as usize]));
        let armed = self.armed.as_mut().filter(|armed| armed.connection == connection)?;
        armed.passed[way as usize] += bytes as u64;
        match armed.fault {
            Fault::Cut { way: its, after, how } if its == way && armed.passed[way as usize] == after => {
                armed.fired = true;
                self.cut.insert(connection, how);
                Some(how)
            }
            Fault::Cut { .. }
            | Fault::Hold { .. }
            | Fault::HalfOpen { .. }
            | Fault::Delay { .. }
            | Fault::Trickle { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client, the server's end of its connection, and the proxy between them.
    fn line(arm: impl FnOnce(&Chaos)) -> (TcpStream, TcpStream, Chaos) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let chaos = Chaos::to(listener.local_addr().expect("bound").port());
        arm(&chaos);
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, chaos.port())).expect("it listens");
        let (served, _) = listener.accept().expect("the proxy connects");
        for end in [&client, &served] {
            end.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket");
        }
        (client, served, chaos)
    }

    fn read_all(mut from: &TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
        let mut bytes = Vec::new();
        let error = from.read_to_end(&mut bytes).err().map(|error| error.kind());
        (bytes, error)
    }

    #[test]
    fn a_line_without_a_fault_passes_everything_and_counts_it() {
        let (mut client, served, chaos) = line(|_| {});
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let sent = bytes.clone();
        let writing = std::thread::spawn(move || client.write_all(&sent).map(|()| client));
        served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        let mut got = vec![0; bytes.len()];
        (&served).read_exact(&mut got).expect("it passes");
        assert!(got == bytes);
        drop(writing.join().expect("no panic").expect("written"));
        assert_eq!(read_all(&served), (Vec::new(), None), "its end passes too");
        assert_eq!(chaos.passed(Way::Up), 300_000);
        assert_eq!(chaos.pieces().last(), Some(&(Way::Up, 300_000)));
        assert!(!chaos.fired() && chaos.connections() == 1);
    }

    #[test]
    fn a_cut_passes_exactly_its_bytes_and_ends_both_sides_as_asked() {
        for how in [End::Fin, End::Rst] {
            for after in [0, 1, 3, 5] {
                let cut = Fault::Cut { way: Way::Up, after, how };
                let (mut client, served, chaos) = line(|chaos| chaos.arm(Line::Next, cut));
                client.write_all(b"bytes").expect("sent");
                served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
                let (got, error) = read_all(&served);
                let reset = (how == End::Rst).then_some(ErrorKind::ConnectionReset);
                assert_eq!(error, reset, "{how:?} after {after}");
                assert_eq!(got, b"bytes"[..usize::try_from(after).expect("small")], "{how:?} after {after}");
                client.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
                assert_eq!(read_all(&client), (Vec::new(), reset), "{how:?} after {after}");
                assert!(chaos.fired());
            }
        }
    }

    #[test]
    fn a_line_can_be_cut_while_nothing_passes() {
        for (how, error) in [(End::Fin, None), (End::Rst, Some(ErrorKind::ConnectionReset))] {
            let (mut client, served, chaos) = line(|_| {});
            client.write_all(b"a").expect("sent");
            assert_eq!(read_all(&served), (b"a".to_vec(), Some(ErrorKind::WouldBlock)));
            chaos.cut(how);
            for end in [&client, &served] {
                end.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
                assert_eq!(read_all(end), (Vec::new(), error), "{how:?}");
            }
            while chaos.open() > 0 {
                sleep(LOOK_EVERY);
            }
        }
    }

    #[test]
    fn held_bytes_arrive_once_they_are_released_though_the_client_is_gone() {
        let (mut client, served, chaos) = line(|_| {});
        client.write_all(b"a").expect("sent");
        assert_eq!(read_all(&served), (b"a".to_vec(), Some(ErrorKind::WouldBlock)));
        chaos.arm(Line::Newest, Fault::Hold { way: Way::Up, after: 1 });
        client.write_all(b"bcd").expect("sent");
        drop(client);
        assert_eq!(read_all(&served), (b"b".to_vec(), Some(ErrorKind::WouldBlock)), "neither bytes nor end");
        assert!(chaos.fired());
        chaos.release(Release::All);
        served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        assert_eq!(read_all(&served), (b"cd".to_vec(), None));
    }

    #[test]
    fn held_bytes_can_be_released_without_the_end_of_their_connection() {
        let (mut client, served, chaos) =
            line(|chaos| chaos.arm(Line::Next, Fault::Hold { way: Way::Up, after: 0 }));
        client.write_all(b"abc").expect("sent");
        drop(client);
        assert_eq!(read_all(&served), (Vec::new(), Some(ErrorKind::WouldBlock)));
        chaos.release(Release::Bytes);
        assert_eq!(read_all(&served), (b"abc".to_vec(), Some(ErrorKind::WouldBlock)), "and no end");
        assert!(chaos.fired());
    }

    #[test]
    fn a_half_open_line_passes_nothing_and_stays() {
        let (mut client, mut served, chaos) = line(|_| {});
        chaos.arm(Line::Newest, Fault::HalfOpen { way: Way::Up, after: 2 });
        client.write_all(b"abc").expect("sent");
        assert_eq!(read_all(&served), (b"ab".to_vec(), Some(ErrorKind::WouldBlock)));
        served.write_all(b"x").expect("the kernel takes it");
        assert_eq!(read_all(&client), (Vec::new(), Some(ErrorKind::WouldBlock)));
        drop(client);
        assert_eq!(read_all(&served), (Vec::new(), Some(ErrorKind::WouldBlock)), "it is not told");
        assert!(chaos.fired());
    }

    #[test]
    fn a_slow_line_passes_everything_later() {
        let trickle = Fault::Trickle { way: Way::Down, bytes_per_second: 2 };
        for fault in [trickle, Fault::Delay { by: Duration::from_millis(250) }] {
            let (client, mut served, chaos) = line(|chaos| chaos.arm(Line::Next, fault));
            served.write_all(b"abc").expect("sent");
            drop(served);
            let (early, error) = read_all(&client);
            assert!(early.len() < 3 && error.is_some(), "{fault:?}: {early:?}");
            client.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
            assert_eq!([early, read_all(&client).0].concat(), b"abc");
            assert!(chaos.fired());
        }
    }
}
