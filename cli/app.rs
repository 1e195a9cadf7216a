//! What every verb is given: where results go, where runs are kept, and how people's words become values.

use std::fmt::Write as _;
use std::path::PathBuf;

use certwright_engine::journal::StateDir;
use certwright_engine::plan::{
    Choices, Cluster, HostSpec, Plan, Source, hosts_at, inventory_at, resolve, resolve_at,
};
use certwright_engine::step::Registry;

use crate::args::{ChoiceArgs, Cli, Format, Output, Target, Verb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::report::Next;
use crate::place;
use crate::source::{self, Text};
use crate::terminal::Terminal;

/// What every verb is given.
pub(crate) struct App {
    /// For people or for programs.
    pub(crate) format: Format,
    /// The same as it was asked for, for verbs that know more.
    pub(crate) output: Output,
    /// Where text for people goes.
    pub(crate) terminal: Terminal,
    /// Every step kind.
    pub(crate) registry: Registry,
    /// The same for the hosts of a lab.
    pub(crate) rehearsed: Registry,
    /// An ssh_config to read before the operator's own.
    pub(crate) ssh_config: Option<PathBuf>,
    state_dir: Option<PathBuf>,
}

impl App {
    /// Reads what all verbs have in common.
    pub(crate) fn new(cli: &Cli) -> Self {
        Self {
            format: match cli.output {
                Output::Json => Format::Json,
                Output::Human
                | Output::Narrow
                | Output::Wide
                | Output::Markdown
                | Output::Csv
                | Output::Prometheus => Format::Human,
            },
            output: cli.output,
            terminal: Terminal::of_stdout(),
            registry: certwright_steps::registry(),
            rehearsed: certwright_steps::rehearsal_registry(),
            // ssh takes a relative one for a file in ~/.ssh, and what is not there for empty.
            ssh_config: cli.ssh_config.as_ref().map(|path| std::path::absolute(path).unwrap_or(path.clone())),
            state_dir: cli.state_dir.clone(),
        }
    }

    /// Refuses an output that the verb does not know, and an ssh_config that is not there, which ssh would take for an empty
    /// one, or that others could change.
    pub(crate) fn check_options(&self, verb: &Verb) -> Result<(), Failure> {
        match (self.output, verb) {
            (Output::Human | Output::Json, _) | (_, Verb::Certs(_)) => {}
            (Output::Narrow | Output::Wide | Output::Markdown | Output::Csv | Output::Prometheus, _) => {
                let message = "only `certs` knows this --output";
                return Err(
                    Failure::new(Exit::Invalid, "usage", message).hint("here it is `human` or `json`")
                );
            }
        }
        self.ssh_config.as_deref().map_or(Ok(()), |path| Ok(source::of_others(path).map(drop)?))
    }

    /// The state folder; nothing is touched yet.
    pub(crate) fn state(&self) -> Result<StateDir, Failure> {
        let folder = place::state_dir(self.state_dir.as_deref()).ok_or_else(|| {
            Failure::new(Exit::Invalid, "no-state-dir", "there is no place for runs: HOME is not set")
                .hint("name one with --state-dir DIR")
        })?;
        Ok(StateDir::new(std::path::absolute(&folder).unwrap_or(folder)))
    }

    /// How the next commands are shown.
    pub(crate) fn next(&self) -> Next {
        let given = [("--state-dir", &self.state_dir), ("--ssh-config", &self.ssh_config)];
        let mut options = String::new();
        for (option, path) in given {
            if let Some(path) = path {
                let path = crate::human::word(&path.display().to_string());
                let _infallible = write!(options, " {option} {path}");
            }
        }
        Next { options, kept: true, notes: Vec::new(), more: Vec::new() }
    }

    /// A plan resolved for real machines; files of this one are absolute in it, so that a resume from another
    /// folder means the same.
    pub(crate) fn resolve(&self, target: &Target) -> Result<Plan, Failure> {
        let inventory = source::file(&target.inventory)?;
        self.resolve_here(&source::plan(&target.plan)?, &inventory, &target.choices)
    }

    /// The same from texts.
    pub(crate) fn resolve_here(
        &self,
        plan: &Text,
        inventory: &Text,
        args: &ChoiceArgs,
    ) -> Result<Plan, Failure> {
        let choices = choices(args)?;
        resolve_at(&place::base()?, as_source(plan), as_source(inventory), &choices, &self.registry)
            .map_err(|mistakes| Failure::mistakes(&mistakes, self.terminal.color()))
    }

    /// The hosts of an inventory, whatever a plan would want of it.
    pub(crate) fn hosts(&self, inventory: &Text) -> Result<Vec<HostSpec>, Failure> {
        hosts_at(&place::base()?, as_source(inventory))
            .map_err(|mistakes| Failure::mistakes(&mistakes, self.terminal.color()))
    }

    /// The cluster and the hosts of an inventory, whatever a plan would want of it.
    pub(crate) fn inventory(&self, inventory: &Text) -> Result<(Cluster, Vec<HostSpec>), Failure> {
        inventory_at(&place::base()?, as_source(inventory))
            .map_err(|mistakes| Failure::mistakes(&mistakes, self.terminal.color()))
    }

    /// A plan resolved against an inventory, paths as they are written: for a lab.
    pub(crate) fn resolve_texts(
        &self,
        plan: &Text,
        inventory: &Text,
        args: &ChoiceArgs,
    ) -> Result<Plan, Failure> {
        let choices = choices(args)?;
        resolve(as_source(plan), as_source(inventory), &choices, &self.registry)
            .map_err(|mistakes| Failure::mistakes(&mistakes, self.terminal.color()))
    }
}

/// A text as the plan language takes it.
pub(crate) fn as_source(text: &Text) -> Source<'_> {
    Source { name: &text.name, text: &text.text }
}

/// `--set` and `--limit` as values.
pub(crate) fn choices(args: &ChoiceArgs) -> Result<Choices, Failure> {
    let set = args
        .set
        .iter()
        .map(|given| {
            let (name, value) = given.split_once('=').ok_or_else(|| {
                let shown = certwright_engine::text::escape(given);
                Failure::new(Exit::Invalid, "usage", format!("`--set {shown}` is not NAME=VALUE"))
                    .hint("for example --set renew-before=60d")
            })?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect::<Result<_, Failure>>()?;
    Ok(Choices { set, limit: args.limit.clone() })
}
