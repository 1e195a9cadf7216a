//! etcd's JSON gateway on 2379: who leads, who are the members, and leadership that is moved.
//!
//! Answers are those of etcd 3.4; a client without a certificate that etcd trusts is cut off in the handshake.

use std::sync::Arc;

use super::curl::{Failure, Reply, refused};
use crate::lab::exec::Shell;
use crate::lab::mint::Seen;
use crate::lab::state::{Node, State};
use crate::pki::layout::{Authority, CERT_DIR, Component};

/// Answers a POST; `verify` is curl's look at the certificate that is served. `Err(None)` is what the lab does not have.
pub(super) fn post(
    shell: &mut Shell<'_>,
    node: &str,
    client: Option<(&str, &str)>,
    path: &str,
    body: &str,
    verify: impl Fn(&Shell<'_>, Option<&str>) -> Result<(), Option<Failure>>,
) -> Result<Reply, Option<Failure>> {
    let (state, now) = (shell.state(), shell.now());
    let member = state.node(node).running(Component::Etcd.name());
    let Some(member) = member.filter(|c| c.started + state.delay(300) <= now) else {
        return Err(Some(refused("127.0.0.1", 2379)));
    };
    verify(shell, member.loaded.get("etcd-server").map(|l| l.pem.as_str()))?;
    if !is_trusted(shell, node, client) {
        let why =
            "OpenSSL SSL_read: error:0A000412:SSL routines::sslv3 alert bad certificate, errno 0".to_owned();
        return Err(Some(Failure { status: 56, why }));
    }
    match path {
        "/v3/maintenance/status" => Ok(status(state, node, now)),
        "/v3/cluster/member/list" => Ok(members(state)),
        "/v3/maintenance/transfer-leadership" => Ok(transfer(shell, node, body)),
        _ => Err(None),
    }
}

/// Whether etcd accepts the client.
fn is_trusted(shell: &Shell<'_>, node: &str, client: Option<(&str, &str)>) -> bool {
    let check = || {
        let (certificate, key) = client?;
        let seen = Seen::read(&shell.text(certificate)?)?;
        let ca = shell.files().text(node, &Authority::EtcdCa.certificate(CERT_DIR))?;
        let seconds = (shell.now() / 1000).cast_signed();
        let dates = seen.dates.from <= seconds && seconds <= seen.dates.to;
        Some(dates && seen.has_key(&shell.text(key)?) && seen.is_signed_by(&ca))
    };
    check().unwrap_or(false)
}

/// A member's id, the same in every lab.
pub(super) fn id(node: &str) -> u64 {
    let hex = crate::pki::Digest::of(node.as_bytes()).to_string();
    u64::from_str_radix(&hex[..16], 16).expect("16 hex digits") | 1
}

fn header(node: &str) -> String {
    format!(
        "\"header\":{{\"cluster_id\":\"18365341028575653622\",\"member_id\":\"{}\",\"raft_term\":\"3\"}}",
        id(node)
    )
}

fn status(state: &State, node: &str, now: u64) -> Reply {
    let leader = state.leader.as_ref().filter(|_| state.quorum(now).has(node));
    let leader = leader.map_or_else(String::new, |leader| format!(",\"leader\":\"{}\"", id(leader)));
    Reply {
        code: 200,
        body: format!("{{{},\"version\":\"3.4.23\",\"dbSize\":\"1466368\"{leader}}}", header(node)),
    }
}

fn members(state: &State) -> Reply {
    let one = |(name, node): (&String, &Arc<Node>)| {
        let (id, address) = (id(name), &node.address);
        format!(
            "{{\"ID\":\"{id}\",\"name\":\"{name}\",\"peerURLs\":[\"https://{address}:2380\"],\
             \"clientURLs\":[\"https://{address}:2379\"]}}"
        )
    };
    let all: Vec<String> = state.nodes.iter().map(one).collect();
    let first = state.nodes.keys().next().map_or("", String::as_str);
    Reply { code: 200, body: format!("{{{},\"members\":[{}]}}", header(first), all.join(",")) }
}

fn transfer(shell: &mut Shell<'_>, node: &str, body: &str) -> Reply {
    let (state, now) = (shell.state(), shell.now());
    let no = |why: &str| Reply {
        code: 412,
        body: format!("{{\"error\":\"etcdserver: {why}\",\"message\":\"etcdserver: {why}\",\"code\":9}}"),
    };
    if state.leader.as_deref() != Some(node) || !state.quorum(now).has(node) {
        return no("not leader");
    }
    let target = serde_json::from_str::<serde_json::Value>(body).ok();
    let target = target.and_then(|value| value.get("targetID")?.as_str()?.parse::<u64>().ok());
    let heir = state.nodes.keys().find(|name| Some(id(name)) == target).cloned();
    let Some(heir) = heir.filter(|heir| state.quorum(now).has(heir)) else {
        return no("bad leader transferee");
    };
    shell.change().state.leader = Some(heir);
    Reply { code: 200, body: format!("{{{}}}", header(node)) }
}
