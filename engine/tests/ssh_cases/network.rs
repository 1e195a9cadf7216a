//! Networks that swallow packets, names that do not resolve, and connections through something else.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use certwright_engine::host::HostError;
use certwright_engine::plan::SshSettings;

use super::again::{Given, again, passes};
use super::row::Row;
use crate::sshd::processes::{kill, processes_with};
use crate::{Command, Duration, Host, Lasting, Node, Setup, SshHost, SshOptions, User, exists, ok, until};

/// A network namespace with one address, joined to ours by a pair of interfaces.
struct Network {
    name: String,
    theirs: Ipv4Addr,
}

impl Network {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let name = format!("cw{process:x}n{next}");
        // One of 2^14 nets of four addresses in 10.213.0.0/16, by process id.
        let block = u32::from(Ipv4Addr::new(10, 213, 0, 0)) + ((process.wrapping_add(next)) % (1 << 14)) * 4;
        let (ours, theirs) = (Ipv4Addr::from(block + 1), Ipv4Addr::from(block + 2));
        let (near, far) = (format!("{name}a"), format!("{name}b"));
        let network = Self { name, theirs };
        let name = &network.name;
        for line in [
            format!("ip netns add {name}"),
            format!("ip link add {near} type veth peer name {far} netns {name}"),
            format!("ip address add {ours}/30 dev {near}"),
            format!("ip link set {near} up"),
            format!("ip netns exec {name} ip address add {theirs}/30 dev {far}"),
            format!("ip netns exec {name} ip link set {far} up"),
            format!("ip netns exec {name} ip link set lo up"),
        ] {
            run(&line);
        }
        network
    }

    /// Swallows every packet to and from the node.
    fn black_hole(&self) {
        for chain in ["INPUT", "OUTPUT"] {
            run(&format!("ip netns exec {} iptables -I {chain} ! -i lo -j DROP", self.name)
                .replace("OUTPUT ! -i lo", "OUTPUT ! -o lo"));
        }
    }

    /// Lets packets pass again; how many were swallowed.
    fn heal(&self) -> u64 {
        let rules = run(&format!("ip netns exec {} iptables -L -v -x -n", self.name));
        let swallowed = |line: &str| {
            let mut words = line.split_whitespace();
            let packets = words.next()?.parse::<u64>().ok()?;
            (words.nth(1) == Some("DROP")).then_some(packets)
        };
        let swallowed = rules.lines().filter_map(swallowed).sum();
        run(&format!("ip netns exec {} iptables -F", self.name));
        swallowed
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The interfaces go with it.
        run(&format!("ip netns del {}", self.name));
    }
}

#[expect(clippy::disallowed_methods, reason = "networks are made by programs of the machine")]
fn run(line: &str) -> String {
    let mut words = line.split(' ');
    let output = std::process::Command::new(words.next().expect("a program")).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_black_hole_costs_the_deadline_and_the_run_goes_on_once_it_is_gone() {
    let mut row = Row::of("black hole");
    let network = Network::new();
    let inside = (network.name.clone(), network.theirs);
    let node = Node::start_as("black-hole", |_| Setup { network: Some(inside), ..Setup::default() });
    let options = SshOptions { connect_timeout: Duration::from_millis(1500), ..node.options() };
    let host = SshHost::new(&node.spec(User::Ops.name()), options);
    ok(&host, &Command::mutates(["true"])).await;
    let mut lasting = Lasting::new(&node);
    lasting.command.deadline = Duration::from_millis(2500);
    let (result, ()) = lasting.during(&host, || network.black_hole()).await;
    let error = result.expect_err("the result went nowhere");
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    let error = host.settle(Duration::from_secs(1)).await.expect_err("nothing gets there");
    assert!(matches!(error, HostError::NotReached { .. }), "{error}");
    assert!(error.to_string().contains("no connection within 1s 500ms"), "{error}");
    row.fired(network.heal() > 0);
    lasting.settles(&host).await;
    assert!(node.sshd.sessions().len() >= 2, "sshd still believes in the first line");
}

/// What the name server of a test does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resolver {
    /// Answers 127.0.0.1, a second late.
    Slow,
    /// Never answers.
    Silent,
    /// Knows no such name.
    Failing,
}

impl Resolver {
    fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Failing => "failing",
        }
    }

    /// Serves on an address of its own; counts the questions.
    fn serve(self) -> (Ipv4Addr, Arc<AtomicU32>) {
        let first = u32::from(Ipv4Addr::new(127, 64, 0, 0)) + (std::process::id() % (1 << 18)) * 8;
        let free = (first..first + 8).find_map(|address| {
            let address = Ipv4Addr::from(address);
            UdpSocket::bind((address, 53)).ok().map(|socket| (address, socket))
        });
        let (address, socket) = free.expect("one of eight addresses is free");
        let questions = Arc::new(AtomicU32::new(0));
        let asked = Arc::clone(&questions);
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                asked.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = self.answer(&packet[..length]) {
                    let _gone = socket.send_to(&answer, from);
                }
            }
        });
        (address, questions)
    }

    /// RFC 1035, 4.1: the question again, and for an A record one answer that points at its name.
    fn answer(self, question: &[u8]) -> Option<Vec<u8>> {
        let end = 12 + question[12..].iter().position(|&b| b == 0)? + 5;
        let is_a = question[end - 4..end] == [0, 1, 0, 1];
        let (code, answers) = match self {
            Self::Silent => return None,
            Self::Slow => {
                std::thread::sleep(Duration::from_millis(500));
                (0x80, u8::from(is_a))
            }
            Self::Failing => (0x83, 0),
        };
        let mut reply = question[..2].to_vec();
        reply.extend([0x81, code, 0, 1, 0, answers, 0, 0, 0, 0]);
        reply.extend(&question[12..end]);
        if answers == 1 {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        Some(reply)
    }
}

#[tokio::test]
async fn names_that_resolve_late_never_or_not_at_all() {
    for (mut row, resolver) in [
        (Row::of("slow DNS"), Resolver::Slow),
        (Row::of("silent DNS"), Resolver::Silent),
        (Row::of("failing DNS"), Resolver::Failing),
    ] {
        let node = Node::start("names");
        let (address, questions) = resolver.serve();
        let resolv_conf = node.path("resolv.conf");
        std::fs::write(&resolv_conf, format!("nameserver {address}\n")).expect("written");
        let alias = format!("Host node.example.org\n  HostKeyAlias [127.0.0.1]:{}\n", node.sshd.port());
        std::fs::write(node.path("ssh_config"), alias).expect("written");
        let bind = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        let before = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", bind, &resolv_conf];
        let mut command = again("network::resolving", &node, &before);
        command.env("CERTWRIGHT_TEST_RESOLVER", resolver.name());
        passes(command);
        row.fired(questions.load(Ordering::Relaxed) > 0);
    }
}

/// Not a test of its own: what the test above runs with another resolver.
#[tokio::test]
#[ignore = "started by another test"]
async fn resolving() {
    let Some(given) = Given::node() else { return };
    let mut spec = given.spec.clone();
    spec.address = Some("node.example.org".to_owned());
    let options = SshOptions {
        config: Some(given.folder.join("ssh_config")),
        connect_timeout: Duration::from_secs(4),
        ..given.options
    };
    let host = SshHost::new(&spec, options);
    let start = tokio::time::Instant::now();
    let result = host.run(&Command::mutates(["true"])).await;
    match std::env::var("CERTWRIGHT_TEST_RESOLVER").expect("it was set").as_str() {
        "slow" => {
            assert_eq!(result.expect("it resolves").status, 0);
            assert!(start.elapsed() > Duration::from_millis(500));
        }
        "silent" => {
            let error = result.expect_err("nobody answers");
            assert!(matches!(error, HostError::NotReached { .. }), "{error}");
            assert!(error.to_string().contains("no connection within 4s"), "{error}");
            assert!(start.elapsed() < Duration::from_secs(8));
        }
        _failing => {
            let error = result.expect_err("there is no such name");
            assert!(matches!(error, HostError::NotReached { .. }), "{error}");
            let words = "Could not resolve hostname node.example.org: Name or service not known";
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

#[tokio::test]
async fn a_proxy_command_is_used_and_its_end_is_a_lost_line() {
    let mut row = Row::of("ProxyCommand");
    let node = Node::start("proxy-command");
    let port = node.sshd.port();
    let mark = node.path("proxied");
    let config = format!(
        "Host node\n  HostName 127.0.0.1\n  Port {port}\n  User {}\n  IdentityFile {}\n  \
         ProxyCommand sh -c 'echo x >>{mark}; exec busybox nc 127.0.0.1 {port}'\n",
        User::Ops.name(),
        node.sshd.login_key().display(),
    );
    let file = node.path("ssh_config");
    std::fs::write(&file, config).expect("written");
    let mut spec = node.spec("");
    spec.address = Some("node".to_owned());
    spec.ssh = SshSettings::default();
    let host = SshHost::new(&spec, SshOptions { config: Some(file.into()), ..node.options() });
    ok(&host, &Command::mutates(["true"])).await;
    row.fired(exists(&mark));
    let proxies = || processes_with(&format!("busybox nc 127.0.0.1 {port}"));
    let lasting = Lasting::new(&node);
    let (result, killed) = lasting
        .during(&host, || {
            let proxies = proxies();
            proxies.iter().copied().for_each(kill);
            proxies.len()
        })
        .await;
    let error = result.expect_err("its line is gone");
    assert!(killed >= 1 && matches!(error, HostError::Unknown { .. }), "{killed}: {error}");
    lasting.settles(&host).await;
    drop(host);
    until("the proxy ends with ssh", || proxies().is_empty()).await;
}
