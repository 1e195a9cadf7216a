//! Journals that were written once and are read for ever: `tests/fixtures/journals/FORMAT/NAME/journal`.
//!
//! Beside each stands what it means: `show.txt` and `show.json` as the program tells it, `states.txt` with the state
//! after every batch and what a resume from there would do. Those may follow the words of the program
//! (`UPDATE_EXPECT=1`); a journal never changes once a certwright that writes its format is released.

mod states;

mod write;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use certwright_engine::journal::{Entry, FORMAT, RunId, StateDir};
use certwright_engine::machine::{Event, Outcome, Record, Stop};
use expect_test::expect_file;
use serde::de::DeserializeOwned;

use crate::program::Place;

/// The inventory of the runs that are kept.
pub(crate) const INVENTORY: &str = r#"[cluster]
name = "prod-1"
namespace = "cluster-prod-1"
kubeconfig = "prod-1-kubeconfig"

[[host]]
name = "cp-1"
address = "192.0.2.1"
groups = ["control-plane"]
"#;

/// The folder of the journals of one format.
fn folder(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/journals/format-{format}"))
}

/// A journal that is kept, in a state folder of its own.
pub(crate) struct Kept {
    folder: PathBuf,
    pub(crate) place: Place,
    run: RunId,
    records: Vec<Record>,
}

impl Kept {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let place = Place::new();
        let bytes = fs::read(folder.join("journal")).expect("a journal that is kept");
        let name = fs::read_to_string(folder.join("run")).expect("the id of its run");
        let run: RunId = name.trim().parse().expect("a run id");
        let home = place.path("state/runs").join(run.as_str());
        DirBuilder::new().recursive(true).mode(0o700).create(&home).expect("a run folder");
        fs::write(home.join("journal"), bytes).expect("its journal");
        fs::set_permissions(home.join("journal"), fs::Permissions::from_mode(0o600)).expect("its mode");
        let scan = StateDir::new(place.path("state")).read(&run).expect("a journal");
        let records = scan
            .map(|entry| match entry.expect("an intact line") {
                Entry::Record(record) => record,
                Entry::Unknown(unknown) => panic!("{}: {unknown:?}", folder.display()),
            })
            .collect();
        Self { folder, place, run, records }
    }

    /// Its copy in the place.
    pub(crate) fn journal(&self) -> PathBuf {
        self.place.path("state/runs").join(self.run.as_str()).join("journal")
    }

    /// What the program says of it, and what a resume from every batch would do, is what it always was.
    fn check(&self) {
        let show = |options: &str| {
            self.place.run(&format!("--state-dir state show {} {options}", self.run)).exits(0)
        };
        let said = show("--events").stdout;
        expect_file![self.folder.join("show.txt")].assert_eq(&said);
        let json = show("--output json").json().remove(0);
        let json = serde_json::to_string_pretty(&json).expect("JSON") + "\n";
        expect_file![self.folder.join("show.json")].assert_eq(&json);
        expect_file![self.folder.join("states.txt")].assert_eq(&states::states(&self.records));
    }
}

/// The journals of a format, by name.
fn kept(format: u32) -> Vec<Kept> {
    let entries = fs::read_dir(folder(format)).expect("journals of every format are kept");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder").path()).collect();
    folders.sort();
    folders.into_iter().map(Kept::new).collect()
}

#[test]
fn journals_of_every_format_are_replayed_and_shown_as_when_they_were_written() {
    let mut records = 0;
    for format in 1..=FORMAT {
        for kept in kept(format) {
            kept.check();
            records += kept.records.len();
        }
    }
    println!("{records} records kept, each replayed");
}

#[test]
fn every_event_that_the_present_format_can_hold_is_in_a_kept_journal() {
    let (mut events, mut outcomes, mut stops) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for record in kept(FORMAT).into_iter().flat_map(|kept| kept.records) {
        events.insert(record.body.name().to_owned());
        match &record.body {
            Event::RunFinished { outcome } => drop(outcomes.insert(spelling(outcome))),
            Event::Interrupted { stop } => drop(stops.insert(spelling(stop))),
            _ => {}
        }
    }
    assert_eq!(
        events,
        spellings::<Event>(r#"{"?":{}}"#),
        "run the command in docs/design/machine-and-journal.md"
    );
    assert_eq!(outcomes, spellings::<Outcome>(r#""?""#));
    assert_eq!(stops, spellings::<Stop>(r#""?""#));
    println!("{} events, {} outcomes, {} stops", events.len(), outcomes.len(), stops.len());
}

fn spelling(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).expect("JSON");
    value.as_str().expect("a word").to_owned()
}

/// All variants of an enum: what its reader expects instead of one that is none.
fn spellings<T: DeserializeOwned>(none: &str) -> BTreeSet<String> {
    let error = serde_json::from_str::<T>(none).err().expect("`?` is no variant").to_string();
    error.split('`').skip(1).step_by(2).filter(|word| *word != "?").map(str::to_owned).collect()
}

#[test]
fn the_variants_of_an_enum_are_told_by_its_reader() {
    assert_eq!(spellings::<Stop>(r#""?""#).into_iter().collect::<Vec<_>>(), ["cancel", "drain"]);
}
