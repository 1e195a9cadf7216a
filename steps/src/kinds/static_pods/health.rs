//! Whether a component is ready, by what its health endpoint answers on its own node.

use certwright_engine::host::dial::{Answer, Endpoint};
use certwright_engine::step::StepError;

use super::files;
use super::look::State;
use crate::kinds::node::{Node, dial};
use crate::pki::{Component, Digest};
use crate::tools::manifest::StaticPod;

/// What the health endpoint of a component told.
pub(super) struct Told {
    /// [`State::Fresh`] where it is ready.
    pub(super) state: State,
    /// What the port served that was asked over TLS; None where it told nothing of that.
    pub(super) leaf: Option<(Endpoint, Digest)>,
}

/// Asks the health endpoint of a component.
pub(super) async fn health(
    node: &Node<'_>,
    component: Component,
    pod: &StaticPod,
) -> Result<Told, StepError> {
    let name = component.name();
    let mut told = Told { state: State::Fresh, leaf: None };
    for url in files::health(component, pod) {
        let served = match dial(node.host, &url).await? {
            Ok(served) => served,
            Err(error) => {
                told.state = State::Coming(format!("{name} is not ready: {url}: {error}"));
                return Ok(told);
            }
        };
        told.leaf = served.chain.first().map(|leaf| (url.at.clone(), Digest::of(leaf)));
        let answer = served.answer.expect("a GET that went well has its answer");
        let health = judge(component, pod, &answer);
        told.state = match health {
            Health::Ready => State::Fresh,
            Health::NotReady | Health::Silent => {
                State::Coming(format!("{name} is not ready: {url} says {}", answer.code))
            }
        };
        if health != Health::Silent {
            break;
        }
    }
    Ok(told)
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
