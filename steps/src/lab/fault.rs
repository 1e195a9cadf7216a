//! Faults on demand: `NAME[=ARG]@HOST[*TIMES]`.
//!
//! A fault waits in the lab's state until the command it is for comes by, happens once (or TIMES), and is recorded as
//! fired: a rehearsal whose fault was never reached has proved nothing. A slow node stays slow.

mod kind;

mod armed;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(super) use armed::Armed;
pub use armed::Fired;
pub use kind::{FaultKind, help};

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
            FaultKind::ClockOff => argument.parse::<i64>().is_ok(),
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
