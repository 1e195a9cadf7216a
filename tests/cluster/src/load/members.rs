//! Each member of etcd, asked by a read that needs the quorum.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use rustls::ClientConfig;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::flags::{EtcdFiles, Named};
use super::gaps::Track;
use super::report::QUORUM;
use crate::wire::line::{Line, LineError};
use crate::wire::tls::{self, Pair, TlsError};

/// From one sample to the next.
const TICK: Duration = Duration::from_millis(200);

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum MemberError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("{0}")]
    Refused(String),
}

/// Starts the samples of all members.
pub(super) fn start(
    work: &mut JoinSet<()>,
    members: &[Named],
    files: &EtcdFiles,
    end: &watch::Receiver<bool>,
) -> Vec<Track> {
    if members.is_empty() {
        return Vec::new();
    }
    let quorum = Track::new(QUORUM);
    let mut tracks = vec![quorum.clone()];
    for member in members {
        let track = Track::new(format!("member {}", member.name));
        let own = [track.clone(), quorum.clone()];
        work.spawn(ask(member.address.clone(), files.clone(), own, end.clone()));
        tracks.push(track);
    }
    tracks
}

async fn ask(address: String, files: EtcdFiles, tracks: [Track; 2], end: watch::Receiver<bool>) {
    let mut kept = None;
    while !*end.borrow() {
        let tried = timeout(ANSWER, read(&mut kept, &address, &files)).await;
        let tried = tried.unwrap_or(Err(MemberError::Line(LineError::Late)));
        for track in &tracks {
            track.note(&tried);
        }
        sleep(TICK).await;
    }
}

async fn read(kept: &mut Option<Line>, address: &str, files: &EtcdFiles) -> Result<(), MemberError> {
    let mut line = match kept.take().filter(Line::is_open) {
        Some(line) => line,
        None => Line::open(address, credential(files)?).await?,
    };
    let body = json!({"key": STANDARD.encode("/registry/health")}).to_string();
    let request = Request::post("/v3/kv/range").header("host", address).body(Full::<Bytes>::new(body.into()));
    let response = line.send(request.expect("a path and a plain header make a request")).await?;
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(LineError::from)?.to_bytes();
    if !status.is_success() {
        return Err(MemberError::Refused(String::from_utf8_lossy(&bytes).trim().to_owned()));
    }
    *kept = Some(line);
    Ok(())
}

fn credential(files: &EtcdFiles) -> Result<Arc<ClientConfig>, TlsError> {
    tls::client(&tls::file(&files.ca)?, Some(&Pair::read(&files.certificate, &files.key)?))
}
