//! Processes that end, or stop, on either side of the line; and servers that have no room.

use std::io::Read as _;

use certwright_engine::host::HostError;

use super::row::Row;
use crate::sshd::processes::{kill, processes_with};
use crate::{Command, Duration, EFFECTS, Host, Lasting, Node, command, ok, ran, sh, times, until};

/// Sends a signal by name to processes of ours.
fn signal(name: &str, pids: &[u32]) -> usize {
    for pid in pids {
        #[expect(clippy::disallowed_methods, reason = "the fault is a signal")]
        let mut command = std::process::Command::new("kill");
        assert!(command.args([name, &pid.to_string()]).status().expect("it runs").success());
    }
    pids.len()
}

#[tokio::test]
async fn a_remote_exit_255_is_a_result_like_any_other() {
    let mut row = Row::of("remote exit 255");
    let node = Node::start("exit-255");
    let (host, effects) = (node.host(), node.path("effects"));
    for effect in EFFECTS {
        let output =
            host.run(&command(effect, &sh(&format!("echo x >>{effects}; exit 255")))).await.expect("it ran");
        row.fired(output.status == 255);
    }
    assert_eq!(times(&effects), 2);
    ok(&host, &Command::reads(["true"])).await;
    assert_eq!(node.control_folders(), 1, "all on one connection");
}

#[tokio::test]
async fn a_remote_command_that_is_killed_has_a_result() {
    let mut row = Row::of("remote SIGKILL of the command");
    let node = Node::start("remote-kill");
    let (host, effects) = (node.host(), node.path("effects"));
    for (nap, command) in [("95.11", Command::mutates(["x"])), ("95.12", Command::reads(["x"]))] {
        let argv = ["/bin/sh", "-c", "echo x >>\"$1\"; exec sleep \"$2\"", "sh", &effects, nap];
        let command = Command { argv: argv.map(str::to_owned).to_vec(), ..command };
        let killing = async {
            let pids = || processes_of(&node, &format!("sleep {nap}"));
            until("it runs", || !pids().is_empty()).await;
            let pids = pids();
            pids.iter().copied().for_each(kill);
            pids.len()
        };
        let (output, killed) = tokio::join!(host.run(&command), killing);
        assert!(killed >= 1);
        row.fired(output.expect("it has a result").status == 137);
    }
    assert_eq!(times(&effects), 2);
    ok(&host, &Command::reads(["true"])).await;
    assert_eq!(node.control_folders(), 1, "all on one connection");
}

/// Processes on the node whose command line is this.
fn processes_of(node: &Node, line: &str) -> Vec<u32> {
    let inside = node.sshd.inside();
    let is = |pid: &u32| {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end() == line
    };
    processes_with(line).into_iter().filter(|pid| inside.contains(pid) && is(pid)).collect()
}

#[tokio::test]
async fn an_ssh_that_is_stopped_under_a_command_costs_its_deadline_and_is_replaced() {
    let mut row = Row::of("stopped master, under a command");
    let node = Node::start("stopped-under");
    let host = node.host();
    let mut lasting = Lasting::new(&node);
    lasting.command.deadline = Duration::from_millis(2500);
    let (result, stopped) = lasting
        .during(&host, || {
            let ours = node.local_processes();
            signal("-STOP", &ours);
            ours
        })
        .await;
    let error = result.expect_err("ssh passes nothing on");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    row.fired(stopped.len() >= 2);
    lasting.settles(&host).await;
    until("the stopped ones are gone", || stopped.iter().all(|pid| !node.local_processes().contains(pid)))
        .await;
}

#[tokio::test]
async fn a_listener_that_dies_is_noticed_by_new_connections_only() {
    let mut row = Row::of("listener killed");
    let mut node = Node::start("listener");
    let host = node.host();
    ok(&host, &Command::mutates(["true"])).await;
    node.sshd.stop_listening();
    let lasting = Lasting::new(&node);
    let (result, ()) = lasting.during(&host, || ()).await;
    assert_eq!(result.expect("its line lives on").status, 0);
    assert_eq!(times(&lasting.effects), 1);
    node.local_processes().into_iter().for_each(kill);
    until("ssh is gone", || node.local_processes().is_empty()).await;
    let error = host.run(&lasting.command).await.expect_err("nobody listens");
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    row.fired(error.to_string().contains("Connection refused"));
    let error = host.settle(Duration::from_secs(1)).await.expect_err("nobody listens");
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    assert_eq!(times(&lasting.effects), 1, "nothing was started");
    let setup = node.setup.clone();
    node.sshd.power_on(&setup);
    ok(&host, &lasting.command).await;
    assert_eq!(times(&lasting.effects), 2);
}

#[tokio::test]
async fn two_sessions_are_used_where_there_are_two_and_one_where_there_is_one() {
    for (row, max) in [(Row::of("MaxSessions 1"), 1), (Row::of("MaxSessions 2"), 2)] {
        let mut row = row;
        let node = Node::start_with("sessions", &format!("MaxSessions {max}"));
        let (host, effects) = (node.host(), node.path("effects"));
        let change = Command::mutates(sh(&format!("sleep 0.3; echo x >>{effects}")));
        let look = Command::reads(["sleep", "0.3"]);
        let calls = [&change, &look, &change, &look, &look].map(|command| host.run(command));
        for output in futures_util::future::join_all(calls).await {
            assert_eq!(output.expect("it waits for its turn").status, 0, "MaxSessions {max}");
        }
        assert_eq!(times(&effects), 2);
        assert_eq!(node.control_folders(), 1, "all on one connection");
        row.fired(node.sshd.log().contains("no more sessions"));
    }
}

#[tokio::test]
async fn a_server_with_too_many_logins_under_way_was_not_reached_and_is_tried_again() {
    let mut row = Row::of("MaxStartups");
    let node = Node::start_with("startups", "MaxStartups 1\nLoginGraceTime 60");
    let (host, effects) = (node.host(), node.path("effects"));
    let command = Command::mutates(sh(&format!("echo x >>{effects}")));
    let address = (node.sshd.address(), node.sshd.port());
    // The one that asked whether sshd listens may hold it for a moment.
    let mut slot = None;
    until("the only slot is ours", || {
        let mut greeting = [0; 12];
        let mut tried = std::net::TcpStream::connect(address).expect("it listens");
        let greeted = tried.read_exact(&mut greeting).is_ok() && greeting.starts_with(b"SSH-2.0-Open");
        slot = greeted.then_some(tried);
        greeted
    })
    .await;
    let error = host.run(&command).await.expect_err("the only slot is taken");
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    row.fired(node.sshd.log().contains("MaxStartups") || error.to_string().contains("MaxStartups"));
    assert_eq!(times(&effects), 0);
    drop(slot);
    let mut tries = 0;
    while let Err(error) = host.run(&command).await {
        tries += 1;
        assert!(matches!(error, HostError::NotReached { .. }) && tries < 100, "{error}");
    }
    assert_eq!(times(&effects), 1);
    ran(2, "full and free slots");
}
