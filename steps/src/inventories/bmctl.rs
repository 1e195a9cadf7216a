//! bmctl's configuration of a cluster: several YAML documents, of which one is the `Cluster` and the first may hold bmctl's
//! own variables.
//!
//! Source: the vendor's cluster configuration field reference. The SSH key and the keys of service accounts are variables of
//! bmctl, which a user cluster's file no longer has; the admin cluster of a user cluster is named nowhere in the file, so it
//! is looked for among the folders beside it.

mod shape;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use certwright_engine::text::line;
use serde::Deserialize;

use super::{Draft, DraftError, Host, Ssh, quoted};
use crate::pki::yaml;

const API: &str = "baremetal.cluster.gke.io/";
/// The login where the file names none.
const ROOT: &str = "root";

/// One document of the file; all fields of all its sorts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Metadata,
    spec: Option<Spec>,
    ssh_private_key_path: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "type")]
    sort: Option<String>,
    control_plane: ControlPlane,
    load_balancer: LoadBalancer,
    node_access: NodeAccess,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ControlPlane {
    node_pool_spec: NodePool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodePool {
    nodes: Vec<Node>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    address: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    vips: Vips,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Vips {
    #[serde(rename = "controlPlaneVIP")]
    control_plane: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeAccess {
    login_user: Option<String>,
}

/// What a cluster is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Admin, hybrid and standalone clusters keep their own secrets.
    Own,
    /// A user cluster's are in its admin cluster.
    User,
}

/// The cluster that a file of bmctl describes; `admin` is the admin cluster's kubeconfig where the operator named it,
/// `others` reads the files of the clusters beside it, which only a user cluster's needs.
///
/// # Errors
/// A text that is no YAML or holds no such cluster; a user cluster whose admin cluster is not known.
pub fn read(
    file: &Path,
    text: &str,
    admin: Option<&str>,
    others: impl FnOnce() -> Vec<(PathBuf, String)>,
) -> Result<Draft, DraftError> {
    let documents = documents(file, text)?;
    let shown = line(&file.display().to_string());
    let (name, spec, metadata) = cluster(&documents, &shown)?;
    let sort = match spec.sort.as_deref() {
        Some("admin" | "hybrid" | "standalone") => Sort::Own,
        Some("user") => Sort::User,
        other => {
            let told = other
                .map_or("no `spec.type`".to_owned(), |other| format!("the `spec.type` {:?}", quoted(other)));
            let message = format!("`{shown}`: cluster `{}` has {told}", quoted(name));
            return Err(DraftError::new(message).hint("bmctl knows admin, user, hybrid and standalone"));
        }
    };
    let hosts = hosts(spec, &shown, name)?;
    let key = documents.iter().find_map(|document| document.ssh_private_key_path.clone());
    let mut draft = Draft {
        name: Some(name.to_owned()),
        namespace: Some(metadata.namespace.clone().unwrap_or_else(|| format!("cluster-{name}"))),
        kubeconfig: Some(kubeconfig(file, name)),
        admin_kubeconfig: admin.map(str::to_owned),
        virtual_ip: spec.load_balancer.vips.control_plane.clone(),
        ssh: Ssh {
            user: Some(spec.node_access.login_user.clone().unwrap_or_else(|| ROOT.to_owned())),
            identity: key.filter(|key| is_filled_in(key)),
            port: None,
        },
        hosts,
        notes: Vec::new(),
    };
    if sort == Sort::User {
        let of_admin = admins(others());
        if draft.admin_kubeconfig.is_none() {
            draft.admin_kubeconfig = Some(only_admin(&of_admin, name, &shown)?);
        }
        if draft.ssh.identity.is_none()
            && let [admin] = &of_admin[..]
        {
            draft.ssh.identity.clone_from(&admin.identity);
        }
    }
    Ok(draft)
}

fn documents(file: &Path, text: &str) -> Result<Vec<Document>, DraftError> {
    let shown = line(&file.display().to_string());
    DraftError::of_size(&shown, text)?;
    yaml::each_at(text).map_err(|at| {
        let why = shape::mistake(text, at);
        let at = at.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        DraftError::new(format!("`{shown}{at}` is not a configuration of bmctl: {why}"))
            .hint("it is the file that bmctl made: bmctl-workspace/CLUSTER/CLUSTER.yaml")
    })
}

/// The one cluster of the file, as its name, its spec and its metadata.
fn cluster<'a>(
    documents: &'a [Document],
    shown: &str,
) -> Result<(&'a str, &'a Spec, &'a Metadata), DraftError> {
    let is_cluster = |document: &&Document| {
        document.kind.as_deref() == Some("Cluster")
            && document.api_version.as_deref().is_some_and(|version| version.starts_with(API))
    };
    let mut clusters = documents.iter().filter(is_cluster);
    let found = clusters.next().ok_or_else(|| {
        DraftError::new(format!("`{shown}` has no document of kind Cluster of {API}v1"))
            .hint("it is the file that bmctl made: bmctl-workspace/CLUSTER/CLUSTER.yaml")
    })?;
    if clusters.next().is_some() {
        return Err(DraftError::new(format!("`{shown}` describes more than one cluster"))
            .hint("an inventory is of one cluster: put each into a file of its own"));
    }
    let lacks = |what: &str| DraftError::new(format!("`{shown}`: its cluster has no `{what}`"));
    let name = found.metadata.name.as_deref().ok_or_else(|| lacks("metadata.name"))?;
    let spec = found.spec.as_ref().ok_or_else(|| lacks("spec"))?;
    Ok((name, spec, &found.metadata))
}

fn hosts(spec: &Spec, shown: &str, name: &str) -> Result<Vec<Host>, DraftError> {
    const PATH: &str = "spec.controlPlane.nodePoolSpec.nodes";
    let nodes = &spec.control_plane.node_pool_spec.nodes;
    DraftError::of_number(&format!("`{shown}`: `{}`", quoted(name)), nodes.len())?;
    let mut seen: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let read = nodes.iter().zip(1..).map(|(node, n)| {
        let address = node.address.clone().ok_or_else(|| {
            DraftError::new(format!("`{shown}`: node {n} of {PATH} of `{}` has no address", quoted(name)))
        })?;
        let ip: IpAddr = address.parse().map_err(|_| {
            let (name, address) = (quoted(name), quoted(&address));
            DraftError::new(format!(
                "`{shown}`: node {n} of {PATH} of `{name}` has the address `{address}`, which is no IP address"
            ))
        })?;
        if let Some(other) = seen.insert(ip, n) {
            let name = quoted(name);
            let what = format!("`{shown}`: nodes {other} and {n} of {PATH} of `{name}` have one address: {ip}");
            return Err(DraftError::new(what).hint("each node of the control plane has one of its own"));
        }
        Ok(Host { name: address.clone(), address, ssh: Ssh::default() })
    });
    let hosts: Vec<Host> = read.collect::<Result<_, DraftError>>()?;
    if hosts.is_empty() {
        return Err(DraftError::new(format!("`{shown}`: `{}` has no nodes in {PATH}", quoted(name))));
    }
    Ok(hosts)
}

/// Where bmctl writes the kubeconfig: beside the file, under the cluster's name.
fn kubeconfig(file: &Path, name: &str) -> String {
    let folder = file.parent().unwrap_or(Path::new(""));
    folder.join(format!("{name}-kubeconfig")).display().to_string()
}

/// A template's text in angle brackets is no path.
fn is_filled_in(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('<')
}

/// An admin cluster in the same workspace.
#[derive(Debug)]
struct Admin {
    kubeconfig: PathBuf,
    identity: Option<String>,
}

/// The admin and hybrid clusters among these files; those that cannot be read are none.
fn admins(files: Vec<(PathBuf, String)>) -> Vec<Admin> {
    let mut found: Vec<Admin> = files
        .into_iter()
        .filter_map(|(file, text)| {
            let documents = documents(&file, &text).ok()?;
            let (name, spec, _) = cluster(&documents, "").ok()?;
            matches!(spec.sort.as_deref(), Some("admin" | "hybrid")).then(|| Admin {
                kubeconfig: file.with_file_name(format!("{name}-kubeconfig")),
                identity: documents
                    .iter()
                    .find_map(|document| document.ssh_private_key_path.clone())
                    .filter(|key| is_filled_in(key)),
            })
        })
        .collect();
    found.sort_by(|one, other| one.kubeconfig.cmp(&other.kubeconfig));
    found
}

fn only_admin(found: &[Admin], name: &str, shown: &str) -> Result<String, DraftError> {
    if let [admin] = found {
        return Ok(admin.kubeconfig.display().to_string());
    }
    let name = quoted(name);
    let why = match found {
        [] => "and there is none beside it".to_owned(),
        several => {
            let paths: Vec<_> =
                several.iter().map(|admin| line(&admin.kubeconfig.display().to_string())).collect();
            format!("and there are several beside it: {}", paths.join(", "))
        }
    };
    let message =
        format!("`{shown}`: `{name}` is a user cluster, whose file does not name its admin cluster, {why}");
    Err(DraftError::new(message).hint("name it: --admin-kubeconfig bmctl-workspace/ADMIN/ADMIN-kubeconfig"))
}
