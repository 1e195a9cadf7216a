//! Lines and connections that are lost while something runs.

use certwright_engine::host::HostError;

use super::row::Row;
use crate::sshd::processes::{kill, processes_with};
use crate::{Command, Duration, Host, Node, SshHost, User, exists, ok, ran, sh, until};

/// Prints ten lines, one each 100 ms, and then makes a mark; SIGPIPE would end it half-way.
fn printing(node: &Node) -> (Command, String, String) {
    let (started, done) = (node.path("started"), node.path("done"));
    let lines =
        format!("for i in 0 1 2 3 4 5 6 7 8 9; do echo line $i; : >{started}; sleep 0.1; done; : >{done}");
    (Command::mutates(sh(&lines)), started, done)
}

/// Runs the printing command and, once it prints, breaks something.
async fn broken(node: &Node, host: &SshHost, how: impl FnOnce() -> usize) -> HostError {
    let (command, started, done) = printing(node);
    let breaking = async {
        until("it prints", || exists(&started)).await;
        assert!(how() > 0, "the fault did not fire");
        assert!(!exists(&done), "it was still running");
    };
    let (result, ()) = tokio::join!(host.run(&command), breaking);
    result.expect_err("there can be no result")
}

#[tokio::test]
async fn a_mutating_command_runs_to_its_end_when_the_line_is_cut() {
    let mut row = Row::of("sshd session killed");
    // The second one's sudo has use_pty.
    for user in [User::Ops, User::Noisy] {
        let node = Node::start("cut");
        runs_to_its_end_when_the_line_is_cut(&node, &node.host_of(user.name())).await;
        // `broken` asserts that there was a session to kill, under the command.
        row.fired(true);
    }
}

async fn runs_to_its_end_when_the_line_is_cut(node: &Node, host: &SshHost) {
    let error = broken(node, host, || node.sshd.cut_lines()).await;
    assert!(matches!(error, HostError::Unknown { .. }), "{error}");
    let done = node.path("done");
    assert!(!exists(&done), "the command outlives its line");
    host.settle(Duration::from_secs(10)).await.expect("it ends");
    assert!(exists(&done), "settle waited for the end");
    assert_eq!(host.read(&done).await.expect("a new connection"), Some(Vec::new()));
    let left = std::fs::read_dir(node.path("state/run")).expect("there").count();
    assert_eq!(left, 1, "its output is gone from the node, `current` stays");
}

#[tokio::test]
async fn a_mutating_command_runs_to_its_end_when_our_ssh_is_killed() {
    let mut row = Row::of("master killed");
    let node = Node::start("ssh-killed");
    let host = node.host();
    let ours = || {
        let ours = node.local_processes();
        for pid in &ours {
            kill(*pid);
        }
        ours.len()
    };
    let error = broken(&node, &host, ours).await;
    assert!(matches!(error, HostError::Unknown { .. }), "{error}");
    host.settle(Duration::from_secs(10)).await.expect("it ends");
    assert!(exists(&node.path("done")), "settle waited for the end");
    row.fired(error.to_string().contains("connection lost before the result"));
}

#[tokio::test]
async fn a_command_whose_shell_was_killed_is_still_waited_for() {
    let mut row = Row::of("remote SIGKILL of the shell");
    let node = Node::start("shell-killed");
    let host = node.host();
    let (shell, done) = (node.path("shell"), node.path("done"));
    let script = format!("echo $PPID >{shell}.new; mv {shell}.new {shell}; sleep 1; : >{done}");
    let command = Command::mutates(sh(&script));
    let breaking = async {
        until("it runs", || exists(&shell)).await;
        let pid = std::fs::read_to_string(&shell).expect("there");
        kill(pid.trim().parse().expect("a process id"));
    };
    let (result, ()) = tokio::join!(host.run(&command), breaking);
    let error = result.expect_err("there can be no result");
    assert!(matches!(error, HostError::Unknown { .. }), "{error}");
    row.fired(!exists(&done));
    host.settle(Duration::from_secs(10)).await.expect("it ends");
    assert!(exists(&done), "the command itself holds the lock");
}

#[tokio::test]
async fn a_mutating_command_past_its_deadline_is_left_to_finish() {
    let node = Node::start("late");
    let host = node.host();
    let (command, _started, done) = printing(&node);
    ok(&host, &Command::reads(["true"])).await;
    let error = host.run(&command.deadline(Duration::from_millis(500))).await.expect_err("too late");
    assert_eq!(error.to_string(), "cp-1: no result within 500ms");
    assert!(!exists(&done));
    host.settle(Duration::from_secs(10)).await.expect("it ends");
    assert!(exists(&done), "settle waited for the end");
}

#[tokio::test]
async fn settle_gives_up_in_time_and_names_what_runs() {
    let node = Node::start("unsettled");
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    let command = Command::mutates(["sleep", "4.321"]).deadline(Duration::from_secs(1));
    let error = host.run(&command).await.expect_err("too late");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    let error = host.settle(Duration::from_secs(1)).await.expect_err("it still runs").to_string();
    assert!(error.starts_with("cp-1 is busy: still running: sleep 4.321, process "), "{error}");
    host.settle(Duration::from_secs(10)).await.expect("it ends");
}

#[tokio::test]
async fn settle_on_a_node_that_never_ran_anything_makes_nothing_there() {
    let node = Node::start("untouched");
    node.host().settle(Duration::from_secs(1)).await.expect("nothing runs");
    assert_eq!(std::fs::read_dir(node.path("state")).expect("there").count(), 0);
}

#[tokio::test]
async fn a_command_that_waits_for_the_lock_does_not_start_after_its_line_was_cut() {
    let mut row = Row::of("line cut while it waits for the lock");
    let node = Node::start("waiting");
    let host = node.host();
    let (command, started, done) = printing(&node);
    let mark = node.path("mark");
    // Half of the deadline is the time it waits for the lock, by which its flock is known here.
    let second = Command::mutates(["touch", &mark]).deadline(Duration::from_secs(34));
    let breaking = async {
        until("the first one prints", || exists(&started)).await;
        let late = async {
            until("the second one waits", || !processes_with("flock -E 75 -w 17 9").is_empty()).await;
            assert!(node.sshd.cut_lines() > 0);
        };
        tokio::join!(host.run(&second), late).0
    };
    let (first, second) = tokio::join!(host.run(&command), breaking);
    assert!(matches!(first, Err(HostError::Unknown { .. })), "{first:?}");
    assert!(matches!(second, Err(HostError::Unknown { .. })), "{second:?}");
    host.settle(Duration::from_secs(10)).await.expect("both are over");
    until("the waiting one is over", || processes_with("flock -E 75 -w 17 9").is_empty()).await;
    host.settle(Duration::from_secs(10)).await.expect("both are over");
    assert!(exists(&done) && !exists(&mark), "the first ran to its end, the second never started");
    row.fired(true);
}

#[tokio::test]
async fn a_reading_command_past_its_deadline_is_ended_on_the_node() {
    let node = Node::start("hanging");
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    let error = host.run(&Command::reads(["sleep", "96.42"]).deadline(Duration::from_millis(700))).await;
    assert_eq!(error.expect_err("too late").to_string(), "cp-1: no result within 700ms");
    assert!(!processes_with("sleep 96.42").is_empty(), "it was running");
    until("the node ends it", || processes_with("sleep 96.42").is_empty()).await;
    ok(&host, &Command::reads(["true"])).await;
}

#[tokio::test]
async fn the_next_call_works_after_ssh_was_killed_or_the_line_was_cut() {
    let mut row = Row::of("dead master");
    let node = Node::start("again");
    let host = node.host();
    for round in 0..3 {
        ok(&host, &Command::mutates(["true"])).await;
        let ours = node.local_processes();
        assert!(ours.len() >= 2, "round {round}");
        for pid in &ours {
            kill(*pid);
        }
        until("they are gone", || node.local_processes().is_empty()).await;
        row.fired(ours.iter().all(|pid| !node.local_processes().contains(pid)));
        ok(&host, &Command::mutates(["true"])).await;
        assert!(node.sshd.cut_lines() > 0, "round {round}");
        until("ssh has seen it", || node.local_processes().is_empty()).await;
        ok(&host, &Command::reads(["true"])).await;
    }
    ran(6, "connections lost between calls");
}

#[tokio::test]
async fn a_stopped_ssh_costs_one_deadline_and_is_replaced() {
    let mut row = Row::of("stopped master");
    let node = Node::start("stopped");
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    let ours = node.local_processes();
    for pid in &ours {
        #[expect(clippy::disallowed_methods, reason = "the fault is a signal")]
        let mut stop = std::process::Command::new("kill");
        assert!(stop.args(["-STOP", &pid.to_string()]).status().expect("it runs").success());
    }
    let is_stopped = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "))
    };
    until("they are stopped", || ours.iter().all(is_stopped)).await;
    row.fired(true);
    // The first one goes to the worker there is, or so it seems; the second one needs another channel.
    let command = Command::reads(["true"]).deadline(Duration::from_millis(600));
    let (first, second) = tokio::join!(host.run(&command), host.run(&command));
    let first = first.expect_err("ssh does not answer");
    assert!(matches!(first, HostError::Deadline { .. }), "it was handed over: {first}");
    let second = second.expect_err("ssh does not answer");
    assert!(matches!(second, HostError::NotReached { .. }), "nothing was sent: {second}");
    ok(&host, &Command::reads(["true"])).await;
    until("the stopped ones are gone", || ours.iter().all(|pid| !node.local_processes().contains(pid))).await;
}
