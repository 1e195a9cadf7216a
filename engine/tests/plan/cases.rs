//! Plans in `tests/plans/{ok,bad}`, each with what comes out of it beside it.
//!
//! A case is a plan; lines `#: WORD ARGUMENT` at its top say how it is resolved:
//! `set NAME=VALUE`, `limit HOST`, `check` (without an inventory), `text` (the plan of `--check` info), and
//! what no one wants to see in a file: `bytes N` pads the plan, `steps N`, `stages N` and `hosts N` repeat a step, a stage and a host.
//! Its inventory is `NAME.inventory` beside it, or else `tests/plans/inventory.toml`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use certwright_engine::plan::{Choices, Color, Diagnostics, Plan, PlanInfo, Source, check, decode, resolve};

use crate::schemas::KINDS;

/// A case as it is read from its files.
pub(crate) struct Case {
    pub(crate) path: PathBuf,
    pub(crate) plan: String,
    pub(crate) inventory: String,
    choices: Choices,
    only_check: bool,
    /// Why its bytes are no text.
    undecoded: Option<Diagnostics>,
}

/// What came out of a case.
pub(crate) enum Outcome {
    Info(PlanInfo),
    Plan(Plan),
    Mistakes(Diagnostics),
}

/// All cases of a folder, in order.
pub(crate) fn cases(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans");
    let entries = fs::read_dir(root.join(folder)).expect("the folder of cases is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    paths.into_iter().map(|path| Case::read(path, &root)).collect()
}

impl Case {
    fn read(path: PathBuf, root: &Path) -> Self {
        let bytes = fs::read(&path).expect("case is readable");
        let undecoded = decode(&named(&path), bytes.len() as u64, bytes.clone()).err();
        let plan = String::from_utf8_lossy(&bytes).into_owned();
        let inventory = fs::read_to_string(path.with_extension("inventory"))
            .or_else(|_| fs::read_to_string(root.join("inventory.toml")))
            .expect("inventory is readable");
        let mut case =
            Self { path, plan, inventory, choices: Choices::default(), only_check: false, undecoded };
        let directives: Vec<String> =
            case.plan.lines().map_while(|line| line.strip_prefix("#: ")).map(str::to_owned).collect();
        for directive in directives {
            case.obey(&directive);
        }
        case
    }

    fn obey(&mut self, directive: &str) {
        let (word, argument) = directive.split_once(' ').unwrap_or((directive, ""));
        let number = || argument.parse::<usize>().expect("the directive has a number");
        match word {
            "check" => self.only_check = true,
            "limit" => self.choices.limit.push(argument.to_owned()),
            "set" => {
                let (name, value) = argument.split_once('=').expect("NAME=VALUE");
                self.choices.set.push((name.to_owned(), value.to_owned()));
            }
            "bytes" => {
                let padding = number() - self.plan.len();
                self.plan.push_str(&"#".repeat(padding));
            }
            "steps" => {
                for n in 0..number() {
                    write!(self.plan, "\n[[stage.step]]\nid = \"n{n}\"\nkind = \"look\"\n")
                        .expect("a string");
                }
            }
            "stages" => {
                for n in 0..number() {
                    write!(self.plan, "\n[[stage]]\nid = \"s{n}\"\non = \"workers\"\n").expect("a string");
                    write!(self.plan, "[[stage.step]]\nid = \"look\"\nkind = \"look\"\n").expect("a string");
                }
            }
            "hosts" => {
                for n in 0..number() {
                    let name = format!("n{n}");
                    write!(self.inventory, "\n[[host]]\nname = \"{name}\"\naddress = \"{name}\"\n")
                        .expect("a string");
                    self.inventory.push_str("groups = [\"many\"]\n");
                }
            }
            other => panic!("{}: unknown directive `{other}`", self.path.display()),
        }
    }

    /// Name of the case, for messages and as the file names in its diagnostics.
    pub(crate) fn name(&self) -> String {
        self.path.file_stem().expect("a case has a name").to_string_lossy().into_owned()
    }

    /// Checks or resolves it.
    pub(crate) fn run(&self) -> Outcome {
        if let Some(mistakes) = &self.undecoded {
            return Outcome::Mistakes(mistakes.clone());
        }
        let plan_name = named(&self.path);
        let plan = Source { name: &plan_name, text: &self.plan };
        let inventory = Source { name: "inventory.toml", text: &self.inventory };
        if self.only_check {
            check(plan, &self.choices.set, &KINDS).map_or_else(Outcome::Mistakes, Outcome::Info)
        } else {
            resolve(plan, inventory, &self.choices, &KINDS).map_or_else(Outcome::Mistakes, Outcome::Plan)
        }
    }

    /// Compares `actual` with the file beside the case; UPDATE_EXPECT=1 writes it.
    pub(crate) fn expect(&self, actual: &str) {
        expect_test::expect_file![self.path.with_extension("expected")].assert_eq(actual);
    }
}

/// The file's name, as diagnostics tell it.
fn named(path: &Path) -> String {
    path.file_name().expect("a case has a name").to_string_lossy().into_owned()
}

impl Outcome {
    /// What the expected file holds.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Info(info) => serde_json::to_string_pretty(info).expect("info is JSON") + "\n",
            Self::Plan(plan) => plan_text(plan),
            Self::Mistakes(mistakes) => mistakes.render(Color::Plain),
        }
    }
}

/// A resolved plan as text: its steps, then the DAG.
pub(crate) fn plan_text(plan: &Plan) -> String {
    let mut out = format!("plan {} for cluster {}\n", plan.name, plan.cluster.name);
    for host in &plan.hosts {
        let ssh = serde_json::to_string(&host.ssh).expect("settings are JSON");
        let address = host.address.as_deref().unwrap_or("-");
        writeln!(out, "host {} {address} {} {ssh}", host.name, host.groups.join(",")).expect("a string");
    }
    for step in &plan.steps {
        let retry = serde_json::to_string(&step.retry).expect("a policy is JSON");
        let with = serde_json::to_string(&step.with).expect("parameters are JSON");
        writeln!(out, "step {}/{} {} timeout {} ms", step.stage, step.id, step.kind, step.timeout_ms)
            .expect("a string");
        writeln!(out, "    with {with}\n    retry {retry}").expect("a string");
    }
    for id in plan.task_ids() {
        let after: Vec<String> = plan.task(id).after.iter().map(|before| before.0.to_string()).collect();
        let after = if after.is_empty() { String::new() } else { format!(" after {}", after.join(" ")) };
        writeln!(out, "{} {}{after}", id.0, plan.task_name(id)).expect("a string");
    }
    out
}
