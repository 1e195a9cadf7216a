//! The machines of a run: real ones, or those of a lab.

use std::path::Path;
use std::sync::Arc;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Claim, Host, Hosts, LocalHost, SshHost, SshOptions};
use certwright_engine::plan::{HostSpec, Plan, WORKSTATION};
use certwright_steps::lab::Lab;

use crate::failure::Failure;
use crate::place;

/// Real machines: this one, and the others through ssh. Nothing is connected to yet, and only with a claim can
/// anything be changed.
pub(crate) fn real(plan: &Plan, ssh_config: Option<&Path>, claim: Option<Claim>) -> Hosts {
    let options = SshOptions {
        claim,
        config: ssh_config.map(Path::to_owned),
        runtime_dir: place::runtime_dir(),
        ..SshOptions::default()
    };
    Hosts::new(plan.hosts.iter().map(|spec| {
        let host: Arc<dyn Host> = if spec.name == WORKSTATION {
            Arc::new(LocalHost::new(&spec.name))
        } else {
            Arc::new(SshHost::new(spec, options.clone()))
        };
        (spec.clone(), host)
    }))
}

/// The machines of a lab.
pub(crate) fn of_lab(plan: &Plan, lab: &Lab, clock: &Clock) -> Result<Hosts, Failure> {
    let hosts = plan.hosts.iter().map(|spec| Ok((spec.clone(), lab.host(&spec.name, clock.clone())?)));
    let hosts: Vec<(HostSpec, Arc<dyn Host>)> = hosts.collect::<Result<_, Failure>>()?;
    Ok(Hosts::new(hosts))
}
