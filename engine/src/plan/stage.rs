//! A plan file as written: its head, its params, its stages.

use toml::Spanned;

use super::findings::{Findings, Found, quote};
use super::inventory::Inventory;
use super::name::NameRule;
use super::order::{Item, Order, Siblings, read_after};
use super::param::{self, Param, Required, Settings};
use super::rolling::Rolling;
use super::scope::Scope;
use super::section::{Node, Section, parse, type_finding};
use super::step::{Known, Step};
use super::swapped::Role;
use super::{Code, On, Schemas, limits};

/// The version of the plan language that this certwright reads.
const VERSION: u64 = 1;

/// A whole plan file.
#[derive(Debug)]
pub(super) struct PlanFile<'s> {
    pub(super) name: String,
    pub(super) doc: Option<String>,
    pub(super) params: Vec<Param>,
    pub(super) stages: Vec<Stage<'s>>,
    /// The order of the stages.
    pub(super) order: Order,
}

/// A stage before its hosts are known.
#[derive(Debug)]
pub(super) struct Stage<'s> {
    /// Its id and what it waits for.
    pub(super) item: Item,
    /// A group, a host or the workstation; None when that is wrong.
    pub(super) on: Option<Spanned<String>>,
    pub(super) rolling: Rolling,
    pub(super) steps: Vec<Step<'s>>,
    /// The order of its steps.
    pub(super) order: Order,
    pub(super) doc: Option<String>,
}

impl<'s> PlanFile<'s> {
    /// Reads a plan with the values of its params; None when it is not TOML, not a plan or not of this version.
    ///
    /// `machines` is None where there is no inventory, or none that could be read.
    pub(super) fn read(
        findings: &mut Findings,
        schemas: &'s dyn Schemas,
        machines: Option<&Inventory>,
        settings: &mut Settings,
        required: Required,
    ) -> Option<Self> {
        let root = parse(findings)?;
        if Role::Plan.is_swapped(&root, findings) {
            return None;
        }
        let mut plan = Section::new("the plan", root.get_ref(), 0..0);
        if !read_version(&mut plan, findings) {
            return None;
        }
        let name = plan
            .require_text("name", findings)
            .and_then(|name| NameRule::Id.read(name, &plan.name_of("name"), findings));
        let doc = plan.doc(findings);
        let params = param::read(&mut plan, findings);
        let mut scope = Scope::with_cluster(machines.and_then(|machines| machines.cluster.as_ref()));
        param::bind(&params, settings, required, &mut scope, findings);
        let stages = read_stages(&mut plan, Known { schemas, scope: &scope, machines }, findings);
        plan.close(findings);
        let items = stages.iter().map(|stage| &stage.item).collect();
        let order = Siblings { items, noun: "stage", place: String::new() }.order(findings);
        // What is wrong elsewhere may be what would have referred to it.
        if findings.is_empty() {
            param::report_unused(&params, &scope, findings);
        }
        let name = name.map_or_else(String::new, Spanned::into_inner);
        Some(Self { name, doc, params, stages, order })
    }
}

/// Whether the plan is of a version that this certwright reads.
fn read_version(plan: &mut Section, findings: &mut Findings) -> bool {
    let Some(node) = plan.get("version") else {
        let found = Found::new(Code::MissingKey, 0..0, "the plan has no `version`");
        findings.report(found.help(format!("start the file with `version = {VERSION}`")));
        return true;
    };
    let Some(number) = node.get_ref().as_integer() else {
        findings.report(type_finding("`version` of the plan", "a whole number", node));
        return true;
    };
    let version = u64::from_str_radix(number.as_str(), number.radix()).ok();
    if version == Some(VERSION) {
        return true;
    }
    let message = format!("the plan is written in version {number} of the plan language");
    let found = Found::new(Code::Version, node.span(), message)
        .label(format!("this certwright reads version {VERSION}"));
    findings.report(if version.is_some_and(|v| v > VERSION) {
        found.help("install a newer certwright, or take the plan that came with this one")
    } else {
        found.help(format!("write `version = {VERSION}`"))
    });
    false
}

fn read_stages<'s>(plan: &mut Section, known: Known<'_, 's>, findings: &mut Findings) -> Vec<Stage<'s>> {
    let nodes = plan.tables("stage", "stage", findings);
    if plan.is_empty_list("stage") {
        let found = Found::new(Code::Empty, 0..0, "the plan has no stage");
        findings.report(found.help("write at least one `[[stage]]` with a `[[stage.step]]`"));
    }
    let too_many = |what: &str, count: usize, most: usize, findings: &mut Findings| {
        if count > most {
            let found = Found::new(Code::TooMany, 0..0, format!("the plan has {count} {what}"));
            findings.report(found.label(format!("at most {most}")));
        }
    };
    let is_too_many = nodes.len() > limits::STAGES;
    too_many("stages", nodes.len(), limits::STAGES, findings);
    let numbered = nodes.into_iter().zip(1..);
    let stages: Vec<Stage> =
        numbered.filter_map(|(node, number)| Stage::read(node, number, known, findings)).collect();
    // Every stage has a step: too many of the one are too many of the other.
    if !is_too_many {
        too_many("steps", stages.iter().map(|stage| stage.steps.len()).sum(), limits::STEPS, findings);
    }
    stages
}

impl<'s> Stage<'s> {
    fn read(node: &Node, number: usize, known: Known<'_, 's>, findings: &mut Findings) -> Option<Self> {
        let id = node.get_ref().get("id").and_then(|id| id.get_ref().as_str());
        let what = id.map_or_else(|| format!("stage {number}"), |id| format!("stage {}", quote(id)));
        let place = format!(" of {what}");
        let mut section = Section::of(what, node, findings)?;
        let id = section
            .require_text("id", findings)
            .and_then(|id| NameRule::Id.read(id, &section.name_of("id"), findings));
        let on = section
            .require_text("on", findings)
            .and_then(|on| NameRule::Host.read(on, &section.name_of("on"), findings));
        let rolling = Rolling::read(&mut section, findings);
        let after = read_after(&mut section, findings);
        let doc = section.doc(findings);
        let nodes = section.tables("step", "stage.step", findings);
        if section.is_empty_list("step") {
            let message = format!("{} has no step", section.what);
            let found = Found::new(Code::Empty, section.span.clone(), message);
            findings.report(found.help("write a `[[stage.step]]` below it, or remove the stage"));
        }
        let steps: Vec<Step> = nodes
            .into_iter()
            .zip(1..)
            .filter_map(|(node, number)| Step::read(node, number, &place, known, findings))
            .collect();
        for step in &steps {
            check_place(step, &section.what, on.as_ref(), findings);
        }
        section.close(findings);
        let items = steps.iter().map(|step| &step.item).collect();
        let order = Siblings { items, noun: "step", place }.order(findings);
        Some(Self { item: Item { id, after }, on, rolling, steps, order, doc })
    }
}

/// Whether a step's kind may run where its stage does; a finding when not.
fn check_place(step: &Step, stage: &str, on: Option<&Spanned<String>>, findings: &mut Findings) {
    let (Some(schema), Some(on)) = (step.schema, on) else { return };
    if schema.on.allows(on.get_ref()) {
        return;
    }
    let (step, kind) = (format!("step {} of {stage}", step.item.name()), &step.kind);
    let (quoted, span) = (quote(kind.get_ref()), kind.span());
    findings.report(match schema.on {
        On::Nodes | On::Anywhere => {
            let message = format!("{step} runs on the workstation, and kind {quoted} is for nodes");
            Found::new(Code::WrongHosts, span, message)
                .label("not for the workstation")
                .help("put it into a stage whose `on` names a group or a host of the inventory")
        }
        On::Workstation => {
            let on = quote(on.get_ref());
            let message = format!("{step} runs on {on}, and kind {quoted} is for the workstation");
            Found::new(Code::WrongHosts, span, message)
                .label("for the workstation only")
                .help("put it into a stage of its own with `on = \"workstation\"`")
        }
    });
}
