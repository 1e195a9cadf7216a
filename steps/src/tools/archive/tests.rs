use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

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

#[tokio::test]
async fn a_backup_is_private_and_plain_tar_restores_all_of_it() {
    let node = Node::new();
    node.backup().await.unwrap();
    let mode = |path: &str| std::fs::metadata(node.at(path)).unwrap().mode() & 0o7777;
    assert_eq!(mode(FOLDER), 0o700);
    for file in [
        ARCHIVE,
        "/var/lib/certwright/backups/run-1.tar.contents",
        "/var/lib/certwright/backups/run-1.tar.sha256",
    ] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    let count = std::fs::read_dir(node.at(FOLDER)).unwrap().count();
    assert_eq!(count, 3, "nothing is left beside the three files");
    let plain = node.temporary.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let tar = node.at(ARCHIVE);
    let argv = ["tar", "-C", plain.to_str().unwrap(), "-xpf", tar.to_str().unwrap()];
    assert_eq!(run(&paths(&argv)).status, 0);
    for folder in ["etc/kubernetes", "var/lib/kubelet/pki"] {
        assert_eq!(snapshot(&plain.join(folder)), snapshot(&node.host.root.join(folder)));
    }
    let sums = node.at("/var/lib/certwright/backups/run-1.tar.contents");
    let check = format!("cd '{}' && sha256sum -c '{}'", plain.display(), sums.display());
    assert_eq!(run(&paths(&["/bin/sh", "-c", &check])).status, 0, "the listing checks a plain restore");
}

#[tokio::test]
async fn a_list_tells_current_from_older_from_damaged() {
    let node = Node::new();
    assert_eq!(node.list().await, [], "no folder, no backups");
    node.backup().await.unwrap();
    let listed = node.list().await;
    assert_eq!((listed[0].path.as_str(), listed[0].state), (ARCHIVE, ArchiveState::Current));
    assert_eq!(listed[0].size, std::fs::metadata(node.at(ARCHIVE)).unwrap().len());
    node.put("/etc/kubernetes/pki/new.crt", "new file", 0o644, 1_700_000_009);
    assert_eq!(node.states().await, [ArchiveState::Older]);
    std::fs::remove_file(node.at("/etc/kubernetes/pki/new.crt")).unwrap();
    assert_eq!(node.states().await, [ArchiveState::Current]);
    node.put("/etc/kubernetes/admin.conf", "changed", 0o640, 1_700_000_004);
    assert_eq!(node.states().await, [ArchiveState::Older]);

    let sums = node.at("/var/lib/certwright/backups/run-1.tar.sha256");
    let kept = std::fs::read(&sums).unwrap();
    for bad in ["", "0\n", &String::from_utf8_lossy(&kept).replace("run-1.tar.contents", "run-1.tar")] {
        std::fs::write(&sums, bad).unwrap();
        assert_eq!(node.states().await, [ArchiveState::Damaged]);
    }
    std::fs::write(&sums, kept).unwrap();
    let mut content = std::fs::read(node.at(ARCHIVE)).unwrap();
    content[700] ^= 1;
    std::fs::write(node.at(ARCHIVE), content).unwrap();
    assert_eq!(node.states().await, [ArchiveState::Damaged]);
    for stray in ["notes.txt", "a b.tar", ".hidden.tar", "$(touch x).tar"] {
        std::fs::write(node.at(FOLDER).join(stray), "x").unwrap();
    }
    assert_eq!(node.list().await.len(), 1, "names that are not ours are left alone");
}

#[tokio::test]
async fn a_restore_brings_back_content_owner_mode_and_time_of_the_named_files_only() {
    let node = Node::new();
    let before = snapshot(&node.host.root.join("etc"));
    node.backup().await.unwrap();
    let odd = "/etc/kubernetes/odd/-rf new\nline 'q' \\ $(touch x)";
    for path in [
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/pki/apiserver.key",
        odd,
    ] {
        node.put(path, "new", 0o666, 1_800_000_000);
        chown(node.at(path), Some(7), Some(7)).unwrap();
    }
    std::fs::remove_file(node.at("/etc/kubernetes/pki/ca.key")).unwrap();
    node.restore(&["/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/apiserver.crt", odd]).await.unwrap();
    assert_eq!(node.read("/etc/kubernetes/pki/apiserver.key"), "new", "what was not named stays");
    assert!(!node.at("/etc/kubernetes/pki/ca.key").exists());
    node.restore(&["/etc/kubernetes/pki/apiserver.key", "/etc/kubernetes/pki/ca.key"]).await.unwrap();
    assert_eq!(snapshot(&node.host.root.join("etc")), before);
    node.restore(&["/etc/kubernetes/pki/apiserver.key"]).await.unwrap();
    assert_eq!(snapshot(&node.host.root.join("etc")), before, "again changes nothing");
    std::fs::remove_dir_all(node.at("/etc/kubernetes/pki")).unwrap();
    node.restore(&["/etc/kubernetes/pki/ca.key"]).await.unwrap();
    assert_eq!(node.read("/etc/kubernetes/pki/ca.key"), "ca key", "a removed folder is made again");
}

#[tokio::test]
async fn a_restore_that_is_refused_changes_nothing() {
    let node = Node::new();
    node.backup().await.unwrap();
    node.put("/etc/kubernetes/pki/apiserver.crt", "new", 0o644, 1_800_000_000);
    node.put("/elsewhere/secret", "elsewhere", 0o600, 1_800_000_000);
    std::fs::remove_file(node.at("/etc/kubernetes/admin.conf")).unwrap();
    symlink(node.at("/elsewhere/secret"), node.at("/etc/kubernetes/admin.conf")).unwrap();
    std::fs::rename(node.at("/var/lib/kubelet"), node.at("/moved")).unwrap();
    symlink(node.at("/moved"), node.at("/var/lib/kubelet")).unwrap();
    let before = snapshot(&node.host.root);
    let good = "/etc/kubernetes/pki/apiserver.crt";
    let target = |path: &str| Err(ArchiveError::UnsafeTarget(path.to_owned()));
    let not_held = |path: &str| Err(ArchiveError::NotHeld { archive: ARCHIVE.into(), path: path.into() });
    for (bad, expected) in [
        ("/etc/kubernetes/admin.conf", target("/etc/kubernetes/admin.conf")),
        ("/var/lib/kubelet/pki/kubelet-client-1.pem", target("/var/lib/kubelet/pki/kubelet-client-1.pem")),
        ("/etc/kubernetes/pki", target("/etc/kubernetes/pki")),
        ("/etc/kubernetes/pki/none.crt", not_held("/etc/kubernetes/pki/none.crt")),
        ("/etc/kubernetes/pki/*.crt", not_held("/etc/kubernetes/pki/*.crt")),
    ] {
        assert_eq!(node.restore(&[good, bad]).await, expected);
        assert_eq!(snapshot(&node.host.root), before, "{bad}");
    }
    for bad in ["relative", "/etc/../etc/kubernetes/admin.conf", "//etc", ""] {
        let error = node.restore(&[good, bad]).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Failed { .. }), "{bad}: {error}");
    }
    let missing = restore(&node.host, "/var/lib/certwright/backups/other.tar", &paths(&[good])).await;
    assert_eq!(missing, Err(ArchiveError::Damaged("/var/lib/certwright/backups/other.tar".into())));
    let nowhere = restore(&node.host, "/nowhere/other.tar", &paths(&[good])).await;
    assert_eq!(nowhere, Err(ArchiveError::Damaged("/nowhere/other.tar".into())));
    std::fs::write(node.at(ARCHIVE), "damaged").unwrap();
    assert_eq!(node.restore(&[good]).await, Err(ArchiveError::Damaged(ARCHIVE.into())));
    assert_eq!(node.read(good), "new");
}

#[tokio::test]
async fn a_backup_is_refused_where_it_would_be_unsafe_or_worthless() {
    let node = Node::new();
    let inside = backup(&node.host, "/etc/kubernetes/manifests/b.tar", &paths(&["/etc/kubernetes"])).await;
    assert!(matches!(inside, Err(ArchiveError::Inside { .. })), "{inside:?}");
    let nothing = backup(&node.host, ARCHIVE, &paths(&["/not/there"])).await;
    assert_eq!(nothing, Err(ArchiveError::NothingThere(ARCHIVE.into())));
    symlink(node.at("/etc/kubernetes"), node.at("/link")).unwrap();
    let linked = backup(&node.host, ARCHIVE, &paths(&["/link"])).await;
    assert_eq!(linked, Err(ArchiveError::LinkedFolder("/link".into())));
    assert!(!node.at(FOLDER).exists(), "nothing was made so far");

    std::fs::create_dir_all(node.at(FOLDER)).unwrap();
    std::fs::set_permissions(node.at(FOLDER), std::fs::Permissions::from_mode(0o755)).unwrap();
    let unsafe_folder = Err(ArchiveError::UnsafeFolder { folder: FOLDER.into() });
    assert_eq!(node.backup().await, unsafe_folder);
    assert_eq!(list(&node.host, FOLDER, &[]).await.map(drop), unsafe_folder);
    std::fs::remove_dir(node.at(FOLDER)).unwrap();
    std::fs::create_dir(node.at("/tmp")).unwrap();
    symlink(node.at("/tmp"), node.at(FOLDER)).unwrap();
    assert_eq!(node.backup().await, unsafe_folder);
    std::fs::remove_file(node.at(FOLDER)).unwrap();
    node.backup().await.unwrap();
    assert_eq!(node.backup().await, Err(ArchiveError::Exists(ARCHIVE.into())));
}

#[tokio::test]
async fn a_backup_without_room_says_how_much_it_needs() {
    let mut node = Node::new();
    node.shim("df", "touch $fired; echo header; echo '/dev/sd a 1 1 77 99% /mnt/a b'");
    let error = node.backup().await.unwrap_err();
    let ArchiveError::NoSpace { need_kib, have_kib: 77, .. } = error else { panic!("{error}") };
    assert!(need_kib > 1024);
    node.unshim();
    assert_eq!(node.list().await, []);
    node.backup().await.unwrap();
}

#[tokio::test]
async fn a_file_that_changes_during_the_backup_makes_it_fail_and_the_next_one_works() {
    let mut node = Node::new();
    let file = node.at("/etc/kubernetes/admin.conf");
    node.shim(
        "tar",
        &format!("[ -e $fired ] || echo changed >'{}'; touch $fired; real \"$@\"", file.display()),
    );
    assert_eq!(node.backup().await, Err(ArchiveError::Differs(ARCHIVE.into())));
    node.unshim();
    assert_eq!(node.list().await, []);
    node.backup().await.unwrap();
    assert_eq!(node.states().await, [ArchiveState::Current]);
}

#[tokio::test]
async fn a_backup_killed_at_any_of_its_programs_never_counts_and_the_next_one_works() {
    let mut killed = 0;
    for program in ["du", "df", "mkdir", "find", "sort", "tar", "cmp", "rm", "sha256sum", "sync", "mv"] {
        for nth in 1..=8 {
            let mut node = Node::new();
            let body = format!(
                "echo x >>$fired; if [ $(wc -l <$fired) = {nth} ]; then kill -9 $PPID; exit 1; fi; real \"$@\""
            );
            node.shim(program, &body);
            let result = node.backup().await;
            node.unshim();
            let listed = node.states().await;
            if result.is_ok() {
                assert_eq!(listed, [ArchiveState::Current]);
                break;
            }
            killed += 1;
            // Killed after the last rename it is complete; before that it does not count.
            if listed == [ArchiveState::Current] {
                assert!(["sync", "sha256sum", "rm"].contains(&program), "{program} {nth}");
                continue;
            }
            assert!(listed.is_empty() || listed == [ArchiveState::Damaged], "{program} {nth}: {listed:?}");
            node.backup().await.unwrap_or_else(|error| panic!("{program} {nth}: {error}"));
            assert_eq!(node.states().await, [ArchiveState::Current], "{program} {nth}");
            assert_eq!(std::fs::read_dir(node.at(FOLDER)).unwrap().count(), 3, "{program} {nth}");
        }
    }
    println!("killed at {killed} points");
    assert!(killed >= 15);
}

#[tokio::test]
async fn a_restore_that_fails_on_the_way_says_whether_it_changed_something_and_works_again() {
    let files = [
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/pki/apiserver.key",
    ];
    let (mut failed, mut interrupted) = (0, 0);
    for program in ["cp", "mv", "mkdir", "cmp", "tar", "sha256sum"] {
        for nth in 1..=8 {
            let mut node = Node::new();
            let wanted = snapshot(&node.host.root.join("etc"));
            node.backup().await.unwrap();
            for path in files {
                node.put(path, "new", 0o600, 1_800_000_000);
            }
            let before = snapshot(&node.host.root.join("etc"));
            node.shim(
                program,
                &format!("echo x >>$fired; [ $(wc -l <$fired) != {nth} ] || exit 1; real \"$@\""),
            );
            let result = node.restore(&files).await;
            node.unshim();
            let after = snapshot(&node.host.root.join("etc"));
            match result {
                Ok(()) => {
                    assert_eq!(after, wanted);
                    break;
                }
                Err(ArchiveError::Interrupted { .. }) => interrupted += 1,
                Err(error) => {
                    assert_eq!(after, before, "{program} {nth}: {error}");
                    failed += 1;
                }
            }
            node.restore(&files).await.unwrap();
            assert_eq!(snapshot(&node.host.root.join("etc")), wanted, "{program} {nth}");
        }
    }
    println!("{failed} failures without, {interrupted} with an effect");
    assert!(failed >= 10 && interrupted >= 3);
}

#[tokio::test]
async fn pruning_keeps_the_newest_verified_backups_and_removes_the_rest() {
    let node = Node::new();
    let backups = ["a", "b", "c", "d"].map(|name| format!("{FOLDER}/{name}.tar"));
    for (age, archive) in backups.iter().enumerate() {
        backup(&node.host, archive, &paths(&["/etc/kubernetes"])).await.unwrap();
        let file = std::fs::File::options().write(true).open(node.at(archive)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + age as u64))
            .unwrap();
    }
    std::fs::write(node.at(&backups[1]), "damaged").unwrap();
    std::fs::write(node.at(FOLDER).join("notes.txt"), "x").unwrap();
    let removed = prune(&node.host, FOLDER, 2).await.unwrap();
    assert_eq!(
        removed,
        [backups[0].clone()],
        "b became the newest by its damage, and is kept to be looked at"
    );
    assert_eq!(node.list().await.len(), 3);
    assert_eq!(prune(&node.host, FOLDER, 2).await.unwrap(), [""; 0]);
    assert_eq!(prune(&node.host, FOLDER, 0).await.unwrap(), [backups[2].clone()], "one is always kept");
    assert!(node.at(FOLDER).join("notes.txt").exists());
}

#[test]
fn damaged_backups_go_only_when_a_newer_verified_one_is_there() {
    let archive = |path: &str, state| Archive { path: path.into(), made_ns: 0, size: 0, state };
    let all = [
        archive("newest-damaged", ArchiveState::Damaged),
        archive("good-1", ArchiveState::Older),
        archive("old-damaged", ArchiveState::Damaged),
        archive("good-2", ArchiveState::Current),
        archive("good-3", ArchiveState::Older),
    ];
    assert_eq!(surplus(&all, 2), ["old-damaged", "good-3"]);
    assert_eq!(surplus(&all[..1], 2), [""; 0]);
}
