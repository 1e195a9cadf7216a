//! Simulated control-plane nodes: real files, real certificates, and programs that behave like the real ones.
//!
//! A lab is a folder: `DIR/cp-1/` is that node's `/` (`DIR/cp-1/etc/kubernetes/pki/apiserver.crt`), `DIR/workstation/` the
//! operator's, `DIR/.lab/` the lab's memory. One implementation of behaviour (`exec`) has three doors: [`Lab::host`], in
//! process and under virtual time, [`program`], for hosts that are real machines with the node's folders mounted, and
//! [`Machine`], for a machine where only kubeadm and crictl are the lab's.
//! Formats, statuses and traps are those of a real kubeadm 1.36 control plane; what the lab does not have says so.
//!
//! Deliberately absent: networks and kernels (a connection is lost only by a fault), other versions than 1.36, and
//! anything that no procedure looks at.

mod build;
mod clockwork;
mod create;
mod door;
mod exec;
mod fault;
mod files;
mod host;
mod kubeconf;
mod machine;
mod mint;
mod programs;
mod spec;
mod state;
mod store;
mod subjects;
mod templates;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use certwright_engine::clock::Clock;
use certwright_engine::host::Host;
use certwright_engine::plan::WORKSTATION;

pub use build::kubelet_file_name;
pub use door::{Played, Seat, names as program_names, program};
pub use exec::{GAP, Reach};
pub use fault::{Fault, FaultError, FaultKind, Fired, help as fault_help};
pub use machine::{Machine, MachineContainer, MachinePod, StopFailed, no_container};
#[cfg(test)]
pub(crate) use programs::jsonpath;
pub use programs::{API_SERVER_HOOKS, has as has_program, of_host as programs_of};
pub use spec::{LabSpec, NodeSpec, Peers, Validity};
pub use store::Found;
pub use world::requests::SigningAsk;

use files::Files;
use store::{Locked, Store};
use world::{Touched, World};

/// Why a lab cannot be made, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file of the lab.
    #[error("{action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds a lab already.
    #[error("`{}` holds a lab already", dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// Somebody else is making the lab.
    #[error("the lab in `{}` is still being made by another process", dir.display())]
    Making {
        /// The folder.
        dir: PathBuf,
    },
    /// The lab's memory cannot be read.
    #[error("lab state `{}`", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The lab was made by another version.
    #[error("lab state `{}` has format {found}, this version reads format {}", path.display(), store::FORMAT)]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// No lab can be made like this.
    #[error("a lab cannot be made: {why}")]
    Spec {
        /// Why not.
        why: String,
    },
    /// The lab has no such host.
    #[error("the lab has no host `{name}`; it has {known}")]
    NoHost {
        /// What was asked for.
        name: String,
        /// The hosts there are.
        known: String,
    },
    /// A certificate cannot be made.
    #[error("make a certificate: {why}")]
    Certificate {
        /// Why not.
        why: String,
    },
}

impl LabError {
    fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is the tail of `map_err`")]
    fn mint(error: mint::MintError) -> Self {
        Self::Certificate { why: error.to_string() }
    }
}

/// A lab in its folder.
#[derive(Debug, Clone)]
pub struct Lab {
    files: Files,
    store: Arc<Store>,
}

impl Lab {
    /// What `dir` is to somebody who wants a lab there.
    pub fn look(dir: impl AsRef<Path>) -> Result<Found, LabError> {
        store::look(dir.as_ref())
    }

    /// Makes a lab in `dir`, which may exist but must not hold one, as of the clock's wall time. What is left there of one that
    /// was half made is removed first.
    pub fn create(dir: impl AsRef<Path>, spec: &LabSpec, clock: &Clock) -> Result<Self, LabError> {
        let lab = Self::at(dir.as_ref());
        create::create(&lab.files, spec, clock.wall_ms())?;
        Ok(lab)
    }

    /// Opens the lab in `dir`.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LabError> {
        let lab = Self::at(dir.as_ref());
        lab.locked()?;
        Ok(lab)
    }

    fn at(dir: &Path) -> Self {
        Self { files: Files::new(dir), store: Arc::new(Store::new(dir)) }
    }

    fn locked(&self) -> Result<Locked<'_>, LabError> {
        self.store.open()
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.files.dir()
    }

    /// What it was made from.
    pub fn spec(&self) -> Result<LabSpec, LabError> {
        Ok(LabSpec::clone(&self.locked()?.state.spec))
    }

    /// The latest time it has seen, ms since 1970; a clock for it starts here or later.
    pub fn now_ms(&self) -> Result<u64, LabError> {
        Ok(self.locked()?.state.now)
    }

    /// Lets time pass until `now_ms`, ms since 1970, for whoever looks next: a command that only looks leaves no trace, not
    /// even that of the time it took.
    pub fn pass_until(&self, now_ms: u64) -> Result<(), LabError> {
        let mut locked = self.locked()?;
        World { state: &mut locked.state, files: &self.files }.advance(now_ms, Touched::Any)?;
        locked.save_with_time()
    }

    /// The run that began last in it.
    pub fn run(&self) -> Result<Option<String>, LabError> {
        Ok(self.locked()?.state.run.clone())
    }

    /// Remembers the run that begins in it.
    pub fn begin(&self, run: &str) -> Result<(), LabError> {
        let mut locked = self.locked()?;
        locked.state.run = Some(run.to_owned());
        locked.save()
    }

    /// A host of the lab by its name, `workstation` among them.
    pub fn host(&self, name: &str, clock: Clock) -> Result<Arc<dyn Host>, LabError> {
        self.known(name)?;
        Ok(Arc::new(host::LabHost::new(name, self.files.clone(), Arc::clone(&self.store), clock)))
    }

    fn known(&self, name: &str) -> Result<(), LabError> {
        let mut known = self.locked()?.state.names();
        known.push(WORKSTATION.to_owned());
        if known.iter().any(|k| k == name) {
            return Ok(());
        }
        Err(LabError::NoHost { name: name.to_owned(), known: known.join(", ") })
    }

    /// Lets a fault wait for its moment.
    pub fn inject(&self, fault: Fault) -> Result<(), LabError> {
        self.known(&fault.host)?;
        let mut locked = self.locked()?;
        let left = fault.times;
        locked.state.faults.push(fault::Armed { fault, left });
        locked.save()
    }

    /// Takes back every fault that still waits or goes on.
    pub fn disarm(&self) -> Result<(), LabError> {
        let mut locked = self.locked()?;
        locked.state.faults.clear();
        locked.save()
    }

    /// The faults that have happened, in their order.
    pub fn faults_fired(&self) -> Result<Vec<Fired>, LabError> {
        Ok(self.locked()?.state.fired.clone())
    }

    /// Those of the faults that happened which go on for ever, unless they were taken back.
    pub fn faults_lasting(&self) -> Result<Vec<Fault>, LabError> {
        let locked = self.locked()?;
        let state = &locked.state;
        let lasts =
            |a: &&fault::Armed| a.fault.kind.lasts() && state.fired.iter().any(|f| f.fault == a.fault);
        Ok(state.faults.iter().filter(lasts).map(|a| a.fault.clone()).collect())
    }

    /// The faults whose moment has not come.
    pub fn faults_waiting(&self) -> Result<Vec<Fault>, LabError> {
        let locked = self.locked()?;
        let state = &locked.state;
        let fired = |fault: &Fault| state.fired.iter().any(|f| f.fault == *fault);
        let lasts = |a: &fault::Armed| a.fault.kind == FaultKind::Slow && fired(&a.fault);
        Ok(state.faults.iter().filter(|a| a.left > 0 && !lasts(a)).map(|a| a.fault.clone()).collect())
    }

    /// TOML text of an inventory that fits it.
    pub fn inventory(&self) -> Result<String, LabError> {
        Ok(self.spec()?.inventory())
    }
}
