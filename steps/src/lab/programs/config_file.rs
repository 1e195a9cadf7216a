//! A kubeadm configuration file, read as strictly as the real one reads it: an unknown field is an error.
//!
//! Only what `certs` needs is looked at. Deliberately absent: other API versions than a 1.36 reads.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::args::go_duration;
use super::kubeadm::VERSION;
use crate::pki::yaml;
use crate::tools::kubeadm::Version;

/// What `certs` needs of a file.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    /// `certificatesDir`.
    pub(super) cert_dir: Option<String>,
    /// `certificateValidityPeriod`, s.
    pub(super) validity: Option<i64>,
    /// `kubernetesVersion`.
    pub(super) version: Option<Version>,
    /// True where `etcd.external` is set.
    pub(super) external_etcd: bool,
}

/// What every document begins with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a field that is known is no error; few are looked at")]
struct ClusterConfiguration {
    api_version: IgnoredAny,
    kind: IgnoredAny,
    etcd: Option<Etcd>,
    networking: Option<IgnoredAny>,
    kubernetes_version: Option<String>,
    control_plane_endpoint: Option<IgnoredAny>,
    api_server: Option<IgnoredAny>,
    controller_manager: Option<IgnoredAny>,
    scheduler: Option<IgnoredAny>,
    dns: Option<IgnoredAny>,
    proxy: Option<IgnoredAny>,
    certificates_dir: Option<String>,
    image_repository: Option<IgnoredAny>,
    feature_gates: Option<IgnoredAny>,
    cluster_name: Option<IgnoredAny>,
    encryption_algorithm: Option<IgnoredAny>,
    certificate_validity_period: Option<String>,
    ca_certificate_validity_period: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Etcd {
    local: Option<LocalEtcd>,
    external: Option<ExternalEtcd>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a field that is known is no error")]
struct LocalEtcd {
    data_dir: Option<String>,
    extra_args: Option<IgnoredAny>,
    image_repository: Option<IgnoredAny>,
    image_tag: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a field that is known is no error")]
struct ExternalEtcd {
    endpoints: Vec<String>,
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a field that is known is no error")]
struct InitConfiguration {
    api_version: IgnoredAny,
    kind: IgnoredAny,
    bootstrap_tokens: Option<IgnoredAny>,
    dry_run: Option<bool>,
    node_registration: Option<NodeRegistration>,
    #[serde(rename = "localAPIEndpoint")]
    local_api_endpoint: Option<ApiEndpoint>,
    certificate_key: Option<String>,
    skip_phases: Option<Vec<String>>,
    patches: Option<IgnoredAny>,
    timeouts: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a field that is known is no error")]
struct NodeRegistration {
    name: Option<String>,
    cri_socket: Option<String>,
    taints: Option<IgnoredAny>,
    kubelet_extra_args: Option<IgnoredAny>,
    ignore_preflight_errors: Option<Vec<String>>,
    image_pull_policy: Option<String>,
    image_pull_serial: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApiEndpoint {
    advertise_address: Option<std::net::IpAddr>,
    bind_port: Option<u16>,
}

impl ConfigFile {
    /// Reads all documents of a file; the error is kubeadm's own, as far as it goes.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut file = Self::default();
        let mut known = false;
        for document in documents(text) {
            let head: Head = yaml::parse(document.as_bytes())
                .map_err(|at| format!("invalid configuration: kind and apiVersion is mandatory information that must be specified ({at})"))?;
            let Some(version) = head.api_version.strip_prefix("kubeadm.k8s.io/") else { continue };
            if version != "v1beta4" {
                return Err(format!(
                    "no kind \"{}\" is registered for version \"{}\"",
                    head.kind, head.api_version
                ));
            }
            match head.kind.as_str() {
                "ClusterConfiguration" => file.cluster(&strictly(&head, &document)?)?,
                "InitConfiguration" => {
                    let init: InitConfiguration = strictly(&head, &document)?;
                    if init
                        .local_api_endpoint
                        .is_some_and(|at| at.advertise_address.is_none() || at.bind_port == Some(0))
                    {
                        return Err("localAPIEndpoint: Invalid value".into());
                    }
                }
                _ => continue,
            }
            known = true;
        }
        if known {
            Ok(file)
        } else {
            Err("no InitConfiguration or ClusterConfiguration kind was found in the YAML file".into())
        }
    }

    fn cluster(&mut self, read: &ClusterConfiguration) -> Result<(), String> {
        self.cert_dir.clone_from(&read.certificates_dir);
        if self.cert_dir.as_ref().is_some_and(|folder| !folder.starts_with('/')) {
            return Err("certificatesDir: Invalid value: path is not absolute".into());
        }
        if let Some(period) = &read.certificate_validity_period {
            let ms = go_duration(period).ok_or_else(|| format!("time: invalid duration \"{period}\""))?;
            self.validity = Some((ms / 1000).cast_signed());
        }
        if let Some(version) = &read.kubernetes_version {
            self.version = Some(supported(version)?);
        }
        self.external_etcd = match &read.etcd {
            Some(Etcd { local: Some(_), external: Some(_) }) => {
                return Err(
                    "etcd: Invalid value: \"\": .Etcd.Local and .Etcd.External are mutually exclusive".into(),
                );
            }
            Some(Etcd { external: Some(external), .. }) if external.endpoints.is_empty() => {
                return Err("etcd.external.endpoints: Required value".into());
            }
            Some(Etcd { external, .. }) => external.is_some(),
            None => false,
        };
        Ok(())
    }
}

fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents
}

fn strictly<T: serde::de::DeserializeOwned>(head: &Head, document: &str) -> Result<T, String> {
    yaml::parse(document.as_bytes()).map_err(|at| {
        format!(
            "error unmarshaling configuration schema.GroupVersionKind{{Group:\"kubeadm.k8s.io\", Version:\"v1beta4\", \
             Kind:\"{}\"}}: strict decoding error: {at}",
            head.kind
        )
    })
}

/// A version that this kubeadm deploys: not older than the minor before its own.
fn supported(text: &str) -> Result<Version, String> {
    let version = Version::parse(text).ok_or_else(|| {
        format!("version \"{text}\" doesn't match patterns for neither semantic version nor labels")
    })?;
    let own = Version::parse(VERSION).expect("the lab's own version");
    if version.minor + 1 < own.minor {
        let oldest = own.minor - 1;
        return Err(format!(
            "this version of kubeadm only supports deploying clusters with the control plane version >= 1.{oldest}.0. \
             Current version: {version}"
        ));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";

    #[test]
    fn a_file_that_a_real_kubeadm_would_not_have_is_refused() {
        for (text, why) in [
            ("certificateDir: /x\n", "strict decoding error"),
            ("certificatesDir: x\n", "not absolute"),
            ("kubernetesVersion: v1.34.9\n", ">= 1.35.0. Current version: v1.34.9"),
            ("kubernetesVersion: newest\n", "doesn't match"),
            ("etcd:\n  local: {}\n  external: {endpoints: [https://x:2379]}\n", "mutually exclusive"),
            ("etcd:\n  external: {endpoints: []}\n", "Required value"),
            (
                "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: x}\n",
                "strict",
            ),
        ] {
            let error = ConfigFile::parse(&format!("{HEAD}{text}")).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        for text in ["", "kind: ClusterConfiguration\n", "apiVersion: v1\nkind: ConfigMap\n"] {
            assert!(ConfigFile::parse(text).is_err(), "{text}");
        }
        let old = HEAD.replace("v1beta4", "v1beta2");
        assert!(ConfigFile::parse(&old).unwrap_err().contains("is registered for version"));
        let good =
            ConfigFile::parse(&format!("{HEAD}kubernetesVersion: v1.36.1\ncertificatesDir: /x\n")).unwrap();
        assert_eq!((good.cert_dir.as_deref(), good.external_etcd), (Some("/x"), false));
    }
}
