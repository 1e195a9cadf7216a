//! Connections: identity, login, sudo, the operator's configuration, and nothing left behind.

use certwright_engine::host::HostError;

use super::again::{Given, again};
use super::row::Row;
use crate::sshd::processes::{kill, processes_with};
use crate::sshd::{Sshd, key};
use crate::{
    Command, Duration, Folder, Host, Node, Setup, SshHost, SshOptions, User, exists, ok, ran, sh, until,
};

async fn error_of(host: &SshHost) -> HostError {
    host.run(&Command::mutates(["true"])).await.expect_err("it must not run")
}

#[tokio::test]
async fn an_unknown_host_key_stops_with_the_remedy() {
    let mut row = Row::of("unknown host key");
    let node = Node::start("unknown-key");
    let known_hosts = node.path("empty");
    std::fs::write(&known_hosts, "").expect("written");
    let options = SshOptions { known_hosts: Some(known_hosts.clone().into()), ..node.options() };
    let error = error_of(&SshHost::new(&node.spec(User::Ops.name()), options)).await;
    assert!(matches!(error, HostError::Identity { .. }), "{error}");
    let (port, key) = (node.sshd.port(), node.sshd.login_key());
    assert_eq!(
        error.to_string(),
        format!(
            "cp-1: its host key is unknown: known_hosts has no ED25519 key for [127.0.0.1]:{port}; compare its \
             fingerprint on its console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then run \
             `ssh -p {port} -i {} cwops@127.0.0.1` once by hand",
            key.display()
        )
    );
    assert_eq!(std::fs::read_to_string(known_hosts).expect("there"), "", "nothing was added");
    row.fired(!node.sshd.log().contains("Accepted publickey"));
}

#[tokio::test]
async fn a_changed_host_key_names_file_and_line() {
    let mut row = Row::of("changed host key");
    let node = Node::start("changed-key");
    let other = node.folder.path().join("other");
    key(&other);
    let known_hosts = node.folder.path().join("known");
    node.sshd.know(&known_hosts, &other.with_extension("pub"));
    let entry = std::fs::read_to_string(&known_hosts).expect("there");
    std::fs::write(&known_hosts, format!("# a comment\n{entry}")).expect("written");
    let options = SshOptions { known_hosts: Some(known_hosts.clone()), ..node.options() };
    let error = error_of(&SshHost::new(&node.spec(User::Ops.name()), options)).await;
    assert!(matches!(error, HostError::Identity { .. }), "{error}");
    let (file, port) = (known_hosts.display(), node.sshd.port());
    for part in [
        format!("the ED25519 key in {file} line 2 is another one, now SHA256:"),
        format!("`ssh-keygen -f '{file}' -R '[127.0.0.1]:{port}'`"),
    ] {
        assert!(error.to_string().contains(&part), "`{part}` is missing in: {error}");
    }
    row.fired(!node.sshd.log().contains("Accepted publickey"));
}

#[tokio::test]
async fn a_refused_key_is_told_as_such() {
    let mut row = Row::of("refused key");
    let node = Node::start("refused-key");
    let other = node.folder.path().join("other");
    key(&other);
    let mut spec = node.spec(User::Ops.name());
    spec.ssh.identity = Some(other.display().to_string());
    let error = error_of(&SshHost::new(&spec, node.options())).await;
    assert!(matches!(error, HostError::Auth { .. }), "{error}");
    let start = format!("cp-1: the login as cwops@127.0.0.1 (port {}) was refused: ", node.sshd.port());
    assert!(error.to_string().starts_with(&start), "{error}");
    let is_logged = || node.sshd.log().contains("Connection closed by authenticating user cwops");
    until("sshd has seen its end", is_logged).await;
    row.fired(is_logged());
    spec.ssh.identity = Some(node.path("gone"));
    let error = error_of(&SshHost::new(&spec, node.options())).await;
    assert!(error.to_string().contains("gone not accessible: No such file or directory"), "{error}");
}

#[tokio::test]
async fn sudo_that_wants_a_password_or_a_terminal_is_told_and_nothing_was_started() {
    let node = Node::start("sudo");
    let refusals = [
        (Row::of("sudo wants a password"), User::Pass, "password"),
        (Row::of("requiretty"), User::Tty, "tty"),
    ];
    for (mut row, user, words) in refusals {
        let host = node.host_of(user.name());
        let mark = node.path("mark");
        for command in [Command::reads(["touch", &mark]), Command::mutates(["touch", &mark])] {
            let error = host.run(&command).await.expect_err("sudo refuses");
            assert!(matches!(error, HostError::Auth { .. }), "{error}");
            let text = error.to_string();
            assert!(text.starts_with("cp-1: sudo refused (sudo: ") && text.contains(words), "{text}");
            let rule = format!("`{} ALL=(root) NOPASSWD: /bin/sh`", user.name());
            assert!(text.contains(&rule), "{text}");
        }
        row.fired(node.sshd.log().contains(&format!("Accepted publickey for {}", user.name())));
        assert!(!exists(&mark));
    }
    ran(4, "refusals of sudo");
}

#[tokio::test]
async fn a_login_that_runs_no_commands_is_told_as_such() {
    let node = Node::start_with("no-shell", "ForceCommand echo this is a bastion; exit 3");
    let error = error_of(&node.host()).await;
    assert!(matches!(error, HostError::Auth { .. }), "{error}");
    assert!(error.to_string().contains("does not run /bin/sh (status 3"), "{error}");
}

#[tokio::test]
async fn a_host_that_is_down_was_not_reached_and_is_tried_again_on_the_next_call() {
    let mut node = Node::start("down");
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    node.sshd.stop();
    until("ssh has seen it", || node.local_processes().is_empty()).await;
    let error = error_of(&host).await;
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let mut spec = node.spec(User::Ops.name());
    spec.address = Some("no-such-host.invalid".to_owned());
    let error = error_of(&SshHost::new(&spec, node.options())).await;
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    assert!(error.to_string().contains("Could not resolve hostname"), "{error}");
}

#[tokio::test]
async fn a_port_that_never_answers_costs_the_connect_timeout_and_no_more() {
    let node = Node::start("silent");
    let mut row = Row::of("port that never answers");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut spec = node.spec(User::Ops.name());
    spec.ssh.port = Some(silent.local_addr().expect("bound").port());
    let options = SshOptions { connect_timeout: Duration::from_millis(1500), ..node.options() };
    let start = tokio::time::Instant::now();
    let error = error_of(&SshHost::new(&spec, options)).await;
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    assert!(error.to_string().contains("no connection within 1s 500ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4));
    row.fired(silent.accept().is_ok());
    until("its processes end", || node.local_processes().is_empty()).await;
}

#[tokio::test]
async fn the_operators_configuration_works_but_cannot_weaken_anything() {
    let node = Node::start("operator");
    let marks = node.path("local-command");
    let config = format!(
        "Host node\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  StrictHostKeyChecking no\n  \
         RequestTTY force\n  RemoteCommand echo hijacked\n  PermitLocalCommand yes\n  LocalCommand touch {marks}\n  \
         ControlPersist yes\n  ControlMaster auto\n  ControlPath /tmp/cw-test-%C\n  ForwardAgent yes\n  \
         LocalForward {} 127.0.0.1:1\n  BatchMode no\n",
        node.sshd.port(),
        User::Ops.name(),
        node.sshd.login_key().display(),
        crate::sshd::free_port(),
    );
    let file = node.path("ssh_config");
    std::fs::write(&file, config).expect("written");
    let mut spec = node.spec("");
    spec.address = Some("node".to_owned());
    spec.ssh = certwright_engine::plan::SshSettings::default();
    let options = SshOptions { config: Some(file.into()), ..node.options() };
    let host = SshHost::new(&spec, options.clone());
    assert_eq!(
        ok(&host, &Command::reads(sh("echo $SSH_TTY; tty || true"))).await.stdout.bytes(),
        b"\nnot a tty\n"
    );
    host.close().await;
    until("ssh ends", || node.local_processes().is_empty()).await;
    assert!(!exists(&marks), "LocalCommand did not run");
    let empty = node.path("empty");
    std::fs::write(&empty, "").expect("written");
    let error =
        error_of(&SshHost::new(&spec, SshOptions { known_hosts: Some(empty.into()), ..options })).await;
    assert!(matches!(error, HostError::Identity { .. }), "strict whatever ssh_config says: {error}");
}

#[tokio::test]
async fn a_jump_host_and_an_agent_are_used_as_ssh_config_says() {
    let (mut jumped, mut asked) = (Row::of("jump host"), Row::of("agent"));
    let node = Node::start("target");
    let folder = Folder::new("jump");
    let jump = Sshd::start(folder.path(), &Setup::default());
    let known = [node.sshd.known_hosts(), jump.known_hosts()]
        .map(|path| std::fs::read_to_string(path).expect("there"));
    let known_hosts = node.path("both");
    std::fs::write(&known_hosts, known.concat()).expect("written");
    let agent = Agent::start(&node.path("agent"), &[node.sshd.login_key(), jump.login_key()]);
    let config = format!(
        "Host node\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port {}\n\
         Host *\n  User {}\n  IdentityAgent {}\n  IdentityFile none\n",
        node.sshd.port(),
        jump.port(),
        User::Ops.name(),
        agent.socket,
    );
    let file = node.path("ssh_config");
    std::fs::write(&file, config).expect("written");
    let mut spec = node.spec("");
    spec.address = Some("node".to_owned());
    spec.ssh = certwright_engine::plan::SshSettings::default();
    let options =
        SshOptions { config: Some(file.into()), known_hosts: Some(known_hosts.into()), ..node.options() };
    let host = SshHost::new(&spec, options);
    assert_eq!(ok(&host, &Command::mutates(["id", "-u"])).await.stdout.bytes(), b"0\n");
    jumped.fired(jump.log().contains("Accepted publickey for cwops"));
    // No other key was offered: `IdentityFile none`.
    asked.fired(node.sshd.log().contains("Accepted publickey for cwops"));
    drop(host);
    until("ssh and its jump end", || node.local_processes().is_empty()).await;
    until("the jump's line ends", || jump.sessions().is_empty()).await;
}

/// An ssh-agent with keys.
struct Agent {
    socket: String,
    process: std::process::Child,
}

impl Agent {
    #[expect(clippy::disallowed_methods, reason = "the operator's agent is a process of its own")]
    fn start(socket: &str, keys: &[std::path::PathBuf]) -> Self {
        let mut agent = std::process::Command::new("ssh-agent");
        let process =
            agent.args(["-D", "-a", socket]).stdout(std::process::Stdio::null()).spawn().expect("starts");
        while !exists(socket) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut add = std::process::Command::new("ssh-add");
        let added = add.arg("-q").args(keys).env("SSH_AUTH_SOCK", socket).status().expect("it runs");
        assert!(added.success());
        Self { socket: socket.to_owned(), process }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

#[tokio::test]
async fn nothing_is_left_after_close_or_drop() {
    let node = Node::start("leftovers");
    let host = node.host();
    ok(&host, &Command::mutates(["true"])).await;
    assert!(node.local_processes().len() >= 2, "keeper and ssh run");
    assert_eq!(node.control_folders(), 1);
    host.close().await;
    until("close ends ssh", || node.local_processes().is_empty() && node.control_folders() == 0).await;
    ok(&host, &Command::reads(["true"])).await;
    assert_eq!(node.control_folders(), 1, "a call after close connects again");
    drop(host);
    until("drop ends ssh", || node.local_processes().is_empty() && node.control_folders() == 0).await;
    until("sshd sees it", || node.sshd.sessions().is_empty()).await;
    let left = std::fs::read_dir(node.path("state/run")).expect("there").flatten();
    assert_eq!(left.map(|entry| entry.file_name()).collect::<Vec<_>>(), ["current"]);
}

#[tokio::test]
async fn nothing_is_left_after_certwright_is_killed() {
    let mut row = Row::of("certwright killed");
    let node = Node::start("killed");
    let mut child = again("connection::held_connection", &node, &[])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    until("it has connected", || exists(&node.path("connected"))).await;
    assert!(node.control_folders() == 1 && node.local_processes().len() >= 2);
    kill(child.id());
    row.fired(!child.wait().expect("it ends").success());
    until("its ssh ends too", || node.local_processes().is_empty() && node.control_folders() == 0).await;
    until("sshd sees it", || node.sshd.sessions().is_empty()).await;
}

/// Not a test of its own: the process that the test above kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn held_connection() {
    let Some(given) = Given::node() else { return };
    let host = given.host();
    ok(&host, &Command::reads(["true"])).await;
    std::fs::write(given.folder.join("connected"), "").expect("written");
    tokio::time::sleep(Duration::from_secs(60)).await;
    panic!("nobody killed this process");
}

#[tokio::test]
async fn a_dropped_call_ends_its_command_on_the_node_in_time() {
    let node = Node::start("dropped");
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    let command = Command::reads(["sleep", "97.53"]).deadline(Duration::from_secs(2));
    {
        let running = host.run(&command);
        tokio::pin!(running);
        tokio::select! {
            output = &mut running => panic!("{output:?}"),
            () = until("it runs", || !processes_with("sleep 97.53").is_empty()) => {}
        }
    }
    ok(&host, &Command::reads(["true"])).await;
    assert_eq!(node.control_folders(), 1, "the connection is still the first one");
    until("the node ends it", || processes_with("sleep 97.53").is_empty()).await;
}
