//! What a kind must know of a node before it can look: where static pods are and how the runtime is asked.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use certwright_engine::host::dial::{Dial, DialError, Served};
use certwright_engine::host::{Command, Host, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Evidence, StepError, host_error};

use crate::pki::Component;
use crate::tools::crictl::{self, Container, Crictl, Which};
use crate::tools::kubelet::{self, KubeletConfig};
use crate::tools::manifest::StaticPod;
use crate::tools::systemctl::{self, UnitState};
use crate::tools::wanted::MANIFESTS;

/// A control-plane node, as its kubelet's configuration and its manifests describe it.
///
/// What is in it is as old as the look: whoever waits for long, or writes such a file, looks again.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    /// The host itself.
    pub(crate) host: &'a dyn Host,
    /// The folder the kubelet takes static pods from.
    pub(crate) manifests: String,
    /// Whether the kubelet renews its client certificate itself.
    pub(super) rotates: bool,
    /// Whether the kubelet asks the cluster for the certificate that it serves with.
    pub(super) asks_for_serving: bool,
    /// crictl, asking the kubelet's own runtime.
    pub(crate) crictl: Crictl,
    pods: BTreeMap<Component, Manifest>,
}

/// The manifest of a component, parsed when somebody asks for it: a look at a node is mostly for one of them or none.
#[derive(Clone)]
struct Manifest {
    path: String,
    /// None where the node does not run the component.
    yaml: Option<Vec<u8>>,
    pod: OnceLock<Result<Option<StaticPod>, StepError>>,
}

impl<'a> Node<'a> {
    /// Reads the kubelet's configuration and the manifests; what the former does not say is as kubeadm leaves it.
    ///
    /// One call where the manifests are in kubeadm's folder, as they nearly always are; else two.
    pub(crate) async fn look(host: &'a dyn Host) -> Result<Self, StepError> {
        let usual = paths(MANIFESTS);
        let mut wanted = vec![kubelet::CONFIG, kubelet::FLAGS, kubelet::INSTANCE];
        wanted.extend(usual.iter().map(String::as_str));
        let mut read = host.read_all(&wanted).await?;
        let mut found = read.split_off(wanted.len() - usual.len());
        let [config, flags, instance] = read.try_into().expect("one answer for each of three files");
        let parsed = config.as_deref().map(KubeletConfig::parse).transpose().map_err(|error| {
            let what = format!("{}: {}: {error}", host.name(), kubelet::CONFIG);
            StepError::new(ErrorClass::Invalid, what)
        })?;
        let endpoint = kubelet::runtime_endpoint(parsed.as_ref(), flags.as_deref(), instance.as_deref());
        let rotates = parsed.as_ref().is_some_and(|config| config.rotates);
        let asks_for_serving = parsed.as_ref().is_some_and(|config| config.asks_for_serving);
        let manifests = parsed.and_then(|c| c.static_pod_path).unwrap_or_else(|| MANIFESTS.to_owned());
        let paths = paths(&manifests);
        if paths != usual {
            found = host.read_all(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        }
        let pods = paths.into_iter().zip(found);
        let pods = pods.map(|(path, yaml)| Manifest { path, yaml, pod: OnceLock::new() });
        let pods = Component::ALL.into_iter().zip(pods).collect();
        let crictl = Crictl::new(endpoint);
        Ok(Self { host, manifests, rotates, asks_for_serving, crictl, pods })
    }

    /// The manifest of a component; None when the node runs none (an external etcd).
    pub(crate) fn static_pod(&self, component: Component) -> Result<Option<&StaticPod>, StepError> {
        let Manifest { path, yaml, pod } = &self.pods[&component];
        let parse = || {
            yaml.as_deref().map(StaticPod::parse).transpose().map_err(|error| {
                StepError::new(ErrorClass::Invalid, format!("{}: {path}: {error}", self.host.name()))
            })
        };
        pod.get_or_init(parse).as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// True where etcd runs as a static pod.
    pub(crate) fn has_local_etcd(&self) -> bool {
        self.pods[&Component::Etcd].yaml.is_some()
    }

    /// All containers of the runtime, exited ones too.
    pub(crate) async fn containers(&self) -> Result<Vec<Container>, StepError> {
        let command = self.crictl.ps(Which::All);
        let output = run(self.host, &command).await?;
        if !output.success() {
            return Err(crictl::step_error(self.host.name(), &command, &output));
        }
        crictl::parse_containers(&output)
            .map_err(|error| error.step_error(self.host.name(), &command, &output))
    }

    /// What systemd says of the kubelet.
    pub(crate) async fn kubelet(&self) -> Result<UnitState, StepError> {
        let output = run(self.host, &systemctl::is_active("kubelet")).await?;
        Ok(systemctl::parse_is_active(&output))
    }
}

/// The manifest of each component in a folder, in the order of [`Component::ALL`].
fn paths(manifests: &str) -> Vec<String> {
    Component::ALL.iter().map(|component| format!("{manifests}/{}.yaml", component.name())).collect()
}

/// Runs a command on a host; a call without result becomes a step error with the evidence.
pub(crate) async fn run(host: &dyn Host, command: &Command) -> Result<Output, StepError> {
    host.run(command).await.map_err(|error| host_error(&error, Some(command)))
}

/// Asks a port of a host; a call without result becomes a step error that names the port.
pub(crate) async fn dial(host: &dyn Host, dial: &Dial) -> Result<Result<Served, DialError>, StepError> {
    match host.dial(dial).await {
        Ok(dialled) => Ok(dialled.outcome),
        Err(error) => {
            let evidence = Evidence { command: format!("dial {dial}"), status: None, last_lines: Vec::new() };
            Err(StepError::from(error).evidence(evidence))
        }
    }
}

/// `https://ADDRESS:PORT` of the node's own API server, as its manifest has it.
pub(super) fn own_server(node: &Node<'_>) -> Result<String, StepError> {
    let pod = node.static_pod(Component::KubeApiserver)?;
    let address = pod.and_then(|pod| pod.advertise_address());
    let Some(address) = address else {
        let (host, manifests) = (node.host.name(), &node.manifests);
        let message = format!("{host}: {manifests}/kube-apiserver.yaml does not say --advertise-address");
        return Err(StepError::new(ErrorClass::Invalid, message)
            .remedy("check that this host is a control-plane node of a kubeadm cluster"));
    };
    let port = pod.and_then(StaticPod::secure_port).unwrap_or(6443);
    Ok(if address.contains(':') {
        format!("https://[{address}]:{port}")
    } else {
        format!("https://{address}:{port}")
    })
}

/// Seconds since 1970 by this machine's clock.
pub(crate) fn now(cx: &Context) -> i64 {
    i64::try_from(cx.clock.wall_ms() / 1000).expect("the clock is in this millennium")
}

/// A state of the kubelet, for people.
pub(crate) fn kubelet_word(state: &UnitState) -> &str {
    match state {
        UnitState::Active => "active",
        UnitState::Activating => "starting again and again",
        UnitState::Inactive => "not running",
        UnitState::Failed => "failed",
        UnitState::Other(word) if word.is_empty() => "in an unknown state",
        UnitState::Other(word) => word,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use certwright_engine::clock::Clock;

    use super::*;
    use crate::lab::{Lab, LabSpec};

    #[tokio::test(start_paused = true)]
    async fn manifests_are_found_where_the_kubelets_configuration_says() {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Clock::virtual_from(1_795_555_800_000);
        let lab = Lab::create(dir.path().join("lab"), &LabSpec::default(), &clock).expect("a lab");
        let host = lab.host("cp-1", clock).expect("a host");
        let root = dir.path().join("lab/cp-1");
        let usual = Node::look(host.as_ref()).await.expect("a look");
        assert_eq!(usual.manifests, MANIFESTS);
        let pod = usual.static_pod(Component::Etcd).expect("a manifest");
        assert_eq!(pod.map(|pod| pod.name.as_str()), Some("etcd"));

        // Left behind where the kubelet does not look: no component of this node.
        let config = root.join(&kubelet::CONFIG[1..]);
        let text = fs::read_to_string(&config).expect("the kubelet's configuration");
        assert!(text.contains(MANIFESTS), "{text}");
        fs::write(&config, text.replace(MANIFESTS, "/etc/static")).expect("a file");
        fs::create_dir(root.join("etc/static")).expect("a folder");
        let manifest = format!("{}/kube-apiserver.yaml", &MANIFESTS[1..]);
        fs::copy(root.join(manifest), root.join("etc/static/kube-apiserver.yaml")).expect("a copy");
        fs::write(root.join("etc/static/kube-scheduler.yaml"), "[broken").expect("a file");
        let node = Node::look(host.as_ref()).await.expect("a look");
        assert_eq!(node.manifests, "/etc/static");
        assert!(!node.has_local_etcd(), "etcd's is in the other folder");
        assert!(node.static_pod(Component::KubeApiserver).expect("a manifest").is_some());
        let error = node.static_pod(Component::KubeScheduler).expect_err("it is broken");
        assert!(error.message.starts_with("cp-1: /etc/static/kube-scheduler.yaml: "), "{}", error.message);
    }
}
