//! Commands that run to their end.

use certwright_engine::text::{KEPT, Secret};

use crate::{Command, Duration, EFFECTS, Host, Node, User, command, ok, ran, sh};

/// Logins whose shells differ in everything; `tests/run` installs them all.
fn logins() -> Vec<&'static str> {
    let users = [User::Ops, User::Csh, User::Fish, User::Busybox, User::Noisy];
    for user in users {
        assert!(user.is_possible(), "the login shell of {} is not installed: run `tests/run`", user.name());
    }
    users.into_iter().map(User::name).chain(["root"]).collect()
}

#[tokio::test]
async fn status_and_streams_are_exact_for_every_login_shell() {
    let node = Node::start_with("statuses", "Banner /etc/passwd");
    let mut cases = 0;
    for login in logins() {
        let host = node.host_of(login);
        for effect in EFFECTS {
            for status in [0, 1, 75, 127, 137, 255] {
                let script = format!("printf 'out\\n\\n'; printf err >&2; exit {status}");
                let output = host.run(&command(effect, &sh(&script))).await.expect("it runs");
                assert_eq!(output.status, status, "{login} {effect:?}");
                assert_eq!(output.stdout.bytes(), b"out\n\n", "{login} {effect:?}");
                assert_eq!(output.stderr.bytes(), b"err", "{login} {effect:?}");
                cases += 1;
            }
            let killed = host.run(&command(effect, &sh("kill -KILL $$"))).await.expect("it runs");
            assert_eq!(killed.status, 137, "{login} {effect:?}");
            let absent = host.run(&command(effect, &["no-such-program"])).await.expect("it runs");
            assert_eq!(absent.status, 127, "{login} {effect:?}");
            cases += 2;
        }
    }
    ran(cases, "statuses");
}

#[tokio::test]
async fn commands_run_as_root_with_our_path_locale_umask_and_no_input() {
    let node = Node::start("environment");
    let script = "id -u; umask; echo $LC_ALL; echo $PATH; pwd; readlink /proc/self/fd/0; echo $HOME; tty";
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin";
    let expected = format!("0\n0077\nC\n{path}\n/\n/dev/null\n/root\nnot a tty\n");
    for login in logins() {
        let host = node.host_of(login);
        for effect in EFFECTS {
            let output = host.run(&command(effect, &sh(script))).await.expect("it runs");
            assert_eq!(output.stdout.lossy(), expected, "{login} {effect:?}");
        }
    }
}

#[tokio::test]
async fn every_byte_survives_in_arguments_input_and_output() {
    let node = Node::start("bytes");
    let every_char: String = ('\u{1}'..='\u{2ff}').chain(['\u{20ac}', '\u{10348}', '\u{feff}']).collect();
    let words = [&every_char, "", "'", "-n", "$HOME `id` \\ \"", "two\nlines\n", "!! !$", "~", "*", "--"];
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut cases = 0;
    for login in logins() {
        let host = node.host_of(login);
        for effect in EFFECTS {
            let argv: Vec<&str> = ["printf", "%s\\0"].into_iter().chain(words).collect();
            let output = host.run(&command(effect, &argv)).await.expect("it runs");
            let expected: String = words.join("\0") + "\0";
            assert!(output.stdout.bytes() == expected.as_bytes(), "arguments: {login} {effect:?}");
            let echo = command(effect, &["cat"]).stdin(Secret::new(every_byte.clone()));
            let output = host.run(&echo).await.expect("it runs");
            assert!(output.stdout.bytes() == every_byte, "input and output: {login} {effect:?}");
            cases += words.len() + 1;
        }
    }
    ran(cases, "words and bytes");
}

#[tokio::test]
async fn five_megabytes_go_in_and_of_what_comes_out_the_first_is_kept() {
    let node = Node::start("large");
    let host = node.host();
    let bytes: Vec<u8> = (0..5_000_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for effect in EFFECTS {
        let output =
            host.run(&command(effect, &["cat"]).stdin(Secret::new(bytes.clone()))).await.expect("runs");
        assert!(output.stdout.bytes() == &bytes[..KEPT], "{effect:?}");
        assert!(output.stdout.is_cut(), "{effect:?}");
        let count = command(effect, &["wc", "-c"]).stdin(Secret::new(bytes.clone()));
        assert_eq!(ok(&host, &count).await.stdout.bytes(), b"5000000\n", "{effect:?}");
        let unread = host.run(&command(effect, &["true"]).stdin(Secret::new(bytes.clone()))).await;
        assert_eq!(unread.expect("input that nobody reads is no error").status, 0, "{effect:?}");
        let noisy = "head -c 3000000 /dev/zero >&2; head -c 2000000 /dev/zero";
        let output = ok(&host, &command(effect, &sh(noisy))).await;
        for stream in [output.stdout, output.stderr] {
            assert!(stream.is_cut() && stream.bytes().len() == KEPT, "{effect:?}");
        }
    }
    ran(8, "large input and output");
}

#[tokio::test]
async fn an_argument_with_a_nul_byte_is_refused_before_it_is_sent() {
    let node = Node::start("nul");
    let error = node.host().run(&Command::reads(["echo", "a\0b"])).await.expect_err("no argument holds it");
    assert_eq!(error.to_string(), "cp-1: an argument holds a NUL byte");
    assert_eq!(node.control_folders(), 0, "it did not even connect");
}

#[tokio::test]
async fn one_session_at_a_time_is_enough() {
    let node = Node::start_with("one-session", "MaxSessions 1");
    let host = node.host();
    let slow = Command::reads(["sleep", "0.4"]);
    let quick = Command::reads(["true"]);
    let (a, b, c) = tokio::join!(host.run(&slow), host.run(&slow), host.run(&quick));
    assert!([a, b, c].into_iter().all(|output| output.expect("it waits for its turn").status == 0));
    for _ in 0..5 {
        ok(&host, &quick).await;
    }
    assert_eq!(node.control_folders(), 1, "all on one connection");
    ran(8, "commands with MaxSessions 1");
}

#[tokio::test]
async fn what_runs_is_named_to_whoever_waits_for_the_lock() {
    let node = Node::start("busy");
    let host = node.host();
    let started = node.path("started");
    let script = format!(": >{started}; sleep 3");
    let first = Command::mutates(sh(&script));
    let second = async {
        crate::until("the first one starts", || crate::exists(&started)).await;
        host.run(&Command::mutates(["true"]).deadline(Duration::from_secs(2))).await
    };
    let (first, second) = tokio::join!(host.run(&first), second);
    assert_eq!(first.expect("it runs").status, 0);
    let error = second.expect_err("the lock is held");
    assert_eq!(error.class(), certwright_engine::plan::ErrorClass::Unavailable);
    let start = "cp-1 is busy: still running: /bin/sh -c ': >";
    assert!(error.to_string().starts_with(start) && error.to_string().contains(", since "), "{error}");
}
