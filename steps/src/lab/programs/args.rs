//! Command lines of the lab's programs: flags with and without value, and the rest.

use std::collections::BTreeMap;

use crate::lab::exec::Answer;

/// A command line taken apart.
#[derive(Debug, Default)]
pub(super) struct Flags {
    named: BTreeMap<String, String>,
    /// What is not a flag.
    pub(super) rest: Vec<String>,
}

impl Flags {
    /// Reads flags before and between the words. `valued` and `switches` list the known ones, each as its spellings
    /// with `|` between them; the last spelling is the name it is asked for by.
    pub(super) fn read(args: &[String], valued: &[&str], switches: &[&str]) -> Result<Self, Answer> {
        let mut flags = Self::default();
        let mut words = args.iter();
        while let Some(word) = words.next() {
            if !word.starts_with('-') || word == "-" {
                flags.rest.push(word.clone());
                continue;
            }
            let (flag, attached) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let known = |list: &[&str]| {
                let spelt = list.iter().find(|s| s.split('|').any(|one| one == flag))?;
                spelt.rsplit('|').next().map(str::to_owned)
            };
            if let Some(name) = known(valued) {
                let value = attached.or_else(|| words.next().cloned());
                let Some(value) = value else {
                    return Err(Answer::fail(1, format!("flag needs an argument: {flag}\n")));
                };
                flags.named.insert(name, value);
            } else if let Some(name) = known(switches) {
                flags.named.insert(name, attached.unwrap_or_else(|| "true".to_owned()));
            } else {
                return Err(Answer::gap(format_args!("flag {flag}")));
            }
        }
        Ok(flags)
    }

    /// The value of a flag.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// True when a switch is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| v != "false")
    }
}

/// A duration as Go reads it (`1m30s`, `500ms`), in ms; a plain number counts seconds.
pub(super) fn go_duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds * 1000);
    }
    let mut total = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "h" => 3_600_000,
                "m" => 60_000,
                "s" => 1000,
                "ms" => 1,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_found_in_every_spelling_and_unknown_ones_named() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let flags =
            Flags::read(&words("ps -a -o json --name=etcd x"), &["-o|--output", "--name"], &["-a|--all"])
                .unwrap();
        assert_eq!(
            (flags.get("--output"), flags.get("--name"), flags.has("--all")),
            (Some("json"), Some("etcd"), true)
        );
        assert_eq!(flags.rest, ["ps", "x"]);
        let gap = Flags::read(&words("ps --bogus"), &[], &[]).unwrap_err();
        assert_eq!(gap.status, crate::lab::exec::GAP);
        assert!(String::from_utf8(gap.stderr).unwrap().contains("flag --bogus"));
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let read = ["10s", "8760h0m0s", "1m30s", "500ms", "30", "x", ""].map(go_duration);
        assert_eq!(
            read,
            [Some(10_000), Some(31_536_000_000), Some(90_000), Some(500), Some(30_000), None, None]
        );
    }
}
