//! What is asked of runs that are there: to go on, to be undone or given up, to be shown, listed and removed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run, or a part of its name that no other has [default: the one on real hosts that is not finished;
    /// where there is none, the last such rehearsal]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// The run, or a part of its name that no other has [default: the last one that changed real hosts;
    /// where there is none, the last such rehearsal]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// The cluster's name, given here instead of typed when asked
    #[arg(long, value_name = "CLUSTER", require_equals = true)]
    pub(crate) yes: Option<String>,
}

/// Arguments of `abandon`.
#[derive(Debug, Args)]
pub(crate) struct AbandonArgs {
    /// The run, or a part of its name that no other has [default: the one on real hosts that is not finished;
    /// where there is none, the last such rehearsal]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Give up a run whose journal is on no workstation any more: frees the hosts of this inventory from it
    #[arg(long, short, value_name = "FILE", requires = "run")]
    pub(crate) inventory: Option<PathBuf>,
    /// Where no RUN is given, or with --inventory: the run's whole name, given here instead of typed when asked
    #[arg(long, value_name = "RUN", require_equals = true)]
    pub(crate) yes: Option<String>,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run, or a part of its name that no other has [default: the last one]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Every event too, one a line
    #[arg(long)]
    pub(crate) events: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The run, or a part of its name that no other has [default: the last one]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Write it to this new file instead of printing it; its ending (.html, .md, .json) says as what
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// As what [default: what the file's ending says, else markdown; with --output json: json]
    #[arg(long = "as", value_enum, value_name = "FORM")]
    pub(crate) form: Option<ReportForm>,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    Html,
    Markdown,
    Json,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only those of this cluster
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,
    /// Only those that have not come to an end: running, cut off, failed, interrupted, stuck
    #[arg(long)]
    pub(crate) unfinished: bool,
    /// Only the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) last: Option<u32>,
    /// Only those that --prune removes: finished, and older than the N newest finished ones of their cluster or lab; but
    /// never the last one that changed something, which `undo` takes
    #[arg(long, value_name = "N", conflicts_with_all = ["unfinished", "last"], value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: Option<u32>,
    /// Removes them: their journals and bundles on this workstation; no host is touched
    #[arg(long, requires = "keep")]
    pub(crate) prune: bool,
}
