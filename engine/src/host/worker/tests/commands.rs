//! Commands: what goes in and what comes out.

use super::*;
use crate::text::{KEPT, Secret};

async fn ok(client: &Client<LocalConnect>, command: &Command) -> Output {
    client.run(command).await.unwrap_or_else(|error| panic!("{}: {error}", command.display()))
}

#[tokio::test]
async fn statuses_and_streams_are_exact_one_request_after_the_other() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("r");
        for effect in EFFECTS {
            for status in [0, 1, 75, 126, 127, 137, 255] {
                let script = format!("printf 'out\\n\\n'; printf err >&2; exit {status}");
                let output = ok(&client, &command(effect, &sh(&script))).await;
                assert_eq!(output.status, status, "{shell:?} {effect:?}");
                assert_eq!(output.stdout.bytes(), b"out\n\n", "{shell:?} {effect:?}");
                assert_eq!(output.stderr.bytes(), b"err", "{shell:?} {effect:?}");
            }
            let killed = ok(&client, &command(effect, &sh("printf x; kill -KILL $$"))).await;
            assert_eq!(killed.status, 137, "{shell:?} {effect:?}");
            assert_eq!((killed.stdout.bytes(), killed.stderr.bytes()), (&b"x"[..], &b""[..]), "{shell:?}");
            // Names that mean something to the shell, or to its program, are programs here.
            for name in ["no-such-program", "exit", "say", "reads", "eval"] {
                assert_eq!(ok(&client, &command(effect, &[name, "0"])).await.status, 127, "{shell:?} {name}");
            }
        }
        assert_eq!(node.left(), ["current"], "{shell:?}");
    }
}

#[tokio::test]
async fn a_script_that_is_kept_is_the_one_that_was_meant_whatever_is_asked_in_between() {
    let scripts: [&'static str; 2] =
        ["x='it'\\''s \\ $1'\nprintf '%s|' \"$x\" \"$@\"\n", "printf '%s,' \"$@\""];
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("r");
        let ask = |which: usize, word: &'static str| {
            let argv = ["/bin/sh", "-c", scripts[which], "certwright", word, "two\nlines"];
            Command::reads(argv).script("ours")
        };
        for (which, word) in [(0, "a"), (0, "b"), (1, "c"), (1, "d"), (0, "e"), (0, "$(f)")] {
            let expected = match which {
                0 => format!("it's \\ $1|{word}|two\nlines|"),
                _ => format!("{word},two\nlines,"),
            };
            assert_eq!(ok(&client, &ask(which, word)).await.stdout.lossy(), expected, "{shell:?}");
            // Neither of these changes what is kept.
            ok(&client, &Command::reads(sh("exit 3"))).await;
            ok(&client, &Command::mutates(sh("exit 3"))).await;
        }
    }
}

#[tokio::test]
async fn every_byte_survives_in_arguments_input_and_output() {
    let every_char: String = ('\u{1}'..='\u{2ff}').chain(['\u{20ac}', '\u{10348}', '\u{feff}']).collect();
    let words =
        [&every_char, "", "'", "-n", "$HOME `id` \\ \"", "two\nlines\n\n", "!! !$", "~", "*", "--", " "];
    let every_byte: Vec<u8> = (0..=255).collect();
    for shell in shells() {
        let client = Node::new(shell);
        let client = client.client("r");
        for effect in EFFECTS {
            let argv: Vec<&str> = ["printf", "%s\\0"].into_iter().chain(words).collect();
            let output = ok(&client, &command(effect, &argv)).await;
            assert!(output.stdout.bytes() == (words.join("\0") + "\0").as_bytes(), "{shell:?} {effect:?}");
            let echo = command(effect, &["cat"]).stdin(Secret::new(every_byte.clone()));
            assert!(ok(&client, &echo).await.stdout.bytes() == every_byte, "{shell:?} {effect:?}");
        }
    }
}

#[tokio::test]
async fn a_command_that_reads_none_of_its_input_or_all_it_can_get_takes_nothing_of_the_next_request() {
    let bytes: Vec<u8> = (0..5_000_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("r");
        for effect in EFFECTS {
            let given = |argv: &[&str]| command(effect, argv).stdin(Secret::new(bytes.clone()));
            assert_eq!(ok(&client, &given(&["true"])).await.status, 0, "{shell:?} {effect:?}");
            assert_eq!(ok(&client, &given(&["wc", "-c"])).await.stdout.bytes(), b"5000000\n", "{shell:?}");
            let cut = ok(&client, &given(&["cat"])).await.stdout;
            assert!(cut.bytes() == &bytes[..KEPT] && cut.is_cut(), "{shell:?} {effect:?}");
            // Without input of their own: every descriptor is tried, none leads to the requests.
            let eater = "for fd in 0 3 4 5 6 7 8 9; do eval \"cat <&$fd\" 2>/dev/null; done; echo eaten";
            assert_eq!(
                ok(&client, &command(effect, &sh(eater))).await.stdout.bytes(),
                b"eaten\n",
                "{shell:?}"
            );
            assert_eq!(
                ok(&client, &given(&["head", "-c", "1"])).await.stdout.bytes(),
                &bytes[..1],
                "{shell:?}"
            );
            assert_eq!(ok(&client, &command(effect, &["echo", "next"])).await.stdout.bytes(), b"next\n");
        }
        assert_eq!(node.left(), ["current"], "{shell:?}");
    }
}

#[tokio::test]
async fn endless_output_of_a_mutating_command_is_read_to_its_end_and_takes_a_bounded_place() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("r");
        // 200 MB: what is kept of them is in the files that the worker's descriptors 5 and 6 lead to.
        let script = "head -c 200000000 /dev/zero; stat -L -c %s /proc/$PPID/fd/5 >&2; echo end >&2";
        let output = ok(&client, &Command::mutates(sh(script))).await;
        assert!(output.stdout.is_cut() && output.stdout.bytes().len() == KEPT, "{shell:?}");
        let text = output.stderr.lossy();
        let (size, end) = text.split_once('\n').expect("two lines");
        assert_eq!((output.status, end), (0, "end\n"), "it ran to its end: {shell:?}");
        let size: usize = size.parse().expect("a size");
        assert!((KEPT..=2 * KEPT).contains(&size), "{size} bytes were kept: {shell:?}");
        let small = ok(&client, &Command::mutates(["echo", "small"])).await;
        assert!(small.stdout.bytes() == b"small\n" && !small.stdout.is_cut(), "nothing of before: {shell:?}");
    }
}

#[tokio::test]
async fn a_daemon_that_keeps_the_output_open_does_not_hang_the_reply_nor_reach_into_the_next_one() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("r");
        let (go, alive) = (node.text("go"), node.text("alive"));
        let daemon = format!(
            "exec 9>&-; (until test -e {go}; do sleep 0.05; done; echo late; sleep 0.1; : >{alive}) & echo started"
        );
        let start = Instant::now();
        let output = ok(&client, &Command::mutates(sh(&daemon))).await;
        assert_eq!(output.stdout.bytes(), b"started\n", "{shell:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{shell:?}");
        let next = sh("echo next; sleep 0.5; echo done");
        let next = Command::mutates(next);
        std::fs::write(&go, "").expect("written");
        assert_eq!(ok(&client, &next).await.stdout.bytes(), b"next\ndone\n", "{shell:?}");
        until("the daemon lives on after it has printed", || node.path("alive").exists()).await;
    }
}

#[tokio::test]
async fn a_timer_that_goes_off_before_anybody_waits_for_it_is_heard_all_the_same() {
    for shell in shells() {
        let node = Node::new(shell);
        // The program, held up where it is slow to wait. Behind `-c PROGRAM certwright` stand its own words.
        let slow = PROGRAM.replacen("timer=$!", "timer=$!; sleep 1.3", 1);
        assert_ne!(slow, PROGRAM, "it is held up");
        std::fs::write(node.path("slow"), format!("shift 3\n{slow}")).expect("written");
        let words: Vec<&str> = shell.iter().copied().chain([node.text("slow").leak() as &str]).collect();
        let connect = LocalConnect::new("cp-1", &words, &node.base(), WhenAbandoned::Leave);
        let claim = Claim { run: "r".to_owned(), operator: "r-operator@ws".to_owned() };
        let client = Client::node("cp-1", connect, Some(claim));
        // It ends with the folder, too: nobody waits for it here.
        let text = "while test -d \"${1%/*}\" && test ! -e \"$1\"; do sleep 0.05; done";
        let go = node.text("go");
        let daemon =
            Command::mutates(["/bin/sh", "-c", &format!("exec 9>&-; ({text}) & echo started"), "sh", &go]);
        let output = ok(&client, &daemon.deadline(Duration::from_secs(20))).await;
        assert_eq!(output.stdout.bytes(), b"started\n", "{shell:?}");
        std::fs::write(&go, "").expect("written");
    }
}

#[tokio::test]
async fn a_mutating_command_outlives_the_worker_and_its_readers() {
    for shell in shells() {
        let node = Node::new(shell);
        let client = node.client("r");
        let (started, done) = (node.path("started"), node.path("done"));
        let script = format!(
            "echo $PPID >{0}.new; mv {0}.new {0}; for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done; : >{1}",
            started.display(),
            done.display()
        );
        let kill = async {
            until("it runs", || started.exists()).await;
            let pid = std::fs::read_to_string(&started).expect("there");
            let pid = rustix::process::Pid::from_raw(pid.trim().parse().expect("a process id"));
            rustix::process::kill_process(pid.expect("not 0"), rustix::process::Signal::KILL)
                .expect("killed");
        };
        let command = Command::mutates(sh(&script));
        let (result, ()) = tokio::join!(client.run(&command), kill);
        let error = result.expect_err("there can be no result");
        assert!(matches!(error, HostError::Unknown { .. }), "{shell:?}: {error}");
        assert!(!done.exists(), "{shell:?}: it still runs");
        client.settle(Duration::from_secs(10)).await.expect("it ends");
        assert!(done.exists(), "{shell:?}: it ran to its end, and settle waited for it");
    }
}
