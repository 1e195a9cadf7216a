//! Nodes on loopback addresses of their own: for each a real etcd member and our components, as processes.
//!
//! Invariant: what is started here ends with the test, also when the test is killed.

mod starts;

use std::collections::BTreeMap;
use std::fs::{File, create_dir_all, read_to_string, write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_cluster::wire::client::Client;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use time::Duration as Days;

use crate::mint::{BOTH, Leaf, Minted, authority, leaf};

/// Our programs.
const PROGRAMS: &str = env!("CARGO_BIN_EXE_certwright-cluster");

/// How many grounds this process has made.
static GROUNDS: AtomicUsize = AtomicUsize::new(0);

/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// Nodes, numbered from 1.
pub(crate) struct Ground {
    dir: TempDir,
    nodes: usize,
    network: String,
    /// The last part of its addresses begins here.
    first: usize,
    /// The CA of the cluster.
    pub(crate) ca: Minted,
    etcd_ca: Minted,
    running: BTreeMap<String, Child>,
    /// How much faster than the real ones the components are.
    pub(crate) pace: u32,
}

impl Ground {
    /// Nodes with certificates and no processes.
    pub(crate) fn new(nodes: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("cluster").tempdir().expect("a folder");
        let pid = std::process::id();
        // Tests are processes of nextest, but threads of cargo's own runner.
        let ground = GROUNDS.fetch_add(1, Ordering::Relaxed);
        assert!(ground < 25, "one process has addresses for 25 grounds");
        let network = format!("127.{}.{}", 1 + (pid >> 8) % 250, pid % 256);
        let (ca, etcd_ca) = (authority("kubernetes"), authority("etcd-ca"));
        let ground =
            Self { dir, nodes, network, first: 10 * ground, ca, etcd_ca, running: BTreeMap::new(), pace: 10 };
        for node in 1..=nodes {
            create_dir_all(ground.path(node, "etcd")).expect("a folder");
            ground.put(node, "ca.crt", &ground.ca.certificate);
            ground.put(node, "ca.key", &ground.ca.key);
            ground.put(node, "etcd-ca.crt", &ground.etcd_ca.certificate);
            ground.issue(node, Days::days(300));
        }
        ground
    }

    /// A whole cluster: etcd and an API server on each node, all ready.
    pub(crate) fn up(nodes: usize) -> Self {
        let mut ground = Self::new(nodes);
        for node in 1..=nodes {
            ground.start_etcd(node);
        }
        for node in 1..=nodes {
            let url = format!("http://{}:2381/health", ground.address(node));
            eventually("etcd is healthy", || curl(&url)?.contains("true").then_some(()));
        }
        for node in 1..=nodes {
            ground.start_api(node);
        }
        for node in 1..=nodes {
            ground.wait_ready(node);
        }
        ground
    }

    /// The address of a node; 9 is the balancer's.
    pub(crate) fn address(&self, node: usize) -> String {
        format!("{}.{}", self.network, self.first + node)
    }

    /// A file of a node.
    pub(crate) fn path(&self, node: usize, name: &str) -> PathBuf {
        self.dir.path().join(format!("cp-{node}")).join(name)
    }

    fn put(&self, node: usize, name: &str, text: &str) {
        write(self.path(node, name), text).expect("a file of the ground");
    }

    fn pair(&self, node: usize, name: &str, pair: &Minted) {
        self.put(node, &format!("{name}.key"), &pair.key);
        self.put(node, &format!("{name}.crt"), &pair.certificate);
    }

    fn addresses(&self, node: usize) -> [String; 3] {
        [self.address(node), self.address(9), "127.0.0.1".to_owned()]
    }

    /// Makes a new serving certificate for the API server of a node.
    pub(crate) fn issue_serving(&self, node: usize, lasts: Days) {
        let addresses = self.addresses(node);
        let subject =
            Leaf { name: "kube-apiserver", organizations: &[], addresses: &addresses, usages: BOTH, lasts };
        self.pair(node, "apiserver", &leaf(&self.ca, &subject));
    }

    /// Makes new certificates for a node, and new kubeconfigs.
    pub(crate) fn issue(&self, node: usize, lasts: Days) {
        let addresses = [self.address(node), self.address(9), "127.0.0.1".to_owned()];
        let server = |ca, name: &str| {
            leaf(ca, &Leaf { name, organizations: &[], addresses: &addresses, usages: BOTH, lasts })
        };
        self.pair(node, "apiserver", &server(&self.ca, "kube-apiserver"));
        self.pair(node, "etcd-server", &server(&self.etcd_ca, &format!("cp-{node}")));
        self.pair(node, "apiserver-etcd-client", &server(&self.etcd_ca, "kube-apiserver-etcd-client"));
        let user = |name, organizations: &[&str]| {
            leaf(&self.ca, &Leaf { name, organizations, addresses: &[], usages: BOTH, lasts })
        };
        let own = format!("{}:6443", self.address(node));
        let write = |file: &str, pair: &Minted, server: &str| {
            self.put(node, file, &kubeconfig(&self.ca, pair, server));
        };
        write("admin.conf", &user("kubernetes-admin", &["kubeadm:cluster-admins"]), &own);
        write("controller-manager.conf", &user("system:kube-controller-manager", &[]), &own);
        write("scheduler.conf", &user("system:kube-scheduler", &[]), &own);
        let kubelet = user(&format!("system:node:cp-{node}"), &["system:nodes"]);
        write("kubelet.conf", &kubelet, &own);
    }

    /// Writes a kubeconfig of its own kind to a file of node 1.
    pub(crate) fn credential(&self, file: &str, name: &str, organizations: &[&str], lasts: Days) -> PathBuf {
        let pair = leaf(&self.ca, &Leaf { name, organizations, addresses: &[], usages: BOTH, lasts });
        self.put(1, file, &kubeconfig(&self.ca, &pair, &format!("{}:6443", self.address(1))));
        self.path(1, file)
    }

    /// Stops a component from running, or lets it go on.
    pub(crate) fn signal(&self, node: usize, name: &str, signal: Signal) {
        let child = &self.running[&key(node, name)];
        kill_process(Pid::from_child(child), signal).expect("it can be signalled");
    }

    /// Starts one of our programs under a name.
    pub(crate) fn start(&mut self, node: usize, name: &str, args: &[String]) {
        let args: Vec<String> = std::iter::once(name.to_owned()).chain(args.iter().cloned()).collect();
        self.spawn(node, name, PROGRAMS, &args);
    }

    fn spawn(&mut self, node: usize, name: &str, program: &str, args: &[String]) {
        let log = File::options().create(true).append(true).open(self.path(node, &format!("{name}.log")));
        let log = log.expect("a log file");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", program])
            .args(args)
            .env("CLUSTER_PACE", self.pace.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log file twice"))
            .stderr(log)
            .process_group(0)
            .spawn();
        let before =
            self.running.insert(key(node, name), child.expect("setpriv, etcd and our programs start"));
        assert!(before.is_none(), "{name} of node {node} runs already");
    }

    /// Ends a component at once, as a stop without grace does.
    pub(crate) fn kill(&mut self, node: usize, name: &str) {
        let mut child = self.running.remove(&key(node, name)).expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// Sends SIGTERM and waits for the end; how long it took, and the exit code.
    pub(crate) fn stop(&mut self, node: usize, name: &str) -> (Duration, Option<i32>) {
        let mut child = self.running.remove(&key(node, name)).expect("it runs");
        let start = Instant::now();
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it can be told to end");
        let status = eventually("the component ends", || child.try_wait().expect("it can be waited for"));
        (start.elapsed(), status.code())
    }

    /// The exit code of a component that ends of its own.
    pub(crate) fn wait_end(&mut self, node: usize, name: &str) -> Option<i32> {
        let mut child = self.running.remove(&key(node, name)).expect("it runs");
        eventually("the component ends", || child.try_wait().expect("it can be waited for")).code()
    }

    /// What a component wrote.
    pub(crate) fn log(&self, node: usize, name: &str) -> String {
        read_to_string(self.path(node, &format!("{name}.log"))).unwrap_or_default()
    }

    /// Waits until the API server of a node is ready.
    pub(crate) fn wait_ready(&self, node: usize) {
        let url = format!("https://{}:6443/readyz", self.address(node));
        eventually(&format!("the API server of node {node} is ready"), || {
            (curl(&url).as_deref() == Some("ok")).then_some(())
        });
    }

    /// The real kubectl with a node's admin.conf.
    pub(crate) fn kubectl(&self, node: usize, args: &[&str]) -> Output {
        self.kubectl_as(&self.path(node, "admin.conf"), args)
    }

    /// The real kubectl with a kubeconfig.
    pub(crate) fn kubectl_as(&self, kubeconfig: &Path, args: &[&str]) -> Output {
        Command::new("kubectl")
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .args(args)
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("kubectl starts")
    }

    /// A client with the admin's credential at a node.
    pub(crate) fn client(&self, node: usize) -> Client {
        Client::from_kubeconfig(&self.path(node, "admin.conf")).expect("a client")
    }
}

impl Drop for Ground {
    #[expect(clippy::print_stderr, reason = "a test that failed says why")]
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            // It may have ended already.
            let _ended = child.kill();
            let _status = child.wait();
        }
        if std::thread::panicking() {
            // What the components said is of use to whoever looks into the failure.
            for entry in self.running.keys() {
                let (node, name) = entry.split_once('/').expect("a key has a node and a name");
                let log = self.log(node.parse().expect("a number"), name);
                let last: Vec<&str> = log.lines().rev().take(8).collect();
                eprintln!("last lines of {name} of node {node}:");
                last.iter().rev().for_each(|line| eprintln!("  {line}"));
            }
        }
    }
}

fn key(node: usize, name: &str) -> String {
    format!("{node}/{name}")
}

/// Body of a successful answer.
pub(crate) fn curl(url: &str) -> Option<String> {
    let output = Command::new("curl").args(["-fsSk", "--max-time", "5", url]).output().expect("curl starts");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits for a condition, with a bound.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kubeconfig(ca: &Minted, pair: &Minted, server: &str) -> String {
    let (ca, certificate) = (STANDARD.encode(&ca.certificate), STANDARD.encode(&pair.certificate));
    let key = STANDARD.encode(&pair.key);
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: \
         https://{server}\n  name: k\ncontexts:\n- context:\n    cluster: k\n    user: u\n  name: u@k\n\
         current-context: u@k\nusers:\n- name: u\n  user:\n    client-certificate-data: {certificate}\n    \
         client-key-data: {key}\n"
    )
}
