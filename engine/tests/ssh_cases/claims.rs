//! Two operators on one node, and commands that arrive late.

use certwright_engine::host::HostError;
use certwright_engine::host::worker::Owner;

use crate::{
    Claim, Command, Duration, Host, Node, SshHost, SshOptions, User, claim, exists, ok, ran, sh, until,
};

fn host_of(node: &Node, claim: Option<Claim>) -> SshHost {
    SshHost::new(&node.spec(User::Ops.name()), SshOptions { claim, ..node.options() })
}

fn owner(node: &Node) -> Option<Owner> {
    let line = std::fs::read_to_string(node.path("state/owner")).ok()?;
    Some(Owner::parse(line.trim_end_matches('\n')).expect("an owner line"))
}

#[tokio::test]
async fn a_second_operator_is_refused_by_name_until_the_first_run_is_given_up() {
    let node = Node::start("operators");
    let (first, second) = (host_of(&node, Some(claim("one"))), host_of(&node, Some(claim("two"))));
    ok(&first, &Command::mutates(["true"])).await;
    let claimed = owner(&node).expect("claimed");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("there");
    assert_eq!(
        (claimed.run.as_str(), claimed.operator.as_str(), claimed.boot.as_str()),
        ("one", "one-operator@ws", boot.trim())
    );
    let mark = node.path("mark");
    let error = second.run(&Command::mutates(["touch", &mark])).await.expect_err("it is not theirs");
    assert!(matches!(error, HostError::Owned { .. }), "{error}");
    assert_eq!(error.to_string(), "cp-1 belongs to run `one` of one-operator@ws");
    let error = second.write(&mark, b"", 0o600).await.expect_err("it is not theirs");
    assert!(matches!(error, HostError::Owned { .. }), "{error}");
    assert!(!exists(&mark));
    ok(&second, &Command::reads(["true"])).await;
    ok(&host_of(&node, None), &Command::reads(["true"])).await;
    // `abandon` is another process with the same claim.
    host_of(&node, Some(claim("one"))).release().await.expect("released");
    assert_eq!(owner(&node), None);
    ok(&second, &Command::mutates(["touch", &mark])).await;
    assert!(exists(&mark));
    let error = first.run(&Command::mutates(["true"])).await.expect_err("it is theirs now");
    assert!(matches!(error, HostError::Owned { .. }), "{error}");
    ran(6, "calls of two operators");
}

#[tokio::test]
async fn a_lost_command_costs_the_claim_and_the_next_one_takes_the_node_over() {
    let node = Node::start("epochs");
    let host = node.host();
    let (started, done) = (node.path("started"), node.path("done"));
    let slow = Command::mutates(sh(&format!(": >{started}; sleep 1; : >{done}")));
    let cut = async {
        until("it runs", || exists(&started)).await;
        assert!(node.sshd.cut_lines() > 0, "the fault did not fire");
    };
    let (result, ()) = tokio::join!(host.run(&slow), cut);
    assert!(matches!(result, Err(HostError::Unknown { .. })), "{result:?}");
    let before = owner(&node).expect("claimed");
    ok(&host, &Command::mutates(["true"])).await;
    assert!(exists(&done), "whoever takes over waits for what still runs");
    assert_eq!(owner(&node).expect("claimed").epoch, before.epoch + 1);
}

#[tokio::test]
async fn what_changes_a_node_is_in_its_own_log_with_run_and_operator() {
    let folder = crate::Folder::new("logger");
    let log = folder.path().join("log");
    let logger = folder.path().join("logger");
    std::fs::write(&logger, format!("#!/bin/sh\necho \"$@\" >>{}\n", log.display())).expect("written");
    std::fs::set_permissions(&logger, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let node = Node::start_binding("audit", vec![(logger, "/usr/bin/logger".into())]);
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    ok(&host, &Command::mutates(["echo", "a b"])).await;
    let line = || std::fs::read_to_string(&log).unwrap_or_default();
    until("it is logged", || line().ends_with('\n')).await;
    assert_eq!(line(), "-t certwright -- run run-1 by run-1-operator@ws: echo 'a b'\n");
}

#[tokio::test]
async fn connecting_ahead_leaves_a_worker_that_the_first_call_uses() {
    let node = Node::start_with("ahead", "MaxSessions 1");
    let host = node.host();
    host.connect().await.expect("it connects");
    let sessions = node.sshd.log().matches("Starting session: command").count();
    ok(&host, &Command::reads(["true"]).deadline(Duration::from_secs(5))).await;
    assert_eq!(node.sshd.log().matches("Starting session: command").count(), sessions);
    assert_eq!(sessions, 1, "{}", node.sshd.log());
    assert!(!exists(&node.path("state/owner")), "nothing is claimed by that");
}
