//! Ports of a node through the connection, and on the node where the connection does not let us.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::{Child, Stdio};

use certwright_engine::host::dial::{Dial, DialError, Dialled, Endpoint, Way};

use super::super::*;

/// `openssl s_server` on the node's loopback.
struct Port {
    child: Child,
    number: u16,
    /// What it shows, DER.
    chain: Vec<Vec<u8>>,
}

impl Port {
    fn open(node: &Node, options: &[&str]) -> Self {
        let made = rcgen::generate_simple_self_signed(["cp-1".to_owned()]).expect("a certificate");
        let (cert, key) = (node.path("cert.pem"), node.path("key.pem"));
        std::fs::write(&cert, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        #[expect(clippy::disallowed_methods, reason = "the server is a process of its own")]
        let mut child = std::process::Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", &cert, "-key", &key, "-www"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let number = lines
            .find_map(|line| line.ok()?.strip_prefix("ACCEPT ")?.rsplit_once(':')?.1.trim().parse().ok())
            .expect("s_server tells its port");
        Self { child, number, chain: vec![made.cert.der().to_vec()] }
    }

    fn at(&self) -> Endpoint {
        Endpoint::new("127.0.0.1", self.number)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

/// A health endpoint in plain HTTP; its thread ends with the test process.
fn health() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _read = stream.read(&mut [0; 1024]);
            let _written = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    Endpoint::new("127.0.0.1", port)
}

async fn dial(host: &SshHost, dial: &Dial) -> Dialled {
    host.dial(dial).await.unwrap_or_else(|error| panic!("{dial}: {error}"))
}

/// The port's certificate, its page and a health endpoint all come on this way.
async fn all_come(host: &SshHost, port: &Port, health: &Endpoint, way: Way) {
    let certificate = dial(host, &Dial::certificate(port.at())).await;
    assert_eq!(certificate.way, way);
    assert_eq!(certificate.outcome.expect("a certificate").chain, port.chain);
    let page = dial(host, &Dial::https(port.at(), "/")).await;
    assert_eq!((page.way, page.outcome.expect("a page").answer.expect("an answer").code), (way, 200));
    let health = dial(host, &Dial::http(health.clone(), "/health")).await;
    let answer = health.outcome.expect("a page").answer.expect("an answer");
    assert_eq!((health.way, answer.body.bytes()), (way, b"ok".as_slice()));
}

/// Our side's sockets of forwards.
fn sockets(node: &Node) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(node.path("control")).expect("it is there").flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).expect("it is there").flatten());
    let sockets = files.filter(|file| {
        let name = file.file_name();
        name != "m" && file.file_type().is_ok_and(|kind| kind.is_socket())
    });
    sockets.map(|file| file.path()).collect()
}

#[tokio::test]
async fn a_port_is_asked_through_the_connection_and_its_sockets_are_ours_alone() {
    let node = Node::start("forward");
    let (port, health) = (Port::open(&node, &[]), health());
    let host = node.host();
    for _ in 0..3 {
        all_come(&host, &port, &health, Way::Forward).await;
    }
    let sockets_now = sockets(&node);
    assert_eq!(sockets_now.len(), 2, "one a port: {sockets_now:?}");
    for socket in &sockets_now {
        let mode = std::fs::metadata(socket).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", socket.display());
    }
    host.close().await;
    until("nothing is left", || node.local_processes().is_empty() && node.control_folders() == 0).await;
    all_come(&host, &port, &health, Way::Forward).await;
    drop(host);
    until("nothing is left", || node.local_processes().is_empty() && node.control_folders() == 0).await;
    until("sshd sees it", || node.sshd.sessions().is_empty()).await;
}

/// An etcd that is just joining: asked a moment later it answers.
#[tokio::test]
async fn a_server_that_was_silent_for_a_moment_is_asked_through_the_connection_the_next_time() {
    let node = Node::start("silent");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = Endpoint::new("127.0.0.1", listener.local_addr().expect("bound").port());
    std::thread::spawn(move || {
        let mut streams = listener.incoming().flatten();
        let _never_answered = streams.next();
        for mut stream in streams {
            let _read = stream.read(&mut [0; 1024]);
            let _written = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let (host, question) = (node.host(), Dial::http(at, "/health"));
    host.connect().await.expect("connected");
    let first = dial(&host, &question.clone().within(Duration::from_secs(6))).await;
    assert_eq!(
        (first.way, first.outcome.is_ok()),
        (Way::OnHost, true),
        "the node was asked, after half of the time"
    );
    assert_eq!(dial(&host, &question).await.way, Way::Forward);
}

#[tokio::test]
async fn a_port_that_demands_a_certificate_of_ours_shows_its_own_on_both_ways() {
    let (forwards, refuses) =
        (Node::start("demand"), Node::start_with("demand-on-host", "AllowTcpForwarding no"));
    for version in ["-tls1_2", "-tls1_3"] {
        let port = Port::open(&forwards, &["-Verify", "1", "-verify_return_error", version]);
        for (node, way) in [(&forwards, Way::Forward), (&refuses, Way::OnHost)] {
            let dialled = dial(&node.host(), &Dial::certificate(port.at())).await;
            let chain = dialled.outcome.expect("a certificate").chain;
            assert_eq!((dialled.way, chain), (way, port.chain.clone()), "{version}");
        }
    }
}

#[tokio::test]
async fn where_the_server_forwards_nothing_the_node_is_asked_and_says_the_same() {
    let refusals =
        ["AllowTcpForwarding no", "AllowTcpForwarding remote", "DisableForwarding yes", "PermitOpen none"];
    for refusal in refusals {
        let node = Node::start_with("refused-forward", refusal);
        let (port, health) = (Port::open(&node, &[]), health());
        let host = node.host();
        for _ in 0..2 {
            all_come(&host, &port, &health, Way::OnHost).await;
        }
        let log = node.sshd.log();
        let said = ["refused local port forward", "but the request was denied"];
        let times: usize = said.iter().map(|words| log.matches(words).count()).sum();
        assert_eq!(times, 1, "{refusal}: it is tried once a connection: {log}");
    }
    ran(refusals.len(), "ways to refuse forwards");
}

#[tokio::test]
async fn the_operators_own_forwards_are_still_cleared() {
    let node = Node::start("cleared");
    let (port, health) = (Port::open(&node, &[]), health());
    let (theirs, config) = (sshd::free_port(), node.path("ssh_config"));
    let text = format!(
        "ExitOnForwardFailure yes\nStreamLocalBindMask 0000\nGatewayPorts yes\n\
         LocalForward 127.0.0.1:{theirs} 127.0.0.1:{}\n",
        port.number
    );
    std::fs::write(&config, text).expect("written");
    let options = SshOptions { config: Some(config.into()), ..node.options() };
    let host = SshHost::new(&node.spec(User::Ops.name()), options);
    all_come(&host, &port, &health, Way::Forward).await;
    let refused = std::net::TcpStream::connect(("127.0.0.1", theirs)).expect_err("their forward is not made");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_closed_port_and_one_that_never_answers_are_told_apart() {
    let node = Node::start("closed-port");
    let (port, health) = (Port::open(&node, &[]), health());
    let host = node.host();
    let closed = Endpoint::new("127.0.0.1", sshd::free_port());
    for question in [
        Dial::certificate(closed.clone()),
        Dial::http(closed.clone(), "/health"),
        Dial::https(closed.clone(), "/readyz"),
    ] {
        let dialled = dial(&host, &question).await;
        assert_eq!((dialled.way, dialled.outcome), (Way::OnHost, Err(DialError::Refused)), "{question}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = Endpoint::new("127.0.0.1", silent.local_addr().expect("bound").port());
    let clock = certwright_engine::clock::Clock::real();
    let start = clock.mono();
    let dialled = dial(&host, &Dial::certificate(at).within(Duration::from_secs(3))).await;
    assert_eq!((dialled.way, dialled.outcome), (Way::OnHost, Err(DialError::TimedOut)));
    assert!(clock.mono().since(start) < 8000, "it has a deadline of its own");
    all_come(&host, &port, &health, Way::Forward).await;
}

#[tokio::test]
async fn a_port_is_asked_while_a_command_has_the_only_session_and_dropped_calls_cost_nothing() {
    let node = Node::start_with("only-session", "MaxSessions 1");
    let (port, health) = (Port::open(&node, &[]), health());
    let host = node.host();
    let command = Command::reads(["sleep", "61.57"]).deadline(Duration::from_secs(60));
    let running = host.run(&command);
    let asking = async {
        until("it runs", || !sshd::processes::processes_with("sleep 61.57").is_empty()).await;
        all_come(&host, &port, &health, Way::Forward).await;
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = Endpoint::new("127.0.0.1", silent.local_addr().expect("bound").port());
        for wait in [0, 1, 2, 5, 20, 100] {
            let question = Dial::certificate(at.clone());
            let ended = tokio::time::timeout(Duration::from_millis(wait), host.dial(&question)).await;
            assert!(ended.is_err(), "it was given up: {ended:?}");
        }
        all_come(&host, &port, &health, Way::Forward).await;
    };
    tokio::select! {
        output = running => panic!("{output:?}"),
        () = asking => {}
    }
    drop(host);
    until("nothing is left", || node.local_processes().is_empty() && node.control_folders() == 0).await;
}

#[tokio::test]
async fn after_a_lost_line_the_port_is_asked_on_a_fresh_one() {
    let node = Node::start("lost-forward");
    let (port, health) = (Port::open(&node, &[]), health());
    let host = node.host();
    all_come(&host, &port, &health, Way::Forward).await;
    assert!(node.sshd.cut_lines() > 0, "a line was cut");
    until("ssh sees it", || node.local_processes().is_empty()).await;
    let dialled = dial(&host, &Dial::certificate(port.at())).await;
    assert_eq!(dialled.outcome.expect("a certificate").chain, port.chain);
    all_come(&host, &port, &health, Way::Forward).await;
}

#[tokio::test]
async fn a_stopped_master_costs_half_the_time_of_one_question() {
    let node = Node::start("stopped-forward");
    let (port, health) = (Port::open(&node, &[]), health());
    let host = node.host();
    ok(&host, &Command::reads(["true"])).await;
    for pid in node.local_processes() {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it runs");
    }
    let clock = certwright_engine::clock::Clock::real();
    let start = clock.mono();
    let dialled = dial(&host, &Dial::certificate(port.at()).within(Duration::from_secs(4))).await;
    assert_eq!(dialled.way, Way::OnHost, "on a fresh connection");
    assert_eq!(dialled.outcome.expect("a certificate").chain, port.chain);
    assert!(clock.mono().since(start) >= 2000, "the fault fired");
    all_come(&host, &port, &health, Way::Forward).await;
    assert_eq!(node.control_folders(), 1, "the stopped one is gone");
}

/// Peak memory of this process, KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel tells it");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Prints and asserts nothing: `cargo nextest run --test ssh --run-ignored only --no-capture dial_as_measured`.
#[tokio::test]
#[ignore = "a measurement"]
async fn dial_as_measured() {
    const TURNS: usize = 50;
    let (forwards, refuses) =
        (Node::start("dial-fast"), Node::start_with("dial-slow", "AllowTcpForwarding no"));
    let (port, health) = (Port::open(&forwards, &[]), health());
    let (fast, slow) = (forwards.host(), refuses.host());
    let clock = certwright_engine::clock::Clock::real();
    let questions =
        [Dial::certificate(port.at()), Dial::https(port.at(), "/"), Dial::http(health, "/health")];
    let openssl = Command::reads(["openssl", "s_client", "-showcerts", "-connect", &port.at().to_string()]);
    for host in [&fast, &slow] {
        ok(host, &Command::reads(["true"])).await;
    }
    let before = peak_kib();
    dial(&fast, &questions[0]).await.outcome.expect("it answers");
    let first = peak_kib() - before;
    let mut took = [0; 8];
    for turn in 0..=TURNS {
        for (n, question) in questions.iter().enumerate() {
            for (m, host) in [&fast, &slow].into_iter().enumerate() {
                let start = clock.mono();
                dial(host, question).await.outcome.expect("it answers");
                // The first turn connects.
                took[2 * n + m] += if turn == 0 { 0 } else { clock.mono().since(start) };
            }
        }
        for (n, command) in [openssl.clone(), Command::reads(["true"])].iter().enumerate() {
            let start = clock.mono();
            ok(&fast, command).await;
            took[6 + n] += if turn == 0 { 0 } else { clock.mono().since(start) };
        }
    }
    println!(
        "ms for {TURNS} (forward, on the node): certificate {} {}, GET over TLS {} {}, GET {} {}; openssl s_client \
         through run {}, true {}; the first handshake added {first} KiB to our peak memory",
        took[0], took[1], took[2], took[3], took[4], took[5], took[6], took[7]
    );
}
