//! The load balancer's address in front of the API servers.
//!
//! It carries TCP and knows nothing of what passes. New connections go round; kept ones stay where they are until one end
//! closes them. Absent: weights, retries within a connection.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use rustls::ClientConfig;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::wire::klog::{self, Level};
use crate::wire::line::Line;
use crate::wire::tls::{self, TlsError};

/// How long a server may take to accept.
const CONNECT: Duration = Duration::from_millis(500);

/// From one look at readiness to the next.
const LOOK: Duration = Duration::from_millis(300);

/// How long an answer about readiness may take.
const ANSWER: Duration = Duration::from_secs(1);

/// Whom a new connection goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The next one that accepts.
    Tcp,
    /// The next one whose /readyz was 200 at the last look.
    Readyz,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum FlagError {
    #[error("--listen=ADDRESS:PORT is missing")]
    Listen,
    #[error("--server=ADDRESS:PORT is missing")]
    Server,
    #[error("--mode={0}: it is `tcp` or `readyz`")]
    Mode(String),
}

#[derive(Debug, PartialEq, Eq)]
struct Flags {
    listen: String,
    mode: Mode,
    servers: Vec<String>,
}

impl Flags {
    fn read(args: &[String]) -> Result<Self, FlagError> {
        let all = |name: &'static str| args.iter().filter_map(move |arg| arg.strip_prefix(name));
        let mode = match all("--mode=").next_back() {
            None | Some("tcp") => Mode::Tcp,
            Some("readyz") => Mode::Readyz,
            Some(other) => return Err(FlagError::Mode(other.to_owned())),
        };
        let servers: Vec<String> = all("--server=").map(str::to_owned).collect();
        let listen = all("--listen=").next_back().ok_or(FlagError::Listen)?.to_owned();
        if servers.is_empty() { Err(FlagError::Server) } else { Ok(Self { listen, mode, servers }) }
    }
}

/// Runs with the arguments after the name: `--listen=ADDRESS:PORT --mode=tcp|readyz --server=ADDRESS:PORT...`.
pub fn main(args: &[String]) -> ExitCode {
    let fails = |why: &str| {
        klog::say(Level::Error, "balancer.rs", why);
        ExitCode::FAILURE
    };
    let flags = match Flags::read(args) {
        Ok(flags) => flags,
        Err(error) => return fails(&error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fails(&error.to_string()),
    };
    match runtime.block_on(run(flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fails(&error.to_string()),
    }
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

struct Server {
    address: String,
    ready: AtomicBool,
}

struct Pool {
    servers: Vec<Server>,
    next: AtomicUsize,
}

async fn run(flags: Flags) -> Result<(), RunError> {
    let ready = flags.mode == Mode::Tcp;
    let server = |address| Server { address, ready: AtomicBool::new(ready) };
    let servers = flags.servers.into_iter().map(server).collect();
    let pool = Arc::new(Pool { servers, next: AtomicUsize::new(0) });
    match flags.mode {
        Mode::Tcp => {}
        Mode::Readyz => {
            let tls = tls::unverified()?;
            for k in 0..pool.servers.len() {
                tokio::spawn(follow(Arc::clone(&pool), k, tls.clone()));
            }
        }
    }
    let listen = |source| RunError::Listen { address: flags.listen.clone(), source };
    let listener = TcpListener::bind(&flags.listen).await.map_err(listen)?;
    klog::say(Level::Info, "balancer.rs", &format!("Balancing {}", flags.listen));
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(carry(Arc::clone(&pool), client));
            }
            // Out of file descriptors: the next one may find some.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Looks at a server's readiness for ever.
async fn follow(pool: Arc<Pool>, k: usize, tls: Arc<ClientConfig>) {
    let server = &pool.servers[k];
    loop {
        let ready = timeout(ANSWER, is_ready(&server.address, tls.clone())).await.unwrap_or(false);
        if server.ready.swap(ready, Ordering::Relaxed) != ready {
            let state = if ready { "ready" } else { "not ready" };
            klog::say(Level::Info, "balancer.rs", &format!("{} is {state}", server.address));
        }
        sleep(LOOK).await;
    }
}

async fn is_ready(address: &str, tls: Arc<ClientConfig>) -> bool {
    let Ok(mut line) = Line::open(address, tls).await else { return false };
    let request = Request::get("/readyz").header("host", address).body(Full::<Bytes>::default());
    let request = request.expect("a path and a plain header make a request");
    line.send(request).await.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

/// Carries one connection; it is closed where no server takes it.
async fn carry(pool: Arc<Pool>, mut client: TcpStream) {
    let start = pool.next.fetch_add(1, Ordering::Relaxed);
    for k in 0..pool.servers.len() {
        let server = &pool.servers[(start + k) % pool.servers.len()];
        if !server.ready.load(Ordering::Relaxed) {
            continue;
        }
        if let Ok(Ok(mut upstream)) = timeout(CONNECT, TcpStream::connect(&server.address)).await {
            let quick = client.set_nodelay(true).and(upstream.set_nodelay(true));
            if quick.is_ok() {
                // Either end may end it, in order or not.
                let _ended = copy_bidirectional(&mut client, &mut upstream).await;
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FlagError, Flags, Mode};

    #[test]
    fn flags_are_checked() {
        let read =
            |words: &[&str]| Flags::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["--listen=a:1"]), Err(FlagError::Server));
        assert_eq!(read(&["--server=a:1"]), Err(FlagError::Listen));
        let mode = read(&["--listen=a:1", "--server=b:1", "--mode=udp"]);
        assert_eq!(mode, Err(FlagError::Mode("udp".to_owned())));
        let flags = read(&["--listen=a:1", "--server=b:1", "--server=c:1", "--mode=readyz"]).expect("flags");
        assert_eq!((flags.mode, flags.servers.len()), (Mode::Readyz, 2));
    }
}
