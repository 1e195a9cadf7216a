//! A client that measures what a cluster loses while something is done to it.
//!
//! It writes and reads through the balancer, on new connections and on kept ones, asks each API server and each member of
//! etcd, watches the leases, and at the end looks whether each write that was acknowledged is there. Invariant: bounded in
//! time and count; what it measures begins when everything answers, but for a
//! cold start, which is for clusters that are dead. Absent: verdicts: it reports, others judge.

mod flags;

mod gaps;

mod traffic;

mod sampling;

mod leases;

mod members;

pub mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::wire::client::{Client, ClientError};
use crate::wire::klog::{self, Level};
use flags::{Flags, Start};
use report::Report;
use traffic::Acknowledged;

/// How long everything may take to answer for the first time.
const WARM_UP: Duration = Duration::from_secs(30);

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    /// The flags.
    #[error(transparent)]
    Flags(#[from] flags::FlagError),
    /// The credential of the API.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The process's signals.
    #[error("signals: {0}")]
    Signal(#[from] std::io::Error),
    /// Something never answered.
    #[error("no answer in time from: {0}")]
    Cold(String),
    /// The end cannot be looked at.
    #[error("list what was written: {0}")]
    Verify(String),
}

/// Runs with the arguments after the name until its time is over, a file appears or SIGTERM comes, and writes its report to stdout, JSON.
pub fn main(args: &[String]) -> ExitCode {
    let fails = |why: &str| {
        klog::say(Level::Error, "load", why);
        ExitCode::FAILURE
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fails(&error.to_string()),
    };
    match runtime.block_on(run(args)) {
        Ok(report) => {
            report.print();
            ExitCode::SUCCESS
        }
        Err(error) => fails(&error.to_string()),
    }
}

async fn run(args: &[String]) -> Result<Report, LoadError> {
    let mut term = signal(SignalKind::terminate())?;
    let flags = Flags::read(args)?;
    let client = Client::from_kubeconfig(&flags.kubeconfig)?.at(&flags.balancer);
    let acknowledged = Arc::new(Acknowledged::default());
    let (ending, end) = watch::channel(false);
    let mut work = JoinSet::new();
    let mut tracks = traffic::start(&mut work, &client, &acknowledged, &end);
    tracks.extend(sampling::start(&mut work, &client, &flags.servers, &end));
    tracks.extend(members::start(&mut work, &flags.members, &flags.etcd, &end));
    let own = gaps::Track::new(report::OWN);
    work.spawn(tick(own.clone(), end.clone()));
    tracks.push(own);
    let leases = leases::start(&mut work, &client, &end);
    match flags.start {
        Start::Warm => {
            warm_up(&tracks, &leases).await?;
            tracks.iter().for_each(gaps::Track::begin);
            leases.iter().for_each(leases::LeaseTrack::begin);
        }
        Start::Cold => {
            tracks.iter().for_each(gaps::Track::begin_cold);
            leases.iter().for_each(leases::LeaseTrack::begin_cold);
        }
    }
    let start = Instant::now();
    klog::say(Level::Info, "load", "Measuring");
    tokio::select! {
        () = sleep(flags.longest) => {}
        () = appears(flags.until.as_deref()) => {}
        _ = term.recv() => {}
    }
    let took = start.elapsed();
    let gaps =
        tracks.iter().map(gaps::Track::end).chain(leases.iter().map(leases::LeaseTrack::end)).collect();
    ending.send_replace(true);
    while work.join_next().await.is_some() {}
    let (written, lost) = acknowledged.verify(&client).await.map_err(LoadError::Verify)?;
    Ok(Report { seconds: took.as_secs_f64(), gaps, written, lost })
}

/// Notes every 50 ms that the load runs.
async fn tick(own: gaps::Track, end: watch::Receiver<bool>) {
    while !*end.borrow() {
        own.note(&Ok::<_, String>(()));
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a file is there; without one, for ever.
async fn appears(file: Option<&Path>) {
    while file.is_none_or(|file| !file.exists()) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until each track has succeeded once.
async fn warm_up(tracks: &[gaps::Track], leases: &[leases::LeaseTrack]) -> Result<(), LoadError> {
    let cold = || {
        let tracks = tracks.iter().filter(|track| !track.is_warm()).map(gaps::Track::name);
        let leases = leases.iter().filter(|lease| !lease.is_warm()).map(leases::LeaseTrack::name);
        tracks.chain(leases).map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    let warm = async {
        while !cold().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WARM_UP, warm).await.map_err(|_| LoadError::Cold(cold()))
}
