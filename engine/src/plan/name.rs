//! Rules for names: they reach command lines, file names and terminals, so few characters are allowed.

use toml::Spanned;

use super::findings::{Findings, Found, Span, quote};
use super::{Code, limits};

/// What a name is for, which decides what it may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRule {
    /// Ids of plans, stages, steps and params, names of groups and namespaces: `[a-z0-9][a-z0-9-]*`.
    Id,
    /// Name of a cluster, also a file name: `[a-z0-9][a-z0-9.-]*`.
    Cluster,
    /// Name of a host: `[A-Za-z0-9][A-Za-z0-9.:_-]*`.
    Host,
    /// Address or ssh_config alias: as a host, and IPv6 addresses may start with `:` and name a zone by `%`.
    Address,
    /// Login user: `[a-z_][a-z0-9_.-]*`.
    User,
}

impl NameRule {
    fn allows(self, name: &str) -> bool {
        let mut chars = name.chars();
        let Some(first) = chars.next() else { return false };
        let rest = chars.as_str();
        let (first_fits, allowed): (bool, fn(char) -> bool) = match self {
            Self::Id => (is_lower(first), |c| is_lower(c) || c == '-'),
            Self::Cluster => (is_lower(first), |c| is_lower(c) || matches!(c, '-' | '.')),
            Self::Host => (first.is_ascii_alphanumeric(), is_host),
            Self::Address => (first.is_ascii_alphanumeric() || first == ':', |c| is_host(c) || c == '%'),
            Self::User => {
                (first.is_ascii_lowercase() || first == '_', |c| is_lower(c) || matches!(c, '_' | '.' | '-'))
            }
        };
        first_fits && rest.chars().all(allowed) && name.len() <= self.longest()
    }

    fn longest(self) -> usize {
        match self {
            Self::Id | Self::User => limits::ID_CHARS,
            Self::Cluster | Self::Host | Self::Address => limits::HOST_CHARS,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Id => "lower-case letters, digits and `-`, starting with a letter or digit",
            Self::Cluster => "lower-case letters, digits, `-` and `.`, starting with a letter or digit",
            Self::Host => "letters, digits, `.`, `:`, `_` and `-`, starting with a letter or digit",
            Self::Address => "a host name, an IP address or an alias of ssh_config",
            Self::User => "lower-case letters, digits, `_`, `.` and `-`, starting with a letter or `_`",
        }
    }

    /// The name when it obeys the rule; a finding otherwise. `what` is what the name is of.
    pub(super) fn read(
        self,
        name: Spanned<String>,
        what: &str,
        findings: &mut Findings,
    ) -> Option<Spanned<String>> {
        if self.check(name.get_ref(), name.span(), what, findings) { Some(name) } else { None }
    }

    /// Whether `name` obeys the rule; a finding when it does not.
    pub(super) fn check(self, name: &str, span: Span, what: &str, findings: &mut Findings) -> bool {
        if self.allows(name) {
            return true;
        }
        let problem = if name.is_empty() {
            format!("{what} is empty")
        } else if name.len() > self.longest() {
            format!("{what} is longer than {} characters", self.longest())
        } else {
            format!("{what} is not a valid name: {}", quote(name))
        };
        let mut found = Found::new(Code::BadName, span, problem).label(self.describe());
        if self == Self::Address && name.contains('@') {
            found = found.help("write the login user under `user`");
        } else if let Some(fixed) = self.repaired(name) {
            found = found.help(format!("did you mean {}?", quote(&fixed)));
        }
        findings.report(found);
        false
    }

    /// The name with other characters left out or replaced, when that makes it valid.
    fn repaired(self, name: &str) -> Option<String> {
        let lowered = match self {
            Self::Id | Self::Cluster | Self::User => name.to_lowercase(),
            Self::Host | Self::Address => name.to_owned(),
        };
        let fixed: String =
            lowered.trim().chars().map(|c| if matches!(c, ' ' | '_' | '/') { '-' } else { c }).collect();
        let fixed = fixed.trim_start_matches('-').to_owned();
        (fixed != name && self.allows(&fixed)).then_some(fixed)
    }
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_be_taken_for_an_option_or_leave_its_folder() {
        use NameRule::{Address, Cluster, Host, Id, User};
        for rule in [Id, Cluster, Host, Address, User] {
            for bad in ["-oProxyCommand=x", "-", "", "../x", "a/b", "a b", "a;b", "a\nb", "a$b", ".", "ä"] {
                assert!(!rule.allows(bad), "{rule:?} {bad:?}");
            }
            assert!(!rule.allows(&"a".repeat(254)), "{rule:?}");
        }
    }

    #[test]
    fn the_names_people_use_are_allowed() {
        use NameRule::{Address, Cluster, Host, Id, User};
        for (rule, good) in [
            (Id, "control-plane"),
            (Cluster, "prod-1.example"),
            (Host, "CP-1.example.com"),
            (Address, "10.200.0.2"),
            (Address, "::1"),
            (Address, "fe80::1%eth0"),
            (User, "_ops.team-1"),
        ] {
            assert!(rule.allows(good), "{rule:?} {good}");
        }
    }
}
