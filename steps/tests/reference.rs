//! `docs/step-kinds.md` says what the schemas say.
//!
//! It is made from them: `UPDATE_EXPECT=1` writes it anew.

#![expect(clippy::print_stdout, reason = "every suite prints how many cases it ran")]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use certwright_engine::plan::{CancelPolicy, Field, FieldType, KindSchema, Nature, UndoSupport};

const HEAD: &str = "\
# Step kinds

<!-- Made from the schemas of the kinds by steps/tests/reference.rs; UPDATE_EXPECT=1 writes it anew. -->

What `kind` of a step may be, and the keys of its `with`. The language around them is in
[plan-language.md](plan-language.md); `certwright check` without a plan lists the same kinds.

A kind that *acts* looks first, changes only what is not as wanted, and proves the result afterwards. A kind that
*checks* changes nothing: what it finds wrong is an error of class `unsatisfied`, and waiting for the right state is
a retry on that class.
";

#[test]
fn the_reference_of_the_kinds_says_what_their_schemas_say() {
    let registry = certwright_steps::registry();
    let kinds: Vec<&KindSchema> = registry.iter().map(|kind| &kind.schema).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/step-kinds.md");
    expect_test::expect_file![path].assert_eq(&reference(&kinds));
    println!("{} kinds", kinds.len());
    assert!(!kinds.is_empty());
}

fn reference(kinds: &[&KindSchema]) -> String {
    let mut out = format!("{HEAD}\n| kind | | what it does |\n|---|---|---|\n");
    for kind in kinds {
        let nature = nature(kind.nature);
        line(&mut out, &format!("| [`{0}`](#{0}) | {nature} | {1} |", kind.name, cell(kind.doc)));
    }
    for kind in kinds {
        line(&mut out, &format!("\n## {}\n\n{}\n", kind.name, kind.doc));
        line(&mut out, &format!("- It {}.", nature(kind.nature)));
        line(&mut out, &format!("- Undo: {}.", undo(kind)));
        line(&mut out, &format!("- A second Ctrl-C {}.", cancel(kind.cancel)));
        line(&mut out, &format!("- `timeout` of an attempt by default: {}.", human(kind.timeout_ms)));
        fields(&mut out, kind.fields);
    }
    out
}

fn fields(out: &mut String, fields: &[Field]) {
    if fields.is_empty() {
        line(out, "\nIt has no `with` keys.");
        return;
    }
    line(out, "\n| `with` key | type | default | |\n|---|---|---|---|");
    for field in fields {
        let default = match (field.default, field.ty) {
            (Some(default), _) => format!("`{}`", cell(default)),
            (None, FieldType::OptionalString) => "none".to_owned(),
            (None, _) => "**required**".to_owned(),
        };
        let ty = ty(field.ty);
        line(out, &format!("| `{}` | {ty} | {default} | {} |", field.name, cell(field.doc)));
    }
}

fn ty(ty: FieldType) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match ty {
        FieldType::String => "text".to_owned(),
        FieldType::OptionalString => "text, may be left out".to_owned(),
        FieldType::Bool => "true or false".to_owned(),
        FieldType::Integer => "whole number".to_owned(),
        FieldType::Duration => "duration".to_owned(),
        FieldType::Path => "absolute path".to_owned(),
        FieldType::Strings => "list of texts".to_owned(),
        FieldType::Paths => "list of absolute paths".to_owned(),
        FieldType::OneOf(some) => format!("one of {}", words(some)),
        FieldType::SomeOf(some) => format!("list of some of {}", words(some)),
    }
}

fn nature(nature: Nature) -> &'static str {
    match nature {
        Nature::Acting => "acts",
        Nature::Checking => "checks",
    }
}

fn undo(kind: &KindSchema) -> &'static str {
    match (kind.undo, kind.nature) {
        (UndoSupport::Supported, _) => "restores what was there before",
        (UndoSupport::Nothing, Nature::Checking) => "nothing to do, as it changes nothing",
        (UndoSupport::Nothing, Nature::Acting) => "leaves its effect, as there is nothing to restore",
        (UndoSupport::Unsupported, _) => "not possible; a run says so before it starts",
    }
}

fn cancel(cancel: CancelPolicy) -> &'static str {
    match cancel {
        CancelPolicy::Abort => "cuts it off",
        CancelPolicy::Finish => "lets a change that is under way finish; only looking is cut off",
    }
}

fn human(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}
