//! The digest of what an operator asked for: two runs with the same one do the same.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::Choices;

/// SHA-256 (hex) over plan text, inventory text, `--set` values and `--limit`, the latter two sorted.
///
/// Every part is preceded by its length, so that no two choices run into each other.
pub(super) fn digest(plan: &str, inventory: &str, choices: &Choices) -> String {
    let mut set: Vec<&(String, String)> = choices.set.iter().collect();
    set.sort();
    let mut limit: Vec<&String> = choices.limit.iter().collect();
    limit.sort();
    limit.dedup();
    let mut sha = Sha256::new();
    let mut part = |text: &str| {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text.as_bytes());
    };
    part("certwright plan 1");
    part(plan);
    part(inventory);
    part(&set.len().to_string());
    for (name, value) in set {
        part(name);
        part(value);
    }
    for host in limit {
        part(host);
    }
    sha.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(set: &[(&str, &str)], limit: &[&str]) -> Choices {
        Choices {
            set: set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            limit: limit.iter().map(|h| (*h).to_owned()).collect(),
        }
    }

    #[test]
    fn the_digest_changes_with_every_choice_and_not_with_their_order() {
        let all = [
            digest("p", "i", &choices(&[], &[])),
            digest("pi", "", &choices(&[], &[])),
            digest("p", "i", &choices(&[("a", "b")], &[])),
            digest("p", "i", &choices(&[("ab", "")], &[])),
            digest("p", "i", &choices(&[], &["a", "b"])),
            digest("p", "i", &choices(&[], &["ab"])),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|d| d.len() == 64));
        assert_eq!(
            digest("p", "i", &choices(&[("a", "1"), ("b", "2")], &["x", "y", "x"])),
            digest("p", "i", &choices(&[("b", "2"), ("a", "1")], &["y", "x"])),
        );
    }
}
