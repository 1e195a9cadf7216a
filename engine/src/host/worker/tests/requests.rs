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
            let request = [&job.frame(&nonce), job.input().unwrap_or_default()].concat();
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
        let request = Job::Reads { command: &command, limit: Limit::OnHost }.frame(&nonce);
        for noise in ["noise\n", "\n", "00 1\u{1}\n", "$(id) 1 -\n"] {
            let (printed, status) = fed(&node, &[noise.as_bytes(), &request].concat());
            assert!(printed.contains(" ready ") && !printed.contains("served"), "{shell:?}: {printed:?}");
            assert_ne!(status, Some(0), "{shell:?} {noise:?}");
        }
        let (printed, status) = fed(&node, &request);
        assert!(printed.contains("served") && status == Some(0), "{shell:?}: {status:?} {printed:?}");
    }
}
