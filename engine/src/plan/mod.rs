//! The plan language: TOML text in, a validated, immutable [`Plan`] out.
//!
//! Pure: no clock, no I/O, no tokio, no randomness; callers hand in text. Every mistake of plan, inventory,
//! `--set` and `--limit` is reported at once, as [`Diagnostics`]; [`TABLE`] lists their codes. A [`Plan`] is
//! resolved: no parameter, group or rolling order is left in it, it is stored whole in the journal of its run,
//! and resume never reads the TOML again.
//!
//! ```text
//! text --section--> tables with places --param, stage, step--> PlanFile --+
//!                                      --inventory-----------> Inventory -+--choices, lower--> Plan
//! ```
//!
//! Deliberately absent: files and their permissions (the CLI's), defaults of kinds (their [`KindSchema`]'s),
//! expressions (a reference is a whole value, and nothing is ever computed).

mod model;
mod retry;
mod schema;

mod code;
mod diagnostic;
mod encoding;
mod findings;
pub mod limits;

mod duration;
mod foreign;
mod name;
mod section;

mod param;
mod scope;
mod types;
mod value;

mod order;
mod policy;
mod rolling;
mod stage;
mod step;
mod swapped;

mod base;
mod choices;
mod inventory;

mod digest;
mod fit;
mod info;
mod lower;
mod resolve;

pub use base::Base;
pub use choices::Choices;
pub use code::{Code, TABLE};
pub use diagnostic::{Color, Diagnostic, Diagnostics, Source};
pub use encoding::decode;
pub use fit::{FilledIn, Unfit};
pub use info::{ParamInfo, PlanInfo, StageInfo, StepInfo};
pub use model::{
    Cluster, HostIndex, HostSpec, Plan, SshSettings, StepIndex, StepSpec, Task, TaskId, WORKSTATION,
};
pub use resolve::{check, hosts_at, inventory_at, resolve, resolve_at};
pub use retry::{Backoff, ErrorClass, Retry};
pub use schema::{CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, Schemas, UndoSupport};
