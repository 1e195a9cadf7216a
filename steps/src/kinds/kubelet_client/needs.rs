//! What is to be done about a kubelet's client certificate, and the commands that do it.

use certwright_engine::host::Command;
use certwright_engine::step::{Context, StepError};

use super::KubeletClient;
use crate::kinds::archives;
use crate::kinds::kubelet::{CONF, Client, Issue, NEW, ROTATED, RUN};
use crate::kinds::node::Node;
use crate::pki::layout::KUBERNETES;
use crate::tools::{archive, systemctl};

/// The kubelet's folder of certificates.
pub(super) const PKI: &str = "/var/lib/kubelet/pki";

/// One thing that is to be done, with the reason for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// A new kubelet.conf.
    Issue(String),
    /// The kubelet's old certificates out of the way: it would take them before what kubelet.conf embeds.
    Clear(String),
    /// A restart that an earlier attempt did not come to.
    Restart(String),
    /// The kubelet's own certificate, which it is going to get.
    Rotation(String),
    /// kubelet.conf points at the kubelet's own certificate again.
    Point(String),
    /// The kubelet's own request for a serving certificate is approved.
    Approve {
        /// The request's name.
        request: String,
        /// The reason.
        why: String,
    },
    /// A serving certificate, for which the kubelet is going to ask.
    Serving(String),
}

impl Need {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Issue(why)
            | Self::Clear(why)
            | Self::Restart(why)
            | Self::Rotation(why)
            | Self::Point(why)
            | Self::Approve { why, .. }
            | Self::Serving(why) => why,
        }
    }
}

impl KubeletClient {
    /// What is to be done, in its order.
    pub(super) fn needs(&self, node: &Node<'_>, client: &Client, unfinished: bool, now: i64) -> Vec<Need> {
        let mut needs = Vec::new();
        let rotated_is_good = client.rotated_is_good(RUN, now);
        match client.trouble(RUN, now) {
            Some(why) if client.embeds() && rotated_is_good => needs.push(Need::Point(why)),
            Some(why) => needs.push(Need::Issue(why)),
            None => {}
        }
        if unfinished {
            needs.push(Need::Restart(format!("a cure was cut off: {NEW} is still there")));
        }
        if client.embeds() && node.rotates && needs.is_empty() {
            let old = client.has_rotated().then(|| client.rotated_trouble(RUN, now)).flatten();
            match old {
                Some(why) => needs.push(Need::Clear(format!("{ROTATED} {why}"))),
                None if self.rotated_within.is_zero() => {}
                None if rotated_is_good => {
                    needs.push(Need::Point(format!(
                        "{CONF} embeds a certificate instead of pointing at {ROTATED}"
                    )));
                }
                None => {
                    needs.push(Need::Rotation(format!(
                        "the kubelet has no certificate of its own in {ROTATED} yet"
                    )));
                }
            }
        }
        needs
    }

    /// The commands of a cure; `version` stands for what kubeadm will say of itself.
    pub(super) fn commands_of(
        &self,
        cx: &Context,
        node: &Node<'_>,
        client: &Client,
        needs: &[Need],
    ) -> Result<Vec<String>, StepError> {
        let mut commands = Vec::new();
        for need in needs {
            match need {
                Need::Issue(_) => {
                    let issue = Issue::of(node, client, &self.cert_dir)?;
                    let archive = archives::path(&self.backups, &cx.run);
                    let backup = archive::backup_command(&archive, &backed_up());
                    commands.push(format!("{}   # unless it exists", backup.display()));
                    commands.push(issue.command("VERSION").display());
                    commands.push(place().display());
                    commands.push(remove(&format!("{PKI}/kubelet-client*")).display());
                    commands.extend(restart());
                }
                Need::Clear(_) => {
                    commands.push(remove(&format!("{PKI}/kubelet-client*")).display());
                    commands.extend(restart());
                }
                Need::Restart(_) => commands.extend(restart()),
                Need::Rotation(_) => commands.push(format!(
                    "test -e {ROTATED}   # until it is there, at most {}",
                    humantime::format_duration(self.rotated_within)
                )),
                Need::Approve { request, .. } => commands.push(Self::approval(node, request)?),
                Need::Serving(_) => commands.push(format!(
                    "kubectl certificate approve NAME   # once the kubelet asks, if it asks for its own, at most {}",
                    humantime::format_duration(self.rotated_within)
                )),
                Need::Point(_) => {
                    commands.push(format!("write {CONF}   # client-certificate, client-key: {ROTATED}"));
                }
            }
        }
        Ok(commands)
    }
}

/// What the backup of this run must hold where no backup step made one.
pub(super) fn backed_up() -> [String; 2] {
    [KUBERNETES.to_owned(), PKI.to_owned()]
}

pub(super) fn place() -> Command {
    Command::mutates(["mv", "-f", "-T", "--", &format!("{NEW}/kubelet.conf"), CONF])
}

pub(super) fn remove(path: &str) -> Command {
    Command::mutates(["rm", "-f", "--", path])
}

/// The commands of a restart, for people.
fn restart() -> [String; 2] {
    [systemctl::restart("kubelet").display(), Command::mutates(["rmdir", "--", NEW]).display()]
}
