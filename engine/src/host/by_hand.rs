//! What a person can try where a host does not let us in.

use std::path::Path;

use super::{Command, Host};
use crate::plan::HostSpec;

/// What to try by hand where a host does not let us in; None where nobody can log in to it.
pub fn by_hand(host: &dyn Host) -> Option<String> {
    let login = host.login()?;
    Some(format!(
        "try `{login} true` by hand; user, port and key are in [ssh] of the inventory or in your ssh_config, known host \
         keys in known_hosts"
    ))
}

/// The ssh command with which a person reaches a host as we do, in one line for a shell; `config` is the ssh_config that is
/// read before the person's own.
pub(super) fn typed(spec: &HostSpec, config: Option<&Path>) -> String {
    let mut words = vec!["ssh".to_owned()];
    words.extend(config.map(|file| format!("-F {}", path(&file.display().to_string()))));
    words.extend(spec.ssh.port.map(|port| format!("-p {port}")));
    words.extend(spec.ssh.identity.as_ref().map(|file| format!("-i {}", path(file))));
    let address = spec.address.as_deref().unwrap_or(&spec.name);
    words.push(match &spec.ssh.user {
        Some(user) => word(&format!("{user}@{address}")),
        None => word(address),
    });
    words.join(" ")
}

fn word(text: &str) -> String {
    Command::reads([text]).display()
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
    use super::*;
    use crate::plan::SshSettings;

    #[test]
    fn the_command_has_what_the_inventory_says_of_the_login() {
        let ssh = SshSettings { user: Some("ops".into()), identity: Some("~/key".into()), port: Some(2222) };
        let address = Some("192.0.2.1".to_owned());
        let spec = HostSpec { name: "cp-1".into(), address, groups: vec![], ssh };
        assert_eq!(typed(&spec, Some(Path::new("c d"))), "ssh -F 'c d' -p 2222 -i ~/key ops@192.0.2.1");
    }
}
