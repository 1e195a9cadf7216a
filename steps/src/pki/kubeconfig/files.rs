//! The files that a kubeconfig names, and their content in the place of their names.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::text::Secret;

use super::{Kubeconfig, Source};

impl Kubeconfig {
    /// Every file that an entry names; a relative path is beside the kubeconfig, which stands at `path` (the path that is
    /// handed to kubectl: it follows no symlink for this).
    pub fn files(&self, path: &str) -> BTreeSet<String> {
        let clusters =
            self.clusters.iter().filter_map(|named| file(named.entry.certificate_authority.as_ref()));
        let users = self.users.iter().flat_map(|named| {
            [file(named.entry.client_certificate.as_ref()), file(named.entry.client_key.as_ref())]
        });
        clusters.chain(users.flatten()).map(|named| beside(path, named)).collect()
    }

    /// The same with what these files hold in it; a file that is not among them stays a name, an absolute one.
    #[must_use]
    pub fn with_files(mut self, path: &str, files: &BTreeMap<String, Vec<u8>>) -> Self {
        for named in &mut self.clusters {
            embed(&mut named.entry.certificate_authority, path, files, |bytes| bytes);
        }
        for named in &mut self.users {
            embed(&mut named.entry.client_certificate, path, files, |bytes| bytes);
            embed(&mut named.entry.client_key, path, files, Secret::new);
        }
        self
    }
}

fn file<T>(source: Option<&Source<T>>) -> Option<&str> {
    match source {
        Some(Source::File(named)) => Some(named),
        Some(Source::Data(_)) | None => None,
    }
}

fn embed<T>(
    source: &mut Option<Source<T>>,
    path: &str,
    files: &BTreeMap<String, Vec<u8>>,
    data: impl FnOnce(Vec<u8>) -> T,
) {
    let Some(named) = file(source.as_ref()).map(|named| beside(path, named)) else { return };
    *source = Some(match files.get(&named) {
        Some(bytes) => Source::Data(data(bytes.clone())),
        None => Source::File(named),
    });
}

fn beside(path: &str, named: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if named.starts_with('/') { named.to_owned() } else { format!("{folder}/{named}") }
}
