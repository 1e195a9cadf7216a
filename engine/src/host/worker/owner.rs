//! Who owns a host: the line of its owner file, and the claim of a run on it.
//!
//! Pure. A run that takes a host over writes the next epoch with a fresh nonce under the host's lock; every
//! mutating request carries the whole line, so that one of an earlier claim, however late it arrives, starts
//! nothing.

use std::fmt;

use super::stream::Nonce;
use crate::text::escape;

/// Longest operator in an owner line, characters.
const OPERATOR_MAX: usize = 100;

/// What a run says of itself where it takes a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run's id: a word without spaces.
    pub run: String,
    /// Who runs it: `user@workstation`.
    pub operator: String,
}

/// The line of an owner file: `RUN EPOCH NONCE BOOT_ID OPERATOR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The run that has the host.
    pub run: String,
    /// How often it took the host, itself counted.
    pub epoch: u64,
    /// What nobody can guess: no two claims are the same line.
    pub nonce: String,
    /// The boot id of the host when it was taken: under another one nothing of before can be running.
    pub boot: String,
    /// Who runs it, escaped.
    pub operator: String,
}

impl Owner {
    /// Reads an owner line; None for what certwright did not write.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ').map(str::to_owned);
        let owner = Self {
            run: words.next()?,
            epoch: words.next()?.parse().ok()?,
            nonce: words.next()?,
            boot: words.next()?,
            operator: words.next()?,
        };
        let is_whole = !owner.run.is_empty() && !owner.operator.is_empty() && words.next().is_none();
        is_whole.then_some(owner)
    }

    /// The line with which `claim` takes a host with this boot id after `before`.
    pub(super) fn next(claim: &Claim, before: Option<&Self>, boot: &str) -> Self {
        Self {
            run: word(&claim.run),
            epoch: before.map_or(0, |owner| owner.epoch) + 1,
            nonce: Nonce::random().as_str().to_owned(),
            boot: word(boot),
            operator: word(&claim.operator),
        }
    }

    /// Whether the host is that run's.
    pub(super) fn is_of(&self, claim: &Claim) -> bool {
        self.run == word(&claim.run)
    }

    /// For people, escaped: which run of whom.
    pub fn shown(&self) -> String {
        format!("run `{}` of {}", escape(&self.run), escape(&self.operator))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, epoch, nonce, boot, operator } = self;
        write!(f, "{run} {epoch} {nonce} {boot} {operator}")
    }
}

/// One word of the line.
fn word(text: &str) -> String {
    let plain = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
    let word: String = escape(text).chars().map(plain).take(OPERATOR_MAX).collect();
    if word.is_empty() { "?".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_line_is_read_back_whatever_the_operator_is_called() {
        for operator in ["ops@ws", "a b\n@\u{202e}c", "", &"x".repeat(3000)] {
            let claim = Claim { run: "20261124-224500-abcd".into(), operator: operator.into() };
            let first = Owner::next(&claim, None, "boot");
            let again = Owner::next(&claim, Some(&first), "boot");
            assert_eq!(Owner::parse(&again.to_string()), Some(again.clone()), "{operator:?}");
            assert!(again.is_of(&claim) && again.to_string().len() < 500);
            assert_eq!((first.epoch, again.epoch), (1, 2));
            assert_ne!(first.nonce, again.nonce);
        }
    }

    #[test]
    fn a_line_of_somebody_else_is_no_owner() {
        for line in ["", "-", "a", "r one n b o", "r 1 n b", "r 1 n b o more", " 1 n b o"] {
            assert_eq!(Owner::parse(line), None, "{line:?}");
        }
    }
}
