//! A line with faults: a TCP proxy between ssh and sshd, in the test's own process.
//!
//! Invariant: bytes are never changed or reordered, and none is kept or lost but by the fault that was armed; the
//! proxy says whether that fault fired. One fault at a time, on one connection; whoever connects again has a good
//! line. Std only, but for the one socket option that makes a close a reset.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

#[path = "chaos/pump.rs"]
mod pump;

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

/// Told of every piece before it passes: its connection and its way, and how many bytes it has. Answers with a fault to
/// be armed for that connection, in place of the one before.
pub(crate) type Watch = Box<dyn FnMut(u64, Way, usize) -> Option<Fault> + Send>;

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
    watch: Option<Watch>,
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
        let accepting = std::thread::spawn(move || pump::accept(&listener, server, &theirs));
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
        state.arm(connection, fault);
    }

    /// Lets `watch` choose the moment of a fault.
    pub(crate) fn watch(&self, watch: Watch) {
        self.shared.lock().watch = Some(watch);
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

    /// Bytes that passed this way on the connection of the armed fault since that was armed.
    pub(crate) fn passed_there(&self, way: Way) -> u64 {
        self.shared.lock().armed.as_ref().map_or(0, |armed| armed.passed[way as usize])
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn arm(&mut self, connection: u64, fault: Fault) {
        self.armed = Some(Armed { fault, connection, passed: [0; 2], fired: false, released: None });
        (self.passed, self.pieces) = ([0; 2], Vec::new());
    }

    /// Tells the watcher of a piece that came.
    fn came(&mut self, connection: u64, way: Way, bytes: usize) {
        if let Some(fault) = self.watch.as_mut().and_then(|watch| watch(connection, way, bytes)) {
            self.arm(connection, fault);
        }
    }

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
#[path = "chaos/tests.rs"]
mod tests;
