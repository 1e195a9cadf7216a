//! Real sshd instances for tests, each in a private mount namespace: see tests/sshd/README.md.
//!
//! Std only, so that every test crate can include it by path. Needs root, and says so.

#![expect(clippy::disallowed_methods, reason = "tests start sshd, and look at processes, themselves")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[path = "processes.rs"]
pub(crate) mod processes;
#[path = "users.rs"]
mod users;

pub(crate) use users::User;

use processes::{children_of, is_sshd, kill, namespace_of, processes};

const SERVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sshd/serve");
const SERVE_OF_MEMBER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/sshd/serve");

/// How an instance differs from the plain one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// More lines of sshd_config.
    pub(crate) config: String,
    /// What is bound over what in its mount namespace: (source, target).
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
    /// The network namespace it runs in, and its address there; None: ours, and 127.0.0.1.
    pub(crate) network: Option<(String, Ipv4Addr)>,
}

impl Setup {
    /// A node whose own folders are those below `root` (made where they are missing): what a control-plane
    /// node keeps, and `/usr/local/bin` for programs that only this node has.
    pub(crate) fn node(root: &Path) -> Self {
        let own =
            ["/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/certwright", "/usr/local/bin"];
        let binds = own.map(|target| {
            let source = root.join(target.trim_start_matches('/'));
            fs::create_dir_all(&source).expect("a folder of the node");
            (source, PathBuf::from(target))
        });
        Self { binds: binds.to_vec(), ..Self::default() }
    }
}

/// One running sshd.
pub(crate) struct Sshd {
    folder: PathBuf,
    address: Ipv4Addr,
    port: u16,
    child: Child,
    /// Its mount namespace, which everything that it starts is in; None before it listens.
    namespace: Option<Namespace>,
}

/// A mount namespace, kept for as long as its number is compared with others: the kernel gives the number of one that is gone
/// to the next one that is made, and what runs there would be taken for ours.
struct Namespace {
    number: PathBuf,
    _kept: fs::File,
}

impl Namespace {
    fn of(pid: u32) -> Self {
        let kept = fs::File::open(format!("/proc/{pid}/ns/mnt")).expect("it runs");
        Self { number: namespace_of(pid).expect("it runs"), _kept: kept }
    }
}

impl Sshd {
    /// Starts an instance whose files are in `folder` (made when it is missing).
    ///
    /// # Panics
    /// When this is not root, or sshd, sudo or unshare are not there.
    pub(crate) fn start(folder: &Path, setup: &Setup) -> Self {
        assert_eq!(
            fs::metadata("/proc/self").expect("/proc is mounted").uid(),
            0,
            "tests with real sshd need root: run them as root"
        );
        users::make_users();
        fs::create_dir_all("/run/sshd").expect("sshd's own folder");
        fs::create_dir_all(folder).expect("the instance's folder");
        key(&folder.join("host_key"));
        key(&folder.join("login_key"));
        fs::copy(folder.join("login_key.pub"), folder.join("authorized_keys")).expect("authorize the key");
        let port = free_port();
        let address = setup.network.as_ref().map_or(Ipv4Addr::LOCALHOST, |(_, address)| *address);
        let child = serve(folder, address, port, setup);
        let mut sshd = Self { folder: folder.to_owned(), address, port, child, namespace: None };
        sshd.wait_until_it_listens();
        sshd.know(&folder.join("known_hosts"), &folder.join("host_key.pub"));
        sshd
    }

    /// Its address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The private key that every test user accepts.
    pub(crate) fn login_key(&self) -> PathBuf {
        self.folder.join("login_key")
    }

    /// A known_hosts file that knows this instance and nothing else.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// What sshd logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Writes a known_hosts file that takes the public key in `key` for this instance's.
    pub(crate) fn know(&self, known_hosts: &Path, key: &Path) {
        let key = fs::read_to_string(key).expect("read a public key");
        fs::write(known_hosts, format!("[{}]:{} {key}", self.address, self.port)).expect("write known_hosts");
    }

    /// Writes a known_hosts file that takes this instance's key for that of another port.
    pub(crate) fn know_at(&self, known_hosts: &Path, port: u16) {
        let key = fs::read_to_string(self.folder.join("host_key.pub")).expect("read a public key");
        fs::write(known_hosts, format!("[127.0.0.1]:{port} {key}")).expect("write known_hosts");
    }

    /// Kills the sshd processes of all sessions, as a lost line would end them; what they started lives on.
    /// Returns how many there were.
    pub(crate) fn cut_lines(&self) -> usize {
        let sessions = self.sessions();
        for pid in &sessions {
            kill(*pid);
        }
        sessions.len()
    }

    /// Ends the listener and all lines; the port refuses connections then.
    pub(crate) fn stop(&mut self) {
        let sessions = self.sessions();
        self.child.kill().expect("end sshd");
        self.child.wait().expect("wait for sshd");
        sessions.into_iter().for_each(kill);
    }

    /// Ends the listener alone: lines live on, and the port refuses connections.
    pub(crate) fn stop_listening(&mut self) {
        self.child.kill().expect("end sshd");
        self.child.wait().expect("wait for sshd");
    }

    /// Ends everything that it ever started, as the power of a machine that is switched off; returns how many.
    pub(crate) fn power_off(&mut self) -> usize {
        self.stop_listening();
        let inside: Vec<u32> = self.inside();
        inside.iter().copied().for_each(kill);
        inside.len()
    }

    /// Starts again on the same port after `stop` or `power_off`.
    pub(crate) fn power_on(&mut self, setup: &Setup) {
        self.child = serve(&self.folder, self.address, self.port, setup);
        self.wait_until_it_listens();
    }

    /// Process ids of everything in its mount namespace.
    pub(crate) fn inside(&self) -> Vec<u32> {
        let Some(Namespace { number, .. }) = &self.namespace else { return Vec::new() };
        processes().into_iter().filter(|pid| namespace_of(*pid).as_ref() == Some(number)).collect()
    }

    /// Process ids of the sshd processes below the listener.
    pub(crate) fn sessions(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut parents = vec![self.child.id()];
        while let Some(parent) = parents.pop() {
            for child in children_of(parent) {
                if is_sshd(child) {
                    found.push(child);
                    parents.push(child);
                }
            }
        }
        found
    }

    fn wait_until_it_listens(&mut self) {
        for _ in 0..1000 {
            if TcpStream::connect((self.address, self.port)).is_ok() {
                self.namespace = Some(Namespace::of(self.child.id()));
                return;
            }
            if let Some(status) = self.child.try_wait().expect("ask for sshd") {
                panic!("sshd ended with {status}: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("sshd does not listen: {}", self.log());
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.stop();
        }
        // Sessions whose listener was ended alone.
        self.inside().into_iter().filter(|pid| is_sshd(*pid)).for_each(kill);
    }
}

/// Makes a key pair at `path` unless it is there.
pub(crate) fn key(path: &Path) {
    if !path.exists() {
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path));
    }
}

/// A port of 127.0.0.1 that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a port");
    listener.local_addr().expect("it has an address").port()
}

fn sshd_config(folder: &Path, address: Ipv4Addr, port: u16, more: &str) -> String {
    let folder = folder.display();
    // sshd takes the last one it reads.
    let startups = if more.contains("MaxStartups") { "" } else { "MaxStartups 100\n" };
    format!(
        "{more}\nPort {port}\nListenAddress {address}\nHostKey {folder}/host_key\nPidFile none\n\
         AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n{startups}LogLevel VERBOSE\n"
    )
}

fn serve(folder: &Path, address: Ipv4Addr, port: u16, setup: &Setup) -> Child {
    let config = folder.join("sshd_config");
    fs::write(&config, sshd_config(folder, address, port, &setup.config)).expect("write sshd_config");
    let serve = if Path::new(SERVE).exists() { SERVE } else { SERVE_OF_MEMBER };
    let mut command = match &setup.network {
        None => Command::new(serve),
        Some((namespace, _)) => {
            let mut inside = Command::new("ip");
            inside.args(["netns", "exec", namespace, serve]);
            inside
        }
    };
    command.arg(config).arg(folder.join("log"));
    for (source, target) in &setup.binds {
        command.arg(source).arg(target);
    }
    let errors = fs::File::create(folder.join("errors")).expect("a file for errors");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().expect("start tests/sshd/serve")
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().expect("the program is installed").success()
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program is installed");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

/// A folder below /tmp that vanishes, named for people.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one.
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/tmp/certwright-{name}-{}-{unique}", std::process::id()));
        fs::create_dir(&path).expect("a new folder below /tmp");
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.0);
    }
}
