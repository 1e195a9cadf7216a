//! The server's life: it listens, waits for etcd, speaks TLS, is ready, and ends in order.
//!
//! ```text
//! listening ──etcd answers, 1 s──> accepting (Starting) ──2.5 s──> Ready ──SIGTERM──> Ending ──> exit 0
//!     └──no etcd for 20 s──> exit 1
//! ```
//!
//! Until it accepts, connections wait in the kernel's queue, and are reset when it gives up: so does the real one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::bootstrap;
use super::etcd::{Endpoint, Etcd, EtcdError};
use super::flags::Flags;
use super::route;
use super::serving::{Files, Gate};
use super::store::Store;
use crate::wire::klog::{self, Level};
use crate::wire::pace::paced;
use crate::wire::tls::{TlsError, in_words_of_go};

/// From the start to the first handshake, ms.
const ACCEPTS: u64 = 1000;

/// From there to readiness, ms.
const READY: u64 = 2500;

/// How long it waits for etcd at the start, ms.
const ETCD: u64 = 20_000;

/// How long requests under way may take after SIGTERM, ms.
const GRACE: u64 = 10_000;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where in its life the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It answers, but is not ready.
    Starting,
    /// It is ready.
    Ready,
    /// It ends.
    Ending,
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    /// Its certificate or CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its port, or its signals.
    #[error("failed to create listener: failed to listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// etcd does not answer.
    #[error("error while creating storage: {0}")]
    Etcd(#[from] EtcdError),
}

/// The server.
pub(super) struct Server {
    gate: Gate,
    store: Store,
    phase: watch::Sender<Phase>,
}

impl Server {
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Tells of the phases to come.
    pub(super) fn follow_phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

/// Runs the server until SIGTERM.
pub(super) async fn run(flags: Flags) -> Result<(), ServerError> {
    let start = Instant::now();
    let address = format!("{}:{}", flags.bind_address, flags.secure_port);
    let listen = |source| ServerError::Listen { address: address.clone(), source };
    let mut term = signal(SignalKind::terminate()).map_err(listen)?;
    let gate = Gate::open(Files {
        certificate: flags.tls_certificate,
        key: flags.tls_key,
        client_ca: flags.client_ca,
    })?;
    let listener = TcpListener::bind(&address).await.map_err(listen)?;
    let store = Store::new(Etcd::new(Endpoint {
        address: flags.etcd,
        ca: flags.etcd_ca,
        certificate: flags.etcd_certificate,
        key: flags.etcd_key,
    }));
    tokio::select! {
        found = store.check(paced(ETCD)) => found?,
        _ = term.recv() => return Ok(()),
    }
    sleep_until(start + paced(ACCEPTS)).await;
    let server = Arc::new(Server { gate, store, phase: watch::Sender::new(Phase::Starting) });
    klog::say(Level::Info, "secure_serving.go:211", &format!("Serving securely on {address}"));

    let mut beside = JoinSet::new();
    let own = Arc::clone(&server);
    beside.spawn(async move { own.gate.follow().await });
    let own = Arc::clone(&server);
    beside.spawn(async move { keep_a_watch(&own).await });
    let own = Arc::clone(&server);
    beside.spawn(async move { become_ready(&own).await });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => { connections.spawn(serve(Arc::clone(&server), tcp)); }
                // Out of file descriptors: the next one may find some.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = term.recv() => break,
        }
    }
    drop(listener);
    klog::say(Level::Info, "controller.go:128", "Shutting down kubernetes service endpoint reconciler");
    server.phase.send_replace(Phase::Ending);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(paced(GRACE), drained).await.is_err() {
        klog::say(Level::Warning, "genericapiserver.go:731", "\"Requests are cut off\"");
    }
    Ok(())
}

async fn become_ready(server: &Server) {
    let after = Instant::now() + paced(READY);
    bootstrap::namespaces(&server.store).await;
    sleep_until(after).await;
    // Never back from the end to readiness.
    server.phase.send_if_modified(|phase| {
        let starts = *phase == Phase::Starting;
        if starts {
            *phase = Phase::Ready;
        }
        starts
    });
}

/// A watch of everything, as the real server's caches keep one. (A graceful stop of etcd 3.6 waits for it; that of 3.4,
/// through the gateway, does not: 50 ms, measured.)
async fn keep_a_watch(server: &Server) {
    loop {
        if let Ok(mut watch) = server.store.watch("/registry/", -1).await {
            while watch.next().await.is_some() {}
        }
        tokio::time::sleep(paced(1000)).await;
    }
}

async fn serve(server: Arc<Server>, tcp: TcpStream) {
    let peer = tcp.peer_addr().map_or_else(|_| "unknown".to_owned(), |peer| peer.to_string());
    let complain = |why: &str| {
        let text = format!("http: TLS handshake error from {peer}: {why}");
        klog::say(Level::Info, "log.go:25", &text);
    };
    // An answer that waits for the next piece of it would come late.
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    let acceptor = TlsAcceptor::from(server.gate.config());
    let stream = match timeout(HANDSHAKE, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            return complain(&inner.map_or_else(|| "EOF".to_owned(), in_words_of_go));
        }
        Err(_) => return complain("i/o timeout"),
    };
    let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
    let mut phase = server.follow_phase();
    let service = service_fn(move |request| {
        let (server, chain) = (Arc::clone(&server), chain.clone());
        async move { Ok::<_, Infallible>(route::answer(&server, chain.as_deref(), request).await) }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = async {
        // Whether it ends or is gone already, the connection takes no further request.
        let _last = phase.wait_for(|phase| *phase == Phase::Ending).await;
    };
    tokio::select! {
        // How a connection ends is its client's matter.
        _ended = connection.as_mut() => return,
        () = ended => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}
