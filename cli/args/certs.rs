//! The command line of `certs`: what is looked at, and how often.

use std::path::PathBuf;

use clap::Args;

/// The end of its help.
pub(super) const HELP: &str = "\
Ends with 0 when nothing is to be said, 3 when something is, 4 when a certificate has expired.

Private keys stay where they are: whether one fits its certificate is told by its public half.";

/// Arguments of `certs`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["inventory", "hosts", "local", "root", "lab"])))]
pub(crate) struct CertsArgs {
    /// Hosts to look at, as ssh knows them
    #[arg(value_name = "[USER@]HOST[:PORT]")]
    pub(crate) hosts: Vec<String>,
    /// The inventory: the cluster and its hosts; with the workstation's kubeconfig and the admin cluster's secret
    #[arg(long, short, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// Look at this machine
    #[arg(long)]
    pub(crate) local: bool,
    /// Look at a node's tree in a folder: a backup, a mounted image (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Vec<PathBuf>,
    /// Look at the simulated nodes that a rehearsal kept in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) lab: Option<PathBuf>,
    /// Only these hosts or groups; `workstation` is one too (may be repeated)
    #[arg(long, visible_alias = "host", value_name = "HOST")]
    pub(crate) limit: Vec<String>,
    /// Tell what ends within this time
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub(crate) within: humantime::Duration,
    /// Ask what runs, too: the certificate that each port serves, and since when each component has run
    #[arg(long, conflicts_with = "root")]
    pub(crate) served: bool,
    /// Leave private keys alone: not even whether they fit is asked, which is quicker
    #[arg(long)]
    pub(crate) no_keys: bool,
    /// Hosts that are asked at a time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) at_once: u16,
    /// Write the text for Prometheus to this file too, replaced at once
    #[arg(long, value_name = "FILE")]
    pub(crate) textfile: Option<PathBuf>,
    /// Look again and again, every minute or every DURATION (1s and more), until Ctrl-C
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "1m")]
    #[arg(value_parser = period, conflicts_with = "lab")]
    pub(crate) watch: Option<humantime::Duration>,
}

/// Time between two looks.
fn period(text: &str) -> Result<humantime::Duration, String> {
    let period: humantime::Duration =
        text.parse().map_err(|error| format!("{error}, for example 30s or 5m"))?;
    if period.as_secs() == 0 {
        return Err("it must be 1s or more".to_owned());
    }
    Ok(period)
}
