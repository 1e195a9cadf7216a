//! The lock, the owner and the fence.

use super::*;

const TRUE: [&str; 1] = ["true"];

#[tokio::test]
async fn the_first_mutating_command_claims_and_another_run_is_refused_by_name_until_it_is_released() {
    for shell in shells() {
        let node = Node::new(shell);
        let (one, two) = (node.client("one"), node.client("two"));
        one.run(&Command::reads(TRUE)).await.expect("it reads");
        assert!(!node.base().exists(), "{shell:?}: whoever reads claims nothing and makes nothing");
        one.run(&Command::mutates(TRUE)).await.expect("it runs");
        let owner = node.owner().expect("claimed");
        assert_eq!((owner.run.as_str(), owner.epoch), ("one", 1), "{shell:?}");
        one.run(&Command::mutates(TRUE)).await.expect("it runs");
        assert_eq!(node.owner(), Some(owner), "{shell:?}: one claim is enough");
        let mark = node.text("mark");
        let error = two.run(&Command::mutates(["touch", &mark])).await.expect_err("it is not theirs");
        assert!(matches!(error, HostError::Owned { .. }), "{shell:?}: {error}");
        assert_eq!(error.to_string(), "cp-1 belongs to run `one` of one-operator@ws", "{shell:?}");
        assert!(error.remedy().is_some_and(|text| text.contains("`certwright abandon ")));
        assert!(!node.path("mark").exists(), "{shell:?}");
        two.run(&Command::reads(TRUE)).await.expect("whoever only reads is not refused");
        let settled = two.settle(Duration::from_secs(1)).await.expect("nothing of theirs runs");
        assert_eq!(settled, Settled::Quiet, "{shell:?}");
        two.release().await.expect("it is not theirs to release");
        assert!(node.owner().is_some(), "{shell:?}");
        // A later process of the same run gives the host up.
        node.client("one").release().await.expect("released");
        assert_eq!(node.owner(), None, "{shell:?}");
        node.client("one").release().await.expect("once more is fine");
        two.run(&Command::mutates(TRUE)).await.expect("it is theirs now");
        assert_eq!(node.owner().expect("claimed").run, "two", "{shell:?}");
    }
}

#[tokio::test]
async fn a_claim_that_was_given_up_by_somebody_is_not_taken_again() {
    let node = Node::new(shells()[0]);
    let client = node.client("one");
    client.run(&Command::mutates(TRUE)).await.expect("it runs");
    node.client("one").release().await.expect("released");
    let error = client.run(&Command::mutates(TRUE)).await.expect_err("given up");
    assert!(error.to_string().contains("claim on it was given up"), "{error}");
    for _again in 0..2 {
        let error = client.run(&Command::mutates(TRUE)).await.expect_err("and stays given up");
        assert!(error.to_string().contains("claim on it was given up"), "{error}");
        client.settle(Duration::from_secs(1)).await.expect_err("what follows would look at somebody else's");
        client.release().await.expect("there is nothing to release");
        assert_eq!(node.owner(), None);
    }
    node.client("one").run(&Command::mutates(TRUE)).await.expect("whoever resumes means it");
}

#[tokio::test]
async fn a_claim_that_was_given_up_after_a_lost_command_is_not_taken_again() {
    let node = Node::new(shells()[0]);
    let client = node.client("one");
    let slow = Command::mutates(sh("sleep 0.5")).deadline(Duration::from_millis(300));
    let error = client.run(&slow).await.expect_err("too slow");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    node.client("one").release().await.expect("released");
    let mark = node.text("mark");
    let error = client.run(&Command::mutates(["touch", &mark])).await.expect_err("given up");
    assert!(error.to_string().contains("claim on it was given up"), "{error}");
    assert!(node.owner().is_none() && !node.path("mark").exists());
}

#[tokio::test]
async fn the_input_of_a_command_that_is_refused_is_never_taken_for_a_request() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("one");
        client.run(&Command::mutates(TRUE)).await.expect("it runs");
        let other = Owner { run: "two".into(), ..node.owner().expect("claimed") };
        std::fs::write(node.base().join("owner"), format!("{other}\n")).expect("written");
        let touch = Command::mutates(["touch", &node.text("mark")]);
        let hostile = Job::Mutates { command: &touch, token: "-" }.frame(&Nonce::random(), None);
        let cat = Command::mutates(["cat"]).stdin(crate::text::Secret::new(hostile));
        let error = client.run(&cat).await.expect_err("it is another run's");
        assert!(matches!(error, HostError::Owned { .. }), "{shell:?}: {error}");
        client.run(&Command::reads(TRUE)).await.expect("the worker goes on");
        assert!(!node.path("mark").exists(), "{shell:?}: its input was run");
    }
}

#[tokio::test]
async fn a_takeover_says_that_the_node_was_rebooted_once() {
    let node = Node::new(shells()[0]);
    node.client("one").run(&Command::mutates(TRUE)).await.expect("it runs");
    let before =
        Owner { boot: "11111111-1111-4111-8111-111111111111".into(), ..node.owner().expect("claimed") };
    std::fs::write(node.base().join("owner"), format!("{before}\n")).expect("written");
    let client = node.client("one");
    assert_eq!(client.settle(Duration::from_secs(1)).await.expect("nothing runs"), Settled::Rebooted);
    assert_eq!(client.settle(Duration::from_secs(1)).await.expect("nothing runs"), Settled::Quiet);
    assert_eq!(
        node.client("one").settle(Duration::from_secs(1)).await.expect("nothing runs"),
        Settled::Quiet
    );
}

#[tokio::test]
async fn a_takeover_waits_for_what_runs_and_fences_what_comes_late() {
    for shell in shells() {
        let node = Node::new(shell);
        let (old, new) = (node.client("one"), node.client("one"));
        let (started, done, mark) = (node.path("started"), node.path("done"), node.text("mark"));
        // Claimed before: the short deadline is the command's alone, and it starts within that on a busy machine too.
        old.run(&Command::mutates(TRUE)).await.expect("it claims");
        let script = format!(": >{}; sleep 1.5; : >{}", started.display(), done.display());
        let slow = Command::mutates(sh(&script)).deadline(Duration::from_secs(1));
        let error = old.run(&slow).await.expect_err("too slow");
        assert!(matches!(error, HostError::Deadline { .. }), "{shell:?}: {error}");
        until("it runs", || started.exists()).await;
        let before = node.owner().expect("claimed");
        new.settle(Duration::from_secs(10)).await.expect("it ends");
        assert!(done.exists(), "{shell:?}: settle waited");
        let now = node.owner().expect("claimed");
        assert_eq!((now.epoch, now.run.as_str()), (before.epoch + 1, "one"), "{shell:?}");
        // What the old process had sent before, and arrives only now.
        let connect = node.connect();
        let start = Nonce::random();
        let pipes = connect.open(&start, Instant::now()).await.expect("a shell");
        let mut late = Worker::start(pipes, &start).await.map_err(|(ended, _)| ended).expect("it starts");
        let touch = Command::mutates(["touch", &mark]);
        let job = Job::Mutates { command: &touch, token: &before.to_string() };
        let answer = late.request(job).await.expect("it answers");
        assert!(matches!(answer, Answer::Owned(line) if line == now.to_string()), "{shell:?}");
        assert!(!node.path("mark").exists(), "{shell:?}");
        // The old process looks again, finds its own run, and goes on.
        old.run(&touch).await.expect("it runs");
        assert!(node.path("mark").exists(), "{shell:?}");
        assert_eq!(node.owner().expect("claimed").epoch, now.epoch + 1, "{shell:?}");
    }
}

#[tokio::test]
async fn the_owner_is_looked_at_again_under_the_lock() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("one");
        client.run(&Command::mutates(TRUE)).await.expect("it runs");
        let (started, go, mark) = (node.path("started"), node.path("go"), node.text("mark"));
        let script = format!(": >{}; until test -e {}; do sleep 0.02; done", started.display(), go.display());
        let slow = Command::mutates(sh(&script));
        let waits = Command::mutates(["touch", &mark]).deadline(Duration::from_secs(54));
        let meanwhile = async {
            until("the first one runs", || started.exists()).await;
            let change = async {
                until("the second one waits", || runs("flock -E 75 -w 27 9")).await;
                let other = Owner { run: "two".into(), ..node.owner().expect("claimed") };
                std::fs::write(node.base().join("owner"), format!("{other}\n")).expect("written");
                std::fs::write(&go, "").expect("written");
            };
            tokio::join!(client.run(&waits), change).0
        };
        let (first, second) = tokio::join!(client.run(&slow), meanwhile);
        assert_eq!(first.expect("it ran").status, 0, "{shell:?}");
        let error = second.expect_err("the host changed hands while it waited");
        assert!(matches!(error, HostError::Owned { .. }), "{shell:?}: {error}");
        assert!(!node.path("mark").exists(), "{shell:?}");
    }
}

#[tokio::test]
async fn a_second_mutating_command_is_told_what_runs() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("one");
        let (started, go) = (node.path("started"), node.path("go"));
        let script = format!(": >{}; until test -e {}; do sleep 0.02; done", started.display(), go.display());
        let meanwhile = async {
            until("the first one runs", || started.exists()).await;
            let second = client.run(&Command::mutates(TRUE).deadline(Duration::from_secs(2))).await;
            let settle = client.settle(Duration::from_secs(1)).await;
            let other = node.client("two").run(&Command::mutates(TRUE)).await;
            std::fs::write(&go, "").expect("written");
            (second, settle, other)
        };
        let slow = Command::mutates(sh(&script));
        let (first, (second, settle, other)) = tokio::join!(client.run(&slow), meanwhile);
        assert_eq!(first.expect("it ran").status, 0, "{shell:?}");
        for error in [second.expect_err("the lock is held"), settle.expect_err("the lock is held")] {
            let text = error.to_string();
            let start = "cp-1 is busy: still running: /bin/sh -c ': >";
            assert!(text.starts_with(start) && text.contains(", since "), "{shell:?}: {text}");
        }
        let error = other.expect_err("another run's");
        assert!(matches!(error, HostError::Owned { .. }), "{shell:?}: told at once, lock or not: {error}");
    }
}

#[tokio::test]
async fn an_owner_file_of_somebody_else_stops_everything_that_would_change_the_host() {
    for (text, shown) in [("# mine\n", "`# mine`"), ("", "``"), ("\u{1b}[2J 1 n b\n", r"`\u{1b}[2J 1 n b`")] {
        let node = Node::new(shells()[0]);
        std::fs::create_dir(node.base()).expect("a folder");
        std::fs::write(node.base().join("owner"), text).expect("written");
        let error = node.client("one").run(&Command::mutates(TRUE)).await.expect_err("refused");
        assert!(error.to_string().contains(shown), "{error}");
        assert!(matches!(error, HostError::Refused { .. }), "{error}");
    }
}

#[tokio::test]
async fn settle_on_a_host_that_never_ran_anything_makes_nothing_there() {
    let node = Node::new(shells()[0]);
    node.client("one").settle(Duration::from_secs(1)).await.expect("nothing runs");
    node.client("one").release().await.expect("nothing to release");
    assert!(!node.base().exists());
}

#[tokio::test]
#[should_panic(expected = "belongs to a run")]
async fn a_mutating_command_of_nobody_is_a_bug() {
    let node = Node::new(shells()[0]);
    let client = Client::node("cp-1", node.connect(), None);
    let _never = client.run(&Command::mutates(TRUE)).await;
}

#[tokio::test]
async fn a_refused_command_takes_its_input_with_it() {
    for shell in shells() {
        let node = Node::new(shell);
        node.client("one").run(&Command::mutates(TRUE)).await.expect("it runs");
        let start = Nonce::random();
        let pipes = node.connect().open(&start, Instant::now()).await.expect("a shell");
        let mut worker = Worker::start(pipes, &start).await.map_err(|(ended, _)| ended).expect("it starts");
        let mark = node.text("mark");
        let touch = Command::mutates(["touch", &mark]);
        // What is in the input of one command is no request, whatever it looks like.
        let input = format!("00 1 -\n'mutates' '1' '-' 'x' 'touch' '{mark}'\n").into_bytes();
        let refused = touch.stdin(crate::text::Secret::new(input));
        let job = Job::Mutates { command: &refused, token: "run 1 n b o" };
        let answer = worker.request(job).await.expect("it answers");
        assert!(matches!(answer, Answer::Owned(_)), "{shell:?}: {answer:?}");
        let next = Command::reads(["echo", "next"]);
        let answer = worker.request(Job::Reads { command: &next, limit: Limit::OnHost }).await;
        assert!(matches!(answer, Ok(Answer::Ran(output)) if output.stdout.bytes() == b"next\n"), "{shell:?}");
        assert!(!node.path("mark").exists(), "{shell:?}");
    }
}
