//! The leadership of etcd, moved away from a member before it is stopped: no election, so no gap in which nothing can
//! be written.
//!
//! An aid, not a condition: where it cannot be had (an etcd before 3.4, an API server's manifest that does not say how
//! etcd is spoken to) the member is stopped all the same, and an election takes a second. The host order of a plan is
//! fixed; so instead of taking the leader last, its leadership goes to the member whose host comes last of the others.

use certwright_engine::host::Command;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError};

use super::files::ports;
use super::quorum::Peers;
use crate::kinds::node::{Node, run};
use crate::pki::Component;
use crate::tools::etcd::{self, Etcd, Member};

/// Moves the leadership to a peer that is healthy, where this node's member has it.
pub(super) async fn move_away(cx: &Context, node: &Node<'_>, peers: &Peers) -> Result<(), StepError> {
    let names: Vec<&str> = peers.healthy_members(cx.host.name()).collect();
    let Some(etcd) = speaking(node)? else { return Ok(()) };
    if names.is_empty() {
        return Ok(());
    }
    match try_to(cx, node, &etcd, &names).await {
        Ok(None) => Ok(()),
        Ok(Some(name)) => {
            cx.progress.tell(&format!("etcd: the leadership moved to {name}"));
            Ok(())
        }
        // A lost line tells nothing of the node, and ends the attempt.
        Err(error) if error.class == ErrorClass::Unknown => Err(error),
        Err(error) => {
            cx.progress.tell(&format!("etcd: its leadership is not moved: {}", error.message));
            Ok(())
        }
    }
}

/// How this node's etcd is spoken to.
fn speaking(node: &Node<'_>) -> Result<Option<Etcd>, StepError> {
    let (own, api_server) = (node.static_pod(Component::Etcd)?, node.static_pod(Component::KubeApiserver)?);
    let (Some(own), Some(api_server)) = (own, api_server) else { return Ok(None) };
    let at = ports(Component::Etcd, own).into_iter().next().map(|port| port.endpoint);
    Ok(at.and_then(|at| Etcd::of(api_server, at)))
}

/// The member that leads now; None where this one did not lead, or none of `names` can.
async fn try_to(
    cx: &Context,
    node: &Node<'_>,
    etcd: &Etcd,
    names: &[&str],
) -> Result<Option<String>, StepError> {
    let status = ask(node, &etcd.status(), etcd::parse_status).await?;
    if status.leader != Some(status.member) {
        return Ok(None);
    }
    let members = ask(node, &etcd.members(), etcd::parse_members).await?;
    let fits = |member: &&Member| member.votes && names.contains(&member.name.as_str());
    let Some(heir) =
        members.iter().filter(fits).max_by_key(|member| names.iter().position(|n| *n == member.name))
    else {
        return Ok(None);
    };
    let command = etcd.transfer_leadership(heir.id);
    let output = cx.run(&command).await?;
    if !output.success() {
        return Err(failed(node, &command, &output));
    }
    let status = ask(node, &etcd.status(), etcd::parse_status).await?;
    Ok((status.leader == Some(heir.id)).then(|| certwright_engine::text::escape(&heir.name)))
}

async fn ask<T>(
    node: &Node<'_>,
    command: &Command,
    parse: fn(&certwright_engine::host::Output) -> Result<T, crate::tools::OutputError>,
) -> Result<T, StepError> {
    let output = run(node.host, command).await?;
    if !output.success() {
        return Err(failed(node, command, &output));
    }
    parse(&output).map_err(|error| error.step_error(node.host.name(), command, &output))
}

fn failed(node: &Node<'_>, command: &Command, output: &certwright_engine::host::Output) -> StepError {
    let said = output.stderr.last_lines(1).pop().unwrap_or_default();
    let message = format!("{}: curl of etcd ended with {}: {said}", node.host.name(), output.status);
    certwright_engine::step::refused(ErrorClass::Unavailable, message, command, output)
}
