//! Plans of a journal that was written when the kinds were others.

use certwright_engine::plan::{Choices, Plan, Source, resolve};
use serde_json::{Map, Value, json};

use crate::schemas::KINDS;

const PLAN: &str = r#"
version = 1
name = "paints"
[[stage]]
id = "s"
on = "every"
[[stage.step]]
id = "paint"
kind = "paint"
with.title = "door"
[[stage.step]]
id = "pair"
kind = "pair"
with.left = "l"
"#;

const INVENTORY: &str = r#"
[cluster]
name = "c"
namespace = "n"
kubeconfig = "k"
[[host]]
name = "h1"
address = "192.0.2.1"
groups = ["every"]
"#;

fn plan() -> Plan {
    let source = |name, text| Source { name, text };
    let plan = source("plan.toml", PLAN);
    resolve(plan, source("inventory.toml", INVENTORY), &Choices::default(), &KINDS).expect("a right plan")
}

/// What fitting says after the parameters of a step (0: `paint`, 1: `pair`) were changed.
fn fitted(step: usize, change: impl Fn(&mut Map<String, Value>)) -> Result<(Plan, Vec<String>), String> {
    let mut plan = plan();
    change(&mut plan.steps[step].with.0);
    let filled = plan.fit(&KINDS).map_err(|unfit| unfit.to_string())?;
    let told = filled.iter().map(|filled| format!("{} {}={}", filled.step, filled.field, filled.default));
    Ok((plan, told.collect()))
}

#[test]
fn a_plan_of_this_version_fits_as_it_is() {
    assert_eq!(fitted(0, |_| ()), Ok((plan(), Vec::new())));
}

#[test]
fn parameters_that_came_since_take_their_defaults_and_are_told() {
    let without = |with: &mut Map<String, Value>| {
        // An optional text that is not there says nothing: nobody is told of it.
        for key in ["gloss", "dries-in", "colors", "note"] {
            assert!(with.remove(key).is_some());
        }
    };
    let (fitted, told) = fitted(0, without).expect("they have defaults");
    assert_eq!(fitted, plan());
    assert_eq!(
        told,
        ["s/paint gloss=false", "s/paint dries-in=\"90s\"", "s/paint colors=[\"red\", \"green\", \"blue\"]"]
    );
}

#[test]
fn whatever_else_is_not_of_this_version_is_refused_by_name() {
    type Change = Box<dyn Fn(&mut Map<String, Value>)>;
    let set = |key: &'static str, value: Value| -> Change {
        Box::new(move |with| drop(with.insert(key.to_owned(), value.clone())))
    };
    let remove = |key: &'static str| -> Change { Box::new(move |with| assert!(with.remove(key).is_some())) };
    let takes_not = |field: &str, value: &str| {
        format!(
            "step `s/paint` has {value} for `{field}`, which kind `paint` of this certwright does not take"
        )
    };
    let cases: [(usize, Change, String); 13] = [
        (
            0,
            remove("title"),
            "step `s/paint` has no `title`, which kind `paint` of this certwright wants and has no default for"
                .to_owned(),
        ),
        (
            0,
            set("sheen\u{1b}", json!(1)),
            "step `s/paint` has `sheen\\u{1b}`, which kind `paint` of this certwright does not know".to_owned(),
        ),
        (0, set("title", json!(null)), takes_not("title", "null")),
        (0, set("note", json!(1)), takes_not("note", "1")),
        (0, set("gloss", json!("no")), takes_not("gloss", "\"no\"")),
        (0, set("coats", json!(-1)), takes_not("coats", "-1")),
        (0, set("dries-in", json!("90s")), takes_not("dries-in", "\"90s\"")),
        (0, set("wall", json!("wall")), takes_not("wall", "\"wall\"")),
        (0, set("argv", json!(["a", 1])), takes_not("argv", "[\"a\",1]")),
        (0, set("walls", json!(["/a", "b"])), takes_not("walls", "[\"/a\",\"b\"]")),
        (0, set("color", json!("grey")), takes_not("color", "\"grey\"")),
        (0, set("colors", json!(["red", "grey"])), takes_not("colors", "[\"red\",\"grey\"]")),
        (
            1,
            set("left", json!("wrong")),
            "step `s/pair` cannot be one of kind `pair` of this certwright: `left` is not as `right` wants it"
                .to_owned(),
        ),
    ];
    for (step, change, said) in &cases {
        assert_eq!(fitted(*step, change).map(|(_, told)| told), Err(said.clone()));
    }
    let mut gone = plan();
    gone.steps[0].kind = "varnish".to_owned();
    let said = gone.fit(&KINDS).expect_err("no such kind").to_string();
    assert_eq!(said, "step `s/paint` is of kind `varnish`, which this certwright does not have");
    println!("{} ways not to fit", cases.len() + 1);
}
