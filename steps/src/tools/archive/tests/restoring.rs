use std::os::unix::fs::{chown, symlink};

use super::*;

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
    crate::tools::testing::tell(format_args!("{failed} failures without, {interrupted} with an effect"));
    assert!(failed >= 10 && interrupted >= 3);
}

/// A folder on the way to a file that is swapped for a symlink after it was looked at.
#[tokio::test]
async fn a_folder_that_is_swapped_for_a_symlink_gets_no_restored_file() {
    let file = "/etc/kubernetes/pki/apiserver.crt";
    let (mut swapped, mut interrupted) = (0, 0);
    for (program, nth) in [("stat", 1), ("tar", 1), ("cp", 1), ("cmp", 1), ("mv", 1)] {
        let mut node = Node::new();
        node.backup().await.unwrap();
        node.put(file, "new", 0o600, 1_800_000_000);
        let (folder, away) = (node.at("/etc/kubernetes/pki"), node.at("/etc/kubernetes/away"));
        let theirs = node.at("/theirs");
        std::fs::create_dir(&theirs).unwrap();
        std::fs::write(theirs.join("apiserver.crt"), "theirs").unwrap();
        let (from, to, link) = (folder.display(), away.display(), theirs.display());
        let body = format!(
            "echo x >>$fired; [ $(wc -l <$fired) != {nth} ] || {{ mv '{from}' '{to}'; ln -s '{link}' '{from}'; }}; real \"$@\""
        );
        node.shim(program, &body);
        let error = node.restore(&[file]).await.expect_err("it is not where it should be");
        node.unshim();
        match error {
            ArchiveError::Interrupted { .. } => interrupted += 1,
            ArchiveError::UnsafeTarget(_) => {
                assert_eq!(std::fs::read_to_string(away.join("apiserver.crt")).unwrap(), "new");
            }
            other => panic!("{program} {nth}: {other}"),
        }
        let theirs = snapshot(&theirs);
        assert_eq!(theirs.len(), 2, "{program} {nth}: something is in theirs: {theirs:?}");
        assert_eq!(node.read("/theirs/apiserver.crt"), "theirs", "{program} {nth}");
        swapped += 1;
    }
    crate::tools::testing::tell(format_args!("swapped at {swapped} points, {interrupted} with an effect"));
}
