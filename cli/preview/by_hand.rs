//! What an operator can try by hand where ssh does not get in.

use certwright_engine::plan::HostSpec;

use crate::human::word;

/// What to try where a host does not let us in.
pub(super) fn by_hand(spec: &HostSpec) -> String {
    let mut words = vec!["ssh".to_owned()];
    words.extend(spec.ssh.port.map(|port| format!("-p {port}")));
    words.extend(spec.ssh.identity.as_ref().map(|file| format!("-i {}", path(file))));
    let address = spec.address.as_deref().unwrap_or(&spec.name);
    words.push(match &spec.ssh.user {
        Some(user) => word(&format!("{user}@{address}")),
        None => word(address),
    });
    format!(
        "try `{} true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host \
         keys in known_hosts",
        words.join(" ")
    )
}

/// A path as a shell takes it: in quotes `~` would be no home.
fn path(file: &str) -> String {
    match file.strip_prefix("~/") {
        Some(below) => format!("~/{}", word(below)),
        None => word(file),
    }
}

#[cfg(test)]
mod tests {
    use certwright_engine::plan::SshSettings;

    use super::*;

    #[test]
    fn the_command_has_what_the_inventory_says_of_the_login() {
        let ssh = SshSettings { user: Some("ops".into()), identity: Some("~/key".into()), port: Some(2222) };
        let spec = HostSpec { name: "cp-1".into(), address: Some("192.0.2.1".into()), groups: vec![], ssh };
        let text = by_hand(&spec);
        assert!(text.contains("ssh -p 2222 -i ~/key ops@192.0.2.1 true"), "{text}");
    }
}
