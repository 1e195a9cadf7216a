mod making;
mod pruning;
mod restoring;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use certwright_engine::step::StepError;

use super::*;
use crate::tools::testing::{FolderHost, run};

const FOLDER: &str = "/var/lib/certwright/backups";
const ARCHIVE: &str = "/var/lib/certwright/backups/run-1.tar";

/// A node's files in a folder, with owners, modes, times, links and names that are not plain.
struct Node {
    temporary: tempfile::TempDir,
    host: FolderHost,
}

impl Node {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let node = Self { host: FolderHost { root, shims: None }, temporary };
        node.put("/etc/kubernetes/pki/ca.key", "ca key", 0o600, 1_700_000_001);
        node.put("/etc/kubernetes/pki/apiserver.crt", "old certificate", 0o644, 1_700_000_002);
        node.put("/etc/kubernetes/pki/apiserver.key", "old key", 0o600, 1_700_000_003);
        node.put("/etc/kubernetes/admin.conf", "old kubeconfig", 0o640, 1_700_000_004);
        node.put("/etc/kubernetes/odd/-rf new\nline 'q' \\ $(touch x)", "odd", 0o600, 1_700_000_005);
        node.put("/var/lib/kubelet/pki/kubelet-client-1.pem", "kubelet", 0o600, 1_700_000_006);
        symlink("/var/lib/kubelet/pki/kubelet-client-1.pem", node.at("/var/lib/kubelet/pki/current.pem"))
            .unwrap();
        lchown(node.at("/var/lib/kubelet/pki/current.pem"), Some(12), Some(34)).unwrap();
        chown(node.at("/etc/kubernetes/admin.conf"), Some(1001), Some(1002)).unwrap();
        node
    }

    fn at(&self, path: &str) -> PathBuf {
        self.host.root.join(&path[1..])
    }

    fn put(&self, path: &str, content: &str, mode: u32, mtime: u64) {
        let file = self.at(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::new(mtime, 123_456_789);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }

    /// A program that goes before the real one of its name: `body` may call the real one as `real`.
    fn shim(&mut self, program: &str, body: &str) {
        let shims = self.temporary.path().join("shims");
        std::fs::create_dir_all(&shims).unwrap();
        let file = shims.join(program);
        let fired = self.temporary.path().join("fired");
        let text = format!(
            "#!/bin/sh\nreal() {{ PATH=/usr/sbin:/usr/bin:/sbin:/bin {program} \"$@\"; }}\nfired={}\n{body}\n",
            fired.display()
        );
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.host.shims = Some(shims);
    }

    fn unshim(&mut self) {
        assert!(self.temporary.path().join("fired").exists(), "the fault was reached");
        self.host.shims = None;
    }

    async fn backup(&self) -> Result<(), ArchiveError> {
        backup(&self.host, ARCHIVE, &paths(&["/etc/kubernetes", "/var/lib/kubelet/pki", "/not/there"])).await
    }

    async fn list(&self) -> Vec<Archive> {
        let paths = paths(&["/etc/kubernetes", "/var/lib/kubelet/pki", "/not/there"]);
        list(&self.host, FOLDER, &paths).await.unwrap()
    }

    async fn states(&self) -> Vec<ArchiveState> {
        self.list().await.into_iter().map(|archive| archive.state).collect()
    }

    async fn restore(&self, files: &[&str]) -> Result<(), ArchiveError> {
        restore(&self.host, ARCHIVE, &paths(files)).await
    }
}

fn paths(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// Everything below a folder: mode, owner, time, content or link target. Times of folders are left out.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(at) = todo.pop() {
        let meta = std::fs::symlink_metadata(&at).unwrap();
        let what = if meta.is_dir() {
            todo.extend(std::fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
            "folder".to_owned()
        } else if meta.is_symlink() {
            format!("link {:?} {}.{}", std::fs::read_link(&at).unwrap(), meta.mtime(), meta.mtime_nsec())
        } else {
            let content = std::fs::read(&at).unwrap();
            format!("{} {}.{}", String::from_utf8_lossy(&content), meta.mtime(), meta.mtime_nsec())
        };
        let shown = format!("{:o} {} {} {what}", meta.mode(), meta.uid(), meta.gid());
        all.insert(at.strip_prefix(folder).unwrap().to_owned(), shown);
    }
    all
}
