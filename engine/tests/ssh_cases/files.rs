//! Files of a node.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use certwright_engine::host::StatKind;
use certwright_engine::text::KEPT;

use crate::{Folder, Host, Node, Setup, Sshd, ran};

#[tokio::test]
async fn files_are_written_atomically_and_read_back() {
    let node = Node::start("files");
    let host = node.host();
    let path = node.path("new/folder/it's a file");
    let bytes: Vec<u8> = (0..=255u8).cycle().take(KEPT).collect();
    host.write(&path, &bytes, 0o640).await.expect("written");
    assert!(host.read(&path).await.expect("readable").expect("there") == bytes);
    let stat = host.stat(&path).await.expect("readable").expect("there");
    let here = std::fs::metadata(&path).expect("there");
    assert_eq!((stat.kind, stat.mode, stat.size), (StatKind::File, 0o640, KEPT as u64));
    assert_eq!(stat.mtime_ns, i128::from(here.mtime()) * 1_000_000_000 + i128::from(here.mtime_nsec()));
    let folder = host.stat(&node.path("new")).await.expect("readable").expect("there");
    assert_eq!((folder.kind, folder.mode), (StatKind::Folder, 0o700));
    // Replaced through a symlink, with the owner that was there.
    let link = node.path("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    std::os::unix::fs::chown(&path, Some(7), Some(8)).expect("another owner");
    host.write(&link, b"", 0o600).await.expect("written");
    let stat = host.stat(&path).await.expect("readable").expect("there");
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.size), (0o600, 7, 8, 0));
    assert_eq!(host.stat(&link).await.expect("readable").expect("there").kind, StatKind::Symlink);
    assert_eq!(host.read(&path).await.expect("readable"), Some(Vec::new()));
    let names = host.list(&node.path("new/folder")).await.expect("readable");
    assert_eq!(names, Some(vec!["it's a file".to_owned()]), "no temporary file is left");
    ran(6, "writes and reads");
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_is_refused() {
    let node = Node::start("refusals");
    let host = node.host();
    let absent = node.path("absent");
    assert_eq!(host.read(&absent).await.expect("answered"), None);
    assert_eq!(host.stat(&absent).await.expect("answered"), None);
    assert_eq!(host.list(&absent).await.expect("answered"), None);
    let file = node.path("file");
    std::fs::write(&file, vec![0; KEPT + 1]).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).expect("set");
    let folder = node.path("");
    let mut cases = 3;
    for (error, expected) in [
        (host.read(&file).await.map(drop), format!("cp-1: cannot read `{file}`: is larger than 1 MiB")),
        (host.read(&folder).await.map(drop), format!("cp-1: cannot read `{folder}`: is not a regular file")),
        (host.list(&file).await.map(drop), format!("cp-1: cannot list `{file}`: is not a folder")),
        (host.write(&folder, b"", 0o600).await, format!("cp-1: cannot write `{folder}`: is a folder")),
        (
            host.read("etc/passwd").await.map(drop),
            "cp-1: cannot read `etc/passwd`: is not an absolute path".into(),
        ),
        (host.write("/proc/x", b"", 0o600).await, "cp-1: cannot write `/proc/x`: ".into()),
    ] {
        let error = error.expect_err("refused").to_string();
        assert!(error.starts_with(&expected), "{error}\nis not\n{expected}");
        cases += 1;
    }
    ran(cases, "absent and refused files");
}

/// In one call: a second one would be a second round trip.
#[tokio::test]
async fn several_files_are_read_together_as_each_is_read_alone() {
    let node = Node::start("together");
    let host = node.host();
    let bytes: Vec<u8> = (0..=255u8).cycle().take(5000).collect();
    let (binary, empty, absent) = (node.path("it's binary"), node.path("empty"), node.path("absent"));
    std::fs::write(&binary, &bytes).expect("written");
    std::fs::write(&empty, b"").expect("written");
    let read = host.read_all(&[&binary, &absent, &empty, &binary]).await.expect("readable");
    assert!(read == [Some(bytes.clone()), None, Some(Vec::new()), Some(bytes)], "{} answers", read.len());
    assert_eq!(host.read_all(&[]).await.expect("nothing to do"), []);
    // Together they are more than one answer holds; each alone is not.
    let large = [node.path("large-1"), node.path("large-2")];
    for path in &large {
        std::fs::write(path, vec![7; KEPT]).expect("written");
    }
    let read = host.read_all(&large.each_ref().map(String::as_str)).await.expect("readable");
    assert!(read.iter().all(|one| one.as_ref().is_some_and(|one| one.len() == KEPT)), "both are whole");
    let folder = node.path("");
    for (paths, expected) in [
        ([binary.as_str(), &folder], format!("cp-1: cannot read `{folder}`: is not a regular file")),
        ([binary.as_str(), "etc/passwd"], "cp-1: cannot read `etc/passwd`: is not an absolute path".into()),
        (["etc/passwd", binary.as_str()], "cp-1: cannot read `etc/passwd`: is not an absolute path".into()),
    ] {
        assert_eq!(host.read_all(&paths).await.expect_err("refused").to_string(), expected);
    }
    ran(6, "reads of several files");
}

#[tokio::test]
async fn names_come_sorted_whatever_they_are() {
    let node = Node::start("names");
    let folder = node.path("names");
    std::fs::create_dir(&folder).expect("a folder");
    assert_eq!(node.host().list(&folder).await.expect("answered"), Some(Vec::new()));
    let mut names = ["b", "-n", "a b", "line\nend", "ä", ".hidden"].map(str::to_owned);
    names.sort();
    for name in &names {
        std::fs::write(format!("{folder}/{name}"), b"").expect("written");
    }
    assert_eq!(node.host().list(&folder).await.expect("answered"), Some(names.to_vec()));
}

#[tokio::test]
async fn nodes_in_private_mount_namespaces_do_not_see_each_other() {
    let folder = Folder::new("namespaces");
    let mut nodes = Vec::new();
    for name in ["cp-1", "cp-2", "cp-3"] {
        let root = folder.path().join(name);
        let setup = Setup::node(&root);
        let tool = root.join("usr/local/bin/which-node");
        std::fs::write(&tool, format!("#!/bin/sh\necho {name}\n")).expect("written");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("set");
        nodes.push((name, Sshd::start(&folder.path().join(format!("{name}-sshd")), &setup), root));
    }
    for (name, sshd, root) in &nodes {
        let spec = certwright_engine::plan::HostSpec {
            name: (*name).to_owned(),
            address: Some("127.0.0.1".to_owned()),
            groups: Vec::new(),
            ssh: certwright_engine::plan::SshSettings {
                user: Some(crate::User::Ops.name().to_owned()),
                identity: Some(sshd.login_key().display().to_string()),
                port: Some(sshd.port()),
            },
        };
        let options = crate::SshOptions {
            known_hosts: Some(sshd.known_hosts()),
            claim: Some(crate::claim("run-1")),
            ..crate::SshOptions::default()
        };
        let host = crate::SshHost::new(&spec, options);
        let output = crate::ok(&host, &crate::Command::reads(["which-node"])).await;
        assert_eq!(output.stdout.lossy(), format!("{name}\n"));
        host.write("/etc/kubernetes/pki/apiserver.crt", name.as_bytes(), 0o644).await.expect("written");
        let here = std::fs::read_to_string(root.join("etc/kubernetes/pki/apiserver.crt"));
        assert_eq!(here.expect("it is in the node's own folder"), *name);
    }
    assert!(!crate::exists("/etc/kubernetes/pki/apiserver.crt"), "the machine itself was not touched");
    ran(nodes.len(), "nodes with their own folders");
}
