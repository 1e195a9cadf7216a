//! Journals of other versions.

use std::io::Write as _;

use certwright_engine::journal::{Entry, JournalError, RunId, StateDir};

use crate::sample::{NOW, RUN, header};

fn run() -> RunId {
    RUN.parse().unwrap()
}

/// A run whose journal is these lines of JSON, with right lengths and checksums.
fn journal_of(lines: &[String]) -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::new(folder.path());
    drop(state.create(header(RUN), NOW).unwrap());
    let path = state.run_folder(&run()).join("journal");
    let mut file = std::fs::File::options().write(true).truncate(true).open(path).unwrap();
    let mut crc = 0;
    for json in lines {
        crc = crc32c::crc32c_append(crc, json.as_bytes());
        writeln!(file, "{} {crc:08x} {json}", json.len()).unwrap();
    }
    (folder, state)
}

fn line(seq: u64, body: &str) -> String {
    format!(r#"{{"seq":{seq},"batch":{seq},"left":0,"wall_ms":1,"mono":2,"body":{body}}}"#)
}

fn started() -> String {
    let body = certwright_engine::machine::Event::RunStarted { header: Box::new(header(RUN)) };
    line(1, &serde_json::to_string(&body).unwrap())
}

#[test]
fn a_run_of_a_newer_format_is_refused_with_the_version_that_wrote_it() {
    let body = r#"{"run-started":{"header":{"format":2,"tool":"9.1.0","shape":["quite","new"]}}}"#;
    let (_folder, state) = journal_of(&[line(1, body), line(2, r#"{"new":{}}"#)]);
    let path = state.run_folder(&run()).join("journal");
    let expected = format!(
        "journal `{}` line 1 is in format 2 by certwright 9.1.0, this one reads format 1: use that certwright or \
         a later one",
        path.display()
    );
    assert_eq!(state.resume(&run()).unwrap().next().unwrap().err().unwrap().to_string(), expected);
    assert_eq!(state.read(&run()).unwrap().next().unwrap().err().unwrap().to_string(), expected);
    assert_eq!(state.summary(&run()).err().unwrap().to_string(), expected);
}

#[test]
fn an_event_of_a_newer_version_is_shown_and_not_resumed() {
    let newer = line(2, r#"{"quorum\u001blost":{"task":3}}"#);
    let known = line(3, r#"{"resumed":{"operator":"ops@desk"}}"#);
    let (_folder, state) = journal_of(&[started(), newer, known]);
    let results: Vec<_> = state.resume(&run()).unwrap().collect();
    let error = results[1].as_ref().err().unwrap();
    let path = state.run_folder(&run()).join("journal");
    let expected = format!(
        "journal `{}` line 2 holds the event `quorum\\u{{1b}}lost`, which this certwright does not know: resume \
         with the one that wrote it, or a later one; `certwright show {RUN}` shows what is known",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(matches!(state.resume(&run()).unwrap().into_journal(0), Err(JournalError::UnknownEvent { .. })));

    let shown: Vec<Entry> = state.read(&run()).unwrap().map(Result::unwrap).collect();
    assert!(matches!(&shown[1], Entry::Unknown(u) if u.seq == 2 && u.event == "quorum\\u{1b}lost"));
    assert!(matches!(&shown[2], Entry::Record(r) if r.seq == 3));
}

#[test]
fn a_known_event_with_an_unknown_field_is_of_a_newer_version_too() {
    let (_folder, state) = journal_of(&[started(), line(2, r#"{"resumed":{"operator":"o","epoch":4}}"#)]);
    let error = state.resume(&run()).unwrap().nth(1).unwrap().err().unwrap();
    assert!(matches!(error, JournalError::UnknownEvent { line: 2, .. }), "{error}");
}

#[test]
fn lines_that_are_intact_and_in_the_wrong_place_are_refused() {
    let resumed = r#"{"resumed":{"operator":"o"}}"#;
    for (lines, message) in [
        (vec![started(), line(3, resumed)], "line 2 is out of order"),
        (vec![line(1, resumed)], "line 1 is not the start of a run"),
        (vec![started(), "{\"text\":1}".into()], "line 2 is intact and not a record"),
        (vec![], "line 1 is missing"),
    ] {
        let (_folder, state) = journal_of(&lines);
        let error = state.resume(&run()).unwrap().find_map(Result::err).unwrap().to_string();
        assert!(error.contains(message), "{error}");
    }
}
