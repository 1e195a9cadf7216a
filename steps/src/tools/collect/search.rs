//! From look to look: what the configuration that was read names, and was not looked at yet.
//!
//! Invariant: a path is asked for once, so a search ends. Where kubeadm's places are used it is one look; what stands
//! elsewhere costs one more, and where even the folder of manifests is found by the kubelet's configuration, another.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::text::line;

use super::look::Look;
use super::request::Request;
use super::{Collected, Keys};
use crate::tools::kubelet;
use crate::tools::wanted::{self, Configuration};

/// A search.
pub(super) struct Search {
    collected: Collected,
    /// Files of folders.
    names: BTreeSet<String>,
    /// Those that cannot be looked at for their names.
    odd: BTreeSet<String>,
    asked: Request,
}

impl Search {
    /// Nothing was looked at yet.
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            collected: Collected::nothing(keys),
            names: BTreeSet::new(),
            odd: BTreeSet::new(),
            asked: Request::default(),
        }
    }

    /// What to ask next; None when everything is known.
    pub(super) fn next(&self) -> Option<Request> {
        if self.asked.is_empty() {
            return Some(Request::usual());
        }
        let new = |wanted: Vec<String>, asked: &[String]| -> Vec<String> {
            wanted.into_iter().filter(|path| !asked.contains(path)).collect()
        };
        let next = Request {
            texts: new(self.texts(), &self.asked.texts),
            units: Vec::new(),
            files: new(self.files(), &self.asked.files)
                .into_iter()
                .filter(|path| !self.collected.files.contains_key(path))
                .collect(),
            folders: new(
                wanted::folders(&self.collected.configuration).into_iter().collect(),
                &self.asked.folders,
            ),
        };
        (!next.is_empty()).then_some(next)
    }

    /// Takes in the answer to a request.
    pub(super) fn take(&mut self, request: Request, look: Look) {
        let collected = &mut self.collected;
        collected.clock_ns = collected.clock_ns.or(look.clock_ns);
        if look.no_openssl {
            collected.keys = Keys::NoOpenssl;
        }
        if !look.texts.is_empty() {
            collected.texts.extend(look.texts);
            collected.configuration = Configuration::of(&collected.texts);
        }
        collected.files.extend(look.files);
        collected.refused.extend(look.refused);
        self.names.extend(look.names);
        self.odd.extend(look.odd);
        self.asked.texts.extend(request.texts);
        self.asked.units.extend(request.units);
        self.asked.files.extend(request.files);
        self.asked.folders.extend(request.folders);
    }

    /// What was collected, without what turned out not to be named by anything.
    pub(super) fn done(self) -> Collected {
        let (texts, files, left_out) = (self.texts(), self.files(), self.left_out());
        // The script does not tell of a path twice that it was asked for.
        let is_found = |path: &&String| files.contains(path) && !self.asked.files.contains(path);
        let found = self.names.iter().filter(is_found).cloned().collect();
        let mut collected = self.collected;
        (collected.left_out, collected.found) = (left_out, found);
        collected.texts.retain(|path, _| kubelet::is_unit(path) || texts.contains(path));
        collected.files.retain(|path, _| files.contains(path));
        collected.refused.retain(|path, _| {
            let stem = path.strip_suffix(".key");
            files.contains(path) || stem.is_some_and(|stem| files.contains(&format!("{stem}.crt")))
        });
        collected
    }

    /// Files of configuration beside the kubelet's units.
    fn texts(&self) -> Vec<String> {
        let configuration = &self.collected.configuration;
        let mut texts = vec![configuration.flags.config().to_owned(), kubelet::INSTANCE.to_owned()];
        texts.extend(wanted::manifests(&configuration.manifests));
        texts
    }

    /// Files that may hold certificates, sorted, as many as are looked at.
    fn files(&self) -> Vec<String> {
        self.all_files().into_iter().take(wanted::MOST).collect()
    }

    /// What is there and not looked at, a sentence each.
    fn left_out(&self) -> Vec<String> {
        let folders = wanted::folders(&self.collected.configuration);
        let is_wanted =
            |path: &&String| kubelet::is_unit(path) || folders.iter().any(|folder| is_below(folder, path));
        let odd = self.odd.iter().filter(is_wanted).map(|path| {
            format!("`{}` was not looked at: its name has a line end, or bytes that are no UTF-8", line(path))
        });
        let all = self.all_files().len();
        let beyond = (all > wanted::MOST).then(|| {
            format!("of {all} files that may hold certificates the first {} were looked at", wanted::MOST)
        });
        self.closed().into_iter().chain(odd).chain(beyond).collect()
    }

    /// Folders and files of configuration that whoever looks may not read; those of one folder in one sentence.
    fn closed(&self) -> Vec<String> {
        let texts = self.texts();
        // Which of the folders are the node's own is not known where its manifests are closed, too.
        let is_folder = |path: &String| {
            let folders = &self.asked.folders;
            folders.contains(path) || folders.iter().any(|folder| is_below(folder, path))
        };
        let is_closed = |path: &&String| {
            !self.collected.files.contains_key(*path)
                && path.strip_suffix(".key").is_none()
                && (texts.contains(path) || kubelet::is_unit(path) || is_folder(path))
        };
        let mut of_folders: BTreeMap<(&str, &String), Vec<&String>> = BTreeMap::new();
        for (path, why) in self.collected.refused.iter().filter(|(path, _)| is_closed(path)) {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            of_folders.entry((folder, why)).or_default().push(path);
        }
        let sentence = |((_, why), paths): ((&str, &String), Vec<&String>)| {
            let more = match paths.len() {
                1 => String::new(),
                n => format!(" and {} more files there", n - 1),
            };
            format!("`{}`{more} cannot be looked at: {why}", line(paths[0]))
        };
        of_folders.into_iter().map(sentence).collect()
    }

    fn all_files(&self) -> BTreeSet<String> {
        let configuration = &self.collected.configuration;
        let conf = self.collected.files.get(configuration.flags.kubeconfig());
        let conf = conf.and_then(|facts| facts.parsed_kubeconfig().ok());
        let mut files = wanted::files(configuration, conf.as_ref());
        let folders = wanted::folders(configuration);
        let is_in = |path: &String| folders.iter().any(|folder| is_below(folder, path));
        files.extend(self.names.iter().filter(|path| is_in(path)).cloned());
        files
    }
}

/// Whether a file is in a folder, as deep as folders are looked into.
fn is_below(folder: &str, path: &str) -> bool {
    let below = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    below.is_some_and(|below| below.split('/').count() <= wanted::DEEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_a_folder_three_deep() {
        for (path, is) in [
            ("/p/a.crt", true),
            ("/p/a/b.crt", true),
            ("/p/a/b/c.crt", true),
            ("/p/a/b/c/d.crt", false),
            ("/pa/b.crt", false),
            ("/p", false),
        ] {
            assert_eq!(is_below("/p", path), is, "{path}");
        }
    }
}
