//! Errors of the disk are final; a full one still takes the closing records.

use std::path::{Path, PathBuf};
use std::process::Command;

use certwright_engine::journal::{Journal, JournalError, Room, RunId, StateDir};

use crate::memory::{Disk, Fault};
use crate::sample::{NOW, RUN, batch, header, read};

fn next(journal: &Journal, count: u64) -> Vec<certwright_engine::machine::Record> {
    batch(journal.seq(), journal.batch() + 1, count)
}

#[test]
fn the_first_error_of_a_write_or_a_sync_is_the_last_thing_a_journal_does() {
    for fault in [Fault::Write(3), Fault::Sync(3)] {
        let disk = Disk::default();
        let medium = Box::new(disk.clone());
        let (mut journal, _) = Journal::begin(medium, Path::new("/j"), header(RUN), NOW).unwrap();
        journal.append(&next(&journal, 2)).unwrap();
        disk.fail(fault);
        let first = journal.append(&next(&journal, 2)).unwrap_err();
        assert_eq!(disk.fired(), 1, "{fault:?} fired");
        let expected =
            format!("write journal `/j`: state unknown after record 3; run `certwright resume {RUN}`");
        assert_eq!(first.to_string(), expected);
        let cause = std::error::Error::source(&first).unwrap().to_string();
        assert!(cause.starts_with("injected "), "{cause}");

        // The disk works again; the journal does not, and leaves it alone.
        let before = (disk.written(), disk.syncs());
        assert_eq!(journal.append(&next(&journal, 1)).unwrap_err().to_string(), expected);
        assert_eq!(journal.append(&[]).unwrap_err().to_string(), expected);
        assert_eq!((disk.written(), disk.syncs()), before);
        assert_eq!(read(&disk.durable()).unwrap().records.len(), 3);
    }
}

#[test]
fn a_batch_is_one_sync_and_nothing_is_none() {
    let disk = Disk::default();
    let medium = Box::new(disk.clone());
    let (mut journal, _) = Journal::begin(medium, Path::new("/j"), header(RUN), NOW).unwrap();
    assert_eq!(disk.syncs(), 1);
    journal.append(&next(&journal, 500)).unwrap();
    assert_eq!(disk.syncs(), 2);
    journal.append(&[]).unwrap();
    assert_eq!(disk.syncs(), 2);
}

#[test]
#[should_panic(expected = "records continue the journal")]
fn records_out_of_order_are_a_bug_and_not_written() {
    let (mut journal, _) =
        Journal::begin(Box::new(Disk::default()), Path::new("/j"), header(RUN), NOW).unwrap();
    let records = batch(journal.seq() + 1, 2, 1);
    drop(journal.append(&records));
}

/// A small file system of its own, gone when dropped.
struct Tmpfs(PathBuf, #[expect(dead_code, reason = "its folder goes with it")] tempfile::TempDir);

impl Tmpfs {
    /// None when this process may not mount, which has to be admitted by an environment variable.
    fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let size = format!("size={mib}m,mode=0700");
        let mounted = program("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", path.to_str().unwrap()]);
        if mounted {
            return Some(Self(path, folder));
        }
        assert!(
            std::env::var_os("CERTWRIGHT_TESTS_WITHOUT_ROOT").is_some(),
            "mounting a tmpfs needs root; set CERTWRIGHT_TESTS_WITHOUT_ROOT=1 to leave the full-disk tests out"
        );
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        assert!(program("umount", &["-l", self.0.to_str().unwrap()]), "umount {}", self.0.display());
    }
}

#[expect(clippy::disallowed_methods, reason = "a test prepares its own machine")]
fn program(name: &str, arguments: &[&str]) -> bool {
    Command::new(name).args(arguments).status().is_ok_and(|s| s.success())
}

#[test]
fn a_run_does_not_start_with_less_than_64_mib_free() {
    let Some(disk) = Tmpfs::mount(40) else { return };
    let state = StateDir::new(&disk.0);
    let error = state.create(header(RUN), NOW).err().unwrap();
    let expected = format!(
        "only 40 MiB are free in `{}`, a run needs 64 MiB: free some space and try again",
        disk.0.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(state.list().unwrap().is_empty());
}

#[test]
fn on_a_full_disk_the_closing_records_find_room_and_then_the_journal_ends() {
    let Some(disk) = Tmpfs::mount(70) else { return };
    let state = StateDir::new(&disk.0);
    let run: RunId = RUN.parse().unwrap();
    let (mut journal, _) = state.create(header(RUN), NOW).unwrap();
    let filler = disk.0.join("filler");
    let full = std::fs::write(&filler, vec![1; 80 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "the disk is full");

    while journal.room() == Room::Ample {
        journal.append(&next(&journal, 10)).unwrap();
    }
    // Nothing more is started now, and what is in flight has 64 KiB to end in.
    let (mut closing, mut bytes) = (0, 0);
    let error = loop {
        let records = next(&journal, 10);
        match journal.append(&records) {
            Ok(()) => (closing, bytes) = (closing + 1, bytes + 1_000),
            Err(error) => break error,
        }
    };
    assert!(bytes > 30_000, "{closing} closing batches of over 1,000 bytes");
    let acknowledged = journal.seq();
    assert!(matches!(error, JournalError::Poisoned { after, .. } if after == acknowledged), "{error}");

    std::fs::remove_file(&filler).unwrap();
    assert!(journal.append(&next(&journal, 1)).is_err(), "space does not bring it back");
    drop(journal);
    let mut replay = state.resume(&run).unwrap();
    let last = replay.by_ref().map(|r| r.unwrap().seq).last().unwrap();
    assert!(last == acknowledged || last == acknowledged + 10, "all that was acknowledged, in whole batches");
    let (mut journal, _) = replay.into_journal(0).unwrap();
    journal.append(&next(&journal, 1_000)).unwrap();
}
