//! What a host runs by schedule, and what of it renews kubeadm's certificates: systemd timers and cron.
//!
//! One constant script prints files by patterns; everything else is decided here, on what they say. It is called up to
//! three times: for timers and crontabs, for the services that the timers start, for the scripts that these and
//! crontabs name. Deliberately absent: what a script calls in its turn, `at`, user units, and operators in the cluster.

mod cron;

mod files;

mod renewing;

mod units;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use certwright_engine::host::{Command, Host, HostError, Output};
use certwright_engine::text::escape;

use super::output::{cause, whole};
use super::script;
use files::Files;
use units::Units;

/// The script. Arguments: ROOT, then patterns of absolute paths.
pub const SCRIPT: &str = include_str!("read.sh");

/// Something that renews certificates by schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewer {
    /// What starts it.
    pub by: Schedule,
    /// The file that says so: a timer, a service, a script or a crontab; escaped.
    pub path: String,
}

/// What starts something by schedule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schedule {
    /// A timer of systemd, by its name; escaped.
    Timer(String),
    /// A crontab, or a script in one of cron's folders; escaped.
    Cron(String),
}

/// The command that prints what matches these patterns.
pub fn command(patterns: &[String]) -> Command {
    Command::reads(script(SCRIPT, "", patterns)).script("look-for-schedules")
}

/// Looks for everything that renews; an error of the inside is why that cannot be told, in a few words.
pub async fn renewers(host: &dyn Host) -> Result<Result<Vec<Renewer>, String>, HostError> {
    let mut patterns = units::timers();
    patterns.extend(cron::patterns());
    let mut files = match read(host, &patterns).await? {
        Ok(files) => files,
        Err(why) => return Ok(Err(why)),
    };
    let started = Units(&files).services();
    if !started.is_empty() {
        match read(host, &units::service_patterns(&started)).await? {
            Ok(more) => files.extend(more),
            Err(why) => return Ok(Err(why)),
        }
    }
    let mut scripts: BTreeSet<String> = Units(&files).scripts();
    scripts.extend(cron::scripts(&files));
    if !scripts.is_empty() {
        let patterns: Vec<String> = scripts.into_iter().collect();
        match read(host, &patterns).await? {
            Ok(more) => files.extend(more),
            Err(why) => return Ok(Err(why)),
        }
    }
    let mut found = Units(&files).renewers();
    found.extend(cron::renewers(&files));
    Ok(Ok(found))
}

async fn read(host: &dyn Host, patterns: &[String]) -> Result<Result<Files, String>, HostError> {
    let output = host.run(&command(patterns)).await?;
    Ok(parse(&output))
}

fn parse(output: &Output) -> Result<Files, String> {
    if !output.success() {
        return Err(cause(output));
    }
    let bytes = whole("the script", &output.stdout).map_err(|error| error.to_string())?;
    Files::parse(bytes).ok_or_else(|| "what the script printed is not understood".to_owned())
}

impl Renewer {
    fn new(by: Schedule, path: &str) -> Self {
        Self { by, path: shown(path) }
    }
}

/// A name for people, on one line.
fn shown(name: &str) -> String {
    escape(name).replace('\n', "\\n")
}
