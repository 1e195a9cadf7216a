//! `check` and `resolve`: text in, a plan or every mistake out.

use super::base::Base;
use super::choices::{Choices, Limit};
use super::diagnostic::{Diagnostics, Source};
use super::digest::digest;
use super::findings::{Findings, Found, quote};
use super::info::{ParamInfo, PlanInfo, StageInfo, StepInfo};
use super::inventory::{Groups, Inventory};
use super::lower::{Spread, TooMany, lower};
use super::order::{Item, Order};
use super::param::{Required, Settings};
use super::stage::{PlanFile, Stage};
use super::step::Step;
use super::{Cluster, Code, HostIndex, HostSpec, Plan, Schemas, StepSpec, limits};

/// Checks a plan without an inventory: everything but groups, hosts and values that are given later.
///
/// `set` holds the values of `--set`; its mistakes are reported together with the plan's.
pub fn check(plan: Source, set: &[(String, String)], schemas: &dyn Schemas) -> Result<PlanInfo, Diagnostics> {
    let mut findings = Findings::new(plan);
    let texts = setting_texts(set);
    let mut settings = Settings::new(set, &texts);
    let file = PlanFile::read(&mut findings, schemas, None, &mut settings, Required::Later);
    let mut sources = vec![&findings];
    sources.extend(settings.findings());
    Diagnostics::gather(&sources)?;
    Ok(info(file.expect("a plan without findings was read"), set))
}

/// Each `--set` as it was written.
fn setting_texts(set: &[(String, String)]) -> Vec<String> {
    set.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Resolves a plan for the hosts of an inventory.
///
/// The mistakes of both files, of `--set` and of `--limit` are reported together.
pub fn resolve(
    plan: Source,
    inventory: Source,
    choices: &Choices,
    schemas: &dyn Schemas,
) -> Result<Plan, Diagnostics> {
    resolve_all(plan, inventory, choices, None, schemas)
}

/// The same for machines that are there: the files of the workstation that the inventory names become absolute.
pub fn resolve_at(
    base: &Base,
    plan: Source,
    inventory: Source,
    choices: &Choices,
    schemas: &dyn Schemas,
) -> Result<Plan, Diagnostics> {
    resolve_all(plan, inventory, choices, Some(base), schemas)
}

/// The hosts of an inventory, without a plan for them, the workstation first.
pub fn hosts_at(base: &Base, inventory: Source) -> Result<Vec<HostSpec>, Diagnostics> {
    inventory_at(base, inventory).map(|(_, hosts)| hosts)
}

/// An inventory without a plan for it: its cluster, and its hosts, the workstation first.
pub fn inventory_at(base: &Base, inventory: Source) -> Result<(Cluster, Vec<HostSpec>), Diagnostics> {
    let mut findings = Findings::new(inventory);
    let mut machines = Inventory::read(&mut findings);
    if let Some(machines) = &mut machines {
        base.fix(machines);
    }
    Diagnostics::gather(&[&findings])?;
    let machines = machines.expect("an inventory without findings was read");
    Ok((machines.cluster.expect("an inventory without findings has a cluster"), machines.hosts))
}

fn resolve_all(
    plan: Source,
    inventory: Source,
    choices: &Choices,
    base: Option<&Base>,
    schemas: &dyn Schemas,
) -> Result<Plan, Diagnostics> {
    let mut in_inventory = Findings::new(inventory);
    let mut machines = Inventory::read(&mut in_inventory);
    if let (Some(base), Some(machines)) = (base, &mut machines) {
        base.fix(machines);
    }

    let texts = setting_texts(&choices.set);
    let mut settings = Settings::new(&choices.set, &texts);
    let mut in_plan = Findings::new(plan);
    let file = PlanFile::read(&mut in_plan, schemas, machines.as_ref(), &mut settings, Required::Now);

    let mut limit = machines.as_ref().map(|machines| Limit::new(&choices.limit, machines));
    let mut hosts = Vec::new();
    if let (Some(file), Some(machines), Some(limit)) = (&file, &machines, &mut limit) {
        hosts = file.stages.iter().map(|stage| select(stage, machines, &mut in_plan)).collect();
        if let Some(found) = no_nodes(&file.stages, &hosts, machines) {
            in_inventory.report(found);
        }
        if in_plan.is_empty() && in_inventory.is_empty() {
            limit.apply(&mut hosts, machines);
        }
    }
    let gather = |in_plan: &Findings| {
        let mut sources = vec![in_plan, &in_inventory];
        sources.extend(settings.findings());
        sources.extend(limit.iter().flat_map(Limit::findings));
        Diagnostics::gather(&sources)
    };
    gather(&in_plan)?;

    let (Some(file), Some(machines)) = (file, machines) else {
        unreachable!("files without findings were read");
    };
    match lower(&spread(&file, hosts), &file.order) {
        Ok(tasks) => Ok(Plan {
            name: file.name,
            digest: digest(plan.text, inventory.text, choices),
            cluster: machines.cluster.expect("a cluster without findings was read"),
            ssh: machines.ssh,
            hosts: machines.hosts,
            steps: file.stages.into_iter().flat_map(specs).collect(),
            tasks,
        }),
        Err(too_many) => {
            in_plan.report(too_many_found(too_many));
            gather(&in_plan)?;
            unreachable!("a finding was just reported");
        }
    }
}

/// The hosts of a stage; a finding when there are none, and the inventory has others.
fn select(stage: &Stage, machines: &Inventory, findings: &mut Findings) -> Vec<HostIndex> {
    let Some(on) = &stage.on else { return Vec::new() };
    let hosts = machines.select(on.get_ref());
    if hosts.is_empty() && machines.groups == Groups::All && machines.has_nodes() {
        let name = quote(on.get_ref());
        let message = format!("stage {} is for {name}, which the inventory does not have", stage.item.name());
        let mut found =
            Found::new(Code::UnknownHosts, on.span(), message).label("no host and no group with a host");
        found.help = findings.suggest(on.get_ref(), machines.names());
        findings.report(found);
    }
    hosts
}

/// What is wrong where the inventory has no host at all, and a stage wants some: that is no mistake of the plan.
fn no_nodes(stages: &[Stage], hosts: &[Vec<HostIndex>], machines: &Inventory) -> Option<Found> {
    if machines.has_nodes() || machines.groups != Groups::All {
        return None;
    }
    let lacks = |(stage, hosts): (&Stage, &Vec<HostIndex>)| {
        stage.on.as_ref().filter(|_| hosts.is_empty()).map(|on| quote(on.get_ref()))
    };
    let wanted = stages.iter().zip(hosts).find_map(lacks)?;
    let message = format!("the inventory has no host, and the plan is for {wanted}");
    let help = "write a `[[host]]` with its `name` and `groups` for each; `certwright inventory --help` says from \
                what an inventory can be made";
    Some(Found::new(Code::UnknownHosts, 0..0, message).help(help))
}

fn spread<'p>(file: &'p PlanFile, hosts: Vec<Vec<HostIndex>>) -> Vec<Spread<'p>> {
    let mut first_step = 0;
    file.stages
        .iter()
        .zip(hosts)
        .map(|(stage, hosts)| {
            let spread = Spread { rolling: &stage.rolling, order: &stage.order, first_step, hosts };
            first_step += u32::try_from(stage.steps.len()).expect("steps are limited");
            spread
        })
        .collect()
}

fn too_many_found(too_many: TooMany) -> Found {
    let (has, what, most, help) = match too_many {
        TooMany::Tasks(has) => {
            (has, "tasks (steps x hosts)", limits::TASKS, "split the inventory, or use --limit")
        }
        TooMany::Edges(has) => (
            has,
            "edges between its tasks",
            limits::EDGES,
            "let stages roll over fewer hosts at a time: `rolling = 10` instead of \"all\"",
        ),
    };
    let found = Found::new(Code::TooMany, 0..0, format!("the plan has {has} {what}"));
    found.label(format!("at most {most}")).help(help)
}

fn specs(stage: Stage) -> Vec<StepSpec> {
    let stage_id = stage.item.id();
    stage.steps.into_iter().map(|step| spec(step, &stage_id)).collect()
}

fn spec(step: Step, stage: &str) -> StepSpec {
    let schema = step.schema.expect("a step without findings has a known kind");
    StepSpec {
        stage: stage.to_owned(),
        id: step.item.id(),
        kind: step.kind.into_inner(),
        with: step.with.expect("parameters without findings were read"),
        retry: step.retry,
        timeout_ms: step.timeout_ms,
        nature: schema.nature,
        cancel: schema.cancel,
        undo: schema.undo,
    }
}

fn info(file: PlanFile, set: &[(String, String)]) -> PlanInfo {
    let items: Vec<&Item> = file.stages.iter().map(|stage| &stage.item).collect();
    let after = awaited(&items, &file.order);
    let params = file.params.iter().map(|param| ParamInfo {
        name: param.name.get_ref().clone(),
        ty: param.type_name(),
        default: param.default.as_ref().map(|(_, text)| text.clone()),
        set: set.iter().find(|(name, _)| name == param.name.get_ref()).map(|(_, value)| value.clone()),
        doc: param.doc.clone(),
    });
    let stages = file.stages.iter().zip(after).map(|(stage, after)| {
        let items: Vec<&Item> = stage.steps.iter().map(|step| &step.item).collect();
        let steps = stage.steps.iter().zip(awaited(&items, &stage.order)).map(|(step, after)| StepInfo {
            id: step.item.id(),
            kind: step.kind.get_ref().clone(),
            after,
            retry: step.retry.clone(),
            timeout_ms: step.timeout_ms,
            doc: step.doc.clone(),
        });
        StageInfo {
            id: stage.item.id(),
            on: stage.on.as_ref().expect("a stage without findings says where").get_ref().clone(),
            rolling: stage.rolling.written(),
            after,
            doc: stage.doc.clone(),
            steps: steps.collect(),
        }
    });
    PlanInfo { params: params.collect(), stages: stages.collect(), name: file.name, doc: file.doc }
}

/// For each item the ids of those it waits for.
fn awaited(items: &[&Item], order: &Order) -> Vec<Vec<String>> {
    order.after.iter().map(|after| after.iter().map(|at| items[*at].id()).collect()).collect()
}
