//! The life of both: health at once, then the lease, then work until the lease is lost or SIGTERM comes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::health::{self, Health};
use super::lease::{Candidate, Lost};
use super::manager;
use super::signer::Signer;
use crate::wire::client::{Client, ClientError};
use crate::wire::klog::{self, Level};
use crate::wire::pace::paced;
use crate::wire::random;

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// kube-controller-manager.
    Manager,
    /// kube-scheduler.
    Scheduler,
}

impl Role {
    /// Its name, which is its lease's as well.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Manager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Manager => 10257,
            Self::Scheduler => 10259,
        }
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    /// A flag that is needed.
    #[error("required flag \"{0}\" not set")]
    Flag(&'static str),
    /// Its kubeconfig.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Its port, or its signals.
    #[error("failed to listen: {0}")]
    Listen(#[from] std::io::Error),
    /// Its own certificate.
    #[error("error creating self-signed certificates: {0}")]
    Certificate(#[from] health::HealthError),
}

/// Runs it.
pub(super) fn main(role: Role, args: &[String]) -> ExitCode {
    let fails = |why: &str| {
        klog::say(Level::Error, "run.go:72", &format!("\"command failed\" err={why:?}"));
        ExitCode::FAILURE
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fails(&error.to_string()),
    };
    match runtime.block_on(run(role, args)) {
        Ok(code) => code,
        Err(error) => fails(&error.to_string()),
    }
}

fn flag<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    args.iter().rev().find_map(|arg| arg.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}

async fn run(role: Role, args: &[String]) -> Result<ExitCode, StartError> {
    let mut term = signal(SignalKind::terminate())?;
    let kubeconfig = flag(args, "kubeconfig").ok_or(StartError::Flag("kubeconfig"))?;
    let client = Client::from_kubeconfig(Path::new(kubeconfig))?;
    let port = flag(args, "secure-port").and_then(|port| port.parse().ok()).unwrap_or(role.port());
    let address = format!("{}:{port}", flag(args, "bind-address").unwrap_or("127.0.0.1"));
    let synced = Arc::new(AtomicBool::new(false));
    let health = Health::open(role, &address, Arc::clone(&synced)).await?;
    klog::say(Level::Info, "secure_serving.go:211", &format!("Serving securely on {address}"));

    let mut beside = JoinSet::new();
    beside.spawn(health.serve());
    beside.spawn(fill_caches(client.another(), synced));
    let mut candidate = Candidate::new(role, client.another());
    tokio::select! {
        () = candidate.acquire() => {}
        _ = term.recv() => return Ok(ExitCode::SUCCESS),
    }
    match role {
        Role::Manager => {
            let path = |name| flag(args, name).map(PathBuf::from);
            let signer = path("cluster-signing-cert-file")
                .zip(path("cluster-signing-key-file"))
                .map(|(certificate, key)| Signer { certificate, key });
            beside.spawn(manager::run(client, signer));
        }
        Role::Scheduler => {}
    }
    let lost: Option<Lost> = tokio::select! {
        lost = candidate.keep() => Some(lost),
        _ = term.recv() => None,
    };
    drop(beside);
    match (role, lost) {
        (_, Some(Lost)) => {
            klog::say(Level::Error, "server.go:311", "\"Leaderelection lost\"");
            Ok(ExitCode::FAILURE)
        }
        // A scheduler that is given time gives the lease back; a controller-manager never does.
        (Role::Scheduler, None) => {
            candidate.release().await;
            Ok(ExitCode::SUCCESS)
        }
        (Role::Manager, None) => Ok(ExitCode::SUCCESS),
    }
}

/// How long an informer waits after its first failure, ms; twice as long after each further one, and by chance up to twice
/// that (client-go's reflector).
const INFORMER: u64 = 800;

/// How long it waits at most, but for chance, ms.
const INFORMER_MOST: u64 = 30_000;

/// An informer waits for its answer as long as its connection lives.
const INFORMER_PATIENCE: Duration = Duration::from_secs(60);

/// Lists what the informers of the real ones list, until it succeeds: without it, they are not ready.
async fn fill_caches(client: Client, synced: Arc<AtomicBool>) {
    let (mut client, mut wait) = (client.within(INFORMER_PATIENCE), INFORMER);
    for (path, kind) in [("/api/v1/nodes", "Node"), ("/api/v1/pods", "Pod")] {
        while let Err(error) = client.get(path).await.map(|list: Value| drop(list)) {
            let text = format!(
                "\"Failed to watch\" err=\"failed to list *v1.{kind}: {error}\" logger=\"UnhandledError\" \
                 reflector=\"k8s.io/client-go/informers/factory.go:161\" type=\"*v1.{kind}\""
            );
            klog::say(Level::Error, "reflector.go:205", &text);
            tokio::time::sleep(paced(wait) * (100 + random::below(100)) / 100).await;
            wait = (wait * 2).min(INFORMER_MOST);
        }
    }
    synced.store(true, Ordering::Relaxed);
}
