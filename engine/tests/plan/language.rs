//! Cases of the language: what is right lowers to the DAG beside it, what is wrong says so as beside it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use certwright_engine::plan::{
    Base, Choices, Color, ErrorClass, Source, TABLE, TaskId, check, limits, resolve, resolve_at,
};

use crate::cases::{Outcome, cases, plan_text};
use crate::schemas::{KINDS, SHIPPED};

#[test]
fn every_right_plan_lowers_to_its_expected_tasks() {
    let cases = cases("ok");
    for case in &cases {
        let outcome = case.run();
        case.expect(&outcome.text());
        assert!(!matches!(outcome, Outcome::Mistakes(_)), "{} has mistakes", case.name());
    }
    println!("{} plans lowered", cases.len());
    assert!(!cases.is_empty());
}

#[test]
fn every_wrong_plan_says_what_is_wrong_where_and_what_to_do() {
    let cases = cases("bad");
    let mut hit = BTreeSet::new();
    let mut mistakes = 0;
    for case in &cases {
        let outcome = case.run();
        case.expect(&outcome.text());
        let Outcome::Mistakes(diagnostics) = outcome else { panic!("{} has no mistake", case.name()) };
        for diagnostic in diagnostics.iter() {
            let text = if diagnostic.file == "inventory.toml" { &case.inventory } else { &case.plan };
            if !diagnostic.file.starts_with("--") {
                let line = text.split('\n').nth(diagnostic.line - 1).expect("the line exists");
                assert!(diagnostic.column <= line.chars().count() + 1, "{}: {diagnostic:?}", case.name());
            }
            assert!(!diagnostic.message.ends_with('.'), "{}: {}", case.name(), diagnostic.message);
            hit.insert(diagnostic.code);
            mistakes += 1;
        }
    }
    let missed: Vec<&str> = TABLE.iter().filter(|(code, ..)| !hit.contains(code)).map(|row| row.1).collect();
    println!("{} wrong plans, {mistakes} mistakes, {} of {} codes", cases.len(), hit.len(), TABLE.len());
    assert!(missed.is_empty(), "no case has the codes {missed:?}");
}

#[test]
fn no_file_beside_the_cases_is_left_over() {
    for folder in ["ok", "bad"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans").join(folder);
        for entry in fs::read_dir(root).expect("the folder of cases is there") {
            let path = entry.expect("readable").path();
            assert!(path.with_extension("toml").is_file(), "{} belongs to no case", path.display());
        }
    }
}

fn shipped() -> (String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let plan = fs::read_to_string(root.join("plans/renew-control-plane.toml")).expect("the shipped plan");
    let inventory = fs::read_to_string(root.join("examples/inventory.toml")).expect("the example inventory");
    (plan, inventory)
}

#[test]
fn the_shipped_plan_resolves_for_the_example_inventory() {
    let (plan, inventory) = shipped();
    let plan = Source { name: "plans/renew-control-plane.toml", text: &plan };
    let inventory = Source { name: "examples/inventory.toml", text: &inventory };
    let resolved = resolve(plan, inventory, &Choices::default(), &SHIPPED)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Color::Plain)));
    let dag = plan_text(&resolved);
    let tasks: Vec<&str> =
        dag.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    let tasks = tasks.join("\n") + "\n";
    expect_test::expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans/shipped.expected")]
        .assert_eq(&tasks);
    let renew = resolved.steps.iter().find(|step| step.kind == "kubeadm-renew").expect("it renews");
    assert_eq!(renew.with.integer("before"), 30 * 86_400_000);
    assert_eq!(renew.retry.on, [ErrorClass::DeadlineExceeded, ErrorClass::Unavailable, ErrorClass::Unknown]);
}

#[test]
fn the_example_of_a_custom_plan_resolves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/renew-and-restart-lease-holders.toml");
    let plan = fs::read_to_string(path).expect("the example");
    let (_, inventory) = shipped();
    let plan = Source { name: "examples/renew-and-restart-lease-holders.toml", text: &plan };
    let inventory = Source { name: "examples/inventory.toml", text: &inventory };
    let resolved = resolve(plan, inventory, &Choices::default(), &SHIPPED)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Color::Plain)));
    assert_eq!(resolved.tasks.len(), 3 * 4 + 2);
}

#[test]
fn a_set_value_reaches_every_step_that_refers_to_it_and_changes_the_digest() {
    let (plan, inventory) = shipped();
    let plan = Source { name: "plan", text: &plan };
    let inventory = Source { name: "inventory", text: &inventory };
    let set = vec![("renew-before".to_owned(), "60d".to_owned()), ("force".to_owned(), "true".to_owned())];
    let choices = Choices { set, limit: Vec::new() };
    let set = resolve(plan, inventory, &choices, &SHIPPED).expect("resolves");
    let unset = resolve(plan, inventory, &Choices::default(), &SHIPPED).expect("resolves");
    for kind in ["backup", "kubeadm-renew"] {
        let step = set.steps.iter().find(|step| step.kind == kind).expect("is there");
        assert_eq!((step.with.integer("before"), step.with.bool("force")), (60 * 86_400_000, true), "{kind}");
    }
    assert_ne!(set.digest, unset.digest);
}

#[test]
fn files_of_the_workstation_become_absolute_where_a_run_will_remember_them() {
    let text = "[cluster]\nname = \"c\"\nnamespace = \"n\"\nkubeconfig = \"k/c\"\nadmin-kubeconfig = \"~/admin\"\n\
        [ssh]\nidentity = \"id\"\n[[host]]\nname = \"cp-1\"\naddress = \"10.0.0.1\"\n\
        groups = [\"control-plane\"]\n[[host]]\nname = \"cp-2\"\naddress = \"10.0.0.2\"\n\
        groups = [\"control-plane\"]\nidentity = \"~/id\"\n";
    let (plan, _) = shipped();
    let plan = Source { name: "plan", text: &plan };
    let inventory = Source { name: "inventory", text };
    let choices = Choices::default();
    let base = Base { folder: "/folder".into(), home: Some("/home/ops".into()) };
    let fixed = resolve_at(&base, plan, inventory, &choices, &SHIPPED).expect("resolves");
    assert_eq!(fixed.cluster.kubeconfig, "/folder/k/c");
    assert_eq!(fixed.cluster.admin_kubeconfig.as_deref(), Some("/home/ops/admin"));
    let identities: Vec<_> = fixed.hosts.iter().filter_map(|host| host.ssh.identity.as_deref()).collect();
    assert_eq!(identities, ["/folder/id", "~/id"], "ssh knows the home itself");
    let written = resolve(plan, inventory, &choices, &SHIPPED).expect("resolves");
    assert_eq!(written.cluster.kubeconfig, "k/c");
    assert_eq!(written.digest, fixed.digest);
}

#[test]
fn a_resolved_plan_survives_the_journal() {
    let (plan, inventory) = shipped();
    let plan = Source { name: "plan", text: &plan };
    let inventory = Source { name: "inventory", text: &inventory };
    let resolved = resolve(plan, inventory, &Choices::default(), &SHIPPED).expect("resolves");
    let json = serde_json::to_string(&resolved).expect("a plan is JSON");
    assert_eq!(serde_json::from_str::<certwright_engine::plan::Plan>(&json).expect("is read back"), resolved);
}

#[test]
fn a_diagnostic_is_json_with_the_fields_scripts_rely_on() {
    let plan = Source { name: "p.toml", text: "version = 1\nname = \"p\"\nstages = []\n" };
    let mistakes = check(plan, &[], &KINDS).expect_err("is wrong");
    let json = serde_json::to_value(&mistakes).expect("diagnostics are JSON");
    let unknown = &json["mistakes"][1];
    assert_eq!(unknown["code"], "P003");
    assert_eq!((&unknown["line"], &unknown["column"]), (&3.into(), &1.into()));
    assert_eq!(unknown["file"], "p.toml");
    assert_eq!(unknown["help"], "did you mean `stage`?");
    let keys: Vec<&str> = unknown.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "column", "file", "help", "label", "line", "message"]);
}

#[test]
fn the_same_mistakes_have_colours_only_when_asked_for() {
    let mistakes = check(Source { name: "p", text: "x" }, &[], &KINDS).expect_err("is wrong");
    assert!(!mistakes.render(Color::Plain).contains('\u{1b}'));
    assert!(mistakes.render(Color::Ansi).contains('\u{1b}'));
}

#[test]
fn a_file_full_of_mistakes_is_cut_short_and_counted() {
    let mut text = String::from("version = 1\nname = \"p\"\n");
    for n in 0..20_000 {
        writeln!(text, "unknown{n} = 1").expect("a string");
    }
    let mistakes = check(Source { name: "p", text: &text }, &[], &KINDS).expect_err("is wrong");
    assert_eq!(mistakes.iter().count(), limits::MISTAKES);
    assert_eq!(mistakes.iter().count() + mistakes.more(), 20_001);
    assert!(mistakes.render(Color::Plain).contains("20001 mistakes"));
}

#[test]
fn a_plan_at_the_limits_resolves() {
    let mut plan = String::from("version = 1\nname = \"p\"\n");
    let stages = 100;
    for stage in 0..stages {
        write!(plan, "[[stage]]\nid = \"s{stage}\"\non = \"all\"\nrolling = 20\n").expect("a string");
        for step in 0..limits::STEPS / stages {
            write!(plan, "[[stage.step]]\nid = \"t{step}\"\nkind = \"paint\"\nwith.title = \"x\"\n")
                .expect("a string");
        }
    }
    let mut inventory = String::from("[cluster]\nname = \"c\"\nnamespace = \"c\"\nkubeconfig = \"k\"\n");
    for host in 0..limits::TASKS / limits::STEPS {
        write!(inventory, "[[host]]\nname = \"h{host}\"\naddress = \"h{host}\"\ngroups = [\"all\"]\n")
            .expect("a string");
    }
    let plan = Source { name: "plan", text: &plan };
    let inventory = Source { name: "inventory", text: &inventory };
    let resolved = resolve(plan, inventory, &Choices::default(), &KINDS)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(Color::Plain)));
    assert_eq!((resolved.steps.len(), resolved.tasks.len()), (limits::STEPS, limits::TASKS));
    let edges: usize = resolved.tasks.iter().map(|task| task.after.len()).sum();
    println!("{} tasks, {edges} edges", resolved.tasks.len());
}

#[test]
fn no_text_makes_the_reader_panic() {
    let (plan, inventory) = shipped();
    let cuts: Vec<usize> = (0..plan.len()).filter(|at| plan.is_char_boundary(*at)).collect();
    let mut cases = 0;
    for at in cuts.iter().step_by(7) {
        for text in [plan[..*at].to_owned(), format!("{}\u{0}{}", &plan[..*at], &plan[*at..]), {
            let mut swapped = plan.clone();
            swapped.replace_range(at..at, "[[");
            swapped
        }] {
            let plan = Source { name: "plan", text: &text };
            let result = resolve(plan, Source { name: "i", text: &inventory }, &Choices::default(), &SHIPPED);
            if let Err(mistakes) = result {
                assert!(mistakes.render(Color::Plain).contains("mistake"));
            }
            cases += 1;
        }
    }
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        "\u{feff}".to_owned(),
        "=".repeat(1 << 20),
    ] {
        let mistakes = check(Source { name: "p", text: &text }, &[], &KINDS).expect_err("is wrong");
        assert!(!mistakes.render(Color::Plain).is_empty());
        cases += 1;
    }
    println!("{cases} broken texts");
}

#[test]
fn a_limit_drops_other_hosts_and_the_workstation_and_keeps_the_order() {
    let (plan, inventory) = shipped();
    let plan = Source { name: "plan", text: &plan };
    let inventory = Source { name: "inventory", text: &inventory };
    let limited = |hosts: &[&str]| {
        let limit = hosts.iter().map(|host| (*host).to_owned()).collect();
        let choices = Choices { set: Vec::new(), limit };
        resolve(plan, inventory, &choices, &SHIPPED).expect("resolves")
    };
    let one = limited(&["cp-2"]);
    assert!(one.task_ids().all(|id| one.host(id).name == "cp-2"));
    let chain = one.task_ids().skip(1).all(|id| one.task(id).after == [TaskId(id.0 - 1)]);
    assert!(chain, "the stages on one host follow each other, over the dropped ones too");
    let both = limited(&["workstation", "cp-2"]);
    let on_workstation = both.task_ids().filter(|id| both.host(*id).name == "workstation").count();
    assert_eq!(on_workstation, 3);
    assert_ne!(one.digest, both.digest);
}
