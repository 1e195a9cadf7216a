//! kubeadm itself: whether its version fits the cluster's, and whether it can read the configuration it will be given.

use certwright_engine::step::StepError;
use certwright_engine::text::escape;

use super::pods::Pods;
use crate::kinds::configuration::{self, Source};
use crate::kinds::facts::Warning;
use crate::kinds::finding::Finding;
use crate::kinds::holdings::Holdings;
use crate::kinds::node::{Node, run};
use crate::pki::Component;
use crate::tools::kubeadm::{self, Version};

/// The first minor release of 1.x with `kubeadm certs`.
const CERTS: u32 = 20;

/// What a look at kubeadm told.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What must be mended.
    pub(super) findings: Vec<Finding>,
    /// What holds nothing up.
    pub(super) warnings: Vec<Warning>,
    /// kubeadm's own version.
    pub(super) version: Option<Version>,
}

/// Asks kubeadm for its version, and to look at the certificates with the very configuration of a renewal.
pub(super) async fn look(
    node: &Node<'_>,
    pods: &Pods,
    holdings: &Holdings,
    cert_dir: &str,
    now: i64,
) -> Result<Look, StepError> {
    let version = configuration::version(node.host).await?;
    let mut look = Look { version: Some(version), ..Look::default() };
    look.findings.extend(too_old(version, pods.version(), node.host.name()));
    look.warnings.extend(too_new(version, pods.version()));
    // Without its manifest nothing tells how kubeadm was set up, and with certificates that it cannot read it stops.
    if pods.get(Component::KubeApiserver).is_none() || !holdings.unrenewable().is_empty() {
        return Ok(look);
    }
    let source = configuration::source(node, holdings, cert_dir, now).await?;
    let configuration = configuration::configuration(node, &source, cert_dir).await?;
    let command = kubeadm::check_expiration_text(&configuration);
    let output = run(node.host, &command).await?;
    if !output.success() {
        let error = kubeadm::parse_renewal(&output).error;
        let why = if error.is_empty() { format!("exit status {}", output.status) } else { error };
        let told = configuration.told(&command);
        look.findings.push(Finding::new(
            format!(
                "kubeadm {version} cannot look at the certificates with the configuration of a renewal: {why}"
            ),
            format!("see what it says on {}: {told}", node.host.name()),
        ));
    } else if kubeadm::fell_back(&output) {
        let remedy = "see which part it cannot read: `kubeadm certs check-expiration --v=5` on that node";
        match source {
            // Behind a load balancer it may have met another API server than we did: one that has expired, say.
            Source::Cluster | Source::ClusterElsewhere => look.warnings.push(Warning::new(
                "kubeadm falls back to its defaults, although the cluster has its configuration",
                remedy,
            )),
            Source::Manifests(_) => look.findings.push(Finding::new(
                "kubeadm falls back to its defaults, although it was given a configuration",
                remedy,
            )),
        }
    }
    Ok(look)
}

/// A kubeadm that does not know all of the cluster's certificates, or has no such command.
fn too_old(own: Version, cluster: Option<(Component, Version)>, host: &str) -> Option<Finding> {
    let minor = |version: Version| (version.major, version.minor);
    if let Some((component, cluster)) = cluster.filter(|(_, cluster)| minor(own) < minor(*cluster)) {
        let (name, wanted) = (component.name(), format!("{}.{}", cluster.major, cluster.minor));
        return Some(Finding::new(
            format!(
                "kubeadm is {own}, and the image of {name} is {cluster}: it may not know all that it must renew"
            ),
            format!("install kubeadm {wanted} on {}", escape(host)),
        ));
    }
    (minor(own) < (1, CERTS)).then(|| {
        Finding::new(
            format!("kubeadm is {own}, which has no `kubeadm certs`"),
            format!(
                "install kubeadm 1.{CERTS} or later on {}, or renew by hand with `kubeadm alpha certs`",
                escape(host)
            ),
        )
    })
}

/// A kubeadm that is further ahead of the cluster than kubeadm supports.
fn too_new(own: Version, cluster: Option<(Component, Version)>) -> Option<Warning> {
    let (component, cluster) = cluster?;
    (own.major == cluster.major && own.minor >= cluster.minor + 2).then(|| {
        Warning::new(
            format!(
                "kubeadm is {own}, {} minor releases ahead of {} ({cluster}); it supports one",
                own.minor - cluster.minor,
                component.name()
            ),
            format!("kubeadm {}.{} is the cluster's own", cluster.major, cluster.minor),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn a_kubeadm_is_too_old_by_a_minor_release_and_not_by_a_patch() {
        let found = |own: &str, cluster: Option<&str>| {
            let cluster = cluster.map(|text| (Component::KubeApiserver, version(text)));
            too_old(version(own), cluster, "cp-1")
                .map(|finding| format!("{}: {}", finding.what, finding.remedy))
        };
        for (own, cluster) in [
            ("v1.36.1", Some("v1.36.9")),
            ("v1.36.1", Some("v1.35.0")),
            ("v1.28.9-gke.1800", Some("v1.28.9-gke.2000")),
            ("v1.36.1", None),
        ] {
            assert_eq!(found(own, cluster), None, "{own} {cluster:?}");
        }
        assert_eq!(
            found("v1.9.11", Some("v1.10.0")).as_deref(),
            Some(
                "kubeadm is v1.9.11, and the image of kube-apiserver is v1.10.0: it may not know all that it must \
                 renew: install kubeadm 1.10 on cp-1"
            )
        );
        assert!(found("v1.19.16", Some("v1.19.16")).unwrap().contains("which has no `kubeadm certs`"));
        assert_eq!(found("v1.20.0", Some("v1.20.0")), None);
    }

    #[test]
    fn a_kubeadm_may_be_one_minor_release_ahead() {
        let ahead = |own: &str, cluster: &str| {
            too_new(version(own), Some((Component::KubeApiserver, version(cluster))))
                .map(|warning| warning.what)
        };
        assert_eq!(ahead("v1.36.1", "v1.35.9"), None);
        assert_eq!(
            ahead("v1.36.1", "v1.34.9").as_deref(),
            Some("kubeadm is v1.36.1, 2 minor releases ahead of kube-apiserver (v1.34.9); it supports one")
        );
        assert_eq!(too_new(version("v1.36.1"), None), None);
    }
}
