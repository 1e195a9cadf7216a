//! What an earlier process, another operator or a reboot left on a node.

use certwright_engine::host::{HostError, Settled};
use certwright_engine::plan::ErrorClass;

use super::row::Row;
use crate::sshd::processes::processes_with;
use crate::{
    Command, Duration, Host, Lasting, Node, Setup, SshHost, SshOptions, User, claim, exists, ok, ran, sh,
    times, until,
};

#[tokio::test]
async fn a_resume_waits_for_what_an_earlier_process_left_running_and_names_it() {
    let mut row = Row::of("orphan still running at a resume");
    let node = Node::start("orphan");
    let (started, effects) = (node.path("started"), node.path("effects"));
    let script = format!(": >{started}; sleep 3; echo x >>{effects}");
    let earlier = node.host();
    let orphan = Command::mutates(sh(&script));
    {
        let running = earlier.run(&orphan);
        tokio::pin!(running);
        tokio::select! {
            output = &mut running => panic!("{output:?}"),
            () = until("it starts", || exists(&started)) => {}
        }
    }
    // As with a killed process: its ssh ends too, and nobody says good-bye.
    drop(earlier);
    until("its ssh is gone", || node.local_processes().is_empty()).await;
    let resumed = node.host();
    let error = resumed.settle(Duration::from_secs(1)).await.expect_err("it still runs");
    assert!(matches!(error, HostError::Busy { .. }), "{error}");
    let start = "cp-1 is busy: still running: /bin/sh -c ': >";
    assert!(error.to_string().starts_with(start) && error.to_string().contains(", since "), "{error}");
    row.fired(times(&effects) == 0);
    resumed.settle(Duration::from_secs(10)).await.expect("it ends");
    assert_eq!(times(&effects), 1, "settle waited for its end");
}

#[tokio::test]
async fn a_retry_against_a_running_command_names_it_and_starts_nothing_until_it_is_over() {
    let mut row = Row::of("retry against a running command");
    let node = Node::start("retry");
    let (host, started, effects) = (node.host(), node.path("started"), node.path("effects"));
    let long = format!(": >{started}; sleep 3; echo long >>{effects}");
    // Claimed before: the short deadline is the command's alone.
    ok(&host, &Command::mutates(["true"])).await;
    let long = Command::mutates(sh(&long)).deadline(Duration::from_secs(1));
    let error = host.run(&long).await.expect_err("too late");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    assert!(exists(&started), "it runs");
    let short = format!("echo short >>{effects}");
    let short = Command::mutates(sh(&short));
    let error =
        host.run(&short.clone().deadline(Duration::from_secs(2))).await.expect_err("the lock is held");
    assert!(matches!(error, HostError::Busy { .. }), "{error}");
    assert!(error.to_string().starts_with("cp-1 is busy: still running: /bin/sh -c ': >"), "{error}");
    row.fired(times(&effects) == 0);
    ok(&host, &short).await;
    let order = std::fs::read_to_string(&effects).expect("there");
    assert_eq!(order, "long\nshort\n", "one after the other");
}

/// How a node is set up while its kernel has this boot id, with a `/run` of that boot.
fn boot(folder: &std::path::Path, id: &str) -> Setup {
    let (boot_id, run) = (folder.join(format!("boot-{id}")), folder.join(format!("run-{id}")));
    std::fs::write(&boot_id, format!("{id}\n")).expect("written");
    std::fs::create_dir_all(run.join("sshd")).expect("sshd's own folder");
    let binds = vec![(boot_id, "/proc/sys/kernel/random/boot_id".into()), (run, "/run".into())];
    Setup { binds, ..Setup::default() }
}

const BOOTS: [&str; 2] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];

#[tokio::test]
async fn a_rebooted_node_has_nothing_running_and_is_taken_over() {
    let mut row = Row::of("node reboot");
    let mut node = Node::start_as("reboot", |folder| boot(folder, BOOTS[0]));
    let host = node.host();
    ok(&host, &Command::mutates(["touch", "/run/of-this-boot"])).await;
    let lasting = Lasting::new(&node);
    let (result, ended) = lasting.during(&host, || node.sshd.power_off()).await;
    let error = result.expect_err("its machine is gone");
    assert!(ended >= 3 && matches!(error, HostError::Unknown { .. }), "{error}");
    let mut setup = boot(node.folder.path(), BOOTS[1]);
    setup.binds.push(node.setup.binds[0].clone());
    node.sshd.power_on(&setup);
    let start = tokio::time::Instant::now();
    let settled = host.settle(Duration::from_secs(10)).await.expect("nothing runs");
    assert_eq!(settled, Settled::Rebooted);
    assert!(start.elapsed() < Duration::from_secs(5), "there is nothing to wait for");
    let facts = ok(&host, &Command::reads(sh("cat /proc/sys/kernel/random/boot_id; ls -A /run"))).await;
    row.fired(facts.stdout.lossy().starts_with(BOOTS[1]) && !facts.stdout.lossy().contains("of-this-boot"));
    assert_eq!(times(&lasting.effects), 0, "it ended half-way");
    assert!(processes_with(&lasting.effects).is_empty());
    ok(&host, &lasting.command).await;
    assert_eq!(times(&lasting.effects), 1);
}

/// A second workstation with a run of its own.
fn other_workstation(node: &Node, run: &str) -> SshHost {
    let options = SshOptions { claim: Some(claim(run)), ..node.options() };
    SshHost::new(&node.spec(User::Ops.name()), options)
}

#[tokio::test]
async fn a_second_operator_is_told_whose_the_node_is_and_starts_nothing() {
    let mut row = Row::of("two operators");
    let node = Node::start("operators");
    let (first, second, effects) = (node.host(), other_workstation(&node, "run-2"), node.path("effects"));
    let change = Command::mutates(sh(&format!("echo x >>{effects}")));
    ok(&first, &change).await;
    for _again in 0..2 {
        let error = second.run(&change).await.expect_err("it is somebody else's");
        assert!(matches!(error, HostError::Owned { .. }), "{error}");
        assert_eq!(error.class(), ErrorClass::Refused);
        let text = error.to_string();
        assert!(text.contains("run-1") && text.contains("run-1-operator@ws"), "{text}");
        row.fired(times(&effects) == 1);
    }
    ok(&second, &Command::reads(["true"])).await;
    second.settle(Duration::from_secs(1)).await.expect("nothing of the second runs");
    second.release().await.expect("it has nothing to give up");
    ok(&first, &change).await;
    assert_eq!(times(&effects), 2, "the first goes on");
    first.release().await.expect("it is over");
    ok(&second, &change).await;
    let error = first.run(&change).await.expect_err("now it is the second's");
    assert!(matches!(error, HostError::Owned { .. }), "{error}");
    assert_eq!(times(&effects), 3);
}

#[tokio::test]
async fn of_two_operators_who_start_at_the_same_time_exactly_one_changes_the_node() {
    let mut row = Row::of("two operators at the same time");
    let node = Node::start("operators-race");
    let hosts = [node.host(), other_workstation(&node, "run-2")];
    let rounds = 10;
    let mut wins = [0, 0];
    for round in 0..rounds {
        let effects = node.path(&format!("effects-{round}"));
        let change = Command::mutates(sh(&format!("echo x >>{effects}")));
        let (a, b) = tokio::join!(hosts[0].run(&change), hosts[1].run(&change));
        let results = [a, b];
        let winner = results.iter().position(Result::is_ok).expect("somebody has it");
        let loser = results[1 - winner].as_ref().expect_err("only one has it");
        assert!(matches!(loser, HostError::Owned { .. }), "{loser}");
        assert_eq!(times(&effects), 1);
        wins[winner] += 1;
        hosts[winner].release().await.expect("it is over");
    }
    row.fired(wins[0] + wins[1] == rounds);
    ran(rounds, &format!("races of two operators, {wins:?} of them won"));
}
