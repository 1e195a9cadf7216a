//! What a plan says about itself, without an inventory.

use serde::Serialize;

use super::Retry;

/// A checked plan, for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub doc: Option<String>,
    /// Its params, as written.
    pub params: Vec<ParamInfo>,
    /// Its stages, as written.
    pub stages: Vec<StageInfo>,
}

/// A param of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParamInfo {
    /// Its name, for `--set`.
    pub name: String,
    /// Its type, by the word that plans use.
    #[serde(rename = "type")]
    pub ty: &'static str,
    /// Its default as TOML; None: a value must be given.
    pub default: Option<String>,
    /// What `--set` gives it, as written there; None: nothing.
    pub set: Option<String>,
    /// What it is for.
    pub doc: Option<String>,
}

/// A stage of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageInfo {
    /// Its id.
    pub id: String,
    /// The group or host it runs on.
    pub on: String,
    /// How it rolls over hosts, as TOML.
    pub rolling: String,
    /// The stages it waits for.
    pub after: Vec<String>,
    /// What it is for.
    pub doc: Option<String>,
    /// Its steps, as written.
    pub steps: Vec<StepInfo>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepInfo {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The steps of its stage that it waits for.
    pub after: Vec<String>,
    /// What is tried again.
    pub retry: Retry,
    /// Wall clock of one attempt, ms.
    pub timeout_ms: u64,
    /// What it is for.
    pub doc: Option<String>,
}
