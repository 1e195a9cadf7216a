//! What ssh's own words mean when a connection does not come about.
//!
//! Pure. The texts are those of OpenSSH 7.4 to 10 under `LC_ALL=C` (sshconnect.c, sshconnect2.c, ssh.c). A
//! hostile banner can only make us stop: it cannot turn a refusal into something that is tried again, because
//! the refusals are looked for first.

use std::path::Path;

use crate::host::HostError;
use crate::host::by_hand::typed;
use crate::plan::HostSpec;
use crate::text::{Untrusted, escape};

/// Who logs in where.
pub(super) struct Login {
    /// For people.
    pub(super) shown: String,
    /// As a person would type it.
    pub(super) typed: String,
}

impl Login {
    /// What the inventory says of a host; what it leaves out is ssh_config's.
    pub(super) fn of(spec: &HostSpec, config: Option<&Path>) -> Self {
        Self { shown: shown(spec), typed: typed(spec, config) }
    }
}

/// The login, for people.
pub(super) fn shown(spec: &HostSpec) -> String {
    let user = spec.ssh.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
    let port = spec.ssh.port.map_or(String::new(), |port| format!(" (port {port})"));
    format!("{user}{}{port}", spec.address.as_deref().unwrap_or(&spec.name))
}

/// The error for a master that ended, or was given up, before a connection stood.
pub(super) fn failed(host: &str, login: &Login, words: &[u8]) -> HostError {
    let words = Untrusted::new(words.to_vec());
    let text = words.lossy();
    let host = host.to_owned();
    if let Some(why) = identity(&text, &login.typed) {
        return HostError::Identity { host, why: escape(&why) };
    }
    if let Some(why) = auth(&text, &login.shown) {
        return HostError::Auth { host, why: escape(&why) };
    }
    HostError::NotReached { host, why: gist(&words) }
}

/// The last lines in one, escaped.
pub(super) fn gist(words: &Untrusted) -> String {
    let lines: Vec<String> = words.last_lines(3).iter().map(|line| line.trim().to_owned()).collect();
    if lines.is_empty() { "ssh said nothing".to_owned() } else { lines.join("; ") }
}

fn identity(text: &str, login: &str) -> Option<String> {
    if let Some(rest) = after(text, "Offending ") {
        // "Offending ED25519 key in /home/ops/.ssh/known_hosts:7"
        let (key, place) = rest.split_once(" key in ")?;
        let place = place.lines().next().unwrap_or(place).trim_end();
        let (file, line) = place.rsplit_once(':').unwrap_or((place, "?"));
        let name = after(text, "Host key for ")
            .and_then(|rest| rest.split_once(" has changed"))
            .map_or("HOST", |(name, _)| name);
        let now = after(text, "sent by the remote host is")
            .and_then(|rest| rest.split_whitespace().next())
            .map_or(String::new(), |print| format!(", now {}", print.trim_end_matches('.')));
        return Some(format!(
            "its host key has changed: the {key} key in {file} line {line} is another one{now}; \
             if the machine was reinstalled, compare the fingerprint on its console, then run \
             `ssh-keygen -f '{file}' -R '{name}'` and `{login}` once by hand; if not, somebody else answers"
        ));
    }
    if let Some(rest) = after(text, "No ").filter(|rest| rest.contains(" host key is known for ")) {
        // "No ED25519 host key is known for 10.200.0.2 and you have requested strict checking."
        let (key, rest) = rest.split_once(" host key is known for ")?;
        let name = rest.split_whitespace().next().unwrap_or("it");
        return Some(format!(
            "its host key is unknown: known_hosts has no {key} key for {name}; compare its fingerprint on its \
             console (`ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub`), then run `{login}` once by hand",
            key.to_ascii_lowercase()
        ));
    }
    if text.contains("REVOKED HOST KEY") || text.contains("is marked as revoked") {
        return Some("its host key is marked as revoked in known_hosts".to_owned());
    }
    text.contains("Host key verification failed").then(|| "its host key could not be verified".to_owned())
}

fn auth(text: &str, login: &str) -> Option<String> {
    let line = text.lines().find(|line| {
        line.contains("Permission denied (")
            || line.contains("Too many authentication failures")
            || line.contains("maximum authentication attempts exceeded")
    })?;
    let line = line.trim();
    // ssh knows the user where the inventory leaves it to an ssh_config, and a host on the way by its own name.
    let (login, said) = match line.split_once(": Permission denied (") {
        Some((who, how)) if who.contains('@') && !login.starts_with(who) => {
            (who, format!("Permission denied ({how}"))
        }
        Some(_) | None => (login, line.to_owned()),
    };
    let mut why = format!("the login as {login} was refused: {said}");
    // Usually the cause: "identity file ... not accessible", "... are too open", "Load key ...: error in libcrypto".
    for hint in text.lines().filter(|line| {
        line.contains("not accessible") || line.contains("are too open") || line.starts_with("Load key")
    }) {
        why.push_str("; ");
        why.push_str(hint.trim());
    }
    Some(why)
}

/// What follows the first `mark`.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ErrorClass, SshSettings};

    fn check(words: &str, class: ErrorClass, parts: &[&str]) {
        let login = Login { shown: "ops@10.200.0.2".into(), typed: "ssh ops@10.200.0.2".into() };
        let error = failed("cp-1", &login, words.as_bytes());
        assert_eq!(error.class(), class, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
        }
    }

    #[test]
    fn a_changed_key_names_file_line_and_remedy() {
        let words = "@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n\
            The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc+/def.\r\n\
            Add correct host key in /home/ops/.ssh/known_hosts to get rid of this message.\r\n\
            Offending ED25519 key in /home/ops/.ssh/known_hosts:7\r\n\
            Host key for [10.200.0.2]:2222 has changed and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
        check(
            words,
            ErrorClass::Denied,
            &[
                "/home/ops/.ssh/known_hosts line 7",
                "now SHA256:abc+/def",
                "-R '[10.200.0.2]:2222'",
                "cp-1: its host key has changed",
            ],
        );
    }

    #[test]
    fn an_unknown_key_says_how_to_check_it() {
        let words = "No ED25519 host key is known for 10.200.0.2 and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
        check(
            words,
            ErrorClass::Denied,
            &["no ED25519 key for 10.200.0.2", "ssh_host_ed25519_key.pub", "`ssh ops@10.200.0.2`"],
        );
    }

    #[test]
    fn a_refused_key_is_not_tried_again_and_names_the_missing_identity() {
        let words = "Warning: Identity file /root/.ssh/id_gone not accessible: No such file or directory.\n\
            ops@10.200.0.2: Permission denied (publickey,password).\r\n";
        check(words, ErrorClass::Denied, &["Permission denied (publickey", "id_gone not accessible"]);
    }

    #[test]
    fn a_login_that_is_refused_is_named_as_ssh_made_it() {
        for (user, words, expected) in [
            (
                None,
                "root@127.0.0.1: Permission denied (publickey).\r\n",
                "root@127.0.0.1 was refused: Permission denied (publickey).",
            ),
            (
                Some("ops"),
                "jump@10.0.0.1: Permission denied (publickey).\r\n",
                "jump@10.0.0.1 was refused: Permission denied (publickey).",
            ),
            (
                Some("ops"),
                "ops@10.200.0.2: Permission denied (publickey).\r\n",
                "ops@10.200.0.2 (port 2222) was refused: ops@10.200.0.2: ",
            ),
            (
                None,
                "Received disconnect from 10.200.0.2 port 22:2: Too many authentication failures\r\n",
                "10.200.0.2 (port 2222) was refused: Received",
            ),
        ] {
            let ssh = SshSettings { user: user.map(str::to_owned), port: Some(2222), identity: None };
            let address = Some("10.200.0.2".to_owned());
            let spec = HostSpec { name: "cp-1".into(), address, groups: Vec::new(), ssh };
            let told = failed("cp-1", &Login::of(&spec, None), words.as_bytes()).to_string();
            assert!(told.contains(&format!("the login as {expected}")), "{told}");
        }
    }

    #[test]
    fn another_port_is_named_to_people_as_such_and_given_to_ssh_as_an_option() {
        let ssh = SshSettings { user: Some("ops".into()), port: Some(2222), identity: None };
        let address = Some("10.200.0.2".to_owned());
        let spec = HostSpec { name: "cp-1".into(), address, groups: Vec::new(), ssh };
        let login = Login::of(&spec, None);
        let refused =
            failed("cp-1", &login, b"ops@10.200.0.2: Permission denied (publickey).\r\n").to_string();
        assert!(refused.contains("the login as ops@10.200.0.2 (port 2222) was refused: "), "{refused}");
        let words =
            b"No ED25519 host key is known for [10.200.0.2]:2222 and you have requested strict checking.\r\n";
        let unknown = failed("cp-1", &login, words).to_string();
        assert!(unknown.contains("`ssh -p 2222 ops@10.200.0.2` once by hand"), "{unknown}");
        let config = Some(Path::new("/etc/my ssh"));
        let unknown = failed("cp-1", &Login::of(&spec, config), words).to_string();
        assert!(unknown.contains("`ssh -F '/etc/my ssh' -p 2222 ops@10.200.0.2` once by hand"), "{unknown}");
    }

    #[test]
    fn everything_else_is_a_host_that_was_not_reached() {
        for words in [
            "ssh: connect to host 10.200.0.2 port 22: Connection refused\r\n",
            "ssh: connect to host 10.200.0.2 port 22: Connection timed out\r\n",
            "ssh: Could not resolve hostname cp-1: Name or service not known\r\n",
            "kex_exchange_identification: Connection closed by remote host\r\n",
            "",
        ] {
            check(words, ErrorClass::Unavailable, &[words.trim()]);
        }
    }
}
