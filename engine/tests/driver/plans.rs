//! Plans made without the plan language.

use certwright_engine::machine::Header;
use certwright_engine::plan::{
    Backoff, CancelPolicy, Cluster, ErrorClass, HostIndex, HostSpec, Nature, Params, Plan, Retry,
    SshSettings, StepIndex, StepSpec, Task, TaskId, UndoSupport,
};

use crate::random::Random;

/// A step: its kind, and what the kind promises.
pub(crate) fn step(id: usize, kind: &str) -> StepSpec {
    let (nature, cancel, undo) = match kind {
        "set" => (Nature::Acting, CancelPolicy::Finish, UndoSupport::Supported),
        "poke" => (Nature::Acting, CancelPolicy::Abort, UndoSupport::Nothing),
        _ => (Nature::Checking, CancelPolicy::Abort, UndoSupport::Nothing),
    };
    let mut with = Params::default();
    with.0.insert("key".into(), format!("s{id}").into());
    let retry = Retry { jitter: false, ..Retry::default() };
    let (stage, id, kind) = ("stage".into(), format!("s{id}"), kind.into());
    StepSpec { stage, id, kind, with, retry, timeout_ms: 60_000, nature, cancel, undo }
}

/// Every step on every host, each after the one before it on its host.
pub(crate) fn plan(hosts: usize, steps: Vec<StepSpec>) -> Plan {
    let host = |h: usize| HostSpec {
        name: format!("h{h}"),
        address: None,
        groups: vec!["all".into()],
        ssh: SshSettings::default(),
    };
    let cluster = Cluster {
        name: "c".into(),
        namespace: "n".into(),
        kubeconfig: "k".into(),
        admin_kubeconfig: None,
        virtual_ip: None,
    };
    let mut tasks = Vec::new();
    for h in 0..hosts {
        for s in 0..steps.len() {
            let after = if s == 0 { vec![] } else { vec![TaskId(u32::try_from(tasks.len()).unwrap() - 1)] };
            let (step, host) = (StepIndex(s.try_into().unwrap()), HostIndex(h.try_into().unwrap()));
            tasks.push(Task { step, host, after });
        }
    }
    Plan {
        name: "sample".into(),
        digest: "0".into(),
        cluster,
        ssh: SshSettings::default(),
        hosts: (0..hosts).map(host).collect(),
        steps,
        tasks,
    }
}

/// A plan of up to 12 tasks in any DAG, with any retry policies that get there in the end.
pub(crate) fn any(random: &mut Random) -> Plan {
    let kinds = ["set", "set", "poke", "check"];
    let (hosts, steps) = (1 + random.below(3), 1 + random.below(4));
    let steps = (0..steps).map(|id| any_step(usize::try_from(id).unwrap(), kinds, random)).collect();
    let mut plan = plan(usize::try_from(hosts).unwrap(), steps);
    for id in 0..plan.tasks.len() {
        let chance = random.below(60);
        let after = (0..u32::try_from(id).unwrap()).filter(|_| random.percent(chance)).map(TaskId);
        plan.tasks[id].after = after.collect();
    }
    plan
}

fn any_step(id: usize, kinds: [&str; 4], random: &mut Random) -> StepSpec {
    let retried = |class: &ErrorClass| *class != ErrorClass::Denied && *class != ErrorClass::Invalid;
    let on = ErrorClass::ALL.into_iter().filter(retried).filter(|_| random.percent(80)).collect();
    let retry = Retry {
        attempts: 1 + u32::try_from(random.below(4)).unwrap(),
        on,
        delay_ms: random.below(400),
        backoff: if random.percent(50) { Backoff::Constant } else { Backoff::Exponential },
        max_delay_ms: 1_000,
        within_ms: random.percent(20).then_some(2_000),
        jitter: random.percent(50),
    };
    let kind = kinds[usize::try_from(random.below(4)).unwrap()];
    StepSpec { retry, timeout_ms: 300 + random.below(3_000), ..step(id, kind) }
}

pub(crate) fn header(plan: &Plan) -> Header {
    Header {
        format: certwright_engine::journal::FORMAT,
        tool: "0.1.0".into(),
        run: "20261124-224500-x7k2".into(),
        seed: 3,
        operator: "ops@desk".into(),
        lab: None,
        ssh_config: None,
        plan: plan.clone(),
    }
}
