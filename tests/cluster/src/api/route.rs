//! From a request to its answer: who asks, for what, whether that is allowed, and the verb that does it.

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::{Answer, Failure, object};
use super::caller::{Caller, Subject, Verb};
use super::health::{self, Endpoint, Verbose};
use super::patch::{Lists, Patch};
use super::path::{Place, Query, Target};
use super::server::{Phase, Server};
use super::verbs::{self, Form};
use super::{discovery, follow, protobuf};
use crate::wire::pace::paced;

/// How long a request waits for a server that starts, ms.
const FILLING: u64 = 10_000;

/// How kubectl sends an approval.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// The largest object.
const LARGEST: usize = 3 << 20;

/// Answers a request of whoever showed this chain of certificates.
pub(super) async fn answer(
    server: &Server,
    chain: Option<&[CertificateDer<'static>]>,
    request: Request<Incoming>,
) -> Answer {
    match route(server, chain, request).await {
        Ok(answer) => answer,
        Err(failure) => failure.answer(),
    }
}

async fn route(
    server: &Server,
    chain: Option<&[CertificateDer<'static>]>,
    request: Request<Incoming>,
) -> Result<Answer, Failure> {
    let caller = Caller::of(server.gate(), chain, request.headers())?;
    let path = request.uri().path().to_owned();
    let query = Query::read(request.uri().query().unwrap_or_default());
    if let Some(endpoint) = Endpoint::find(&path) {
        caller.check_path(&path)?;
        let verbose = if query.get("verbose").is_some() { Verbose::Listed } else { Verbose::Short };
        return Ok(health::answer(server, endpoint, verbose).await);
    }
    let target = Target::read(&path);
    match &target {
        Target::Objects(place) => caller.check(verb(&request, place, &query)?, subject(place))?,
        Target::Version
        | Target::Core
        | Target::Groups
        | Target::Group(_)
        | Target::Resources(_)
        | Target::Nothing => caller.check_path(&path)?,
    }
    // Whoever comes before the caches are filled waits for them.
    let mut phase = server.follow_phase();
    let started = phase.wait_for(|phase| *phase != Phase::Starting);
    if timeout(paced(FILLING), started).await.is_err() {
        return Err(Failure::not_ready());
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let document = match target {
        Target::Objects(place) => return objects(server, &caller, place, &query, request).await,
        Target::Version => Some(discovery::version()),
        Target::Core => Some(discovery::core(host)),
        Target::Groups => Some(discovery::groups()),
        Target::Group(name) => discovery::one_group(&name),
        Target::Resources(group) => discovery::resources(&group),
        Target::Nothing => None,
    };
    let document = document.ok_or_else(Failure::no_such_path)?;
    Ok(object(StatusCode::OK, &document))
}

fn subject(place: &Place) -> Subject<'_> {
    Subject { kind: place.kind, namespace: place.namespace.as_deref(), name: place.name.as_deref() }
}

fn verb(request: &Request<Incoming>, place: &Place, query: &Query) -> Result<Verb, Failure> {
    match (request.method(), &place.name) {
        (&Method::GET, Some(_)) => Ok(Verb::Get),
        (&Method::GET, None) if query.has("watch") => Ok(Verb::Watch),
        (&Method::GET, None) => Ok(Verb::List),
        (&Method::POST, None) if place.namespace.is_some() || !is_namespaced(place) => Ok(Verb::Create),
        (&Method::PUT, Some(_)) => Ok(Verb::Update),
        (&Method::PATCH, Some(_)) => Ok(Verb::Patch),
        (&Method::DELETE, Some(_)) => Ok(Verb::Delete),
        (_other, _) => Err(Failure::wrong_method()),
    }
}

fn is_namespaced(place: &Place) -> bool {
    place.kind.scope == super::kinds::Scope::Namespaced
}

async fn objects(
    server: &Server,
    caller: &Caller,
    place: Place,
    query: &Query,
    request: Request<Incoming>,
) -> Result<Answer, Failure> {
    let verb = verb(&request, &place, query)?;
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = if header(ACCEPT).contains("as=Table") { Form::Table } else { Form::Objects };
    let kind = header(CONTENT_TYPE).to_owned();
    let (store, name) = (server.store(), place.name.clone().unwrap_or_default());
    match verb {
        Verb::Get => verbs::get(store, &place, &name, form).await,
        Verb::List => verbs::list(store, &place, query, form).await,
        Verb::Watch => follow::answer(store, &place, query, form, server.follow_phase()).await,
        Verb::Delete => verbs::delete(store, &place, &name).await,
        Verb::Create => verbs::create(store, &place, object_of(request).await?, caller).await,
        Verb::Update if kind == PROTOBUF => {
            let read = protobuf::approval(&body(request).await?);
            let is_approval = place.part.as_deref() == Some("approval");
            let new = read.filter(|_| is_approval).ok_or_else(|| Failure::wrong_media_type(PROTOBUF))?;
            verbs::update(store, &place, &name, &new).await
        }
        Verb::Update => verbs::update(store, &place, &name, &object_of(request).await?).await,
        Verb::Patch => {
            let patch = match kind.as_str() {
                "application/merge-patch+json" => Patch::Merge(object_of(request).await?, Lists::Replace),
                "application/strategic-merge-patch+json" => {
                    Patch::Merge(object_of(request).await?, Lists::MergeByKey)
                }
                "application/json-patch+json" => {
                    let read = serde_json::from_slice(&body(request).await?);
                    Patch::Steps(read.map_err(|error| Failure::bad_request(error.to_string()))?)
                }
                other => return Err(Failure::wrong_media_type(other)),
            };
            verbs::patch(store, &place, &name, &patch).await
        }
    }
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Failure> {
    let limited = Limited::new(request.into_body(), LARGEST).collect().await;
    Ok(limited.map_err(|error| Failure::bad_request(error.to_string()))?.to_bytes())
}

/// The object that a request carries, JSON.
async fn object_of(request: Request<Incoming>) -> Result<Value, Failure> {
    let bytes = body(request).await?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| Failure::bad_request(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(Failure::bad_request("the body is no object".to_owned())) }
}
