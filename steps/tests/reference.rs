//! `docs/step-kinds.md` and `docs/plan-language.md` are true.
//!
//! The first is made from the schemas: `UPDATE_EXPECT=1` writes it anew. The second is written by hand; its
//! examples are run here, and what it says of retries and limits is compared with the code.

#![expect(clippy::print_stdout, reason = "every suite prints how many cases it ran")]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use certwright_engine::plan::{
    CancelPolicy, Choices, Color, ErrorClass, Field, FieldType, KindSchema, Nature, On, Source, UndoSupport,
    limits, resolve,
};

const HEAD: &str = "\
# Step kinds

<!-- Made from the schemas of the kinds by steps/tests/reference.rs; UPDATE_EXPECT=1 writes it anew. -->

What `kind` of a step may be, and the keys of its `with`. The language around them is in
[plan-language.md](plan-language.md); `certwright check` without a plan lists the same kinds.

A kind that *acts* looks first, changes only what is not as wanted, and proves the result afterwards. A kind that
*checks* changes nothing: what is not as it should be is an error of class `unsatisfied`, or `invalid` where waiting
cannot mend it. Waiting for the right state is a retry on `unsatisfied`.

*On* says where a kind runs: on nodes, where `on` of its stage names a group or a host of the inventory, or on the
workstation. A step elsewhere is a mistake of the plan.
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

const LANGUAGE: &str = include_str!("../../docs/plan-language.md");

/// The fenced blocks of a language in [`LANGUAGE`].
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    LANGUAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("a block has an end")).collect()
}

#[test]
fn the_examples_of_the_plan_language_are_true() {
    let [plan, inventory] = blocks("toml")[..] else { panic!("a plan and an inventory") };
    let [mistake] = blocks("text")[..] else { panic!("one mistake") };
    let (registry, choices) = (certwright_steps::registry(), Choices::default());
    let inventory = Source { name: "prod-1.toml", text: inventory };
    let source = |text| Source { name: "my-plan.toml", text };
    let resolved = resolve(source(plan), inventory, &choices, &registry)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Color::Plain)));
    assert_eq!(resolved.tasks.len(), 2 * 3 + 2);
    let wrong = plan.replacen("{{ renew-before }}", "{{ renew-befor }}", 1);
    let mistakes = resolve(source(&wrong), inventory, &choices, &registry).expect_err("a wrong reference");
    assert_eq!(mistakes.render(Color::Plain), mistake);
}

#[test]
fn the_plan_language_names_every_class_default_and_limit() {
    for class in ErrorClass::ALL {
        assert!(LANGUAGE.contains(&format!("\n| `{}` |", class.name())), "{}", class.name());
    }
    // Of a `retry` that says only how often, the rest is as the table says.
    let [plan, inventory] = blocks("toml")[..] else { panic!("a plan and an inventory") };
    let plan = plan.replacen(
        "retry = { attempts = 5, on = [\"deadline-exceeded\", \"unavailable\", \"unknown\"], within = \"10m\" }",
        "retry = { attempts = 5 }",
        1,
    );
    let (plan, inventory) =
        (Source { name: "plan", text: &plan }, Source { name: "inventory", text: inventory });
    let plan =
        resolve(plan, inventory, &Choices::default(), &certwright_steps::registry()).expect("it is right");
    let retry = &plan.steps.iter().find(|step| step.kind == "kubeadm-renew").expect("it is there").retry;
    let on: Vec<&str> = retry.on.iter().map(|class| class.name()).collect();
    let backoff = serde_json::to_string(&retry.backoff).expect("a word");
    let rows = [
        format!("| `on` | `{}` |", serde_json::to_string(&on).expect("words").replace(',', ", ")),
        format!("| `delay` | `\"{}\"` |", human(retry.delay_ms)),
        format!("| `max-delay` | `\"{}\"`, ", human(retry.max_delay_ms)),
        format!("| `backoff` | `{backoff}` |"),
        format!("| `jitter` | `{}` |", retry.jitter),
        format!("| hosts | {} |", thousands(limits::HOSTS)),
        format!("| params | {} |", thousands(limits::PARAMS)),
        format!("| stages; steps over all stages | {} each |", thousands(limits::STAGES)),
        format!("| steps × hosts | {} |", thousands(limits::TASKS)),
        format!("| who waits for whom, over all steps × hosts | {} |", thousands(limits::EDGES)),
        format!("at most {} characters", limits::ID_CHARS),
        format!("at most {} characters", thousands(limits::DOC_CHARS)),
        format!("The first {} are shown", limits::MISTAKES),
    ];
    for row in rows {
        assert!(LANGUAGE.contains(&row), "no `{row}`");
    }
    assert_eq!((limits::STAGES, limits::FILE_BYTES), (limits::STEPS, 1 << 20));
    assert_eq!((retry.within_ms, retry.attempts), (None, 5));
}

/// A number as people write it.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
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
        line(&mut out, &format!("- On: {}.", on(kind.on)));
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
        FieldType::Group => "group of the inventory".to_owned(),
        FieldType::Strings => "list of texts".to_owned(),
        FieldType::Paths => "list of absolute paths".to_owned(),
        FieldType::OneOf(some) => format!("one of {}", words(some)),
        FieldType::SomeOf(some) => format!("list of some of {}", words(some)),
    }
}

fn on(on: On) -> &'static str {
    match on {
        On::Nodes => "nodes, never the workstation",
        On::Workstation => "the workstation alone",
        On::Anywhere => "nodes and the workstation",
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
        (UndoSupport::Nothing, Nature::Checking) => "nothing to restore, as it changes nothing",
        (UndoSupport::Nothing, Nature::Acting) => "its effect stays, as it has nothing of its own to restore",
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
