//! The worker and this machine's files, over plain pipes.

use super::*;
use crate::text::{KEPT, Secret};

fn host() -> (tempfile::TempDir, LocalHost) {
    let folder = tempfile::tempdir().expect("a folder");
    let host = LocalHost::with_base("workstation", folder.path().join("base"));
    (folder, host)
}

const EFFECTS: [Effect; 2] = [Effect::Reads, Effect::Mutates];

fn command(effect: Effect, argv: &[&str]) -> Command {
    Command { effect, ..Command::reads(argv.iter().copied()) }
}

fn sh(script: &str) -> [&str; 3] {
    ["/bin/sh", "-c", script]
}

#[tokio::test]
async fn status_and_both_streams_come_back_exactly() {
    let (_folder, host) = host();
    for status in [0, 1, 2, 75, 126, 127, 137, 255] {
        for effect in EFFECTS {
            let script = format!("printf 'out\\n\\n'; printf err >&2; exit {status}");
            let output = host.run(&command(effect, &sh(&script))).await.expect("it runs");
            assert_eq!(output.status, status, "{effect:?}");
            assert_eq!(output.stdout.bytes(), b"out\n\n");
            assert_eq!(output.stderr.bytes(), b"err");
        }
    }
}

#[tokio::test]
async fn a_program_is_never_taken_for_a_builtin_of_the_shell() {
    let (_folder, host) = host();
    for argv in [["exit", "0"], ["fail", "x"], ["mark", "end 0 - -"], ["eval", "true"]] {
        for effect in EFFECTS {
            let output = host.run(&command(effect, &argv)).await.expect("it runs");
            assert_eq!(output.status, 127, "{argv:?}");
        }
    }
}

#[tokio::test]
async fn standard_input_arrives_exactly_or_is_dev_null() {
    let (_folder, host) = host();
    let bytes: Vec<u8> = (0..=255u8).cycle().take(KEPT).collect();
    for effect in EFFECTS {
        let output =
            host.run(&command(effect, &["cat"]).stdin(Secret::new(bytes.clone()))).await.expect("it runs");
        assert!(output.stdout.bytes() == bytes && !output.stdout.is_cut());
        let output = host.run(&command(effect, &["readlink", "/proc/self/fd/0"])).await.expect("it runs");
        assert_eq!(output.stdout.bytes(), b"/dev/null\n");
        let output =
            host.run(&command(effect, &["true"]).stdin(Secret::new(bytes.clone()))).await.expect("it runs");
        assert_eq!(output.status, 0, "input that nobody reads is no error");
    }
}

#[tokio::test]
async fn a_reading_command_past_its_deadline_is_ended_with_its_children() {
    let (folder, host) = host();
    let mark = folder.path().join("late");
    let script = format!("sh -c 'sleep 1; : >{0}' & wait", mark.display());
    let command = Command::reads(sh(&script)).deadline(Duration::from_millis(200));
    let error = host.run(&command).await.expect_err("it takes too long");
    assert_eq!(error.to_string(), "workstation: no result within 200ms");
    // The child would have made the mark by now, had it lived.
    host.run(&Command::reads(["sleep", "1.2"])).await.expect("it runs");
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_mutating_command_past_its_deadline_is_left_to_finish_and_settle_waits_for_it() {
    let (folder, host) = host();
    let mark = folder.path().join("done");
    let script = format!("sleep 0.7; echo printed; : >{}", mark.display());
    let command = Command::mutates(sh(&script)).deadline(Duration::from_millis(300));
    let error = host.run(&command).await.expect_err("it takes too long");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    assert!(!mark.exists(), "it is still running");
    host.settle(Duration::from_secs(10)).await.expect("it ends");
    assert!(mark.exists(), "settle waited for it");
}

#[tokio::test]
async fn a_second_mutating_command_waits_and_then_names_the_first() {
    let (folder, host) = host();
    let fifo = folder.path().join("fifo");
    let fifo = fifo.to_str().expect("UTF-8");
    host.run(&Command::mutates(["mkfifo", fifo])).await.expect("it runs");
    let first = Command::mutates(["cat", fifo]).deadline(Duration::from_secs(20));
    let second = Command::mutates(["true"]).deadline(Duration::from_secs(2));
    let both = async {
        // The first one holds the lock once it has opened the fifo.
        host.run(&Command::reads(sh(&format!("exec 3>{fifo}; sleep 3")))).await.expect("it runs");
    };
    let late = async {
        host.run(&Command::reads(["sleep", "0.5"])).await.expect("it runs");
        host.run(&second).await
    };
    let (ran, (), late) = tokio::join!(host.run(&first), both, late);
    assert_eq!(ran.expect("it runs").status, 0);
    let error = late.expect_err("the lock is held").to_string();
    assert!(
        error.starts_with(&format!("workstation is busy: still running: cat {fifo}, process ")),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_is_left_in_the_run_folder() {
    let (folder, host) = host();
    let command = Command::mutates(["cat"]).stdin(Secret::new(b"secret".to_vec()));
    host.run(&command).await.expect("it runs");
    assert_eq!(
        files::list(&folder.path().join("base/run")).expect("readable"),
        Some(vec!["current".to_owned()])
    );
}

#[tokio::test]
async fn output_over_the_cap_is_told_from_output_that_is_whole() {
    let (_folder, host) = host();
    for effect in EFFECTS {
        let output =
            host.run(&command(effect, &["head", "-c", "5000000", "/dev/zero"])).await.expect("it runs");
        assert!(output.stdout.is_cut() && output.stdout.bytes().len() == KEPT, "{:?}", output.stdout);
    }
}

#[tokio::test]
async fn a_write_goes_through_a_symlink_and_makes_missing_folders() {
    let (folder, host) = host();
    let path = folder.path().join("a/b/file");
    let text = path.to_str().expect("UTF-8");
    host.write(text, b"one", 0o640).await.expect("written");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("a/b/file", &link).expect("a link");
    host.write(link.to_str().expect("UTF-8"), b"two", 0o600).await.expect("written");
    assert_eq!(host.read(text).await.expect("readable"), Some(b"two".to_vec()));
    let stat = host.stat(text).await.expect("readable").expect("there");
    assert_eq!((stat.mode, stat.size), (0o600, 3));
    let made = host.stat(folder.path().join("a").to_str().expect("UTF-8")).await.expect("readable");
    assert_eq!(made.expect("there").mode, 0o700);
    assert_eq!(files::list(&folder.path().join("a/b")).expect("readable"), Some(vec!["file".to_owned()]));
    assert!(link.is_symlink());
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_cannot_be_read() {
    let (folder, host) = host();
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    assert_eq!(host.read(&at("absent")).await.expect("readable"), None);
    assert_eq!(host.stat(&at("absent")).await.expect("readable"), None);
    assert_eq!(host.list(&at("absent")).await.expect("readable"), None);
    let error = host.read(&at("")).await.expect_err("a folder").to_string();
    assert_eq!(error, format!("workstation: cannot read `{}`: is not a regular file", at("")));
    host.write(&at("big"), &vec![0; KEPT + 1], 0o600).await.expect("written");
    let error = host.read(&at("big")).await.expect_err("too large").to_string();
    assert_eq!(error, format!("workstation: cannot read `{}`: is larger than 1 MiB", at("big")));
    let error = host.write(&at(""), b"", 0o600).await.expect_err("a folder").to_string();
    assert!(error.contains("is a folder"), "{error}");
}
