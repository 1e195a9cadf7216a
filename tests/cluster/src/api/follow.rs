//! Watches: the changes of objects, one JSON object each, as they come.

use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::answer::{Answer, Failure, live};
use super::columns::table;
use super::filter::Filter;
use super::path::{Place, Query};
use super::server::Phase;
use super::store::{Change, Store, Watch};
use super::verbs::Form;

/// How long a watch goes on for whoever names no time.
const LONGEST: Duration = Duration::from_secs(1800);

/// How many changes wait for a client that does not read.
const AHEAD: usize = 64;

/// Begins a watch: after a resourceVersion, or else with the objects that there are.
pub(super) async fn answer(
    store: &Store,
    place: &Place,
    query: &Query,
    form: Form,
    phase: watch::Receiver<Phase>,
) -> Result<Answer, Failure> {
    let filter = Filter::read(query)?;
    let after = query.get("resourceVersion").filter(|text| !text.is_empty() && *text != "0");
    let (first, revision) = match after {
        Some(text) => {
            let revision = text.parse();
            let why = || format!("invalid resource version \"{text}\"");
            (Vec::new(), revision.map_err(|_| Failure::bad_request(why()))?)
        }
        None => store.list(&place.prefix()).await?,
    };
    let changes = store.watch(&place.prefix(), revision).await?;
    let seconds = query.get("timeoutSeconds").and_then(|text| text.parse().ok());
    let (to, pieces) = mpsc::channel(AHEAD);
    let stream = Stream { place: place.clone(), filter, form, to };
    tokio::spawn(stream.run(first, changes, seconds.map_or(LONGEST, Duration::from_secs), phase));
    Ok(live(pieces))
}

struct Stream {
    place: Place,
    filter: Filter,
    form: Form,
    to: mpsc::Sender<Bytes>,
}

impl Stream {
    async fn run(
        self,
        first: Vec<Value>,
        mut changes: Watch,
        longest: Duration,
        mut phase: watch::Receiver<Phase>,
    ) {
        for object in first {
            if self.send(Change::Added(object)).await.is_err() {
                return;
            }
        }
        let ended = async {
            // The server ends, or has: the sender is gone.
            let _last = phase.wait_for(|phase| *phase == Phase::Ending).await;
        };
        let end = tokio::time::sleep(longest);
        tokio::pin!(ended, end);
        loop {
            let next = tokio::select! {
                next = changes.next() => next,
                () = &mut ended => None,
                () = &mut end => None,
                () = self.to.closed() => None,
            };
            let Some(all) = next else { return };
            for change in all {
                if self.send(change).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn send(&self, change: Change) -> Result<(), mpsc::error::SendError<Bytes>> {
        let (kind, object) = match change {
            Change::Added(object) => ("ADDED", object),
            Change::Modified(object) => ("MODIFIED", object),
            Change::Deleted(object) => ("DELETED", object),
        };
        if !self.filter.holds(&object) {
            return Ok(());
        }
        let object = match self.form {
            Form::Objects => object,
            Form::Table => {
                let revision = object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
                table(self.place.kind, &[object], &revision)
            }
        };
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        self.to.send(line.into()).await
    }
}
