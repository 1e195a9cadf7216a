//! Lines that break, stall and come back, by a proxy between ssh and sshd.

use certwright_engine::host::HostError;
use certwright_engine::text::Secret;

use super::row::Row;
use crate::chaos::{Chaos, End, Fault, Line, Release, Way};
use crate::{Command, Duration, Host, Lasting, Node, Output, SshHost, ok, ran, sh, times, until};

/// A node behind a proxy, connected and with its first change made, so that what comes next is one request.
async fn behind_a_proxy(name: &str) -> (Node, Chaos, SshHost) {
    let node = Node::start(name);
    let chaos = Chaos::to(node.sshd.port());
    let host = node.host_through(&chaos);
    ok(&host, &Command::mutates(["true"])).await;
    (node, chaos, host)
}

/// Adds one effect, given this input.
fn effect(node: &Node, input: Vec<u8>) -> (Command, String) {
    let effects = node.path("effects");
    let command = Command::mutates(sh(&format!("cat >/dev/null; echo x >>{effects}")));
    (command.stdin(Secret::new(input)), effects)
}

/// Asserts that a command whose request did not arrive whole was never started; what was not handed over whole may
/// have been sent again by the host itself.
async fn once(host: &SshHost, command: &Command, result: Result<Output, HostError>, effects: &str) {
    match result {
        Ok(output) => assert_eq!(output.status, 0),
        Err(HostError::NotReached { .. } | HostError::Unknown { .. }) => {
            host.settle(Duration::from_secs(10)).await.expect("nothing runs");
            assert_eq!(times(effects), 0, "it was started with half of its input");
            ok(host, command).await;
        }
        Err(other) => panic!("{other}"),
    }
    assert_eq!(times(effects), 1);
}

#[tokio::test]
async fn a_line_that_was_cut_before_a_request_costs_a_reconnect_and_nothing_else() {
    let mut row = Row::of("line cut before a request");
    let (node, chaos, host) = behind_a_proxy("cut-before").await;
    let (command, effects) = effect(&node, Vec::new());
    for (round, how) in [End::Fin, End::Rst].into_iter().enumerate() {
        chaos.cut(how);
        until("ssh has seen it", || node.local_processes().is_empty()).await;
        ok(&host, &command).await;
        assert_eq!(times(&effects), round + 1);
        row.fired(chaos.connections() == round as u64 + 2);
    }
}

#[tokio::test]
async fn a_request_whose_first_byte_is_lost_never_starts() {
    let mut row = Row::of("line cut at the first byte of a request");
    let mut tries = 0;
    for how in [End::Fin, End::Rst] {
        let (node, chaos, host) = behind_a_proxy("cut-first").await;
        let (command, effects) = effect(&node, Vec::new());
        chaos.arm(Line::Newest, Fault::Cut { way: Way::Up, after: 0, how });
        let result = host.run(&command).await;
        row.fired(chaos.fired());
        once(&host, &command, result, &effects).await;
        tries += 1;
    }
    ran(tries, "requests lost at their first byte");
}

#[tokio::test]
async fn a_request_that_is_cut_half_way_never_starts() {
    let mut row = Row::of("line cut within a request");
    for how in [End::Fin, End::Rst] {
        let (node, chaos, host) = behind_a_proxy("cut-within").await;
        let (command, effects) = effect(&node, vec![b'x'; 3_000_000]);
        chaos.arm(Line::Newest, Fault::Cut { way: Way::Up, after: 1_000_000, how });
        let result = host.run(&command).await;
        row.fired(chaos.fired());
        once(&host, &command, result, &effects).await;
    }
}

#[tokio::test]
async fn a_line_cut_after_a_request_leaves_the_command_to_its_end() {
    let mut row = Row::of("line cut after a request");
    let (node, chaos, host) = behind_a_proxy("cut-after").await;
    let lasting = Lasting::new(&node);
    let (result, ()) = lasting.during(&host, || chaos.cut(End::Fin)).await;
    let error = result.expect_err("no result can arrive");
    assert!(matches!(error, HostError::Unknown { .. }), "{error}");
    assert!(error.to_string().starts_with("cp-1: connection lost before the result: "), "{error}");
    assert!(error.to_string().contains("Connection to 127.0.0.1 closed by remote host"), "{error}");
    lasting.settles(&host).await;
    row.fired(chaos.connections() == 2);
}

#[tokio::test]
async fn a_reset_leaves_the_command_to_its_end_and_is_told_as_such() {
    let mut row = Row::of("reset");
    let (node, chaos, host) = behind_a_proxy("reset").await;
    let lasting = Lasting::new(&node);
    let (result, ()) = lasting.during(&host, || chaos.cut(End::Rst)).await;
    let error = result.expect_err("no result can arrive");
    assert!(matches!(error, HostError::Unknown { .. }), "{error}");
    // By which of its system calls ssh learns of it is chance.
    let words = ["Broken pipe", "Connection reset by peer"];
    assert!(words.iter().any(|words| error.to_string().contains(words)), "{error}");
    row.fired(chaos.open() == 0);
    lasting.settles(&host).await;
}

#[tokio::test]
async fn a_half_open_line_costs_the_deadline_and_the_next_call_has_a_new_one() {
    let mut row = Row::of("half-open");
    let (node, chaos, host) = behind_a_proxy("half-open").await;
    let mut lasting = Lasting::new(&node);
    lasting.command.deadline = Duration::from_millis(2500);
    let (result, ()) =
        lasting.during(&host, || chaos.arm(Line::Newest, Fault::HalfOpen { way: Way::Down, after: 0 })).await;
    let error = result.expect_err("the result went nowhere");
    assert_eq!(error.to_string(), "cp-1: no result within 2s 500ms");
    assert!(matches!(error, HostError::Deadline { .. }));
    row.fired(chaos.fired());
    lasting.settles(&host).await;
    assert_eq!(chaos.connections(), 2, "the dead line was not used again");
    assert!(!node.sshd.sessions().is_empty(), "sshd still believes in the first one");
}

#[tokio::test]
async fn a_line_that_went_half_open_while_idle_costs_one_deadline() {
    let mut row = Row::of("half-open while idle");
    let (node, chaos, host) = behind_a_proxy("half-open-idle").await;
    chaos.arm(Line::Newest, Fault::HalfOpen { way: Way::Up, after: 0 });
    let (command, effects) = effect(&node, Vec::new());
    let error = host.run(&command.clone().deadline(Duration::from_secs(1))).await.expect_err("no answer");
    assert!(matches!(error, HostError::Deadline { .. } | HostError::NotReached { .. }), "{error}");
    row.fired(chaos.fired());
    host.settle(Duration::from_secs(10)).await.expect("nothing runs");
    assert_eq!(times(&effects), 0);
    ok(&host, &command).await;
    assert_eq!((times(&effects), chaos.connections()), (1, 2));
}

#[tokio::test]
async fn a_slow_line_is_only_slow() {
    let mut row = Row::of("slow line");
    let node = Node::start("slow-line");
    let chaos = Chaos::to(node.sshd.port());
    let host = node.host_through(&chaos);
    chaos.arm(Line::Next, Fault::Delay { by: Duration::from_millis(40) });
    let (command, effects) = effect(&node, vec![b'x'; 50_000]);
    for round in 1..=2 {
        ok(&host, &command).await;
        assert_eq!(times(&effects), round);
    }
    row.fired(chaos.fired() && chaos.connections() == 1);
}

#[tokio::test]
async fn a_line_that_trickles_does_not_stretch_a_deadline() {
    let mut row = Row::of("one byte a second on the line");
    let (_node, chaos, host) = behind_a_proxy("trickle").await;
    chaos.arm(Line::Newest, Fault::Trickle { way: Way::Down, bytes_per_second: 1 });
    let start = tokio::time::Instant::now();
    let command = Command::reads(["head", "-c", "3000", "/dev/zero"]).deadline(Duration::from_secs(2));
    let error = host.run(&command).await.expect_err("3000 bytes take an hour");
    assert!(matches!(error, HostError::Deadline { .. } | HostError::NotReached { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4));
    row.fired(chaos.fired());
    ok(&host, &Command::reads(["true"])).await;
}

#[tokio::test]
async fn a_request_that_arrives_after_it_was_given_up_changes_nothing_any_more() {
    let mut row = Row::of("late start");
    let delays = [None, Some(0), Some(1000), Some(3000)];
    let cases = [Release::All, Release::Bytes].into_iter().flat_map(|what| delays.map(|delay| (what, delay)));
    let starts = cases.map(|(what, delay)| late_start(what, delay.map(Duration::from_millis)));
    // Before anybody settles it may start: settle waits for it then. Afterwards it must not.
    let arrived = futures_util::future::join_all(starts).await;
    row.fired(arrived.iter().all(|arrived| *arrived));
    ran(arrived.len(), "late starts");
}

/// A request is held, given up, and released so long after settle; None: before. True when it arrived.
async fn late_start(what: Release, delay: Option<Duration>) -> bool {
    let (node, chaos, host) = behind_a_proxy("late-start").await;
    let (command, effects) = effect(&node, Vec::new());
    chaos.arm(Line::Newest, Fault::Hold { way: Way::Up, after: 0 });
    let result = host.run(&command.clone().deadline(Duration::from_millis(700))).await;
    let error = result.expect_err("nothing arrived");
    assert!(matches!(error, HostError::Deadline { .. } | HostError::NotReached { .. }), "{error}");
    assert!(chaos.fired() && times(&effects) == 0, "{what:?} {delay:?}");
    let before = chaos.passed(Way::Up);
    if delay.is_none() {
        // Its ssh may live on until the next call otherwise.
        host.close().await;
        arrives(&chaos, what).await;
    }
    host.settle(Duration::from_secs(10)).await.expect("nothing is left");
    let settled = times(&effects);
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
        assert_eq!(times(&effects), 0, "{what:?} {delay:?}");
        arrives(&chaos, what).await;
    }
    host.settle(Duration::from_secs(10)).await.expect("nothing runs");
    assert_eq!(times(&effects), settled, "{what:?} {delay:?}: it changed something after settle");
    if settled == 0 {
        ok(&host, &command).await;
    }
    assert_eq!(times(&effects), 1, "{what:?} {delay:?}");
    chaos.passed(Way::Up) > before
}

/// Releases the late request, and waits until it was read and answered, to nobody, or its line has ended.
async fn arrives(chaos: &Chaos, what: Release) {
    let (up, down) = (chaos.passed(Way::Up), chaos.passed(Way::Down));
    chaos.release(what);
    until("the late request arrives", || chaos.passed(Way::Up) > up).await;
    match what {
        Release::All => until("its line is over", || (chaos.open() as u64) < chaos.connections()).await,
        Release::Bytes => until("it is answered", || chaos.passed(Way::Down) > down).await,
    }
}
