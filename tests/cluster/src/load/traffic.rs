//! Writers and readers through the balancer.
//!
//! On new connections a request starts ten times a second, however the ones before it fare, as those of many clients do; a kept
//! connection carries one request after the other, and is made anew when one fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::gaps::Track;
use super::report::{READ_KEPT, READ_NEW, WRITE_KEPT, WRITE_NEW};
use crate::wire::client::{AskError, Client};
use crate::wire::random;

/// Where the written objects lie.
pub(super) const CONFIGMAPS: &str = "/api/v1/namespaces/load/configmaps";

/// From one request to the next, on average.
const TICK: Duration = Duration::from_millis(100);

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// How many kept connections there are of each sort.
const KEPT: usize = 3;

/// How many requests on new connections are under way at most.
const AT_ONCE: usize = 64;

/// Writes that were acknowledged: names and values.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(Mutex<BTreeMap<String, String>>);

impl Acknowledged {
    fn add(&self, name: String, value: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value);
    }

    /// How many there are, and those that are not in the cluster as they were written.
    pub(super) async fn verify(&self, client: &Client) -> Result<(usize, Vec<String>), String> {
        let list = client.another().within(Duration::from_secs(30)).get(CONFIGMAPS).await;
        let list = list.map_err(|error| error.to_string())?;
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let there: BTreeMap<&str, &Value> = items
            .iter()
            .filter_map(|item| Some((item["metadata"]["name"].as_str()?, &item["data"]["value"])))
            .collect();
        let wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = |(name, value): &(&String, &String)| {
            there.get(name.as_str()).is_none_or(|found| **found != Value::String((*value).clone()))
        };
        Ok((wanted.len(), wanted.iter().filter(is_lost).map(|(name, _)| name.clone()).collect()))
    }
}

/// Starts them all.
pub(super) fn start(
    work: &mut JoinSet<()>,
    client: &Client,
    acknowledged: &Arc<Acknowledged>,
    end: &watch::Receiver<bool>,
) -> Vec<Track> {
    let client = client.another().within(ANSWER);
    let actions = [
        (READ_NEW, READ_KEPT, Action::Read),
        (WRITE_NEW, WRITE_KEPT, Action::Write(Arc::clone(acknowledged))),
    ];
    let mut tracks = Vec::new();
    for (new, kept, action) in actions {
        let track = Track::new(new);
        work.spawn(on_new_connections(client.another(), action.clone(), track.clone(), end.clone()));
        tracks.push(track);
        for _ in 0..KEPT {
            let track = Track::new(kept);
            work.spawn(on_a_kept_connection(client.another(), action.clone(), track.clone(), end.clone()));
            tracks.push(track);
        }
    }
    tracks
}

#[derive(Debug, Clone)]
enum Action {
    Read,
    Write(Arc<Acknowledged>),
}

impl Action {
    async fn once(&self, client: &mut Client) -> Result<(), AskError> {
        match self {
            Self::Read => client.get("/api/v1/namespaces/kube-system").await.map(drop),
            Self::Write(acknowledged) => {
                let (name, value) = (format!("w-{}", random::digits()), random::digits());
                let object = json!({"metadata": {"name": name}, "data": {"value": value}});
                client.post(CONFIGMAPS, &object).await?;
                acknowledged.add(name, value);
                Ok(())
            }
        }
    }
}

async fn on_new_connections(client: Client, action: Action, track: Track, mut end: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            // Not in step with anything: a balancer that goes round must not send one sort to one server.
            () = sleep(TICK / 2 + TICK * random::below(1000) / 1000) => {}
            // The sender is gone only when the process ends.
            _ = end.wait_for(|end| *end) => break,
        }
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= AT_ONCE {
            track.note(&Err::<(), _>("too many requests wait for an answer"));
            continue;
        }
        let (mut client, action, track) = (client.another(), action.clone(), track.clone());
        under_way.spawn(async move { track.note(&action.once(&mut client).await) });
    }
    while under_way.join_next().await.is_some() {}
}

async fn on_a_kept_connection(mut client: Client, action: Action, track: Track, end: watch::Receiver<bool>) {
    while !*end.borrow() {
        let tried = action.once(&mut client).await;
        track.note(&tried);
        if tried.is_err() {
            client.hang_up();
        }
        sleep(TICK).await;
    }
}
