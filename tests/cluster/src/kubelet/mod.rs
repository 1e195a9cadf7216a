//! The kubelet: static pods as processes, with the traps of the real one.
//!
//! ```text
//! manifests/*.yaml ──┐                    ┌── runtime (starts, back-off, one dead container a pod)
//! pods of the API  ──┴── wanted ── sync ──┤
//!                                         └── seen ── the API (node, lease, pods)
//! ```
//!
//! Its client certificate is read when it starts; with an expired one it does not start, and it ends when that expires
//! under it and an API server answers. With it dead nothing starts a container again. Absent: probes, volumes, images,
//! resources, init containers, more than one container a pod.

mod back_off;
mod bootstrap;
mod identity;
mod manifests;
mod pods;
mod probe;
mod report;
mod request;
mod rotation;
mod serve;
mod store;
mod sync;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use certwright_steps::tools::kubelet::KubeletConfig;

use crate::api::VERSION;
use crate::said;
use crate::settings::{Settings, SettingsError};
use crate::wire::klog::{Level, say};
use bootstrap::{Keeper, Served};
use identity::{Identity, IdentityError, Started};
use manifests::Wanted;
use report::Report;

/// The argument of a kubelet that has been running since its certificate was valid.
pub const LONG_AGO: &str = "--started-long-ago";

/// Why the kubelet does not start.
#[derive(Debug, thiserror::Error)]
enum KubeletError {
    /// The host does not know itself.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Its configuration.
    #[error("failed to load Kubelet config file {path}: {why}")]
    Config {
        /// The file.
        path: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Its client certificate.
    #[error("failed to run Kubelet: {0}")]
    Identity(#[from] IdentityError),
    /// A port.
    #[error("listen on {0}")]
    Listen(&'static str, #[source] std::io::Error),
    /// What it serves.
    #[error("serve on 10250: {0}")]
    Serve(#[from] crate::wire::tls::TlsError),
}

/// What the kubelet's parts share.
#[derive(Debug, Default)]
struct Shared {
    /// Pods of this node that the API wants.
    of_api: Mutex<Vec<Wanted>>,
}

impl Shared {
    fn of_api(&self) -> Vec<Wanted> {
        self.of_api.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs with the arguments after the name.
pub fn main(args: &[String]) -> ExitCode {
    let started = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Started::Now,
        [LONG_AGO] => Started::LongAgo,
        ["--version"] => return said::printed(0, format!("Kubernetes {VERSION}\n").as_bytes(), b""),
        // One more kubelet would start containers.
        _others => {
            let words =
                format!("certwright-cluster: kubelet {}: this one does not have that", args.join(" "));
            said::line(&words);
            return ExitCode::from(125);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return said::broken("kubelet", &error),
    };
    match runtime.block_on(run(started)) {
        Ok(code) => code,
        Err(error) => {
            say(Level::Error, "run.go:72", &format!("\"command failed\" err=\"{}\"", said::chain(&error)));
            ExitCode::FAILURE
        }
    }
}

async fn run(started: Started) -> Result<ExitCode, KubeletError> {
    let settings = Settings::own()?;
    let path = certwright_steps::tools::kubelet::CONFIG;
    let config = |why: String| KubeletError::Config { path, why };
    let bytes = std::fs::read(path).map_err(|error| config(error.to_string()))?;
    let parsed = KubeletConfig::parse(&bytes).map_err(|error| config(error.to_string()))?;
    let identity = Identity::load(started)?;
    say(Level::Info, "server.go:991", "\"Client rotation is on, will bootstrap in background\"");
    let host = settings.host.clone();
    let (rotated, current) = tokio::sync::watch::channel(identity);
    let served = if parsed.asks_for_serving {
        Served::of_cluster(Keeper {
            identity: current.clone(),
            host: host.clone(),
            address: settings.address,
        })
    } else {
        Served::own()?
    };
    let serving = serve::Serving::open(served).await?;
    let shared = Arc::new(Shared::default());
    if let Some(folder) = parsed.static_pod_path {
        let (shared, host) = (Arc::clone(&shared), host.clone());
        std::thread::spawn(move || sync::run(Path::new(&folder), &host, &shared));
    }
    tokio::spawn(serving.run());
    let report = Report { host: host.clone(), address: settings.address, identity: current, shared };
    tokio::spawn(report.run());
    Ok(rotation::keep(rotated, &host).await)
}
