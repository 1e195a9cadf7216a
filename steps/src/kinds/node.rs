//! What a kind must know of a node before it can look: where static pods are and how the runtime is asked.

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

/// A control-plane node, as its kubelet's configuration describes it.
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
}

impl<'a> Node<'a> {
    /// Reads the kubelet's configuration; what it does not say is as kubeadm leaves it.
    pub(crate) async fn look(host: &'a dyn Host) -> Result<Self, StepError> {
        let read = host.read_all(&[kubelet::CONFIG, kubelet::FLAGS, kubelet::INSTANCE]).await?;
        let [config, flags, instance] = read.try_into().expect("one answer for each of three files");
        let parsed = config.as_deref().map(KubeletConfig::parse).transpose().map_err(|error| {
            let what = format!("{}: {}: {error}", host.name(), kubelet::CONFIG);
            StepError::new(ErrorClass::Invalid, what)
        })?;
        let endpoint = kubelet::runtime_endpoint(config.as_deref(), flags.as_deref(), instance.as_deref());
        Ok(Self {
            host,
            rotates: parsed.as_ref().is_some_and(|config| config.rotates),
            asks_for_serving: parsed.as_ref().is_some_and(|config| config.asks_for_serving),
            manifests: parsed.and_then(|c| c.static_pod_path).unwrap_or_else(|| MANIFESTS.to_owned()),
            crictl: Crictl::new(endpoint),
        })
    }

    /// The manifest of a component; None when the node runs none (an external etcd).
    pub(crate) async fn static_pod(&self, component: Component) -> Result<Option<StaticPod>, StepError> {
        let all = self.static_pods(&[component]).await?;
        all.into_iter().next().expect("one answer for one component")
    }

    /// The manifests of several, in their order; each of its own may be one that cannot be used.
    pub(crate) async fn static_pods(
        &self,
        components: &[Component],
    ) -> Result<Vec<Result<Option<StaticPod>, StepError>>, StepError> {
        let paths: Vec<String> = components
            .iter()
            .map(|component| format!("{}/{}.yaml", self.manifests, component.name()))
            .collect();
        let read = self.host.read_all(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let parse = |(path, yaml): (&String, Option<Vec<u8>>)| {
            yaml.map(|yaml| StaticPod::parse(&yaml)).transpose().map_err(|error| {
                StepError::new(ErrorClass::Invalid, format!("{}: {path}: {error}", self.host.name()))
            })
        };
        Ok(paths.iter().zip(read).map(parse).collect())
    }

    /// True where etcd runs as a static pod.
    pub(crate) async fn has_local_etcd(&self) -> Result<bool, StepError> {
        let path = format!("{}/{}.yaml", self.manifests, Component::Etcd.name());
        Ok(self.host.stat(&path).await?.is_some())
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
pub(super) async fn own_server(node: &Node<'_>) -> Result<String, StepError> {
    let pod = node.static_pod(Component::KubeApiserver).await?;
    let address = pod.as_ref().and_then(|pod| pod.advertise_address());
    let Some(address) = address else {
        let (host, manifests) = (node.host.name(), &node.manifests);
        let message = format!("{host}: {manifests}/kube-apiserver.yaml does not say --advertise-address");
        return Err(StepError::new(ErrorClass::Invalid, message)
            .remedy("check that this host is a control-plane node of a kubeadm cluster"));
    };
    let port = pod.as_ref().and_then(StaticPod::secure_port).unwrap_or(6443);
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
