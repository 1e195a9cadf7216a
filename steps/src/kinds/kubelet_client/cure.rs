//! The acts of a cure, each of which can be repeated.

use std::time::Duration;

use certwright_engine::host::Command;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError, refused};

use super::KubeletClient;
use super::needs::{PKI, backed_up, place, remove};
use crate::kinds::archives;
use crate::kinds::kubelet::{CONF, Client, Issue, NEW, NOT_ACTIVE, ROTATED, RUN, first, plain};
use crate::kinds::node::{Node, kubelet_word, now};
use crate::pki::kubeconfig::Source;
use crate::pki::layout::Authority;
use crate::pki::{Certificate, Kubeconfig};
use crate::span::span;
use crate::tools::kubeadm;
use crate::tools::survey::{self, Depth, KeyFacts};
use crate::tools::systemctl::{self, UnitState};

/// How long a kubelet may take to be active after its restart.
const ACTIVE_WITHIN: Duration = Duration::from_secs(60);
/// A kubelet that cannot use its certificate ends within a second of its start: active twice, so far apart, stays.
const STAYS: Duration = Duration::from_secs(3);
/// Between two looks for the certificate that the kubelet gets itself.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

impl KubeletClient {
    /// Makes a new kubelet.conf, looks whether it is what was asked for, and puts it in place.
    pub(super) async fn issue(
        &self,
        cx: &Context,
        node: &Node<'_>,
        client: &Client,
    ) -> Result<(), StepError> {
        let host = cx.host.as_ref();
        let issue = Issue::of(node, client, &self.cert_dir)?;
        let Some(name) = issue.node_name.clone() else {
            let message = format!("{}: nothing tells the name of this node in the cluster", host.name());
            return Err(StepError::new(ErrorClass::Invalid, message).remedy(format!(
                "restore {CONF} and {PKI} from a backup, or make them by hand: kubeadm init phase kubeconfig kubelet"
            )));
        };
        cx.progress.tell("making sure of the backup");
        archives::ensure(host, &self.backups, &cx.run, &backed_up()).await?;
        let output = cx.run(&kubeadm::version()).await?;
        let text = output.stdout.lossy();
        let version = plain(text.trim()).ok_or_else(|| {
            let message = format!("{}: kubeadm does not say its version", host.name());
            refused(ErrorClass::Refused, message, &kubeadm::version(), &output)
        })?;
        let new = format!("{NEW}/kubelet.conf");
        // kubeadm keeps a file that is there; this one may be of an attempt that was cut off while it wrote.
        act(cx, remove(&new)).await?;
        cx.progress.tell("kubeadm makes a new kubelet.conf");
        act(cx, issue.command(&version)).await?;
        self.is_as_asked(cx, &new, &name).await?;
        act(cx, place()).await
    }

    /// kubeadm's exit status is no evidence: the new file is for this node, of its CA, and with its key.
    async fn is_as_asked(&self, cx: &Context, path: &str, name: &str) -> Result<(), StepError> {
        let authority = Authority::Ca.certificate(&self.cert_dir);
        let files = survey::survey(cx.host.as_ref(), Depth::Keys, &[path.to_owned(), authority]).await?;
        let [file, authority] = files.as_slice() else {
            unreachable!("a survey has an answer for every path")
        };
        let wrong = match (first(file), authority.certificate()) {
            (Err(why), _) => format!("it {why}"),
            (_, Err(why)) => format!("the CA's file {why}"),
            (Ok(certificate), Ok(authority)) => {
                match unlike(&certificate, file.key, &authority, name, now(cx)) {
                    None => return Ok(()),
                    Some(why) => why,
                }
            }
        };
        let message = format!("{}: kubeadm made {path}, but {wrong}", cx.host.name());
        Err(StepError::new(ErrorClass::Unsatisfied, message).remedy(format!("look at {path} on that node")))
    }

    /// Removes the kubelet's certificates of before.
    pub(super) async fn clear(&self, cx: &Context) -> Result<(), StepError> {
        let names = cx.host.list(PKI).await?.unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with("kubelet-client")) {
            act(cx, remove(&format!("{PKI}/{name}"))).await?;
        }
        Ok(())
    }

    /// Restarts the kubelet, sees that it stays, and only then forgets that a cure was under way.
    pub(super) async fn restart(&self, cx: &Context, node: &Node<'_>) -> Result<(), StepError> {
        cx.progress.tell("restarting the kubelet");
        act(cx, systemctl::restart("kubelet")).await?;
        stays_active(cx, node).await?;
        if node.host.stat(NEW).await?.is_some() {
            act(cx, remove(&format!("{NEW}/kubelet.conf"))).await?;
            act(cx, Command::mutates(["rmdir", "--", NEW])).await?;
        }
        Ok(())
    }

    /// Waits for the certificate that the kubelet gets itself.
    pub(super) async fn rotation(&self, cx: &Context, node: &Node<'_>) -> Result<Client, StepError> {
        let deadline = cx.clock.mono().plus(millis(self.rotated_within));
        loop {
            let client = Client::look(node.host).await?;
            if client.rotated_is_good(RUN, now(cx)) {
                return Ok(client);
            }
            if cx.clock.mono() >= deadline {
                let within = humantime::format_duration(self.rotated_within);
                let message =
                    format!("{}: no certificate of the kubelet in {ROTATED} within {within}", cx.host.name());
                return Err(StepError::new(ErrorClass::Unavailable, message).remedy(
                    "see `journalctl -u kubelet` on that node and `kubectl get csr`: the kubelet asks for one, and \
                     the controller-manager signs it",
                ));
            }
            cx.progress.tell("waiting: the kubelet gets a certificate of its own");
            cx.clock.sleep(PAUSE).await;
        }
    }

    /// Lets kubelet.conf point at the kubelet's own certificate; the key it embedded never leaves the node.
    pub(super) async fn point(
        &self,
        cx: &Context,
        node: &Node<'_>,
        client: &Client,
    ) -> Result<(), StepError> {
        let conf = client.conf.as_ref().and_then(pointing).ok_or_else(|| {
            let message = format!("{}: {CONF} is not as kubeadm writes it", cx.host.name());
            StepError::new(ErrorClass::Invalid, message)
                .remedy(format!("let client-certificate and client-key of its user be {ROTATED}"))
        })?;
        cx.host.write(CONF, conf.render().reveal(), 0o600).await?;
        // One that was dead of its old kubeconfig is started again by systemd.
        stays_active(cx, node).await
    }
}

/// What a new certificate is not; None when it is what was asked for.
fn unlike(
    certificate: &Certificate,
    key: KeyFacts,
    authority: &Certificate,
    name: &str,
    now: i64,
) -> Option<String> {
    if certificate.common_name != format!("system:node:{name}") {
        return Some(format!("it is for another than node {name}"));
    }
    if !certificate.organizations.iter().any(|group| group == "system:nodes") {
        return Some("it is not for the group system:nodes".to_owned());
    }
    if !certificate.signed_by(authority) {
        return Some("the node's CA has not signed it".to_owned());
    }
    if key != KeyFacts::Public(certificate.public_key) {
        return Some("its key is not that of its certificate".to_owned());
    }
    let left = certificate.residual(now);
    match left {
        ..=0 => Some(format!("it expired {} ago", span(left))),
        _ if left <= RUN.as_secs().cast_signed() => Some(format!("it ends in {}", span(left))),
        _ => None,
    }
}

/// The same kubeconfig with its one user's certificate and key in [`ROTATED`]; None where it has several users, or
/// another credential.
fn pointing(conf: &Kubeconfig) -> Option<Kubeconfig> {
    let mut conf = conf.clone();
    let [user] = conf.users.as_mut_slice() else { return None };
    if user.entry.token.is_some() {
        return None;
    }
    user.entry.client_certificate = Some(Source::File(ROTATED.to_owned()));
    user.entry.client_key = Some(Source::File(ROTATED.to_owned()));
    Some(conf)
}

/// Waits until the kubelet is active and stays so.
async fn stays_active(cx: &Context, node: &Node<'_>) -> Result<(), StepError> {
    let deadline = cx.clock.mono().plus(millis(ACTIVE_WITHIN));
    let mut seen = UnitState::Inactive;
    loop {
        let before = std::mem::replace(&mut seen, node.kubelet().await?);
        if before == UnitState::Active && seen == UnitState::Active {
            break;
        }
        if cx.clock.mono() >= deadline {
            let (host, word) = (cx.host.name(), kubelet_word(&seen));
            let message = format!("{host}: the kubelet has a new client certificate, and yet is {word}");
            return Err(StepError::new(ErrorClass::Unavailable, message).remedy(NOT_ACTIVE));
        }
        cx.clock.sleep(STAYS).await;
    }
    Ok(())
}

/// Runs a command that must succeed.
pub(super) async fn act(cx: &Context, command: Command) -> Result<(), StepError> {
    let output = cx.run(&command).await?;
    if output.success() {
        return Ok(());
    }
    let program = command.argv.first().map_or("", String::as_str);
    let message = format!("{}: {program} failed", cx.host.name());
    Err(refused(ErrorClass::Refused, message, &command, &output))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::TestCa;

    #[test]
    fn what_kubeadm_made_is_used_only_where_it_is_what_was_asked_for() {
        let (ca, other) = (TestCa::new("kubernetes"), TestCa::new("kubernetes"));
        let read = |pem: &str| Certificate::from_pem(pem.as_bytes()).expect("a certificate");
        let authority = read(&ca.pem);
        let now = 1_790_000_000;
        let of = |ca: &TestCa, group: &str, name: &str, year: i32| read(&ca.leaf_of(group, name, year).0);
        let good = of(&ca, "system:nodes", "system:node:cp-1", 2028);
        let own = |certificate: &Certificate| KeyFacts::Public(certificate.public_key);
        assert_eq!(unlike(&good, own(&good), &authority, "cp-1", now), None);
        for (certificate, key, words) in [
            (of(&ca, "system:nodes", "system:node:cp-2", 2028), None, "it is for another than node cp-1"),
            (
                of(&ca, "system:masters", "system:node:cp-1", 2028),
                None,
                "it is not for the group system:nodes",
            ),
            (of(&other, "system:nodes", "system:node:cp-1", 2028), None, "the node's CA has not signed it"),
            (of(&ca, "system:nodes", "system:node:cp-1", 2026), None, "it expired 263d ago"),
            (good.clone(), Some(KeyFacts::Absent), "its key is not that of its certificate"),
            (good.clone(), Some(own(&authority)), "its key is not that of its certificate"),
        ] {
            let key = key.unwrap_or_else(|| own(&certificate));
            let found = unlike(&certificate, key, &authority, "cp-1", now);
            assert_eq!(found.as_deref(), Some(words));
        }
    }

    #[test]
    fn a_kubeconfig_with_several_users_or_a_token_is_left_alone() {
        let user = "- name: a\n  user:\n    client-certificate-data: QQ==\n    client-key-data: QQ==\n";
        let second = "- name: b\n  user: {}\n";
        let head = "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers:\n";
        let read = |text: String| Kubeconfig::parse(text.as_bytes()).expect("a kubeconfig");
        let own = pointing(&read(format!("{head}{user}"))).expect("one user");
        assert_eq!(own.redacted().matches(ROTATED).count(), 2, "{}", own.redacted());
        assert_eq!(pointing(&read(format!("{head}{user}{second}"))), None);
        assert_eq!(pointing(&read(format!("{head}{user}    token: t\n"))), None);
    }
}
