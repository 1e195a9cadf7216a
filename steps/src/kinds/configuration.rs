//! Where kubeadm takes its configuration from on a node: the cluster, or what the static pod manifests say.
//!
//! kubeadm asks the API server for it, waits ten seconds where it gets none, and goes on with its defaults: another
//! folder of certificates is forgotten then, and an external etcd taken for a local one. So the same question is asked
//! here first, and where it has no answer kubeadm is given what the manifests say. Invariant: reads only.

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{StepError, refused};
use serde::{Deserialize, Serialize};

use super::holdings::Holdings;
use super::node::{Node, run};
use crate::pki::Component;
use crate::pki::layout::{CERT_DIR, KUBERNETES};
use crate::tools::kubeadm::{self, Configuration, Manifested, Version};
use crate::tools::kubectl::{self, ClusterConfiguration, Kubectl};
use crate::tools::output::cut;

/// The longest reason in a message, characters.
const REASON_MAX: usize = 160;

/// Where kubeadm is to take its configuration from; a fact, so that one attempt asks once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Source {
    /// The cluster's, as it is.
    Cluster,
    /// The cluster's, which names another folder of certificates than the one that is meant.
    ClusterElsewhere,
    /// The manifests; why, in a few words.
    Manifests(String),
}

/// Finds it out, where kubeadm's certificates lie in `cert_dir`: asks as kubeadm would. A line that broke is an error;
/// an API server that says nothing is an answer.
pub(super) async fn source(
    node: &Node<'_>,
    holdings: &Holdings,
    cert_dir: &str,
    now: i64,
) -> Result<Source, StepError> {
    // Nobody listens to an expired client, and kubeadm would find out in ten seconds.
    if let Some(why) = holdings.no_credential(now) {
        return Ok(Source::Manifests(why));
    }
    let command = Kubectl::new(format!("{KUBERNETES}/admin.conf")).kubeadm_config();
    let output = match run(node.host, &command).await {
        Ok(output) => output,
        Err(error) if error.class == ErrorClass::DeadlineExceeded => {
            return Ok(Source::Manifests("the API server does not answer".to_owned()));
        }
        Err(error) => return Err(error),
    };
    if !output.success() {
        let why = kubectl::step_error("kubeadm-config", &command, &output).message;
        return Ok(Source::Manifests(cut(&why, REASON_MAX)));
    }
    Ok(match kubectl::parse_kubeadm_config(&output) {
        Ok(says) => of_cluster(&says, cert_dir),
        Err(error) => Source::Manifests(error.to_string()),
    })
}

/// The configuration from a source.
pub(super) async fn configuration(
    node: &Node<'_>,
    source: &Source,
    cert_dir: &str,
) -> Result<Configuration, StepError> {
    match source {
        Source::Cluster => Ok(Configuration::Cluster),
        Source::ClusterElsewhere => Ok(Configuration::CertDir(cert_dir.to_owned())),
        Source::Manifests(_) => {
            let version = version(node.host).await?;
            Ok(Configuration::Manifests(manifested(node, cert_dir, version)?))
        }
    }
}

/// The cluster's, whose folder may be another than the one that is meant.
fn of_cluster(says: &ClusterConfiguration, cert_dir: &str) -> Source {
    let theirs = says.cert_dir.as_deref().unwrap_or(CERT_DIR);
    if theirs.trim_end_matches('/') == cert_dir { Source::Cluster } else { Source::ClusterElsewhere }
}

/// What the manifests say.
fn manifested(node: &Node<'_>, cert_dir: &str, kubeadm: Version) -> Result<Manifested, StepError> {
    let api = node.static_pod(Component::KubeApiserver)?.ok_or_else(|| {
        let (host, manifests) = (node.host.name(), &node.manifests);
        let message = format!(
            "{host}: {manifests}/kube-apiserver.yaml is missing: nothing tells how kubeadm was set up"
        );
        StepError::new(ErrorClass::Invalid, message)
            .remedy(format!("put the manifest back into {manifests}, then go on"))
    })?;
    let etcd = node.static_pod(Component::Etcd)?;
    let runtime = node.crictl.endpoint.as_deref();
    Ok(Manifested::read(kubeadm, cert_dir, api, etcd, runtime))
}

/// The version of a node's kubeadm.
pub(super) async fn version(host: &dyn Host) -> Result<Version, StepError> {
    let command = kubeadm::version();
    let output = run(host, &command).await?;
    if !output.success() {
        let message = format!("{}: kubeadm does not tell its version", host.name());
        return Err(refused(ErrorClass::Refused, message, &command, &output)
            .remedy("see whether kubeadm of that node runs at all"));
    }
    kubeadm::parse_version(&output).map_err(|error| error.step_error(host.name(), &command, &output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_that_is_meant_goes_before_the_clusters_own() {
        for (theirs, ours, expected) in [
            (None, "/etc/kubernetes/pki", Source::Cluster),
            (Some("/etc/kubernetes/pki/"), "/etc/kubernetes/pki", Source::Cluster),
            (None, "/etc/ssl", Source::ClusterElsewhere),
            (Some("/etc/ssl"), "/etc/ssl", Source::Cluster),
            (Some("/etc/ssl"), "/etc/kubernetes/pki", Source::ClusterElsewhere),
        ] {
            let says = ClusterConfiguration { cert_dir: theirs.map(str::to_owned) };
            assert_eq!(of_cluster(&says, ours), expected, "{theirs:?} {ours}");
        }
    }
}
