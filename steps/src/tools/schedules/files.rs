//! Files of a host by path, as the script prints them.

use std::collections::BTreeMap;

/// Files and links by path.
#[derive(Debug, Default)]
pub(super) struct Files {
    texts: BTreeMap<String, File>,
    links: BTreeMap<String, String>,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct File {
    /// What it says, at most 16 KiB.
    pub(super) text: String,
    /// Whether it may be executed.
    pub(super) executable: bool,
}

impl Files {
    /// Reads the script's records; None for anything else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut files = Self::default();
        let Some(bytes) = bytes.strip_suffix(b"\0") else { return bytes.is_empty().then_some(files) };
        let fields: Vec<String> =
            bytes.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        for record in fields.chunks(3) {
            let [kind, path, content] = record else { return None };
            match kind.as_str() {
                "file" | "exec" => {
                    let file = File { text: content.clone(), executable: kind == "exec" };
                    files.texts.insert(path.clone(), file);
                }
                "link" => drop(files.links.insert(path.clone(), content.clone())),
                _ => return None,
            }
        }
        Some(files)
    }

    /// Adds what a later call printed.
    pub(super) fn extend(&mut self, more: Self) {
        self.texts.extend(more.texts);
        self.links.extend(more.links);
    }

    /// The file at exactly this path; a link is followed once, to a path that was read too.
    pub(super) fn get(&self, path: &str) -> Option<&File> {
        let linked = || {
            let target = self.links.get(path)?;
            let target = if target.starts_with('/') {
                target.clone()
            } else {
                beside(path.rsplit_once('/')?.0, target)
            };
            self.texts.get(&target)
        };
        self.texts.get(path).or_else(linked)
    }

    /// Where the link at exactly this path leads.
    pub(super) fn link(&self, path: &str) -> Option<&str> {
        self.links.get(path).map(String::as_str)
    }

    /// All paths of files and links, each once.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let only_links = self.links.keys().filter(|path| !self.texts.contains_key(*path));
        self.texts.keys().chain(only_links).map(String::as_str)
    }
}

/// The path to which a relative target leads from a folder.
fn beside(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_newline_is_a_name_and_anything_but_records_is_refused() {
        let files =
            Files::parse(b"file\0/etc/cron.d/a\nb\0* * * * * root x\n\0link\0/a/l\0../b/t\0exec\0/b/t\0y\0")
                .unwrap();
        assert_eq!(files.paths().collect::<Vec<_>>(), ["/b/t", "/etc/cron.d/a\nb", "/a/l"]);
        assert_eq!(files.get("/a/l").map(|file| (file.text.as_str(), file.executable)), Some(("y", true)));
        assert!(Files::parse(b"").unwrap().get("/a").is_none());
        for bad in [&b"file\0/a"[..], b"file\0/a\0", b"folder\0/a\0\0", b"x"] {
            assert!(Files::parse(bad).is_none(), "{bad:?}");
        }
    }
}
