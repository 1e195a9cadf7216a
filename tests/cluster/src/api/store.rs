//! The objects of the cluster, each under one key of etcd.
//!
//! Invariant: an object's resourceVersion is the revision of etcd that wrote it, and it is never stored. A change is
//! written only over the revision it was made from.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::etcd::{Changes, Etcd, EtcdError, Repeat};

/// What was found at a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// The object, with its resourceVersion.
    pub(super) object: Value,
    /// The revision that wrote it.
    pub(super) revision: i64,
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Written {
    /// It is written; the object as it is now.
    Done(Value),
    /// The key was not as the writer had seen it.
    Conflict,
}

/// A change of an object that a watch saw.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// There is a new object.
    Added(Value),
    /// There is a new version of one.
    Modified(Value),
    /// It is gone; its last version, with the revision that ended it.
    Deleted(Value),
}

/// The store.
#[derive(Debug, Clone)]
pub(super) struct Store {
    etcd: Arc<Etcd>,
}

impl Store {
    pub(super) fn new(etcd: Etcd) -> Self {
        Self { etcd: Arc::new(etcd) }
    }

    /// Whether etcd answers a real read within so long.
    pub(super) async fn check(&self, within: Duration) -> Result<(), EtcdError> {
        let body = json!({"key": STANDARD.encode("/registry/health")});
        self.etcd.call_within("/v3/kv/range", &body, Repeat::Safe, within).await.map(drop)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Found>, EtcdError> {
        let body = json!({"key": STANDARD.encode(key)});
        let answer = self.etcd.call("/v3/kv/range", &body, Repeat::Safe).await?;
        Ok(entries(&answer).first().and_then(found))
    }

    /// All below a prefix, by key, and the revision they are of.
    pub(super) async fn list(&self, prefix: &str) -> Result<(Vec<Value>, i64), EtcdError> {
        let body = json!({"key": STANDARD.encode(prefix), "range_end": STANDARD.encode(end_of(prefix))});
        let answer = self.etcd.call("/v3/kv/range", &body, Repeat::Safe).await?;
        let objects = entries(&answer).iter().filter_map(found).map(|found| found.object).collect();
        Ok((objects, revision_of(&answer)))
    }

    /// Writes an object over `seen`, the revision that the writer knows; `None` where it must not exist yet.
    pub(super) async fn put(
        &self,
        key: &str,
        object: &Value,
        seen: Option<i64>,
    ) -> Result<Written, EtcdError> {
        let mut stored = object.clone();
        if let Some(metadata) = stored.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        let put = json!({"request_put": {"key": STANDARD.encode(key), "value": STANDARD.encode(stored.to_string())}});
        let Some(revision) = self.if_unchanged(key, seen, &put).await? else {
            return Ok(Written::Conflict);
        };
        Ok(Written::Done(with_revision(stored, revision)))
    }

    /// Deletes what was written by the revision `seen`; whether it did.
    pub(super) async fn delete(&self, key: &str, seen: i64) -> Result<bool, EtcdError> {
        let delete = json!({"request_delete_range": {"key": STANDARD.encode(key)}});
        Ok(self.if_unchanged(key, Some(seen), &delete).await?.is_some())
    }

    /// The new revision; `None` when the key was not as seen.
    async fn if_unchanged(
        &self,
        key: &str,
        seen: Option<i64>,
        change: &Value,
    ) -> Result<Option<i64>, EtcdError> {
        let key = STANDARD.encode(key);
        let compare = match seen {
            Some(revision) => {
                json!({"key": key, "result": "EQUAL", "target": "MOD", "mod_revision": revision.to_string()})
            }
            None => json!({"key": key, "result": "EQUAL", "target": "CREATE", "create_revision": "0"}),
        };
        let body = json!({"compare": [compare], "success": [change]});
        let answer = self.etcd.call("/v3/kv/txn", &body, Repeat::IfUnsent).await?;
        let succeeded = answer.get("succeeded").and_then(Value::as_bool).unwrap_or_default();
        Ok(succeeded.then(|| revision_of(&answer)))
    }

    /// Watches all below a prefix from the revision after `revision` on.
    pub(super) async fn watch(&self, prefix: &str, revision: i64) -> Result<Watch, EtcdError> {
        Ok(Watch { changes: self.etcd.watch(prefix, &end_of(prefix), revision + 1).await? })
    }
}

/// A watch of objects.
#[derive(Debug)]
pub(super) struct Watch {
    changes: Changes,
}

impl Watch {
    /// The next changes, in order; `None` when the watch ended.
    pub(super) async fn next(&mut self) -> Option<Vec<Change>> {
        let answer = self.changes.next().await?;
        if answer.get("canceled").and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let events = answer.get("events").and_then(Value::as_array);
        Some(events.into_iter().flatten().filter_map(change).collect())
    }
}

fn change(event: &Value) -> Option<Change> {
    let entry = event.get("kv")?;
    if event.get("type").and_then(Value::as_str) == Some("DELETE") {
        let last = found(event.get("prev_kv")?)?;
        return Some(Change::Deleted(with_revision(last.object, number(entry, "mod_revision"))));
    }
    let found = found(entry)?;
    let is_new = number(entry, "create_revision") == found.revision;
    Some(if is_new { Change::Added(found.object) } else { Change::Modified(found.object) })
}

/// The first key after all that begin with `prefix`.
fn end_of(prefix: &str) -> String {
    // Prefixes end with `/`, whose successor is `0`.
    debug_assert!(prefix.ends_with('/'), "a prefix of the store ends with a slash");
    format!("{}0", &prefix[..prefix.len() - 1])
}

fn entries(answer: &Value) -> &[Value] {
    answer.get("kvs").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The gateway writes 64-bit numbers as strings, and none that are 0.
fn number(value: &Value, field: &str) -> i64 {
    value.get(field).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn revision_of(answer: &Value) -> i64 {
    answer.get("header").map_or(0, |header| number(header, "revision"))
}

fn found(entry: &Value) -> Option<Found> {
    let bytes = STANDARD.decode(entry.get("value")?.as_str()?).ok()?;
    let revision = number(entry, "mod_revision");
    Some(Found { object: with_revision(serde_json::from_slice(&bytes).ok()?, revision), revision })
}

fn with_revision(mut object: Value, revision: i64) -> Value {
    object["metadata"]["resourceVersion"] = Value::String(revision.to_string());
    object
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_of_a_prefix_is_after_everything_below_it_and_before_its_neighbours() {
        let end = end_of("/registry/pods/");
        assert!("/registry/pods/kube-system/\u{10ffff}" < end.as_str());
        assert!(end.as_str() < "/registry/pods1");
    }
}
