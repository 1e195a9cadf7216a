//! The resolved plan: what a run executes and what its journal stores.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CancelPolicy, Nature, Params, Retry, UndoSupport};

/// The host that is always there: the machine certwright runs on.
pub const WORKSTATION: &str = "workstation";

/// A task's place in [`Plan::tasks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u32);

/// A step's place in [`Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepIndex(pub u32);

/// A host's place in [`Plan::hosts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostIndex(pub u32);

/// A validated, resolved, immutable DAG of tasks over hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The plan's own name.
    pub name: String,
    /// SHA-256 (hex) over plan text, inventory text, `--set` values and `--limit`.
    pub digest: String,
    /// Facts of the cluster, from the inventory.
    pub cluster: Cluster,
    /// How hosts are reached, from the inventory.
    pub ssh: SshSettings,
    /// All hosts; the first one is the [`WORKSTATION`].
    pub hosts: Vec<HostSpec>,
    /// All steps, in the order they were written.
    pub steps: Vec<StepSpec>,
    /// All tasks (step x host) in a topological order: a task's `after` holds smaller ids only.
    pub tasks: Vec<Task>,
}

/// Facts of a cluster that plans may use as `{{ cluster.name }}` and steps as `Context::cluster`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    /// Name of the cluster; typed by the operator before a run changes it.
    pub name: String,
    /// Namespace of the cluster's secrets in its admin cluster.
    pub namespace: String,
    /// The kubeconfig on the workstation that the plan replaces.
    pub kubeconfig: String,
    /// The admin cluster's kubeconfig on the workstation; absent for a self-managed cluster.
    pub admin_kubeconfig: Option<String>,
    /// Where clients reach the API servers, through whatever balances them: an address or a name, no port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_ip: Option<String>,
}

/// How hosts are reached unless a host says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshSettings {
    /// Login user: root, or a user with `sudo -n`. None: what ssh_config says.
    pub user: Option<String>,
    /// Private key file on the workstation, `~` not yet expanded. None: agent and ssh_config.
    pub identity: Option<String>,
    /// Port. None: what ssh_config says.
    pub port: Option<u16>,
}

/// A machine we act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    /// Name in the inventory; for a node also its Kubernetes node name.
    pub name: String,
    /// Address or ssh_config alias; None for the workstation.
    pub address: Option<String>,
    /// Groups it belongs to.
    pub groups: Vec<String>,
    /// Overrides of the inventory's `[ssh]`, already merged with it.
    pub ssh: SshSettings,
}

/// One step of the plan, before it is spread over hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// Id of its stage.
    pub stage: String,
    /// Its own id, unique in the stage.
    pub id: String,
    /// Name of its kind.
    pub kind: String,
    /// Its parameters, complete (defaults filled in) and of the types its kind declares.
    pub with: Params,
    /// What is tried again.
    pub retry: Retry,
    /// Wall clock of one attempt (probe, apply and verify together), ms.
    pub timeout_ms: u64,
    /// Whether the kind ever changes anything.
    pub nature: Nature,
    /// What a second Ctrl-C does to it.
    pub cancel: CancelPolicy,
    /// Whether it can be undone.
    pub undo: UndoSupport,
}

/// One step on one host: a node of the DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The step it is an instance of.
    pub step: StepIndex,
    /// The host it runs on.
    pub host: HostIndex,
    /// Tasks that must have succeeded before; all have smaller ids.
    pub after: Vec<TaskId>,
}

impl Plan {
    /// The task with this id.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id.0 as usize]
    }

    /// The step a task is an instance of.
    pub fn step(&self, id: TaskId) -> &StepSpec {
        &self.steps[self.task(id).step.0 as usize]
    }

    /// The host a task runs on.
    pub fn host(&self, id: TaskId) -> &HostSpec {
        &self.hosts[self.task(id).host.0 as usize]
    }

    /// All task ids in order.
    pub fn task_ids(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..).map(TaskId).take(self.tasks.len())
    }

    /// The hosts that it has tasks on, in the inventory's order; the others are only asked.
    pub fn worked_on(&self) -> impl Iterator<Item = &HostSpec> {
        let hosts: BTreeSet<HostIndex> = self.tasks.iter().map(|task| task.host).collect();
        hosts.into_iter().map(|host| &self.hosts[host.0 as usize])
    }

    /// `stage/step@host`, the name of a task for people.
    pub fn task_name(&self, id: TaskId) -> String {
        let step = self.step(id);
        format!("{}/{}@{}", step.stage, step.id, self.host(id).name)
    }
}
