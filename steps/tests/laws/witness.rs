//! What can be seen of a lab from outside, in three grades of exactness.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use certwright_engine::plan::WORKSTATION;
use certwright_steps::pki::{Certificate, Digest, Kubeconfig};
use serde_json::Value;

use super::bench::START;

/// Everything of a lab but its clocks.
pub(crate) struct Witness {
    files: BTreeMap<String, (u32, Vec<u8>)>,
    processes: BTreeMap<String, (String, String)>,
}

impl Witness {
    /// The lab in `dir` as it is now.
    pub(crate) fn of(dir: &Path) -> Self {
        let mut witness = Self { files: BTreeMap::new(), processes: BTreeMap::new() };
        let text = std::fs::read(dir.join(".lab/state.json")).expect("the lab's memory");
        let state: Value = serde_json::from_slice(&text).expect("JSON");
        walk(&dir.join(WORKSTATION), WORKSTATION, &mut witness.files);
        for (node, value) in state["nodes"].as_object().expect("nodes") {
            walk(&dir.join(node), node, &mut witness.files);
            for (pod, value) in value["pods"].as_object().expect("pods") {
                let containers = value["containers"].as_array();
                let last = containers.and_then(|all| all.last().cloned()).unwrap_or_default();
                let (attempt, id) = (last["attempt"].to_string(), last["id"].to_string());
                witness.processes.insert(format!("{node}/{pod}"), (attempt, id));
            }
        }
        let defrag = state["objects"]["defrag"]["generation"].to_string();
        witness.processes.insert("daemonset/etcd-defrag".to_owned(), (defrag, String::new()));
        witness
    }

    /// Files byte for byte, and every container.
    pub(crate) fn exact(&self) -> BTreeMap<String, String> {
        let mut exact = self.files();
        for (path, (mode, bytes)) in &self.files {
            exact.insert(path.clone(), format!("{mode:o} {}", Digest::of(bytes)));
        }
        exact.extend(
            self.processes.iter().map(|(name, (attempt, id))| (name.clone(), format!("{attempt} {id}"))),
        );
        exact
    }

    /// The id of the newest container of each pod.
    pub(crate) fn containers(&self) -> BTreeMap<String, String> {
        self.processes.iter().map(|(name, (_, id))| (name.clone(), id.clone())).collect()
    }

    /// Content and mode of every file but those certwright keeps for itself.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let ours = |path: &str| path.contains("/var/lib/certwright") || path.contains(".certwright-");
        self.files
            .iter()
            .filter(|(path, _)| !ours(path))
            .map(|(path, (mode, bytes))| (path.clone(), format!("{mode:o} {}", Digest::of(bytes))))
            .collect()
    }

    /// What two runs of the same plan have in common: keys and serial numbers differ, identities do not.
    pub(crate) fn shape(&self) -> BTreeMap<String, String> {
        let mut shape: BTreeMap<String, String> = self
            .files
            .iter()
            .map(|(path, (mode, bytes))| (undated(path), format!("{mode:o} {}", identity(path, bytes))))
            .collect();
        shape.extend(self.processes.iter().map(|(name, (attempt, _))| (name.clone(), attempt.clone())));
        shape
    }
}

/// A path without the second at which a kubelet got its certificate.
fn undated(path: &str) -> String {
    match path.rsplit_once("/kubelet-client-") {
        Some((folder, end)) if end.starts_with('2') => format!("{folder}/kubelet-client-DATE.pem"),
        Some(_) | None => path.to_owned(),
    }
}

fn identity(path: &str, bytes: &[u8]) -> String {
    let of = |certificate: Certificate| {
        let days = (certificate.not_after - (START / 1000).cast_signed()).div_euclid(86_400);
        format!("{} from {}, {days} days", certificate.subject, certificate.issuer)
    };
    if path.ends_with("/kubelet-client-current.pem") {
        return undated(&format!("/{}", String::from_utf8_lossy(bytes)));
    }
    if Path::new(path).extension().is_some_and(|end| end == "key") || path.contains("/certwright/backups/") {
        return "there".to_owned();
    }
    if let Ok(certificate) = Certificate::from_pem(bytes) {
        return of(certificate);
    }
    match Kubeconfig::parse(bytes) {
        Ok(kubeconfig) => match kubeconfig.client_certificate() {
            Ok(certificate) => format!("{} as {}", kubeconfig.server().unwrap_or_default(), of(certificate)),
            Err(error) => error.to_string(),
        },
        Err(_) => Digest::of(bytes).to_string(),
    }
}

fn walk(folder: &Path, name: &str, files: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        let meta = std::fs::symlink_metadata(&path).expect("a file that was listed");
        let content = if meta.is_symlink() {
            std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else if meta.is_file() {
            std::fs::read(&path).expect("a file")
        } else {
            walk(&path, &name, files);
            Vec::new()
        };
        files.insert(name, (meta.permissions().mode() & 0o7777, content));
    }
}
