//! Requests that arrive cut, and requests that make no sense.

use std::io::Write as _;
use std::process::Stdio;

use super::*;
use crate::text::Secret;

/// What a worker prints that is given these bytes and then the end of its input.
fn fed(node: &Node, bytes: &[u8]) -> (String, Option<i32>) {
    #[expect(clippy::disallowed_methods, reason = "the worker itself is asked, over plain pipes")]
    let mut worker = std::process::Command::new(node.shell[0])
        .args(&node.shell[1..])
        .args(["-c", PROGRAM, "certwright", "start"])
        .arg(node.base())
        .arg("quiet")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell runs");
    let mut stdin = worker.stdin.take().expect("piped");
    // It may end before it has read everything.
    let _ended = stdin.write_all(bytes);
    drop(stdin);
    let output = worker.wait_with_output().expect("it ends");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn a_request_that_is_cut_at_any_byte_starts_nothing() {
    let mut cuts = 0;
    for shell in shells() {
        let node = Node::new(shell);
        std::fs::create_dir(node.base()).expect("a folder");
        let nonce = Nonce::random();
        let (mark, lines, owner) = (node.text("mark"), node.text("two\nlines"), "run 1 n b o");
        let touch = Command::mutates(["touch", &mark, &lines]).stdin(Secret::new(b"12345".to_vec()));
        let reads = Command { effect: Effect::Reads, ..touch.clone() };
        let within = Duration::from_secs(5);
        for job in [
            Job::Mutates { command: &touch, token: "-" },
            Job::Reads { command: &reads, limit: Limit::OnHost },
            Job::Settle { within, expected: "-", new: owner },
        ] {
            let request = [&job.frame(&nonce, None), job.input().unwrap_or_default()].concat();
            for end in 0..=request.len() {
                let (printed, _status) = fed(&node, &request[..end]);
                let acted = node.path("mark").exists() || node.owner().is_some();
                let whole = end == request.len();
                assert_eq!(acted, whole, "{shell:?}: cut at {end} of {}: {printed:?}", request.len());
                assert_eq!(printed.contains(" end 0 - -"), whole, "{shell:?}: cut at {end}: {printed:?}");
                cuts += 1;
            }
            for made in ["mark", "two\nlines", "base/owner"] {
                let _absent = std::fs::remove_file(node.path(made));
            }
        }
    }
    assert!(cuts > 900, "only {cuts} cuts");
}

#[test]
fn what_is_no_request_ends_the_worker() {
    for shell in shells() {
        let node = Node::new(shell);
        let nonce = Nonce::random();
        let command = Command::reads(["echo", "served"]);
        let request = Job::Reads { command: &command, limit: Limit::OnHost }.frame(&nonce, None);
        for noise in ["noise\n", "\n", "00 1\u{1}\n", "$(id) 1 -\n"] {
            let (printed, status) = fed(&node, &[noise.as_bytes(), &request].concat());
            assert!(printed.contains(" ready ") && !printed.contains("served"), "{shell:?}: {printed:?}");
            assert_ne!(status, Some(0), "{shell:?} {noise:?}");
        }
        let (printed, status) = fed(&node, &request);
        assert!(printed.contains("served") && status == Some(0), "{shell:?}: {status:?} {printed:?}");
    }
}

/// A node whose shell finds only what is in its folder `bin`.
fn with_own_path(shell: &str) -> Node {
    let mut node = Node::new(&[]);
    let path = format!("PATH={}", node.text("bin"));
    let words = ["/usr/bin/env".to_owned(), path, shell.to_owned()].map(|word| &*word.leak());
    node.shell = words.to_vec().leak();
    std::fs::create_dir(node.path("bin")).expect("a folder");
    node
}

/// A program of that folder.
fn program(node: &Node, name: &str, script: &str) {
    let path = node.path("bin").join(name);
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
}

fn real(name: &str) -> String {
    let found = ["/usr/bin", "/bin"].iter().map(|folder| format!("{folder}/{name}"));
    found.into_iter().find(|path| Path::new(path).exists()).unwrap_or_else(|| panic!("{name} is installed"))
}

#[test]
fn no_program_on_the_host_is_given_the_nonce_or_the_input_of_a_request() {
    for shell in ["/bin/dash", "/bin/bash"] {
        let node = with_own_path(shell);
        let log = node.text("log");
        for (name, _) in NEEDS {
            program(
                &node,
                name,
                &format!("#!/bin/sh\necho {name} \"$@\" >>{log}\nexec {} \"$@\"\n", real(name)),
            );
        }
        let nonce = Nonce::random();
        let secret = "token-of-a-kubeconfig";
        let input = Secret::new(secret.into());
        let (reads, mutates) = (Command::reads(["/bin/cat"]), Command::mutates(["/bin/cat"]));
        let (reads, mutates) = (reads.stdin(input.clone()), mutates.stdin(input));
        let requests = [
            Job::Reads { command: &reads, limit: Limit::OnHost },
            Job::Mutates { command: &mutates, token: "-" },
            Job::Settle { within: Duration::from_secs(1), expected: "-", new: "run 1 n b o" },
        ]
        .map(|job| [&job.frame(&nonce, None), job.input().unwrap_or_default()].concat());
        let (printed, _status) = fed(&node, &requests.concat());
        assert_eq!(
            printed.matches(&format!("{} end 0 - -", nonce.as_str())).count(),
            3,
            "{shell}: {printed:?}"
        );
        let log = std::fs::read_to_string(log).expect("programs were started");
        for name in ["head", "stat", "mkfifo", "flock", "tee", "timeout", "sync", "mv"] {
            assert!(log.lines().any(|line| line.split(' ').next() == Some(name)), "{shell}: {name}: {log}");
        }
        for private in [nonce.as_str(), secret] {
            assert!(!log.contains(private), "{shell}: everybody on the host could read {private}: {log}");
        }
        let left = node.left();
        assert_eq!(left, ["current"], "{shell}");
        let current = std::fs::read_to_string(node.base().join("run/current")).expect("there");
        assert!(printed.contains(secret) && !current.contains(secret), "{shell}: {current}");
    }
}

#[tokio::test]
async fn what_the_worker_needs_is_all_it_needs_and_what_it_lacks_is_told() {
    let mut lacking = Vec::new();
    for absent in NEEDS.iter().map(|(name, _)| Some(*name)).chain([None]) {
        let node = with_own_path("/bin/dash");
        for (name, _) in NEEDS.iter().filter(|(name, _)| Some(*name) != absent) {
            std::os::unix::fs::symlink(real(name), node.path("bin").join(name)).expect("a link");
        }
        let client = node.client("one");
        let input = |command: Command| command.stdin(Secret::new(b"12345".to_vec()));
        let mut results = vec![client.run(&Command::reads(["/bin/true"])).await.map(drop)];
        results.push(client.run(&input(Command::reads(["/bin/true"]))).await.map(drop));
        results.push(client.run(&input(Command::mutates(["/bin/echo", "x"]))).await.map(drop));
        results.push(client.settle(Duration::from_secs(1)).await.map(drop));
        results.push(client.release().await);
        let failed: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        match absent {
            None => assert!(failed.is_empty(), "{failed:?}"),
            Some(name) => {
                assert!(failed.iter().all(|error| !matches!(error, HostError::Busy { .. })), "{failed:?}");
                if name == "timeout" {
                    let error = failed.first().expect("a look needs it").to_string();
                    assert_eq!(error, "cp-1: timeout (of coreutils) is not on the PATH");
                }
                if !failed.is_empty() {
                    lacking.push(name);
                }
            }
        }
    }
    // The others are missed in output, in the name of what runs, and where a daemon keeps the output.
    for name in ["flock", "head", "mkdir", "mkfifo", "mv", "rm", "stat", "sync", "timeout"] {
        assert!(lacking.contains(&name), "{name}: {lacking:?}");
    }
}

#[tokio::test]
async fn a_flock_without_w_is_told_as_such_and_not_as_a_lock_that_is_held() {
    let node = with_own_path("/bin/dash");
    for (name, _) in NEEDS {
        std::os::unix::fs::symlink(real(name), node.path("bin").join(name)).expect("a link");
    }
    std::fs::remove_file(node.path("bin/flock")).expect("there");
    // As busybox's does.
    program(&node, "flock", "#!/bin/sh\necho \"flock: invalid option -- 'E'\" >&2\nexit 1\n");
    let error = node.client("one").run(&Command::mutates(["/bin/true"])).await.expect_err("it cannot lock");
    assert!(matches!(error, HostError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("(flock of util-linux ended with status 1)"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_starts_nothing() {
    for shell in shells() {
        // What a write to it says there.
        for (full, says) in [("owner.new", "cannot write"), ("run/current", "")] {
            let node = Node::new(shell);
            std::fs::create_dir_all(node.base().join("run")).expect("a folder");
            std::os::unix::fs::symlink("/dev/full", node.base().join(full)).expect("a link");
            let mark = node.text("mark");
            let result = node.client("one").run(&Command::mutates(["touch", &mark])).await;
            assert_eq!(node.path("mark").exists(), says.is_empty(), "{shell:?} {full}");
            if !says.is_empty() {
                let error = result.expect_err("it cannot claim");
                assert!(error.to_string().contains(says) && node.owner().is_none(), "{shell:?}: {error}");
                assert!(error.remedy().is_some_and(|text| text.contains("read-only")), "{error:?}");
            }
        }
    }
}
