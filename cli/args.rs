//! The command line as clap sees it: verbs, their arguments and their help.
//!
//! Deliberately absent: any meaning. Values stay text here (`--set k=v`, `--fault`); each verb gives them
//! theirs.

mod certs;

mod inventory;

mod runs;

pub(crate) use certs::CertsArgs;
pub(crate) use inventory::{FactArgs, InventoryArgs, SourceArgs};
pub(crate) use runs::{AbandonArgs, ReportArgs, ReportForm, ResumeArgs, RunsArgs, ShowArgs, UndoArgs};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;

/// Renews the certificates of a Kubernetes control plane over SSH, proves it, and survives whatever happens
/// on the way.
#[derive(Debug, Parser)]
#[command(name = "certwright", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where runs are kept [default: $XDG_STATE_HOME/certwright, else ~/.local/state/certwright]
    #[arg(long, global = true, help_heading = COMMON, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// An ssh_config that is read before your own; a run keeps it
    #[arg(long, global = true, help_heading = COMMON, value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,

    /// Text for people, or one JSON document (for runs one JSON object a line), errors included; `certs` knows more
    #[arg(long, global = true, help_heading = COMMON, value_enum, default_value_t = Output::Human, value_name = "FORMAT")]
    pub(crate) output: Output,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// How results are written, as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    // Text for people
    #[value(alias = "table")]
    Human,
    // One JSON document, or a JSON object a line
    Json,
    // `certs`: a line for each certificate
    Narrow,
    // `certs`: a line for each certificate, with all that is known of it
    Wide,
    // `certs`: Markdown
    Markdown,
    // `certs`: comma-separated values (RFC 4180)
    Csv,
    // `certs`: text for Prometheus' textfile collector
    Prometheus,
}

/// How results are written by verbs that know no more than the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Human,
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Reads a plan (and an inventory) and reports every mistake in it; touches no host
    #[command(after_help = SHIPPED)]
    Check(CheckArgs),
    /// Looks at every host and shows what a run would change; changes nothing
    Plan(PlanArgs),
    /// Says what is wrong with a cluster now and what mends it; changes nothing
    Doctor(DoctorArgs),
    /// Shows every certificate of every host, and what is to be said of them; changes nothing
    #[command(after_help = certs::HELP)]
    Certs(CertsArgs),
    /// Runs a plan against real hosts
    Run(RunArgs),
    /// Goes on with a run that failed, was interrupted or was cut off
    Resume(ResumeArgs),
    /// Restores what a run changed
    Undo(UndoArgs),
    /// Gives up a run for good and frees its hosts; its changes stay
    Abandon(AbandonArgs),
    /// Shows a run: every host, every certificate, what failed
    Show(ShowArgs),
    /// Writes a run down for a change ticket: a page (HTML), Markdown or JSON
    Report(ReportArgs),
    /// Lists the runs, the newest first
    Runs(RunsArgs),
    /// Writes an inventory from bmctl, kubectl or Ansible
    Inventory(InventoryArgs),
    /// Tries a plan on simulated nodes with expired certificates; touches no real host
    #[command(after_help = REHEARSE)]
    Rehearse(RehearseArgs),
    /// Prints the completions of a shell, to be sourced by it
    Completions(CompletionsArgs),
}

const COMMON: &str = "Common options";

const SHIPPED: &str = "\
Plans that come with certwright, usable by name:
  renew-control-plane  renews every kubeadm certificate, restarts what read the old ones, and proves it

Where hosts are and how they are reached is said in an inventory; see examples/inventory.toml.";

const REHEARSE: &str = "\
Time is virtual: waits of minutes pass at once. Without --lab the nodes vanish afterwards.

With --lab DIR they stay (DIR/cp-1 is the root of cp-1): look at them with openssl, rehearse again, resume.

A `command` of a program that the lab does not have is taken as done, and named as not rehearsed.
docs/plan-language.md lists the programs that it has.";

/// A plan, and the inventory it is for.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// A shipped plan's name, or the path of a plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// The inventory: the cluster and its hosts
    #[arg(long, short, value_name = "FILE")]
    pub(crate) inventory: PathBuf,
    #[command(flatten)]
    pub(crate) choices: ChoiceArgs,
}

/// Choices over a plan's parameters and hosts.
#[derive(Debug, Args)]
pub(crate) struct ChoiceArgs {
    /// Sets a parameter of the plan (may be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Only these hosts or groups; `workstation` is one too (may be repeated). Nodes left out keep their old certificates;
    /// without a quorum of etcd such a run cannot finish
    #[arg(long, value_name = "HOST")]
    pub(crate) limit: Vec<String>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A shipped plan's name, or the path of a plan; without it the shipped plans are listed
    #[arg(value_name = "PLAN")]
    pub(crate) plan: Option<String>,
    /// Check it against this inventory too
    #[arg(long, short, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choices: ChoiceArgs,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("cluster").required(true).multiple(true).args(["inventory", "lab"])))]
pub(crate) struct PlanArgs {
    /// A shipped plan's name, or the path of a plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// The inventory: the cluster and its hosts
    #[arg(long, short, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// Look at the simulated nodes of a rehearsal that are kept in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) lab: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choices: ChoiceArgs,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("cluster").required(true).args(["inventory", "lab"])))]
pub(crate) struct DoctorArgs {
    /// The inventory: the cluster and its hosts
    #[arg(long, short, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// Look at the simulated nodes that a rehearsal kept in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) lab: Option<PathBuf>,
    /// Only these hosts or groups; `workstation` is one too (may be repeated)
    #[arg(long, visible_alias = "host", value_name = "HOST")]
    pub(crate) limit: Vec<String>,
    /// Write all that was seen to this new file too, secrets taken out
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The cluster's name, given here instead of typed when asked
    #[arg(long, value_name = "CLUSTER", require_equals = true)]
    pub(crate) yes: Option<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// A shipped plan's name, or the path of a plan
    #[arg(value_name = "PLAN", default_value = RehearseArgs::PLAN)]
    pub(crate) plan: String,
    /// Make the lab after this inventory (names and addresses only) [default: three nodes]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// Keep the simulated nodes in this folder; use those that are already there
    #[arg(long, value_name = "DIR")]
    pub(crate) lab: Option<PathBuf>,
    /// What goes wrong, as FAULT@HOST, or `none` (may be repeated); `--fault help` lists what can
    /// [default for a new lab: one DeadlineExceeded]
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Only make the simulated nodes, their certificates expired: for a look by `plan`, `doctor` or `certs`
    #[arg(long, requires = "lab")]
    pub(crate) make_only: bool,
    #[command(flatten)]
    pub(crate) choices: ChoiceArgs,
}

impl RehearseArgs {
    /// The plan that is rehearsed when none is named.
    pub(crate) const PLAN: &str = "renew-control-plane";
}
