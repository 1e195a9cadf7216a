//! One look at a component: its container, the files it reads, what its ports serve, and its health.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::time::Duration;

use certwright_engine::host::dial::{Dial, DialError, Endpoint};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;
use futures_util::future::join_all;

use super::files::{self, Port};
use super::health::health;
use crate::kinds::node::{Node, dial};
use crate::pki::{Certificate, Component, Digest};
use crate::tools::crictl::{self, Container};
use crate::tools::manifest::StaticPod;
use crate::tools::survey::{self, Depth, FileFacts, FileKind};

/// How long a port may take to show its certificate where its component is not ready.
const UNREADY: Duration = Duration::from_secs(2);

/// A component of a node, as it is now.
pub(crate) struct Look {
    /// Which one.
    pub(crate) component: Component,
    /// Its running container.
    pub(crate) container: Option<Container>,
    /// Its newest container, which may have ended.
    pub(crate) latest: Option<Container>,
    /// The newest file it reads.
    pub(crate) newest: Option<Written>,
    /// Whether anything is to be done.
    pub(crate) state: State,
}

/// A file and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its path.
    pub(crate) path: String,
    /// Last modification, ns since 1970 by the node's clock.
    pub(crate) ns: i128,
}

/// Whether anything is to be done about a component; with the reason, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Its container is newer than what it reads, serves it, and is ready.
    Fresh,
    /// Its container must be stopped.
    Stale(String),
    /// Nothing is to be stopped; it will come, or come round, by itself.
    Coming(String),
}

impl Look {
    /// True when a container was made after the newest file was written, whether or not it still runs.
    pub(crate) fn has_restarted(&self) -> bool {
        match (&self.latest, &self.newest) {
            (Some(latest), Some(newest)) => latest.created_ns > newest.ns,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Which components new files call for a restart of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// Every one that is older than a file it reads.
    All,
    /// Etcd and an API server that do not serve their files, and the others when they are older than theirs.
    Needed,
}

/// What a component reads and serves, as its manifest and the files say: all that does not change by a restart.
pub(crate) struct Known {
    /// Which one.
    pub(crate) component: Component,
    pod: StaticPod,
    ports: Vec<(Port, Digest)>,
    newest: Option<Written>,
}

impl Known {
    /// Whether it serves its files and is ready, however long it has run.
    pub(super) async fn is_ready(&self, node: &Node<'_>) -> Result<bool, StepError> {
        Ok(by_asking(node, self).await? == State::Fresh)
    }
}

/// Looks at the components of a node that it runs; one that has no manifest there (an external etcd) is left out.
///
/// `since` counts as one more file that every component reads whose age tells.
pub(crate) async fn look(
    node: &Node<'_>,
    components: &[Component],
    restarts: Restarts,
    since: Option<&Written>,
) -> Result<Vec<Look>, StepError> {
    look_at(node, known(node, components, restarts, since).await?).await
}

/// The same at components whose manifests and files have been read; their ports are asked side by side.
pub(crate) async fn look_at(
    node: &Node<'_>,
    known: impl IntoIterator<Item = impl Borrow<Known>>,
) -> Result<Vec<Look>, StepError> {
    let containers = node.containers().await?;
    let one = async |known: &Known| {
        let name = known.component.name();
        let container = crictl::running(&containers, name).cloned();
        let state = match by_age(known, container.as_ref()) {
            Some(state) => state,
            None => by_asking(node, known).await?,
        };
        let latest = crictl::latest(&containers, name).cloned();
        Ok(Look { component: known.component, container, latest, newest: known.newest.clone(), state })
    };
    let known: Vec<_> = known.into_iter().collect();
    join_all(known.iter().map(|known| one(known.borrow()))).await.into_iter().collect()
}

/// Reads the manifests of components, and what they name.
pub(crate) async fn known(
    node: &Node<'_>,
    components: &[Component],
    restarts: Restarts,
    since: Option<&Written>,
) -> Result<Vec<Known>, StepError> {
    let mut pods = Vec::new();
    for component in components {
        match node.static_pod(*component)? {
            Some(pod) => pods.push((*component, pod)),
            None if *component == Component::Etcd => {}
            None => return Err(no_manifest(node, *component)),
        }
    }
    let served = |(component, pod): &(Component, &StaticPod)| {
        files::ports(*component, pod).into_iter().map(|port| port.file).collect::<Vec<_>>()
    };
    let paths: BTreeSet<String> =
        pods.iter().flat_map(|pod| files::read_by(pod.1).into_iter().chain(served(pod))).collect();
    let paths: Vec<String> = paths.into_iter().collect();
    let surveyed = survey::survey(node.host, Depth::Certificates, &paths).await?;
    let mut known = Vec::new();
    for (component, pod) in pods {
        let mut ports = Vec::new();
        for port in files::ports(component, pod) {
            let fingerprint = fingerprint(node, &port.file, find(&surveyed, &port.file))?;
            ports.push((port, fingerprint));
        }
        let by_age = restarts == Restarts::All || !component.is_front();
        let newest = files::read_by(pod)
            .iter()
            .filter(|_| by_age)
            .filter_map(|path| find(&surveyed, path))
            .filter(|file| file.kind == FileKind::File)
            .map(|file| Written { path: file.path.clone(), ns: file.mtime_ns })
            .chain(since.filter(|_| by_age).cloned())
            .max_by_key(|written| written.ns);
        known.push(Known { component, pod: pod.clone(), ports, newest });
    }
    Ok(known)
}

fn find<'f>(files: &'f [FileFacts], path: &str) -> Option<&'f FileFacts> {
    files.iter().find(|file| file.path == path)
}

fn no_manifest(node: &Node<'_>, component: Component) -> StepError {
    let (host, manifests, name) = (node.host.name(), &node.manifests, component.name());
    StepError::new(ErrorClass::Invalid, format!("{host}: {name} has no manifest in {manifests}"))
        .remedy(format!("put {manifests}/{name}.yaml back, or leave {name} out of `components`"))
}

fn fingerprint(node: &Node<'_>, path: &str, file: Option<&FileFacts>) -> Result<Digest, StepError> {
    let pem = file.map(|file| file.certificates.as_slice()).unwrap_or_default();
    let why = match Certificate::all_from_pem(pem) {
        Ok(chain) => match chain.first() {
            Some(leaf) => return Ok(leaf.fingerprint),
            None => "holds no certificate".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    Err(StepError::new(ErrorClass::Invalid, format!("{}: {path} {why}", node.host.name())))
}

/// What the container's age says; None when it says that the container is new enough.
fn by_age(known: &Known, container: Option<&Container>) -> Option<State> {
    let name = known.component.name();
    let Some(container) = container else {
        return Some(State::Coming(format!("{name} has no running container")));
    };
    match &known.newest {
        Some(newest) if container.created_ns <= newest.ns => {
            Some(State::Stale(format!("{name} has run since before {} was written", newest.path)))
        }
        Some(_) | None => None,
    }
}

/// What its ports and its health endpoint say.
///
/// Health is asked first: an etcd without quorum takes connections to its client port and answers none, and what is not
/// ready is looked at again anyway.
async fn by_asking(node: &Node<'_>, known: &Known) -> Result<State, StepError> {
    let name = known.component.name();
    let told = health(node, known.component, &known.pod).await?;
    for (port, expected) in &known.ports {
        let leaf = match &told.leaf {
            Some((at, leaf)) if *at == port.endpoint => Ok(Some(*leaf)),
            Some(_) | None => served(node, &port.endpoint, &told.state).await?,
        };
        match leaf {
            Ok(leaf) if leaf == Some(*expected) => {}
            Ok(_) => {
                let (endpoint, file) = (&port.endpoint, &port.file);
                return Ok(State::Stale(format!(
                    "{name} serves another certificate on {endpoint} than {file}"
                )));
            }
            Err(error) => return Ok(State::Coming(format!("{name} on {}: {error}", port.endpoint))),
        }
    }
    Ok(told.state)
}

/// The certificate that a port of a component of this state shows.
async fn served(
    node: &Node<'_>,
    at: &Endpoint,
    state: &State,
) -> Result<Result<Option<Digest>, DialError>, StepError> {
    let certificate = Dial::certificate(at.clone());
    let certificate = match state {
        State::Fresh => certificate,
        State::Stale(_) | State::Coming(_) => certificate.within(UNREADY),
    };
    let served = dial(node.host, &certificate).await?;
    Ok(served.map(|served| served.chain.first().map(|leaf| Digest::of(leaf))))
}

#[cfg(test)]
mod tests;
