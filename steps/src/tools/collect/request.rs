//! What one look asks of a node, as words of the survey script.

use crate::pki::layout;
use crate::tools::kubelet;
use crate::tools::survey::Depth;
use crate::tools::wanted;

/// Groups of paths, each for another question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Files of configuration.
    pub texts: Vec<String>,
    /// Folders in which the kubelet's units are looked for.
    pub units: Vec<String>,
    /// Files that may hold certificates.
    pub files: Vec<String>,
    /// Folders in which certificates are looked for.
    pub folders: Vec<String>,
}

/// The word for [`Depth::Keys`] where there is an openssl.
const KEYS: &str = "keys-if-openssl";

impl Request {
    /// Everything that a node of kubeadm has in the places that kubeadm gives it: there, one look tells all.
    pub fn usual() -> Self {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let mut texts = owned(&kubelet::ENVIRONMENTS);
        texts.extend([kubelet::CONFIG.to_owned(), kubelet::INSTANCE.to_owned()]);
        texts.extend(wanted::manifests(wanted::MANIFESTS));
        let conf = ["admin", "super-admin", "kubelet", "controller-manager", "scheduler"];
        let mut files: Vec<String> =
            conf.iter().map(|name| format!("{}/{name}.conf", layout::KUBERNETES)).collect();
        files.extend(wanted::KUBELETS.map(|name| format!("{}/{name}", kubelet::CERT_DIR)));
        let folders = owned(&[&format!("{}/etcd", layout::CERT_DIR), layout::CERT_DIR]);
        Self { texts, units: owned(&kubelet::UNIT_FOLDERS), files, folders }
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.units.is_empty() && self.files.is_empty() && self.folders.is_empty()
    }

    /// The paths that are asked for by name, in the order of their answers.
    pub(super) fn asked(&self) -> Vec<String> {
        [&self.texts[..], &self.files].concat()
    }

    /// The words of the script.
    pub(super) fn words(&self, depth: Depth) -> Vec<String> {
        let depth = if depth == Depth::Keys { KEYS } else { depth.word() };
        let groups =
            [("text", &self.texts), ("units", &self.units), (depth, &self.files), ("folders", &self.folders)];
        let words = groups.into_iter().flat_map(|(word, paths)| {
            // The depth goes for the folders, too.
            let is_said = !paths.is_empty() || (word == depth && !self.folders.is_empty());
            is_said.then(|| word.to_owned()).into_iter().chain(paths.iter().cloned())
        });
        words.collect()
    }

    /// Reads the words of the script; None for words of another order.
    pub fn from_words(words: &[String]) -> Option<(Depth, Self)> {
        let (mut request, mut depth, mut group) = (Self::default(), Depth::Public, None);
        for word in words {
            match (word.as_str(), &group) {
                (path, Some(group)) if path.starts_with('/') => match *group {
                    "text" => request.texts.push(word.clone()),
                    "units" => request.units.push(word.clone()),
                    "folders" => request.folders.push(word.clone()),
                    _depth => request.files.push(word.clone()),
                },
                ("text" | "units" | "folders", _) => group = Some(word.as_str()),
                (KEYS, _) => (depth, group) = (Depth::Keys, Some(KEYS)),
                (other, _) if other == Depth::Public.word() => group = Some(other),
                (_, _) => return None,
            }
        }
        Some((depth, request))
    }
}
