//! `rolling`: how many hosts of a stage are acted on at a time.

use toml::de::DeValue;

use super::Code;
use super::findings::{Findings, Found};
use super::scope::{misplaced, whole};
use super::section::{Node, Section};

/// How the hosts of a stage are split into batches; a batch starts when the one before has finished the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rolling {
    /// So many at a time.
    Each(usize),
    /// Batches of these sizes, then all others side by side.
    ThenRest(Vec<usize>),
    /// All side by side.
    All,
}

impl Rolling {
    /// Reads `rolling` of a stage; one host at a time where it is left out.
    pub(super) fn read(section: &mut Section, findings: &mut Findings) -> Self {
        let Some(node) = section.get("rolling") else { return Self::Each(1) };
        let read = match node.get_ref() {
            DeValue::Integer(_) => count(node).map(Self::Each),
            DeValue::String(word) if word == "all" => Some(Self::All),
            DeValue::Array(list) => list
                .split_last()
                .filter(|(end, _)| end.get_ref().as_str() == Some("rest"))
                .and_then(|(_, counts)| counts.iter().map(count).collect())
                .map(Self::ThenRest),
            DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => None,
        };
        read.unwrap_or_else(|| {
            let message = format!("{} is not a way to roll over hosts", section.name_of("rolling"));
            findings.report(if let Some(name) = node.get_ref().as_str().and_then(whole) {
                misplaced(name, node.span(), &section.name_of("rolling"))
            } else {
                let (label, help) = explain(node);
                Found::new(Code::BadRolling, node.span(), message).label(label).help(help)
            });
            Self::Each(1)
        })
    }

    /// The hosts in batches, in order; no batch is empty.
    pub(super) fn batches<T: Copy>(&self, hosts: &[T]) -> Vec<Vec<T>> {
        match self {
            Self::Each(size) => hosts.chunks(*size).map(<[T]>::to_vec).collect(),
            Self::All => Self::ThenRest(Vec::new()).batches(hosts),
            Self::ThenRest(sizes) => {
                let mut batches = Vec::new();
                let mut left = hosts;
                for size in sizes {
                    let (batch, rest) = left.split_at((*size).min(left.len()));
                    batches.push(batch.to_vec());
                    left = rest;
                }
                batches.push(left.to_vec());
                batches.retain(|batch| !batch.is_empty());
                batches
            }
        }
    }

    /// As plans write it.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Each(size) => size.to_string(),
            Self::All => "\"all\"".to_owned(),
            Self::ThenRest(sizes) => {
                let sizes = sizes.iter().map(ToString::to_string);
                let words: Vec<String> = sizes.chain(["\"rest\"".to_owned()]).collect();
                format!("[{}]", words.join(", "))
            }
        }
    }
}

/// What is wrong with a `rolling`, and what to write.
fn explain(node: &Node) -> (&'static str, String) {
    let general = "write how many hosts at a time (1), [1, \"rest\"], or \"all\"".to_owned();
    match node.get_ref() {
        DeValue::Integer(_) => ("must be at least 1", general),
        DeValue::Array(list) if list.is_empty() => ("names no batch", general),
        DeValue::Array(list) => {
            let counts: Option<Vec<usize>> = list.iter().map(count).collect();
            match counts {
                Some(counts) => {
                    ("must end in \"rest\"", format!("write {}", Rolling::ThenRest(counts).written()))
                }
                None => ("must be counts of at least 1, then \"rest\"", general),
            }
        }
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => ("no count, no list and not \"all\"", general),
    }
}

/// A count of hosts, at least 1; a huge one is as good as any.
fn count(node: &Node) -> Option<usize> {
    let number = node.get_ref().as_integer()?;
    usize::from_str_radix(number.as_str(), number.radix()).ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_host_once_and_in_order() {
        let hosts = [1, 2, 3, 4, 5];
        for (rolling, expected) in [
            (Rolling::Each(2), vec![vec![1, 2], vec![3, 4], vec![5]]),
            (Rolling::Each(usize::MAX), vec![vec![1, 2, 3, 4, 5]]),
            (Rolling::All, vec![vec![1, 2, 3, 4, 5]]),
            (Rolling::ThenRest(vec![1]), vec![vec![1], vec![2, 3, 4, 5]]),
            (Rolling::ThenRest(vec![1, 4]), vec![vec![1], vec![2, 3, 4, 5]]),
            (Rolling::ThenRest(vec![3, 9, 9]), vec![vec![1, 2, 3], vec![4, 5]]),
        ] {
            assert_eq!(rolling.batches(&hosts), expected, "{}", rolling.written());
            assert_eq!(rolling.batches::<u8>(&[]), Vec::<Vec<u8>>::new(), "{}", rolling.written());
        }
    }
}
