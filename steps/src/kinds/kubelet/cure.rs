//! How a human gives a kubelet a client certificate again: the commands, for one node, ready to be typed there.
//!
//! `kubeadm init phase kubeconfig kubelet` signs with the node's own CA and asks no API server. It keeps a kubelet.conf
//! that exists, so it writes to another folder; without a version it asks the internet for one. The lines can be
//! pasted as they are: each goes on only where the one before succeeded, and none is wider than a terminal.

use super::issue::{Issue, NEW};
use crate::kinds::node::Node;
use crate::pki::layout::KUBERNETES;

/// Where the old certificates stay; the old kubelet.conf stays beside the new one, as `kubelet.conf~`.
const OLD: &str = "/var/lib/kubelet/expired";

/// What is to be done on the node, with its own name and addresses in it.
pub(super) fn remedy(node: &Node<'_>, issue: &Issue) -> String {
    let flag = |(flag, value): (&str, String)| format!("    {flag} {} \\\n", word(value));
    let flags: String = issue.flags().into_iter().map(flag).collect();
    let host = node.host.name();
    format!(
        "give the kubelet a new kubelet.conf from the node's CA: as root on {host}\n\
         kubeadm init phase kubeconfig kubelet \\\n    --kubeconfig-dir {NEW} \\\n\
         {flags}    --kubernetes-version \"$(kubeadm version -o short)\" &&\n\
         mv -b {NEW}/kubelet.conf {KUBERNETES}/ &&\n\
         mkdir -p {OLD} &&\n\
         find /var/lib/kubelet/pki -name 'kubelet-client*' \\\n    -exec mv -t {OLD} {{}} + &&\n\
         systemctl restart kubelet && rmdir {NEW}\n\
         then go on; when kubelet-client-current.pem is back in /var/lib/kubelet/pki, let client-certificate and \
         client-key of kubelet.conf name it again"
    )
}

/// A plain value as a shell takes it for the one word it is.
fn word(value: String) -> String {
    if value.contains(['[', ']']) { format!("'{value}'") } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_of_an_address_are_no_pattern_of_the_shell() {
        assert_eq!(word("[fd00::1]:6443".into()), "'[fd00::1]:6443'");
        assert_eq!(word("cp-1".into()), "cp-1");
    }
}
