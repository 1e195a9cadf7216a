//! Each API server, asked at its own address by a real read on a new connection.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::flags::Named;
use super::gaps::Track;
use super::report::SOME_API;
use crate::wire::client::Client;

/// From one sample to the next.
const TICK: Duration = Duration::from_millis(200);

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(1);

/// Starts the samples of all servers.
pub(super) fn start(
    work: &mut JoinSet<()>,
    client: &Client,
    servers: &[Named],
    end: &watch::Receiver<bool>,
) -> Vec<Track> {
    let some = Track::new(SOME_API);
    let mut tracks = vec![some.clone()];
    for server in servers {
        let track = Track::new(format!("API server {}", server.name));
        let client = client.another().at(&server.address).within(ANSWER);
        work.spawn(ask(client, [track.clone(), some.clone()], end.clone()));
        tracks.push(track);
    }
    tracks
}

async fn ask(client: Client, tracks: [Track; 2], end: watch::Receiver<bool>) {
    while !*end.borrow() {
        let tried = client.another().get("/api/v1/namespaces/kube-system").await;
        for track in &tracks {
            track.note(&tried);
        }
        sleep(TICK).await;
    }
}
