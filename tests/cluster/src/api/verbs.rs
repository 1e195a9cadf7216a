//! What can be done to objects.
//!
//! Invariant: a change is made from what was read and written over exactly that; whoever names a resourceVersion that is
//! no longer the newest gets a conflict. Deliberately simpler than the real server: an object may be created with its
//! status, and a deletion has no grace.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Failure, object};
use super::caller::Caller;
use super::columns::table;
use super::filter::Filter;
use super::patch::{Patch, merge};
use super::path::{Place, Query};
use super::store::{Found, Store, Written};
use crate::wire::{moment, random};

/// The form of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The objects.
    Objects,
    /// The table that kubectl prints.
    Table,
}

/// How often a change is made again that another writer overtook.
const TRIES: usize = 5;

pub(super) async fn get(store: &Store, place: &Place, name: &str, form: Form) -> Result<Answer, Failure> {
    let found = read(store, place, name).await?;
    Ok(object(
        StatusCode::OK,
        &match form {
            Form::Objects => found.object,
            Form::Table => table(place.kind, &[found.object], &found.revision.to_string()),
        },
    ))
}

pub(super) async fn list(store: &Store, place: &Place, query: &Query, form: Form) -> Result<Answer, Failure> {
    let filter = Filter::read(query)?;
    let (mut objects, revision) = store.list(&place.prefix()).await?;
    objects.retain(|object| filter.holds(object));
    let revision = revision.to_string();
    Ok(object(
        StatusCode::OK,
        &match form {
            Form::Objects => json!({
                "kind": format!("{}List", place.kind.name),
                "apiVersion": place.kind.api_version(),
                "metadata": {"resourceVersion": revision},
                "items": objects,
            }),
            Form::Table => table(place.kind, &objects, &revision),
        },
    ))
}

pub(super) async fn create(
    store: &Store,
    place: &Place,
    mut new: Value,
    caller: &Caller,
) -> Result<Answer, Failure> {
    let metadata = |new: &Value, field: &str| new["metadata"][field].as_str().map(str::to_owned);
    let name = match (metadata(&new, "name"), metadata(&new, "generateName")) {
        (Some(name), _) => name,
        (None, Some(base)) => format!("{base}{}", &random::digits()[..5]),
        (None, None) => {
            return Err(Failure::bad_request("name or generateName is required".to_owned()));
        }
    };
    dress(place, &mut new, &name);
    new["metadata"]["creationTimestamp"] = moment::seconds().into();
    new["metadata"]["uid"] = random::uid().into();
    match place.kind.plural {
        "daemonsets" => new["metadata"]["generation"] = 1.into(),
        "certificatesigningrequests" => {
            new["spec"]["username"] = caller.user.clone().into();
            new["spec"]["groups"] = caller.groups.clone().into();
        }
        _others => {}
    }
    match store.put(&place.key(&name), &new, None).await? {
        Written::Done(written) => Ok(object(StatusCode::CREATED, &written)),
        Written::Conflict => Err(Failure::exists(place.kind, &name)),
    }
}

/// Replaces an object, or the part of it that the place names.
pub(super) async fn update(store: &Store, place: &Place, name: &str, new: &Value) -> Result<Answer, Failure> {
    let known = new["metadata"]["resourceVersion"].as_str().filter(|text| !text.is_empty());
    let replace = |old: &Value| {
        let mut next = match place.part.as_deref() {
            None => {
                let mut next = new.clone();
                // Status has a path of its own, where the kind has one.
                if place.kind.parts.contains(&"status") {
                    next["status"] = old["status"].clone();
                }
                next
            }
            Some("approval") => {
                let mut next = old.clone();
                next["status"]["conditions"] = new["status"]["conditions"].clone();
                next
            }
            Some(_status) => {
                let mut next = old.clone();
                next["status"] = new["status"].clone();
                next
            }
        };
        keep_identity(&mut next, old);
        Ok(next)
    };
    change(store, place, name, known, &replace).await
}

/// Applies a patch to an object; at a part one that merges changes that part alone.
pub(super) async fn patch(
    store: &Store,
    place: &Place,
    name: &str,
    patch: &Patch,
) -> Result<Answer, Failure> {
    let known = match patch {
        Patch::Merge(patch, _) => patch["metadata"]["resourceVersion"].as_str(),
        Patch::Steps(_) => None,
    };
    let apply = |old: &Value| {
        let mut next = old.clone();
        match (patch, &place.part) {
            (Patch::Merge(patch, lists), None) => merge(&mut next, patch, *lists),
            (Patch::Merge(patch, lists), Some(_)) => merge(&mut next["status"], &patch["status"], *lists),
            (Patch::Steps(steps), _) => {
                json_patch::patch(&mut next, steps).map_err(|_| Failure::invalid())?;
            }
        }
        keep_identity(&mut next, old);
        Ok(next)
    };
    change(store, place, name, known, &apply).await
}

pub(super) async fn delete(store: &Store, place: &Place, name: &str) -> Result<Answer, Failure> {
    for _ in 0..TRIES {
        let found = read(store, place, name).await?;
        if store.delete(&place.key(name), found.revision).await? {
            let details = json!({"name": name, "group": place.kind.group, "kind": place.kind.plural});
            let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
            return Ok(object(StatusCode::OK, &done));
        }
    }
    Err(Failure::conflict(place.kind, name))
}

async fn read(store: &Store, place: &Place, name: &str) -> Result<Found, Failure> {
    store.get(&place.key(name)).await?.ok_or_else(|| Failure::not_found(place.kind, name))
}

async fn change(
    store: &Store,
    place: &Place,
    name: &str,
    known: Option<&str>,
    next: &(dyn Fn(&Value) -> Result<Value, Failure> + Sync),
) -> Result<Answer, Failure> {
    for _ in 0..TRIES {
        let found = read(store, place, name).await?;
        if known.is_some_and(|known| known != found.revision.to_string()) {
            return Err(Failure::conflict(place.kind, name));
        }
        let mut next = next(&found.object)?;
        dress(place, &mut next, name);
        count_generation(&mut next, &found.object);
        if next == found.object {
            return Ok(object(StatusCode::OK, &next));
        }
        if let Written::Done(written) = store.put(&place.key(name), &next, Some(found.revision)).await? {
            return Ok(object(StatusCode::OK, &written));
        }
    }
    Err(Failure::conflict(place.kind, name))
}

/// Gives an object what its place says of it.
fn dress(place: &Place, object: &mut Value, name: &str) {
    object["apiVersion"] = place.kind.api_version().into();
    object["kind"] = place.kind.name.into();
    object["metadata"]["name"] = name.into();
    if let Some(namespace) = &place.namespace {
        object["metadata"]["namespace"] = namespace.clone().into();
    }
}

/// Fields that no writer changes.
fn keep_identity(next: &mut Value, old: &Value) {
    for field in ["uid", "creationTimestamp", "generation", "resourceVersion"] {
        if let Some(value) = old["metadata"].get(field) {
            next["metadata"][field] = value.clone();
        }
    }
}

fn count_generation(next: &mut Value, old: &Value) {
    if let Some(generation) = old["metadata"]["generation"].as_u64()
        && next["spec"] != old["spec"]
    {
        next["metadata"]["generation"] = (generation + 1).into();
    }
}
