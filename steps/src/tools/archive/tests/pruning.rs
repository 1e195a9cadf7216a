use super::*;

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
