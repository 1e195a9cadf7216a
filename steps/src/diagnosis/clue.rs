//! One line of evidence, and what can be read from it: who wrote it, whom it speaks of, its dates.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// The log of a component, by its name (`etcd`, `kubelet`).
    Log(&'a str),
    /// What a program printed, by its name (`crictl`).
    Program(&'a str),
}

/// Something that was written.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The host it was written on.
    pub host: &'a str,
    /// Who wrote it.
    pub source: Source<'a>,
    /// The lines, as they came.
    pub text: &'a str,
}

/// One line of a text.
pub(super) struct Clue<'a> {
    text: &'a Text<'a>,
    /// The line as it came.
    pub(super) line: &'a str,
    /// The same in lower case, for comparisons.
    pub(super) lower: String,
    now: i64,
}

/// The two times of Go's complaint about a certificate's dates.
pub(super) struct Dates {
    /// What the clock of whoever checked said, seconds since 1970.
    pub(super) clock: i64,
    /// The certificate's NotAfter, or its NotBefore.
    pub(super) limit: i64,
    /// Which of the two it is.
    pub(super) side: Side,
}

/// On which side of its validity a certificate was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// NotAfter has passed.
    After,
    /// NotBefore is to come.
    Before,
}

impl<'a> Clue<'a> {
    pub(super) fn new(text: &'a Text<'a>, line: &'a str, now: i64) -> Self {
        Self { text, line, lower: line.to_lowercase(), now }
    }

    /// The host on which the line was written.
    pub(super) fn host(&self) -> &'a str {
        self.text.host
    }

    /// Seconds since 1970 by the reader's clock.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// The component whose log it is in.
    pub(super) fn component(&self) -> Option<&'a str> {
        match self.text.source {
            Source::Log(name) => Some(name),
            Source::Program(_) => None,
        }
    }

    /// Who wrote it, for people: `log of etcd`.
    pub(super) fn source(&self) -> String {
        match self.text.source {
            Source::Log(name) => format!("log of {name}"),
            Source::Program(name) => name.to_owned(),
        }
    }

    /// Who speaks: `etcd on cp-1`.
    pub(super) fn speaker(&self) -> String {
        let (Source::Log(name) | Source::Program(name)) = self.text.source;
        format!("{name} on {}", self.text.host)
    }

    /// Whether any of these, in lower case, is in the line.
    pub(super) fn has(&self, needles: &[&str]) -> bool {
        needles.iter().any(|needle| self.lower.contains(needle))
    }

    /// The word after `mark`: what stands there up to a character that no address, name or path has.
    pub(super) fn after(&self, mark: &str) -> Option<&'a str> {
        let (_, rest) = self.line.split_once(mark)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-[]@%".contains(c);
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches([':', '.']);
        (!word.is_empty()).then_some(word)
    }

    /// Whom the line speaks of, for people: `the API server at 10.0.0.2:6443`, `etcd member a71d`; None where it does
    /// not say.
    pub(super) fn other(&self) -> Option<String> {
        if let Some(member) =
            self.after("\"remote-peer-id\":\"").or_else(|| self.after("health check for peer "))
        {
            return Some(format!("etcd member {member}"));
        }
        if let Some(client) = self.after("\"remote-addr\":\"").or_else(|| self.after("connection from \"")) {
            // Its port is another one each time.
            return Some(client.rsplit_once(':').map_or(client, |(address, _)| address).to_owned());
        }
        let url = self.after("://").map(|url| url.split('/').find(|part| part.contains(':')).unwrap_or(url));
        let address = self
            .after("Addr: \"")
            .or_else(|| self.after("dial tcp "))
            .or_else(|| self.after("The connection to the server "))
            .or(url)?;
        Some(named(address.split('/').next().unwrap_or(address)))
    }

    /// The times in `current time X is after Y` and `... is before Y`.
    pub(super) fn dates(&self) -> Option<Dates> {
        let (_, rest) = self.line.split_once("current time ")?;
        let (clock, rest) = rest.split_once(' ')?;
        let (side, rest) = match (rest.strip_prefix("is after "), rest.strip_prefix("is before ")) {
            (Some(rest), _) => (Side::After, rest),
            (None, Some(rest)) => (Side::Before, rest),
            (None, None) => return None,
        };
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-:.+".contains(c))).unwrap_or(rest.len());
        Some(Dates { clock: seconds(clock)?, limit: seconds(&rest[..end])?, side })
    }
}

/// What listens at an address, by its port.
pub(super) fn named(address: &str) -> String {
    let what = match address.rsplit_once(':').map(|(_, port)| port) {
        Some("6443" | "443") => "the API server at ",
        Some("2379" | "2380") => "etcd at ",
        Some("10250" | "10248") => "the kubelet at ",
        Some("10257") => "kube-controller-manager at ",
        Some("10259") => "kube-scheduler at ",
        Some(_) | None => "",
    };
    format!("{what}{address}")
}

fn seconds(text: &str) -> Option<i64> {
    Some(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp())
}

/// Seconds since 1970 as `2026-11-24T21:06:53Z`.
pub(crate) fn instant(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
