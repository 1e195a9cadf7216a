//! Exit codes: the one list that scripts rely on.
//!
//! Every way out of the program is one of these; `--help` prints them.

use certwright_engine::machine::Outcome;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The run reached its end, or the question was answered.
    Done,
    /// A usage error, or a plan or inventory with mistakes.
    Invalid,
    /// `certs` found something to be looked at before it is too late.
    Warned,
    /// `certs` found a certificate that has expired.
    Expired,
    /// The run stopped at a failure and can be resumed.
    Failed,
    /// What the run had changed is restored. Not 0, so that nobody takes it for a renewal.
    Undone,
    /// An undo failed; a human is needed.
    Stuck,
    /// The operator stopped the run; it can be resumed.
    Interrupted,
    /// Refused before anything was changed.
    Refused,
    /// `doctor` found something that does not work.
    Ill,
    /// `doctor` found that everything works, and something will not for long.
    Endangered,
    /// The journal cannot be read or written.
    Journal,
}

/// The part of `--help` that lists them.
pub(crate) const HELP: &str = "\
Exit codes:
   0  done
   2  wrong usage, or a mistake in the plan or the inventory
   3  certs: something is to be looked at: it ends soon, does not fit, or a host did not answer
   4  certs: a certificate has expired
  10  failed; `certwright resume` goes on (abandon: a host was not freed, say it again)
  11  undone: what the run had changed is restored
  12  stuck: an undo failed, a human is needed
  13  interrupted; `certwright resume` goes on
  14  refused before anything was changed
  15  doctor: something does not work
  16  doctor: everything works, and something will not for long
  20  the journal cannot be read or written";

impl Exit {
    /// The number the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Invalid => 2,
            Self::Warned => 3,
            Self::Expired => 4,
            Self::Failed => 10,
            Self::Undone => 11,
            Self::Stuck => 12,
            Self::Interrupted => 13,
            Self::Refused => 14,
            Self::Ill => 15,
            Self::Endangered => 16,
            Self::Journal => 20,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Unchanged | Outcome::Changed | Outcome::Abandoned => Self::Done,
            Outcome::Failed => Self::Failed,
            Outcome::Interrupted => Self::Interrupted,
            Outcome::Undone => Self::Undone,
            Outcome::Stuck => Self::Stuck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        for exit in [
            Exit::Done,
            Exit::Invalid,
            Exit::Warned,
            Exit::Expired,
            Exit::Failed,
            Exit::Undone,
            Exit::Stuck,
            Exit::Interrupted,
            Exit::Refused,
            Exit::Ill,
            Exit::Endangered,
            Exit::Journal,
        ] {
            assert!(HELP.contains(&format!("\n{:>4}  ", exit.code())), "{exit:?} is missing");
        }
    }
}
