//! The real machines of a run, and the runtime in which their connections live: the look before a run and the run
//! itself go over the same ones.

use std::path::Path;

use certwright_engine::host::{Claim, Hosts};
use certwright_engine::plan::Plan;

use crate::failure::Failure;
use crate::runtime::{self, Runtime, Time};
use crate::{hosts, place};

/// They stay connected from one call to the next.
pub(crate) struct Reached {
    /// Where everything that asks them runs.
    pub(crate) runtime: Runtime,
    /// The machines, to be changed by this run only.
    pub(crate) hosts: Hosts,
}

impl Reached {
    /// Nothing is connected to yet.
    pub(crate) fn new(plan: &Plan, run: &str, ssh_config: Option<&Path>) -> Result<Self, Failure> {
        let claim = Claim { run: run.to_owned(), operator: place::operator() };
        let runtime = Runtime::new(Time::Real)?;
        Ok(Self { runtime, hosts: hosts::real(&plan.hosts, ssh_config, Some(claim)) })
    }

    /// Ends all connections; later calls connect again.
    pub(crate) fn close(&self) {
        self.runtime.block_on(runtime::close(&self.hosts));
    }
}
