//! Output without end, without pace and without meaning.

use std::path::Path;

use certwright_engine::host::HostError;
use certwright_engine::text::{KEPT, Secret};

use super::row::Row;
use crate::sshd::processes::{kill, processes_with};
use crate::{Command, Duration, EFFECTS, Host, Node, Setup, command, exists, ok, sh, times, until};

/// Peak resident memory of this process since `forget`, KiB.
struct Peak(u64);

impl Peak {
    fn forget() -> Self {
        std::fs::write("/proc/self/clear_refs", "5").expect("the kernel resets the peak");
        Self(Self::now())
    }

    fn grown(&self) -> u64 {
        Self::now().saturating_sub(self.0)
    }

    fn now() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("there");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel counts it");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }
}

#[tokio::test]
async fn two_hundred_megabytes_of_output_are_counted_in_constant_memory() {
    let mut row = Row::of("large output of a reading command");
    let node = Node::start("endless-read");
    let host = node.host();
    ok(&host, &Command::reads(sh("head -c 5000000 /dev/zero"))).await;
    let peak = Peak::forget();
    let output = ok(&host, &Command::reads(sh("head -c 200000000 /dev/zero"))).await;
    row.fired(format!("{:?}", output.stdout) == format!("Untrusted({KEPT} of 200000000 bytes)"));
    assert!(peak.grown() < 16 << 10, "{} KiB for 200 MB", peak.grown());
}

#[tokio::test]
async fn a_reading_command_without_end_is_ended_on_the_node() {
    let mut row = Row::of("endless output of a reading command");
    let node = Node::start("endless-look");
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    let peak = Peak::forget();
    let command = Command::reads(["yes", "endless look"]).deadline(Duration::from_secs(1));
    let running = async {
        until("it runs", || !processes_with("yes endless look").is_empty()).await;
        true
    };
    let (result, fired) = tokio::join!(host.run(&command), running);
    row.fired(fired);
    let error = result.expect_err("it never ends");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    assert!(peak.grown() < 16 << 10, "{} KiB", peak.grown());
    until("the node ends it", || processes_with("yes endless look").is_empty()).await;
    ok(&host, &Command::reads(["true"])).await;
}

/// A node whose `/var/lib/certwright` has room for 12 MB.
struct Small {
    node: Node,
    mount: String,
}

impl Small {
    fn start(name: &str) -> Self {
        let mut mount = String::new();
        let node = Node::start_as(name, |folder| {
            mount = folder.join("small").display().to_string();
            std::fs::create_dir(&mount).expect("a folder");
            succeeds("mount", &["-t", "tmpfs", "-o", "size=12m", "certwright-test", &mount]);
            let binds = vec![(mount.clone().into(), "/var/lib/certwright".into())];
            Setup { binds, ..Setup::default() }
        });
        Self { node, mount }
    }

    /// Bytes in use there, files without a name too.
    fn used(&self) -> u64 {
        let facts = rustix::fs::statvfs(Path::new(&self.mount)).expect("it is mounted");
        (facts.f_blocks - facts.f_bfree) * facts.f_frsize
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        succeeds("umount", &["-l", &self.mount]);
    }
}

#[expect(clippy::disallowed_methods, reason = "the node's disk is mounted by the test")]
fn succeeds(program: &str, argv: &[&str]) {
    let status = std::process::Command::new(program).args(argv).status().expect("it is installed");
    assert!(status.success(), "{program} {argv:?}");
}

#[tokio::test]
async fn the_output_of_a_mutating_command_never_fills_the_disk_of_the_node() {
    let mut row = Row::of("large output of a mutating command");
    let small = Small::start("endless-write");
    let (host, effects) = (small.node.host(), small.node.path("effects"));
    let script = format!("head -c 60000000 /dev/zero; head -c 40000000 /dev/zero >&2; echo x >>{effects}");
    let output = ok(&host, &Command::mutates(sh(&script))).await;
    for stream in [output.stdout, output.stderr] {
        assert_eq!(stream.bytes().len(), KEPT);
        row.fired(stream.is_cut());
    }
    assert_eq!(times(&effects), 1);
    assert!(small.used() < 4 << 20, "{} bytes are left", small.used());
}

#[tokio::test]
async fn a_mutating_command_without_end_is_left_running_and_named_and_fills_nothing() {
    let mut row = Row::of("endless output of a mutating command");
    let small = Small::start("endless-change");
    let host = small.node.host();
    ok(&host, &Command::mutates(["true"])).await;
    let command = Command::mutates(["yes", "endless change"]).deadline(Duration::from_millis(1500));
    let error = host.run(&command).await.expect_err("it never ends");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    let error = host.settle(Duration::from_secs(1)).await.expect_err("it still runs");
    assert!(matches!(error, HostError::Busy { .. }), "{error}");
    assert!(error.to_string().starts_with("cp-1 is busy: still running: yes 'endless change', "), "{error}");
    let running = processes_with("yes endless change");
    assert!(small.used() < 8 << 20, "{} bytes", small.used());
    row.fired(!running.is_empty());
    running.into_iter().for_each(kill);
    host.settle(Duration::from_secs(10)).await.expect("it is over");
    ok(&host, &Command::mutates(["true"])).await;
}

#[tokio::test]
async fn output_at_one_byte_a_second_does_not_stretch_a_deadline() {
    let mut row = Row::of("one byte a second from the command");
    let node = Node::start("drip");
    let host = node.host();
    ok(&host, &Command::mutates(["true"])).await;
    let (beats, done) = (node.path("beats"), node.path("done"));
    let script = format!("for i in 1 2 3 4; do printf x; echo x >>{beats}; sleep 1; done; : >{done}");
    let start = tokio::time::Instant::now();
    let command = Command::mutates(sh(&script)).deadline(Duration::from_secs(2));
    let error = host.run(&command).await.expect_err("it takes twice as long");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_millis(3500), "{:?}", start.elapsed());
    row.fired(times(&beats) >= 1 && !exists(&done));
    host.settle(Duration::from_secs(10)).await.expect("it ends");
    assert!(exists(&done), "it was left to finish");
    let look = Command::reads(sh("while :; do printf x; sleep 1; done")).deadline(Duration::from_secs(2));
    let error = host.run(&look).await.expect_err("it never ends");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn binary_output_arrives_byte_for_byte() {
    let mut row = Row::of("binary output");
    let node = Node::start("binary");
    let host = node.host();
    // Every pair of bytes, so every byte next to every other one, those of our marks too.
    let pairs: Vec<u8> = (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).flat_map(move |b| [a, b])).collect();
    let (file, copy) = (node.path("binary"), node.path("copy"));
    std::fs::write(&file, &pairs).expect("written");
    for effect in EFFECTS {
        let output = ok(&host, &command(effect, &sh(&format!("cat {file}; cat {file} >&2")))).await;
        assert!(output.stdout.bytes() == pairs && output.stderr.bytes() == pairs);
        let echo =
            command(effect, &sh(&format!("cat >{copy}; cat {copy}"))).stdin(Secret::new(pairs.clone()));
        let output = ok(&host, &echo).await;
        assert!(output.stdout.bytes() == pairs);
        row.fired(std::fs::read(&copy).is_ok_and(|bytes| bytes == pairs));
    }
}

#[tokio::test]
async fn a_daemon_that_keeps_the_output_open_does_not_hold_up_the_result() {
    let mut row = Row::of("daemon that keeps the output open");
    let node = Node::start("daemon");
    let host = node.host();
    for (nap, command) in [("94.11", Command::mutates(["x"])), ("94.12", Command::reads(["x"]))] {
        let script = format!("echo out; echo err >&2; sleep {nap} & exit 3");
        let command = Command { argv: sh(&script).map(str::to_owned).to_vec(), ..command };
        let start = tokio::time::Instant::now();
        let output = host.run(&command).await.expect("it ended");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(
            (output.status, output.stdout.bytes(), output.stderr.bytes()),
            (3, &b"out\n"[..], &b"err\n"[..])
        );
        let daemons = processes_with(&format!("sleep {nap}"));
        row.fired(!daemons.is_empty());
        ok(&host, &Command::reads(["true"])).await;
        daemons.into_iter().for_each(kill);
    }
}
