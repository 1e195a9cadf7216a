//! What can go wrong, by name: the list that `--fault help` prints.

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
    /// The clock of the host turns out to be off.
    ClockOff,
}

impl FaultKind {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 13] = [
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
        Self::ClockOff,
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
            Self::ClockOff => "clock-off",
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
            Self::ContainerStaysDown => (
                "COMPONENT",
                "a stopped container stays down until its sandbox or the kubelet is restarted; with *N the first N-1 of these do not help",
            ),
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
            Self::ClockOff => (
                "SECONDS",
                "the host's clock turns out to be SECONDS ahead (default 300; less than 0: behind)",
            ),
        }
    }

    /// Whether it goes on for ever instead of happening once.
    pub(in crate::lab) fn lasts(self) -> bool {
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
