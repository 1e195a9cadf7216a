//! The machines of a run: real ones, or those of a lab.

use std::path::Path;
use std::sync::Arc;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Claim, Host, HostError, Hosts, LocalHost, SshHost, SshOptions};
use certwright_engine::plan::{HostSpec, Plan, WORKSTATION};
use certwright_steps::lab::Lab;

use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::place;
use crate::warning::Warning;

/// Real machines: this one, and the others through ssh. Nothing is connected to yet, and only with a claim can
/// anything be changed.
pub(crate) fn real(specs: &[HostSpec], ssh_config: Option<&Path>, claim: Option<Claim>) -> Hosts {
    let options = SshOptions {
        claim,
        config: ssh_config.map(Path::to_owned),
        runtime_dir: place::runtime_dir(),
        ..SshOptions::default()
    };
    Hosts::new(specs.iter().map(|spec| {
        let host: Arc<dyn Host> = if spec.name == WORKSTATION {
            Arc::new(LocalHost::new(&spec.name))
        } else {
            Arc::new(SshHost::new(spec, options.clone()))
        };
        (spec.clone(), host)
    }))
}

/// Lets go of those of these hosts that the run of these machines has claimed; those on which that failed, and why.
pub(crate) async fn release<'a>(
    hosts: &Hosts,
    specs: impl IntoIterator<Item = &'a HostSpec>,
) -> Vec<HostError> {
    let mut side_by_side = JoinSet::new();
    for host in specs.into_iter().filter_map(|spec| hosts.get(&spec.name)) {
        let host = Arc::clone(host);
        side_by_side
            .spawn(async move { host.release().await.map_err(|error| (host.name().to_owned(), error)) });
    }
    let mut kept: Vec<_> = side_by_side.join_all().await.into_iter().filter_map(Result::err).collect();
    kept.sort_by(|(one, _), (other, _)| one.cmp(other));
    kept.into_iter().map(|(_, error)| error).collect()
}

/// What a run that is over says of hosts that it could not let go of.
pub(crate) fn not_released(run: &str, kept: &[HostError], again: &str) -> Option<Warning> {
    if kept.is_empty() {
        return None;
    }
    let why: Vec<String> = kept.iter().map(ToString::to_string).collect();
    Some(Warning {
        code: "not-released",
        message: format!(
            "run `{run}` still has {}: {}",
            crate::human::count(kept.len(), "host"),
            why.join("; ")
        ),
        hint: format!("other runs are refused there until `certwright{again}` has reached them"),
    })
}

/// The machines of a lab.
pub(crate) fn of_lab(plan: &Plan, lab: &Lab, clock: &Clock) -> Result<Hosts, Failure> {
    let hosts = plan.hosts.iter().map(|spec| Ok((spec.clone(), lab.host(&spec.name, clock.clone())?)));
    let hosts: Vec<(HostSpec, Arc<dyn Host>)> = hosts.collect::<Result<_, Failure>>()?;
    Ok(Hosts::new(hosts))
}
