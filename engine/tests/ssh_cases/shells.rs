//! Login shells, sh programs, locales and paths; what they print, and what they read.

use certwright_engine::host::HostError;
use certwright_engine::text::Secret;

use super::again::{Given, again, passes};
use super::row::Row;
use crate::{
    Command, Duration, EFFECTS, Host, Node, Setup, SshHost, SshOptions, User, command, ok, ran, sh, times,
};

#[tokio::test]
async fn only_bytes_between_our_own_marks_are_data() {
    let mut row = Row::of("banner, .bashrc noise and fake marks");
    let node = Node::start_with("noise", "Banner /etc/passwd");
    let login = User::Noisy.name();
    let (stdout, stderr) = node.plain_ssh(login, "/dev/null", "true");
    assert!(stdout.contains("Welcome to the node!") && stderr.contains("a warning of .bashrc"), "{stderr}");
    assert!(stderr.contains("root:x:0:0"), "the banner: {stderr}");
    let fake = "\u{1e}00112233445566778899aabbccddeeff end 0 - -\n";
    row.fired(stdout.contains(fake) && stderr.contains(fake));
    let host = node.host_of(login);
    for effect in EFFECTS {
        let output =
            host.run(&command(effect, &sh("echo out; echo err >&2; exit 3"))).await.expect("it runs");
        assert_eq!(output.status, 3);
        assert_eq!((output.stdout.bytes(), output.stderr.bytes()), (&b"out\n"[..], &b"err\n"[..]));
        // Marks that the command prints itself are its output.
        let output = ok(&host, &command(effect, &["printf", "%s", fake])).await;
        assert_eq!(output.stdout.bytes(), fake.as_bytes());
    }
}

#[tokio::test]
async fn every_login_shell_runs_the_same() {
    let node = Node::start("logins");
    let shells = [
        (Row::of("csh as login shell"), User::Csh, "echo $shell", "/bin/csh"),
        (Row::of("fish as login shell"), User::Fish, "echo $FISH_VERSION", "3."),
        (
            Row::of("busybox sh as login shell"),
            User::Busybox,
            "command -V sh; sh --help 2>&1 | head -n 1",
            "",
        ),
        (Row::of("root login"), User::Ops, "", ""),
    ];
    for (mut row, user, question, answer) in shells {
        let login = if question.is_empty() { "root" } else { user.name() };
        let (stdout, _stderr) = node.plain_ssh(login, "/dev/null", question);
        let log = node.sshd.log();
        match user {
            User::Ops => row.fired(log.contains("Accepted publickey for root")),
            User::Busybox => {
                let shell = std::fs::read_link(user.shell()).expect("a link");
                row.fired(log.contains("Accepted publickey for cwbusybox") && shell.ends_with("busybox"));
            }
            User::Csh | User::Fish | User::Noisy | User::Pass | User::Tty => {
                row.fired(stdout.contains(answer) && !answer.is_empty());
            }
        }
        works(&node.host_of(login), &node.path(&format!("effects-{login}"))).await;
    }
}

/// What a node must be able to do, whatever its shells are.
async fn works(host: &SshHost, effects: &str) {
    let words: String = ('\u{1}'..='\u{ff}').collect();
    let input: Vec<u8> = (0..=u8::MAX).cycle().take(70_001).collect();
    for effect in EFFECTS {
        let output = ok(host, &command(effect, &["printf", "%s", words.as_str()])).await;
        assert!(output.stdout.bytes() == words.as_bytes());
        let output = ok(host, &command(effect, &["cat"]).stdin(Secret::new(input.clone()))).await;
        assert!(output.stdout.bytes() == input);
        let output =
            host.run(&command(effect, &sh("echo out; echo err >&2; exit 255"))).await.expect("it runs");
        assert_eq!((output.status, output.stdout.bytes()), (255, &b"out\n"[..]));
        assert_eq!(output.stderr.bytes(), b"err\n");
        let killed = host.run(&command(effect, &sh("kill -KILL $$"))).await.expect("it runs");
        assert_eq!(killed.status, 137);
        assert_eq!(ok(host, &command(effect, &["id", "-u"])).await.stdout.bytes(), b"0\n");
    }
    ok(host, &Command::mutates(sh(&format!("echo x >>{effects}")))).await;
    host.settle(Duration::from_secs(5)).await.expect("nothing runs");
    assert_eq!(times(effects), 1);
}

#[tokio::test]
async fn a_node_whose_sh_is_busybox_or_bash_runs_the_same() {
    let shells = [
        (Row::of("busybox as /bin/sh"), "/bin/busybox", "sh --help 2>&1 | head -n 1", "BusyBox"),
        (Row::of("bash as /bin/sh"), "/bin/bash", "/bin/sh -c 'echo $BASH_VERSION'", "5."),
    ];
    for (mut row, program, question, answer) in shells {
        let bind = (program.into(), "/bin/sh".into());
        let node = Node::start_as("other-sh", |_| Setup { binds: vec![bind], ..Setup::default() });
        let (stdout, stderr) = node.plain_ssh(User::Ops.name(), "/dev/null", question);
        assert!(stdout.contains(answer), "{program}: {stdout}{stderr}");
        row.fired(true);
        for login in [User::Ops.name(), "root"] {
            works(&node.host_of(login), &node.path(&format!("effects-{login}"))).await;
        }
    }
}

#[tokio::test]
async fn a_path_without_sbin_finds_what_is_in_sbin() {
    let mut row = Row::of("PATH without sbin");
    let node = Node::start_with("path", "SetEnv PATH=/usr/bin:/bin");
    let (stdout, _stderr) =
        node.plain_ssh(User::Ops.name(), "/dev/null", "echo $PATH; command -v useradd || echo none");
    row.fired(stdout == "/usr/bin:/bin\nnone\n");
    let host = node.host();
    for effect in EFFECTS {
        let output = ok(&host, &command(effect, &sh("command -v useradd"))).await;
        assert_eq!(output.stdout.lossy(), "/usr/sbin/useradd\n");
    }
}

#[tokio::test]
async fn commands_that_read_a_standard_input_that_is_not_theirs_find_none() {
    let mut row = Row::of("stdin eaters");
    let node = Node::start("eaters");
    let (host, effects) = (node.host(), node.path("effects"));
    let eaters = [
        "wc -c",
        "cat | wc -c",
        "read -r line; printf %s \"$line\" | wc -c",
        "exec 3<&0; cat <&3 | wc -c",
        "(cat | wc -c) & wait",
        "head -c 100 | wc -c; sleep 2 <&0 >/dev/null 2>&1 &",
    ];
    let mut cases = 0;
    for effect in EFFECTS {
        for eater in eaters {
            let script = format!("echo x >>{effects}; {eater}");
            let output = host.run(&command(effect, &sh(&script))).await.expect("it ends by itself");
            assert_eq!(output.stdout.lossy().trim(), "0", "{eater}");
            cases += 1;
            // Nor do those that leave most of theirs desynchronise what follows.
            let input = Secret::new(b"12\n".repeat(40_000));
            let output = ok(&host, &command(effect, &sh("read -r a; echo $a")).stdin(input)).await;
            assert_eq!(output.stdout.lossy(), "12\n");
        }
    }
    row.fired(times(&effects) == cases);
    ran(cases, "stdin eaters");
}

#[tokio::test]
async fn a_korean_workstation_and_a_korean_node_change_nothing() {
    let mut row = Row::of("ko_KR locale on both sides");
    make_korean();
    let node = Node::start_with("korean", "AcceptEnv LANG LC_*");
    let config = node.path("ssh_config");
    std::fs::write(&config, "SendEnv LANG\nSetEnv LC_TIME=ko_KR.UTF-8 LC_MESSAGES=ko_KR.UTF-8\n")
        .expect("written");
    let (stdout, stderr) =
        node.plain_ssh(User::Ops.name(), &config, "locale charmap; date -d 2026-11-24 +%A");
    assert_eq!(stdout.lines().last(), Some("화요일"), "{stderr}");
    let mut command = again("shells::korean_workstation", &node, &[]);
    command.env("LANG", "ko_KR.UTF-8").env_remove("LC_ALL");
    let text = passes(command);
    row.fired(text.contains("시간") || text.contains("ko_KR.UTF-8 here"));
}

/// Not a test of its own: what the test above runs in a Korean environment.
#[tokio::test]
#[ignore = "started by another test"]
async fn korean_workstation() {
    let Some(given) = Given::node() else { return };
    println!("{} here", std::env::var("LANG").expect("it was set"));
    let options = SshOptions { config: Some(given.folder.join("ssh_config")), ..given.options.clone() };
    let host = SshHost::new(&given.spec, options.clone());
    let script = "echo $LC_ALL; date -d 2026-11-24 +%A; ls /nowhere; printf '\\353\\213\\244' | wc -m";
    for effect in EFFECTS {
        let output = ok(&host, &command(effect, &sh(script))).await;
        assert_eq!(output.stdout.lossy(), "C\nTuesday\n3\n");
        assert_eq!(output.stderr.lossy(), "ls: cannot access '/nowhere': No such file or directory\n");
        let word = ok(&host, &command(effect, &["printf", "%s", "인증서"])).await;
        assert_eq!(word.stdout.lossy(), "인증서");
    }
    let mut spec = given.spec.clone();
    spec.ssh.user = Some(User::Pass.name().to_owned());
    let error = SshHost::new(&spec, options.clone()).run(&Command::mutates(["true"])).await;
    let error = error.expect_err("sudo wants a password");
    assert!(matches!(error, HostError::Auth { .. }), "{error}");
    assert!(error.to_string().contains("sudo refused ("), "{error}");
    spec.address = Some("no-such-host.invalid".to_owned());
    let error = SshHost::new(&spec, options.clone()).run(&Command::mutates(["true"])).await;
    let error = error.expect_err("there is no such name").to_string();
    assert!(error.contains("Could not resolve hostname"), "{error}");
    let empty = given.folder.join("empty");
    std::fs::write(&empty, "").expect("written");
    let options = SshOptions { known_hosts: Some(empty), ..options };
    let error = SshHost::new(&given.spec, options).run(&Command::mutates(["true"])).await;
    let error = error.expect_err("the key is unknown");
    assert!(matches!(error, HostError::Identity { .. }), "{error}");
}

/// Makes the locale unless it is there.
#[expect(clippy::disallowed_methods, reason = "the machine gets a locale")]
fn make_korean() {
    let known = std::process::Command::new("locale").arg("-a").output().expect("it is installed");
    if !String::from_utf8_lossy(&known.stdout).contains("ko_KR.utf8") {
        let mut localedef = std::process::Command::new("localedef");
        let made =
            localedef.args(["-i", "ko_KR", "-f", "UTF-8", "ko_KR.UTF-8"]).status().expect("it is installed");
        assert!(made.success(), "localedef needs the package `locales`: run `tests/run`");
    }
}
