//! Faults on demand: `NAME[=ARG]@HOST[*TIMES]`.
//!
//! A fault waits in the lab's state until the command it is for comes by, happens once (or TIMES), and is recorded as
//! fired: a rehearsal whose fault was never reached has proved nothing. A slow node stays slow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A command reports DeadlineExceeded and has done nothing.
    DeadlineExceeded,
    /// A command reports DeadlineExceeded, and what it was to do happens.
    DeadlineExceededAfter,
    /// The other spelling of `crictl stop`: `code = Unknown desc = ... context deadline exceeded`; nothing is done.
    DeadlineUnknown,
    /// That spelling, and the container ends.
    DeadlineUnknownAfter,
    /// `kubeadm certs renew all` ends half-way with exit status 1.
    RenewDies,
    /// `kubeadm certs renew all` says that it renewed everything and changes nothing.
    RenewLies,
    /// The next container that is stopped does not come back by itself.
    ContainerStaysDown,
    /// The connection is lost before a changing command starts.
    DropBefore,
    /// The connection is lost after a changing command took effect.
    DropAfter,
    /// Every command takes longer.
    Slow,
    /// A write fails: no space left on the device.
    DiskFull,
    /// The kubelet's client certificate turns out to have expired.
    KubeletExpired,
}

impl FaultKind {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 12] = [
        Self::DeadlineExceeded,
        Self::DeadlineExceededAfter,
        Self::DeadlineUnknown,
        Self::DeadlineUnknownAfter,
        Self::RenewDies,
        Self::RenewLies,
        Self::ContainerStaysDown,
        Self::DropBefore,
        Self::DropAfter,
        Self::Slow,
        Self::DiskFull,
        Self::KubeletExpired,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::DeadlineExceededAfter => "deadline-exceeded-after",
            Self::DeadlineUnknown => "deadline-unknown",
            Self::DeadlineUnknownAfter => "deadline-unknown-after",
            Self::RenewDies => "renew-dies",
            Self::RenewLies => "renew-lies",
            Self::ContainerStaysDown => "container-stays-down",
            Self::DropBefore => "drop-before",
            Self::DropAfter => "drop-after",
            Self::Slow => "slow",
            Self::DiskFull => "disk-full",
            Self::KubeletExpired => "kubelet-expired",
        }
    }

    /// What its argument is, and what it does: two columns of the help.
    pub fn help(self) -> (&'static str, &'static str) {
        match self {
            Self::DeadlineExceeded => {
                ("stop|renew", "crictl stop (or kubeadm renew) reports DeadlineExceeded and does nothing")
            }
            Self::DeadlineExceededAfter => {
                ("stop|renew", "the same, but what was asked for happens all the same")
            }
            Self::DeadlineUnknown => {
                ("", "crictl stop fails with `code = Unknown ... context deadline exceeded`")
            }
            Self::DeadlineUnknownAfter => ("", "the same, but the container ends"),
            Self::RenewDies => {
                ("COUNT", "kubeadm renew ends with status 1 after COUNT certificates (default 5)")
            }
            Self::RenewLies => ("", "kubeadm renew reports success and changes nothing"),
            Self::ContainerStaysDown => {
                ("COMPONENT", "a stopped container stays down until its sandbox or the kubelet is restarted")
            }
            Self::DropBefore => {
                ("PROGRAM", "the connection is lost before a changing command starts (rehearsals only)")
            }
            Self::DropAfter => {
                ("PROGRAM", "the connection is lost after a changing command took effect (rehearsals only)")
            }
            Self::Slow => ("SECONDS", "every command on the host takes SECONDS longer (default 5)"),
            Self::DiskFull => ("PATH", "the next write (below PATH) finds no space"),
            Self::KubeletExpired => {
                ("", "the kubelet runs, and its client certificate turns out to have expired a day ago")
            }
        }
    }

    /// Whether it goes on for ever instead of happening once.
    fn lasts(self) -> bool {
        self == Self::Slow
    }
}

/// The list of faults for `--fault help`.
pub fn help() -> String {
    let line = |kind: FaultKind| {
        let (argument, what) = kind.help();
        let argument = if argument.is_empty() { String::new() } else { format!("[={argument}]") };
        format!("  {:<40}{what}\n", format!("{}{argument}@HOST", kind.name()))
    };
    let lines: Vec<String> = FaultKind::ALL.into_iter().map(line).collect();
    format!("NAME[=ARG]@HOST[*TIMES]\n{}", lines.concat())
}

/// A fault, as `--fault` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Its argument.
    pub argument: Option<String>,
    /// On which host.
    pub host: String,
    /// How often.
    pub times: u32,
}

/// A fault that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no `@HOST`.
    #[error("fault `{0}` names no host: write NAME@HOST")]
    NoHost(String),
    /// There is no fault of this name.
    #[error("there is no fault `{name}`; there are {known}")]
    Unknown {
        /// What was written.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The argument or the count is not one that this fault takes.
    #[error("fault `{fault}` takes {takes}, not `{argument}`")]
    Argument {
        /// The fault's name.
        fault: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What was written.
        argument: String,
    },
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (what, place) = text.rsplit_once('@').ok_or_else(|| FaultError::NoHost(text.to_owned()))?;
        let (name, argument) = match what.split_once('=') {
            Some((name, argument)) => (name, Some(argument.to_owned())),
            None => (what, None),
        };
        let kind = FaultKind::ALL.into_iter().find(|k| k.name() == name).ok_or_else(|| {
            let known: Vec<&str> = FaultKind::ALL.iter().map(|k| k.name()).collect();
            FaultError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })?;
        let (host, times) = match place.split_once('*') {
            Some((host, times)) => (
                host,
                times.parse().ok().filter(|t| *t > 0).ok_or_else(|| FaultError::Argument {
                    fault: kind.name(),
                    takes: "a count after `*`",
                    argument: times.into(),
                })?,
            ),
            None => (place, 1),
        };
        if host.is_empty() {
            return Err(FaultError::NoHost(text.to_owned()));
        }
        let fault = Self { kind, argument, host: host.to_owned(), times };
        fault.check()?;
        Ok(fault)
    }
}

impl Fault {
    /// A fault without argument that happens once.
    pub fn new(kind: FaultKind, host: impl Into<String>) -> Self {
        Self { kind, argument: None, host: host.into(), times: 1 }
    }

    /// The same with an argument.
    #[must_use]
    pub fn argument(self, argument: impl Into<String>) -> Self {
        Self { argument: Some(argument.into()), ..self }
    }

    fn check(&self) -> Result<(), FaultError> {
        let Some(argument) = self.argument.as_deref() else { return Ok(()) };
        let takes = self.kind.help().0;
        let fits = match self.kind {
            FaultKind::DeadlineExceeded | FaultKind::DeadlineExceededAfter => {
                ["stop", "renew"].contains(&argument)
            }
            FaultKind::RenewDies => argument.parse::<usize>().is_ok(),
            FaultKind::Slow => argument.parse::<u64>().is_ok(),
            FaultKind::ContainerStaysDown => crate::pki::layout::Component::from_name(argument).is_some(),
            FaultKind::DropBefore | FaultKind::DropAfter => {
                !argument.is_empty() && argument.bytes().all(|b| b.is_ascii_lowercase())
            }
            FaultKind::DiskFull => argument.starts_with('/'),
            FaultKind::DeadlineUnknown
            | FaultKind::DeadlineUnknownAfter
            | FaultKind::RenewLies
            | FaultKind::KubeletExpired => false,
        };
        let takes = if takes.is_empty() { "no argument" } else { takes };
        let refuse =
            || FaultError::Argument { fault: self.kind.name(), takes, argument: argument.to_owned() };
        if fits { Ok(()) } else { Err(refuse()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(argument) = &self.argument {
            write!(f, "={argument}")?;
        }
        write!(f, "@{}", self.host)?;
        if self.times == 1 { Ok(()) } else { write!(f, "*{}", self.times) }
    }
}

/// A fault that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Armed {
    /// The fault as it was asked for.
    pub(super) fault: Fault,
    /// How often it has still to happen.
    pub(super) left: u32,
}

/// A fault that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fired {
    /// The fault as it was asked for.
    pub fault: Fault,
    /// When it happened, lab time, ms since 1970.
    pub at_ms: u64,
    /// The command it happened to.
    pub command: String,
}

impl super::state::State {
    /// Takes a waiting fault of this kind on `host` whose argument fits, and records that it happens.
    pub(super) fn take_fault(
        &mut self,
        kind: FaultKind,
        host: &str,
        command: &str,
        fits: impl Fn(Option<&str>) -> bool,
    ) -> Option<Fault> {
        let waits = |a: &Armed| {
            a.fault.kind == kind && a.fault.host == host && a.left > 0 && fits(a.fault.argument.as_deref())
        };
        let armed = self.faults.iter_mut().find(|a| waits(a))?;
        let fault = armed.fault.clone();
        if kind.lasts() {
            if self.fired.iter().any(|f| f.fault == fault) {
                return Some(fault);
            }
        } else {
            armed.left -= 1;
        }
        self.fired.push(Fired { fault: fault.clone(), at_ms: self.now, command: command.to_owned() });
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_back_as_it_was_written() {
        for text in
            ["deadline-exceeded@cp-1", "deadline-exceeded=renew@cp-1", "renew-dies=3@cp-2*2", "slow=7@cp-3"]
        {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for kind in FaultKind::ALL {
            assert_eq!(Fault::new(kind, "h").to_string().parse(), Ok(Fault::new(kind, "h")));
            assert!(help().contains(kind.name()));
        }
    }

    #[test]
    fn a_fault_that_makes_no_sense_is_refused_with_what_would() {
        let refused = |text: &str| text.parse::<Fault>().unwrap_err().to_string();
        assert_eq!(refused("slow"), "fault `slow` names no host: write NAME@HOST");
        assert!(refused("slov@cp-1").starts_with("there is no fault `slov`; there are deadline-exceeded, "));
        assert_eq!(refused("slow=x@cp-1"), "fault `slow` takes SECONDS, not `x`");
        assert_eq!(refused("renew-lies=1@cp-1"), "fault `renew-lies` takes no argument, not `1`");
        assert_eq!(refused("slow@cp-1*0"), "fault `slow` takes a count after `*`, not `0`");
    }
}
