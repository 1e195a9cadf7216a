//! The generated ssh configuration: our lines first, because ssh takes the first value it sees.
//!
//! Invariant: nothing in the operator's configuration can weaken host key checking, ask questions, allocate a
//! terminal, forward anything or run something else. Algorithms, jump hosts, agents and aliases stay theirs.

use std::path::Path;

use super::SshOptions;
use crate::host::worker::whole_secs;

/// Forced for the node and for every jump host on the way.
const FORCED: &str = "\
StrictHostKeyChecking yes
VerifyHostKeyDNS no
UpdateHostKeys no
BatchMode yes
RequestTTY no
RemoteCommand none
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
Tunnel no
PermitLocalCommand no
AddKeysToAgent no
LogLevel INFO
ServerAliveInterval 5
ServerAliveCountMax 3
";

/// The whole file.
pub(super) fn generate(options: &SshOptions) -> String {
    let timeout = whole_secs(options.connect_timeout);
    let known_hosts = options.known_hosts.as_ref().map_or(String::new(), |path| {
        let path = quoted(path).replace('%', "%%");
        format!("UserKnownHostsFile {path}\nGlobalKnownHostsFile /dev/null\n")
    });
    let config = options.config.as_ref().map_or(String::new(), |path| format!("Include {}\n", quoted(path)));
    // -F turns the system's file off; ssh itself expands `~` and skips files that are not there.
    format!(
        "{FORCED}ConnectTimeout {timeout}\n{known_hosts}{config}Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n"
    )
}

/// A path as one word of ssh_config.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_come_before_every_include() {
        let options = SshOptions {
            config: Some("/tmp/my config".into()),
            known_hosts: Some("/tmp/100%".into()),
            ..SshOptions::default()
        };
        let file = generate(&options);
        let (ours, includes) = file.split_once("Include").expect("it includes");
        assert!(ours.contains("StrictHostKeyChecking yes") && ours.contains("BatchMode yes"));
        assert!(ours.contains("UserKnownHostsFile \"/tmp/100%%\""));
        assert_eq!(includes, " \"/tmp/my config\"\nInclude ~/.ssh/config\nInclude /etc/ssh/ssh_config\n");
    }
}
