//! `kubectl get --raw .../configmaps/kubeadm-config`.

use certwright_engine::host::Output;
use serde::Deserialize;

use crate::pki::yaml;
use crate::tools::OutputError;
use crate::tools::output::json;

const WHAT: &str = "the ConfigMap kubeadm-config";

/// What matters of the `ClusterConfiguration` that the cluster keeps for kubeadm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterConfiguration {
    /// `certificatesDir`; None where it is not said.
    pub cert_dir: Option<String>,
}

/// Parses it; a ConfigMap without such a configuration is an error, as for kubeadm.
pub fn parse_kubeadm_config(output: &Output) -> Result<ClusterConfiguration, OutputError> {
    let map: MapWire = json(WHAT, &output.stdout)?;
    let text =
        map.data.configuration.ok_or_else(|| OutputError::shape(WHAT, "it has no ClusterConfiguration"))?;
    let wire: ConfigurationWire = yaml::parse(text.as_bytes()).map_err(|at| OutputError::shape(WHAT, at))?;
    let cert_dir = wire.certificates_dir.filter(|folder| !folder.is_empty());
    Ok(ClusterConfiguration { cert_dir })
}

#[derive(Deserialize)]
struct MapWire {
    #[serde(default)]
    data: DataWire,
}

#[derive(Deserialize, Default)]
struct DataWire {
    #[serde(rename = "ClusterConfiguration")]
    configuration: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigurationWire {
    #[serde(default)]
    certificates_dir: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{fixture, printed};

    /// The recorded ConfigMap, whose `-o yaml` is asked for in JSON here.
    fn map(configuration: &str) -> Output {
        printed(serde_json::json!({ "data": { "ClusterConfiguration": configuration } }).to_string())
    }

    #[test]
    fn the_folder_of_certificates_of_a_real_cluster_is_read() {
        let recorded = fixture("healthy/kubectl-get-cm-kubeadm-config");
        let text = recorded.stdout.lossy().into_owned();
        let configuration: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.contains("ClusterConfiguration: |"))
            .skip(1)
            .map_while(|line| line.strip_prefix("    "))
            .collect();
        let read = parse_kubeadm_config(&map(&configuration.join("\n"))).unwrap();
        assert_eq!(read.cert_dir.as_deref(), Some("/etc/kubernetes/pki"));
        assert_eq!(parse_kubeadm_config(&map("kind: ClusterConfiguration\n")).unwrap().cert_dir, None);
    }

    #[test]
    fn a_map_that_kubeadm_could_not_use_is_an_error() {
        for bad in [r#"{"data":{}}"#, "{}", "", r#"{"data":{"ClusterConfiguration":"a: *b"}}"#] {
            assert!(parse_kubeadm_config(&printed(bad)).is_err(), "{bad}");
        }
    }
}
