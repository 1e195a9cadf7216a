use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

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
async fn a_backup_that_a_signal_ends_says_so_and_what_to_do() {
    for (signal, words) in [("TERM", "ended by a signal"), ("INT", "ended by a signal"), ("KILL", "signal 9")]
    {
        let mut node = Node::new();
        node.shim("tar", &format!("touch $fired; kill -{signal} $PPID; exit 1"));
        let error = StepError::from(node.backup().await.unwrap_err());
        node.unshim();
        assert!(error.message.contains(words), "SIG{signal}: {}", error.message);
        assert!(error.remedy.is_some_and(|remedy| remedy.contains("by a signal")), "SIG{signal}");
        let shown = error.evidence.expect("evidence").command;
        assert!(shown.starts_with("<backup script of certwright> /"), "SIG{signal}: {shown}");
        assert!(shown.ends_with(" /etc/kubernetes /var/lib/kubelet/pki /not/there"), "SIG{signal}: {shown}");
        node.backup().await.unwrap();
    }
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
    crate::tools::testing::tell(format_args!("killed at {killed} points"));
    assert!(killed >= 15);
}

/// Whoever may write above the folder: what is checked and what is used is one folder all the same.
#[tokio::test]
async fn a_folder_of_backups_that_is_swapped_for_a_symlink_gets_nothing_into_the_other_one() {
    let mut swapped = 0;
    // Programs behind the check, from the first to the last.
    for (program, nth) in [
        ("stat", 1),
        ("find", 1),
        ("du", 1),
        ("df", 1),
        ("mkdir", 2),
        ("tar", 1),
        ("tar", 2),
        ("mv", 1),
        ("mv", 2),
        ("sync", 2),
    ] {
        let mut node = Node::new();
        let (folder, away, theirs) = (node.at(FOLDER), node.at("/var/lib/away"), node.at("/var/lib/theirs"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::create_dir(&theirs).unwrap();
        let (from, to, link) = (folder.display(), away.display(), theirs.display());
        let body = format!(
            "echo x >>$fired; [ $(wc -l <$fired) != {nth} ] || {{ mv '{from}' '{to}'; ln -s '{link}' '{from}'; }}; real \"$@\""
        );
        node.shim(program, &body);
        let error = node.backup().await.expect_err("it is not where it should be");
        node.unshim();
        let error = StepError::from(error);
        assert!(error.message.contains("moved away meanwhile"), "{program}: {}", error.message);
        assert_eq!(std::fs::read_dir(&theirs).unwrap().count(), 0, "{program}: something is in theirs");
        assert_eq!(list(&node.host, "/var/lib/away", &[]).await.unwrap().len(), 1, "{program}");
        let unsafe_now = list(&node.host, FOLDER, &[]).await;
        assert_eq!(unsafe_now, Err(ArchiveError::UnsafeFolder { folder: FOLDER.into() }), "{program}");
        swapped += 1;
    }
    crate::tools::testing::tell(format_args!("swapped at {swapped} points"));
}
