//! The table of docs/design/ssh-failures.md, held against the tests that provoke its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::ran;

/// One row of the table under test; a test that ends without the proof that its fault fired fails.
pub(crate) struct Row {
    name: &'static str,
    fired: bool,
}

impl Row {
    /// The row whose failure has this name.
    pub(crate) fn of(name: &'static str) -> Self {
        Self { name, fired: false }
    }

    /// Takes the proof that the fault fired.
    pub(crate) fn fired(&mut self, proof: bool) {
        assert!(proof, "the fault of row `{}` did not fire", self.name);
        self.fired = true;
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.fired, "nothing proved that the fault of row `{}` fired", self.name);
            ran(1, &format!("row `{}`, whose fault fired", self.name));
        }
    }
}

/// Row names in the table, each with the tests it names.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = include_str!("../../../docs/design/ssh-failures.md");
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains(" | `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 5, "a row has five cells: {line}");
        let tests = cells[4].split(", ").map(|test| test.trim_matches('`').to_owned()).collect();
        (cells[0].to_owned(), tests)
    };
    rows.map(row).collect()
}

/// Row names in the sources, each with the `module::test` functions that claim it.
fn claimed() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ssh_cases");
    let mut claimed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the sources are there").flatten() {
        let source = std::fs::read_to_string(entry.path()).expect("readable");
        let module = entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
        let mut test = String::new();
        for line in source.lines() {
            if let Some((name, _)) = line.strip_prefix("async fn ").and_then(|rest| rest.split_once('(')) {
                test = format!("{module}::{name}");
            }
            let names = line.split("Row::of(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
            for (name, _) in names {
                claimed.entry(name.to_owned()).or_default().insert(test.clone());
            }
        }
    }
    claimed
}

#[test]
fn every_row_of_the_table_has_a_test_that_proves_its_fault_and_every_such_test_has_its_row() {
    let table = table();
    let claimed = claimed();
    for (row, tests) in &table {
        let found = claimed.get(row).unwrap_or_else(|| panic!("no test claims the row `{row}`"));
        let named: BTreeSet<String> = tests.iter().cloned().collect();
        assert_eq!(&named, found, "the tests of row `{row}`");
    }
    for row in claimed.keys() {
        assert!(table.contains_key(row), "the table has no row `{row}`");
    }
    assert!(table.len() >= 60, "only {} rows", table.len());
    ran(table.len(), "rows of docs/design/ssh-failures.md");
}
