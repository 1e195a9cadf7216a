//! Files, folders and locks of runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use certwright_engine::clock::Mono;
use certwright_engine::journal::{Entry, JournalError, RunId, RunState, StateDir};
use certwright_engine::machine::{Event, Outcome, Record};

use crate::sample::{NOW, RUN, batch, header};

fn run() -> RunId {
    RUN.parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn everything_a_run_leaves_is_readable_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path().join("state/certwright"));
    let _lock = state.lock_cluster("prod-1", &run()).unwrap();
    let (journal, _) = state.create(header(RUN), NOW).unwrap();
    drop(journal);
    add_to_journal(&state, b"99 torn");
    let (_journal, cut) = state.resume(&run()).unwrap().into_journal(0).unwrap();
    assert!(cut.is_some());
    let mut seen = Vec::new();
    let mut todo = vec![folder.path().join("state")];
    while let Some(path) = todo.pop() {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
        if path.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        seen.push(path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned());
    }
    seen.sort_unstable();
    let base = "state/certwright";
    let r = format!("{base}/runs/{RUN}");
    let expected = [
        "state".into(),
        base.into(),
        format!("{base}/clusters"),
        format!("{base}/clusters/prod-1.lock"),
        format!("{base}/runs"),
        r.clone(),
        format!("{r}/journal"),
        format!("{r}/journal.cuts"),
        format!("{r}/journal.tail-1"),
        format!("{r}/lock"),
    ];
    assert_eq!(seen, expected);
}

/// Appends bytes behind the last record of the run's journal, as an interrupted write leaves them.
fn add_to_journal(state: &StateDir, bytes: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    let path = state.run_folder(&run()).join("journal");
    let end = std::fs::read(&path).unwrap().iter().rposition(|b| *b != 0).unwrap() + 1;
    std::fs::File::options().write(true).open(path).unwrap().write_all_at(bytes, end as u64).unwrap();
}

#[test]
fn an_interrupted_write_is_kept_aside_recorded_and_cut_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    let (mut journal, first) = state.create(header(RUN), NOW).unwrap();
    let records = batch(1, 2, 4);
    journal.append(&records).unwrap();
    drop(journal);
    add_to_journal(&state, b"99 0123abcd {\"seq\":6,");

    let mut replay = state.resume(&run()).unwrap();
    let read: Vec<Record> = replay.by_ref().map(Result::unwrap).collect();
    assert_eq!(read, [std::slice::from_ref(&first), &records].concat());
    let (mut journal, cut) = replay.into_journal(NOW.wall_ms).unwrap();
    let cut = cut.unwrap();
    assert_eq!((cut.after_seq, cut.line, cut.bytes), (5, 6, 21));
    assert_eq!(cut.why, "line 6 does not match its checksum");
    let kept = std::fs::read(state.run_folder(&run()).join(&cut.kept_as)).unwrap();
    assert_eq!(kept, b"99 0123abcd {\"seq\":6,");
    journal.append(&batch(5, 3, 1)).unwrap();
    drop(journal);

    let (_journal, again) = state.resume(&run()).unwrap().into_journal(0).unwrap();
    assert_eq!(again, None);
    assert_eq!(state.cuts(&run()).unwrap(), [cut]);
}

#[test]
fn a_reader_leaves_an_interrupted_write_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    let (journal, first) = state.create(header(RUN), NOW).unwrap();
    add_to_journal(&state, b"99 torn");
    // The owner is alive: reading does not need its lock.
    let mut scan = state.read(&run()).unwrap();
    assert_eq!(scan.by_ref().map(Result::unwrap).collect::<Vec<_>>(), [Entry::Record(first)]);
    assert_eq!(scan.tail().unwrap().line, 2);
    assert!(state.cuts(&run()).unwrap().is_empty());
    drop(journal);
}

#[test]
fn what_others_can_write_or_read_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    state.create(header(RUN), NOW).unwrap();
    let run_folder = state.run_folder(&run());
    let journal = run_folder.join("journal");
    for (path, bits, good) in [
        (&journal, 0o640, 0o600),
        (&journal, 0o602, 0o600),
        (&run_folder, 0o750, 0o700),
        (&folder.path().to_owned(), 0o720, 0o700),
        (&folder.path().join("runs"), 0o701, 0o700),
    ] {
        chmod(path, bits);
        let expected = format!(
            "`{0}` is open to others (mode {bits:03o}): not used, for it says what runs as root; see who changed \
             it, then `chmod go-rwx {0}`",
            path.display()
        );
        assert_eq!(state.resume(&run()).err().unwrap().to_string(), expected);
        assert_eq!(state.read(&run()).err().unwrap().to_string(), expected);
        chmod(path, good);
    }
    state.resume(&run()).unwrap();

    let aside = folder.path().join("aside");
    std::fs::rename(&journal, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &journal).unwrap();
    let error = state.resume(&run()).err().unwrap().to_string();
    assert!(error.contains("is a symbolic link: not used"), "{error}");
    std::fs::remove_file(&journal).unwrap();
    std::fs::rename(&aside, &journal).unwrap();

    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&journal, Some(65534), None).unwrap();
        let error = state.resume(&run()).err().unwrap().to_string();
        assert!(error.contains("belongs to user 65534, not to user 0 who runs this"), "{error}");
    }
}

#[test]
fn a_run_has_one_owner_and_a_cluster_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    let (journal, _) = state.create(header(RUN), NOW).unwrap();
    let lock = state.run_folder(&run()).join("lock");
    let expected = format!(
        "run `{RUN}` is owned by another process (lock `{}`): wait for its end, or stop it with Ctrl-C there",
        lock.display()
    );
    assert_eq!(state.resume(&run()).err().unwrap().to_string(), expected);
    drop(journal);
    state.resume(&run()).unwrap();
    let error = state.create(header(RUN), NOW).err().unwrap();
    assert!(matches!(error, JournalError::RunExists { .. }), "{error}");

    let other: RunId = "20261124-230000-aaaa".parse().unwrap();
    let held = state.lock_cluster("prod/1", &run()).unwrap();
    let expected = format!(
        "cluster `prod/1` is in use by run `{RUN}` (lock `{}`): wait for its end, or stop it with Ctrl-C there",
        folder.path().join("clusters/prod%2f1.lock").display()
    );
    assert_eq!(state.lock_cluster("prod/1", &other).err().unwrap().to_string(), expected);
    state.lock_cluster("prod-1", &other).unwrap();
    drop(held);
    state.lock_cluster("prod/1", &other).unwrap();
}

const CHILD: &str = "CERTWRIGHT_TEST_LOCK_FOLDER";

#[test]
#[expect(clippy::disallowed_methods, reason = "a test starts itself as the other owner")]
fn a_killed_process_leaves_its_run_free_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::the_other_owner", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.ends_with("owned")), "the child owns the run");

    let state = StateDir::new(folder.path());
    assert!(matches!(state.resume(&run()), Err(JournalError::RunBusy { .. })));
    assert_eq!(state.summary(&run()).unwrap().state, RunState::Running);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(state.summary(&run()).unwrap().state, RunState::CutOff);
    assert_eq!(state.resume(&run()).unwrap().map(|r| r.unwrap().seq).last(), Some(1));
}

#[test]
#[ignore = "the other process of `a_killed_process_leaves_its_run_free_at_once`"]
fn the_other_owner() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let _owned = StateDir::new(folder).create(header(RUN), NOW).unwrap();
    writeln!(std::io::stdout(), "owned").unwrap();
    // Until it is killed, or its parent is gone.
    std::io::stdin().lines().for_each(drop);
}

#[test]
fn runs_are_listed_newest_first_with_how_far_they_got() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    assert!(state.list().unwrap().is_empty());
    let ids = ["20261124-224500-aaaa", "20261124-224501-aaaa", "20261201-000000-aaaa"];
    let finish = |journal: &mut certwright_engine::journal::Journal, outcome| {
        let body = Event::RunFinished { outcome };
        let (seq, batch) = (journal.seq() + 1, journal.batch() + 1);
        journal.append(&[Record { seq, batch, wall_ms: 9, mono: Mono(0), body }]).unwrap();
    };
    let (mut done, _) = state.create(header(ids[0]), NOW).unwrap();
    finish(&mut done, Outcome::Changed);
    drop(done);
    // Went on after its end, and was cut off then, in the middle of a long line.
    let (mut cut_off, _) = state.create(header(ids[1]), NOW).unwrap();
    finish(&mut cut_off, Outcome::Failed);
    cut_off.append(&batch(2, 3, 200)).unwrap();
    drop(cut_off);
    let (_alive, _) = state.create(header(ids[2]), NOW).unwrap();
    std::fs::create_dir(folder.path().join("runs/20261202-000000-aaaa")).unwrap();
    std::fs::create_dir(folder.path().join("runs/.not-a-run")).unwrap();

    let list = state.list().unwrap();
    let seen: Vec<_> = list
        .iter()
        .map(|l| (l.id.as_str(), l.summary.as_ref().map(|s| (s.state, s.records)).unwrap()))
        .collect();
    let expected = [
        (ids[2], (RunState::Running, 1)),
        (ids[1], (RunState::CutOff, 202)),
        (ids[0], (RunState::Finished(Outcome::Changed), 2)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(list[2].summary.as_ref().unwrap().last_ms, 9);
    assert_eq!(list[2].summary.as_ref().unwrap().header.plan.cluster.name, "prod-1");
}

#[test]
fn only_a_run_that_is_over_is_removed_and_what_an_interrupted_removal_left_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    let id = |second: u32| format!("20261124-22450{second}-aaaa").parse::<RunId>().unwrap();
    let ended = |second: u32, outcome| {
        let (mut journal, _) = state.create(header(id(second).as_str()), NOW).unwrap();
        let (seq, batch) = (journal.seq() + 1, journal.batch() + 1);
        let body = Event::RunFinished { outcome };
        journal.append(&[Record { seq, batch, wall_ms: 9, mono: Mono(0), body }]).unwrap();
    };
    let outcomes = [
        Outcome::Changed,
        Outcome::Unchanged,
        Outcome::Undone,
        Outcome::Abandoned,
        Outcome::Failed,
        Outcome::Interrupted,
        Outcome::Stuck,
    ];
    (0..).zip(outcomes).for_each(|(second, outcome)| ended(second, outcome));
    drop(state.create(header(id(7).as_str()), NOW).unwrap());
    let _alive = state.create(header(id(8).as_str()), NOW).unwrap();
    let runs = folder.path().join("runs");
    std::fs::create_dir(runs.join(".removed-20261124-000000-aaaa")).unwrap();
    std::fs::write(runs.join(".removed-20261124-000000-aaaa/journal"), "").unwrap();
    for second in 0..9 {
        let removed = state.remove(&id(second));
        match second {
            0..4 => removed.unwrap(),
            4..8 => assert!(matches!(removed, Err(JournalError::NotOver { .. })), "{second}: {removed:?}"),
            _ => assert!(matches!(removed, Err(JournalError::RunBusy { .. })), "{removed:?}"),
        }
        assert_eq!(runs.join(id(second).as_str()).exists(), second >= 4);
    }
    assert_eq!(std::fs::read_dir(&runs).unwrap().count(), 5, "nothing else is left");
    assert!(matches!(state.remove(&id(0)), Err(JournalError::NoSuchRun { .. })));
}

#[test]
fn a_folder_without_a_journal_never_was_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    let expected = format!("no run `{RUN}` in `{}`; `certwright runs` lists them", folder.path().display());
    assert_eq!(state.resume(&run()).err().unwrap().to_string(), expected);
    // What a crash before the first record was durable leaves.
    let run_folder = state.run_folder(&run());
    state.create(header(RUN), NOW).unwrap();
    std::fs::rename(run_folder.join("journal"), run_folder.join("journal.new")).unwrap();
    assert!(matches!(state.resume(&run()), Err(JournalError::NoSuchRun { .. })));
    assert!(state.list().unwrap().is_empty());
}

/// A disk that cannot tell whether there is a run is no reason to begin another one.
#[test]
fn a_run_that_cannot_be_seen_is_listed_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    drop(state.create(header(RUN), NOW).unwrap());
    // Nothing below it can be asked for: a loop, not an absence.
    let hidden = "20261202-000000-aaaa";
    std::os::unix::fs::symlink(hidden, folder.path().join("runs").join(hidden)).unwrap();
    let list = state.list().unwrap();
    let seen: Vec<_> = list.iter().map(|listed| (listed.id.as_str(), listed.summary.is_ok())).collect();
    assert_eq!(seen, [(hidden, false), (RUN, true)]);
}
