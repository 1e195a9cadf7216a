//! The floors of the house: imports point down only, and the pure floors stay pure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the engine, lowest floor first. A module may import those before it, and its equals nothing.
const ENGINE_FLOORS: &[&[&str]] =
    &[&["text", "clock"], &["plan"], &["machine"], &["host"], &["step"], &["journal"], &["driver"]];

/// What the pure floors must not touch.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "SystemTime",
    "Instant",
    "getrandom",
    "rustix",
    "std::env",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a folder entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.insert(path, text);
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {}", folder.display());
    found
}

/// The lines of code: comments are not imports.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(n, l)| (n + 1, l))
}

/// The engine module a source file belongs to; None for lib.rs.
fn module(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("engine/src")).expect("an engine source");
    let first = below.components().next().expect("a file name").as_os_str().to_string_lossy().into_owned();
    let name = first.trim_end_matches(".rs").to_owned();
    (name != "lib").then_some(name)
}

fn floor(module: &str) -> usize {
    ENGINE_FLOORS
        .iter()
        .position(|names| names.contains(&module))
        .unwrap_or_else(|| panic!("engine module `{module}` has no floor in this test"))
}

/// The engine modules a line of code names by `crate::NAME` or, in a group, `crate::{A, B}`.
fn named(line: &str) -> Vec<String> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| ENGINE_FLOORS.concat().contains(&name.as_str()))
        .collect()
}

#[test]
fn a_lower_floor_of_the_engine_never_imports_a_higher_one() {
    let mut broken = Vec::new();
    for (path, text) in sources(&root().join("engine/src")) {
        let Some(own) = module(&path) else { continue };
        for (number, line) in code(&text) {
            assert!(
                !line.contains("use crate::{"),
                "{}:{number}: one import a module, please",
                path.display()
            );
            for other in named(line) {
                if other != own && floor(&other) >= floor(&own) {
                    broken.push(format!("{}:{number}: {own} imports {other}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "imports that point up:\n{}", broken.join("\n"));
}

#[test]
fn plan_and_machine_know_no_clock_no_files_no_network_and_no_randomness() {
    let mut broken = Vec::new();
    for floor in ["plan", "machine"] {
        for (path, text) in sources(&root().join("engine/src").join(floor)) {
            for (number, line) in code(&text) {
                for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("{}:{number}: {word}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "impure lines:\n{}", broken.join("\n"));
}

#[test]
fn engine_knows_no_certificates_and_steps_know_no_terminal() {
    let mut broken = Vec::new();
    let rules: [(&str, &[&str]); 2] = [
        ("engine/src", &["certwright_steps", "x509", "kubeadm", "crictl"]),
        ("steps/src", &["clap", "indicatif"]),
    ];
    for (folder, words) in rules {
        for (path, text) in sources(&root().join(folder)) {
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in code(product) {
                for word in words.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("{}:{number}: {word}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "words of another floor:\n{}", broken.join("\n"));
}

/// The last of the sanitiser's places cannot be walked around: one file writes to the terminal, and it escapes.
#[test]
fn what_the_program_shows_leaves_through_one_file() {
    let doors = [
        "io::stdout",
        "io::stderr",
        "Target::std",
        "println!",
        "print!(",
        "/dev/tty",
        "/dev/stdout",
        "/dev/stderr",
    ];
    let mut broken = Vec::new();
    let mut met = 0;
    for folder in ["cli", "engine/src", "steps/src"] {
        for (path, text) in sources(&root().join(folder)) {
            // The lab's programs are a test's, their output is what a node prints; and the tests print for themselves.
            let below = path.strip_prefix(root()).expect("a source of ours");
            let others = ["cli/lab_program.rs", "steps/src/tools/testing.rs"];
            let of_tests = below.iter().any(|part| part == "tests" || part == "tests.rs");
            if of_tests || others.iter().any(|other| below == Path::new(other)) {
                continue;
            }
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in
                code(product).filter(|(_, line)| doors.iter().any(|door| line.contains(door)))
            {
                let asks = line.contains("ProgressDrawTarget::stdout");
                if path.ends_with("cli/terminal.rs") || (asks && path.ends_with("cli/terminal/drawn.rs")) {
                    met += 1;
                } else {
                    broken.push(format!("{}:{number}: {line}", path.display()));
                }
            }
        }
    }
    assert_eq!(met, 4, "is a terminal's width asked for, out and err, live lines");
    assert!(broken.is_empty(), "written past the sanitiser:\n{}", broken.join("\n"));
}

/// Live lines are the only ones that a library draws.
#[test]
fn live_lines_are_escaped_as_the_others_are() {
    let text = fs::read_to_string(root().join("cli/terminal/drawn.rs")).expect("a source");
    let drawn: Vec<&str> = code(&text)
        .map(|(_, line)| line)
        .filter(|line| line.contains("set_message(") || line.contains("all.println("))
        .collect();
    assert_eq!(drawn.len(), 2, "{drawn:?}");
    assert!(drawn.iter().all(|line| line.contains("obeyable(line)")), "{drawn:?}");
}

/// A program that reads records learns there what may come.
#[test]
fn every_event_of_a_journal_is_in_the_document_of_json() {
    let source = fs::read_to_string(root().join("engine/src/machine/event.rs")).expect("the events");
    let document = fs::read_to_string(root().join("docs/json-output.md")).expect("the document");
    let names: Vec<&str> = source
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("Self::")?.split_once(" { .. } => \"")?.1.strip_suffix("\",")
        })
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    let untold: Vec<&&str> = names.iter().filter(|name| !document.contains(&format!("`{name}`"))).collect();
    assert!(untold.is_empty(), "docs/json-output.md does not tell of {untold:?}");
}
