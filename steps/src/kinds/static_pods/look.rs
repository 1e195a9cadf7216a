//! One look at a component: its container, the files it reads, what its ports serve, its health.

use std::borrow::Borrow;

use certwright_engine::host::dial::{Answer, Dial};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

use super::files::{self, Port};
use crate::kinds::node::{Node, dial};
use crate::pki::{Certificate, Component, Digest};
use crate::tools::crictl::{self, Container};
use crate::tools::manifest::StaticPod;
use crate::tools::survey::{self, Depth, FileFacts, FileKind};

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

/// Looks at the components of a node that it runs; one that has no manifest there (an external etcd) is left out.
///
/// `since` counts as one more file that every component reads.
pub(crate) async fn look(
    node: &Node<'_>,
    components: &[Component],
    restarts: Restarts,
    since: Option<&Written>,
) -> Result<Vec<Look>, StepError> {
    look_at(node, known(node, components, restarts, since).await?).await
}

/// The same at components whose manifests and files have been read.
pub(crate) async fn look_at(
    node: &Node<'_>,
    known: impl IntoIterator<Item = impl Borrow<Known>>,
) -> Result<Vec<Look>, StepError> {
    let containers = node.containers().await?;
    let mut looks = Vec::new();
    for known in known {
        let known = known.borrow();
        let name = known.component.name();
        let container = crictl::running(&containers, name).cloned();
        let state = match by_age(known, container.as_ref()) {
            Some(state) => state,
            None => by_asking(node, known).await?,
        };
        looks.push(Look {
            component: known.component,
            container,
            latest: crictl::latest(&containers, name).cloned(),
            newest: known.newest.clone(),
            state,
        });
    }
    Ok(looks)
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
        match node.static_pod(*component).await? {
            Some(pod) => pods.push((*component, pod)),
            None if *component == Component::Etcd => {}
            None => return Err(no_manifest(node, *component)),
        }
    }
    let paths: Vec<String> = pods.iter().flat_map(|(_, pod)| files::read_by(pod)).collect();
    let dated = survey::survey(node.host, Depth::Dates, &paths).await?;
    let served: Vec<String> = pods
        .iter()
        .flat_map(|(component, pod)| files::ports(*component, pod))
        .map(|port| port.file)
        .collect();
    let served = survey::survey(node.host, Depth::Certificates, &served).await?;
    let mut known = Vec::new();
    for (component, pod) in pods {
        let mut ports = Vec::new();
        for port in files::ports(component, &pod) {
            let fingerprint = fingerprint(node, &port.file, find(&served, &port.file))?;
            ports.push((port, fingerprint));
        }
        let by_age = restarts == Restarts::All || !component.is_front();
        let newest = files::read_by(&pod)
            .iter()
            .filter(|_| by_age)
            .filter_map(|path| find(&dated, path))
            .filter(|file| file.kind == FileKind::File)
            .map(|file| Written { path: file.path.clone(), ns: file.mtime_ns })
            .chain(since.cloned())
            .max_by_key(|written| written.ns);
        known.push(Known { component, pod, ports, newest });
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
async fn by_asking(node: &Node<'_>, known: &Known) -> Result<State, StepError> {
    let name = known.component.name();
    for (port, expected) in &known.ports {
        match dial(node.host, &Dial::certificate(port.endpoint.clone())).await? {
            Ok(served) if served.chain.first().is_some_and(|leaf| Digest::of(leaf) == *expected) => {}
            Ok(_) => {
                let (endpoint, file) = (&port.endpoint, &port.file);
                return Ok(State::Stale(format!(
                    "{name} serves another certificate on {endpoint} than {file}"
                )));
            }
            Err(error) => return Ok(State::Coming(format!("{name} on {}: {error}", port.endpoint))),
        }
    }
    health(node, known.component, &known.pod).await
}

/// What the health endpoint of a component says: [`State::Fresh`] where it is ready.
pub(super) async fn health(
    node: &Node<'_>,
    component: Component,
    pod: &StaticPod,
) -> Result<State, StepError> {
    let name = component.name();
    let mut last = State::Fresh;
    for url in files::health(component, pod) {
        let answer = match dial(node.host, &url).await? {
            Ok(served) => served.answer.expect("a GET that went well has its answer"),
            Err(error) => return Ok(State::Coming(format!("{name} is not ready: {url}: {error}"))),
        };
        match judge(component, pod, &answer) {
            Health::Ready => return Ok(State::Fresh),
            Health::NotReady => {
                return Ok(State::Coming(format!("{name} is not ready: {url} says {}", answer.code)));
            }
            Health::Silent => {
                last = State::Coming(format!("{name} is not ready: {url} says {}", answer.code));
            }
        }
    }
    Ok(last)
}

/// What one answer of a health endpoint tells.
#[derive(Debug, PartialEq, Eq)]
enum Health {
    Ready,
    NotReady,
    /// Nothing: unknown to the component's release, or not among the paths it shows to everybody.
    Silent,
}

fn judge(component: Component, pod: &StaticPod, answer: &Answer) -> Health {
    let is_ok = answer.code == 200;
    let ready = match component {
        Component::Etcd => is_ok && says_healthy(answer),
        // An API server without anonymous requests asks who we are, and no more can be learnt here.
        Component::KubeApiserver => {
            is_ok || answer.code == 401 && pod.flag("anonymous-auth") == Some("false")
        }
        Component::KubeControllerManager | Component::KubeScheduler => is_ok,
    };
    match (ready, answer.code) {
        (true, _) => Health::Ready,
        (false, 401 | 403 | 404) => Health::Silent,
        (false, _) => Health::NotReady,
    }
}

/// Whether etcd's `/health` says so: its body is `{"health":"true",...}`.
fn says_healthy(answer: &Answer) -> bool {
    #[derive(serde::Deserialize)]
    struct Told {
        health: String,
    }
    serde_json::from_slice::<Told>(answer.body.bytes()).is_ok_and(|told| told.health == "true")
}

#[cfg(test)]
mod tests {
    use certwright_engine::text::Untrusted;

    use super::*;

    #[test]
    fn a_hardened_api_server_and_a_scheduler_of_old_are_not_waited_for_in_vain() {
        let hardened = StaticPod {
            flags: [("anonymous-auth".to_owned(), "false".to_owned())].into_iter().collect(),
            ..StaticPod::default()
        };
        let plain = StaticPod::default();
        let (api, scheduler) = (Component::KubeApiserver, Component::KubeScheduler);
        for (component, pod, code, expected) in [
            (api, &hardened, 401, Health::Ready),
            (api, &plain, 401, Health::Silent),
            (api, &hardened, 500, Health::NotReady),
            // /readyz is not shown to everybody before 1.22: /healthz is asked next.
            (scheduler, &plain, 403, Health::Silent),
            (scheduler, &plain, 404, Health::Silent),
            (scheduler, &plain, 500, Health::NotReady),
            (scheduler, &plain, 200, Health::Ready),
        ] {
            let answer = Answer { code, body: Untrusted::default() };
            assert_eq!(judge(component, pod, &answer), expected, "{component:?} {code}");
        }
    }

    #[test]
    fn etcd_is_healthy_only_when_status_and_body_say_so() {
        for (code, body, expected) in [
            (200, r#"{"health":"true","reason":""}"#, Health::Ready),
            (503, r#"{"health":"false","reason":"RAFT NO LEADER"}"#, Health::NotReady),
            (200, r#"{"health":"false"}"#, Health::NotReady),
            (503, r#"{"health":"true"}"#, Health::NotReady),
            (200, "ok", Health::NotReady),
        ] {
            let answer = Answer { code, body: Untrusted::new(body.into()) };
            assert_eq!(judge(Component::Etcd, &StaticPod::default(), &answer), expected, "{code} {body}");
        }
    }
}
