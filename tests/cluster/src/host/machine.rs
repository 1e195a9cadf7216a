//! One host, seen from the machine that it shares: its first process, and the way into its namespaces.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::HostError;
use crate::init::MOUNTED;
use crate::settings::{FOLDER, Settings};

/// How long a host may take for its mounts.
const MOUNTS: Duration = Duration::from_secs(20);
/// How long sshd may take to listen.
const SSHD: Duration = Duration::from_secs(20);
/// How often something that should happen is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// Where programs are found on every host.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A host that runs.
pub struct Machine {
    settings: Settings,
    /// The binary that its first process is.
    program: PathBuf,
    /// Its own folders, on the machine.
    root: PathBuf,
    /// `unshare`, whose end is the host's.
    unshare: Child,
    /// The host ends with it.
    input: Option<ChildStdin>,
    /// Its first process, as the machine numbers it.
    first: u32,
}

impl Machine {
    /// Starts a host whose folders are below `root`; it waits for its network then.
    pub(super) fn start(program: &Path, root: &Path, settings: &Settings) -> Result<Self, HostError> {
        let place = root.join(&FOLDER[1..]).join("settings.json");
        let json = serde_json::to_vec_pretty(settings).expect("settings serialize to JSON");
        std::fs::write(&place, json).map_err(HostError::file("write", &place))?;
        boot_id(root)?;
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["--propagation", "private", "--"]).arg(program).arg("init").arg(&place);
        let log = root.join("init.log");
        let log = std::fs::File::create(&log).map_err(HostError::file("create", &log))?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let source = |source| HostError::Program { program: "unshare".into(), source };
        let mut unshare = command.spawn().map_err(source)?;
        let input = unshare.stdin.take();
        let mut machine = Self {
            settings: settings.clone(),
            program: program.to_owned(),
            root: root.to_owned(),
            unshare,
            input,
            first: 0,
        };
        let mark = root.join(&FOLDER[1..]).join(MOUNTED);
        machine.wait("its mounts", MOUNTS, |machine| {
            machine.first = child_of(machine.unshare.id()).unwrap_or(0);
            machine.first != 0 && mark.exists()
        })?;
        Ok(machine)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.host
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.settings.address
    }

    /// Its first process, as the machine numbers it.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// Where a path of the host lies on the machine, for those that are the host's own.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Lets it go on: its network is there.
    pub(super) fn go(&mut self) -> Result<(), HostError> {
        let input = self.input.as_mut().expect("a host that runs has its input");
        writeln!(input, "go").map_err(HostError::file("write", self.root.join("input")))
    }

    /// A program in the host's namespaces, with root's environment, in root's home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.first.to_string(), "--mount", "--uts", "--net", "--pid", "--"]);
        command.args(["env", "-i", "-C", "/root", "HOME=/root", "USER=root", "LC_ALL=C.UTF-8"]);
        command.arg(format!("PATH={PATH}")).arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// Waits until something has happened.
    pub(super) fn wait(
        &mut self,
        what: &str,
        within: Duration,
        mut has: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), HostError> {
        let began = Instant::now();
        while !has(self) {
            let ended = self.unshare.try_wait().ok().flatten();
            if ended.is_some() || began.elapsed() > within {
                let said = std::fs::read_to_string(self.root.join("init.log")).unwrap_or_default();
                let said =
                    ended.map_or(said.clone(), |status| format!("the host ended with {status}: {said}"));
                let (host, what) = (self.settings.host.clone(), what.to_owned());
                return Err(HostError::Late { host, what, seconds: within.as_secs(), said });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Switches the host on after [`Machine::power_off`]: what was in memory is gone, and its kubelet starts now.
    pub(super) fn power_on(&mut self) -> Result<(), HostError> {
        let run = self.root.join("run");
        let kept = [FOLDER.trim_start_matches("/run/"), "sshd"];
        for entry in std::fs::read_dir(&run).map_err(HostError::file("read", &run))?.flatten() {
            let path = entry.path();
            let removed = match entry.file_name() {
                name if kept.iter().any(|kept| name == *kept) => continue,
                _gone if path.is_dir() => std::fs::remove_dir_all(&path),
                _gone => std::fs::remove_file(&path),
            };
            removed.map_err(HostError::file("remove", path))?;
        }
        for name in [MOUNTED, "init.sock"] {
            let path = run.join(kept[0]).join(name);
            std::fs::remove_file(&path).map_err(HostError::file("remove", path))?;
        }
        let log = self.path("/var/log/ssh.log");
        std::fs::write(&log, "").map_err(HostError::file("write", log))?;
        let mut settings = self.settings.clone();
        settings.units.iter_mut().for_each(|unit| unit.first.clear());
        *self = Self::start(&self.program, &self.root, &settings)?;
        Ok(())
    }

    /// Waits until its sshd listens.
    pub(super) fn wait_for_sshd(&mut self) -> Result<(), HostError> {
        let log = self.path("/var/log/ssh.log");
        let listens =
            |_: &mut Self| std::fs::read_to_string(&log).is_ok_and(|text| text.contains("Server listening"));
        self.wait("sshd listening", SSHD, listens)
    }

    /// Switches the host off: everything on it ends at once.
    pub fn power_off(&mut self) {
        // The first process takes all others with it; a host that is off already stays off.
        drop(self.input.take());
        let _off = self.unshare.kill();
        let _waited = self.unshare.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.power_off();
    }
}

/// A new boot id: the kernel's own is that of all hosts.
fn boot_id(root: &Path) -> Result<(), HostError> {
    let id = Path::new("/proc/sys/kernel/random/uuid");
    let id = std::fs::read_to_string(id).map_err(HostError::file("read", id))?;
    let place = root.join(&FOLDER[1..]).join("boot_id");
    std::fs::write(&place, id).map_err(HostError::file("write", place))
}

/// The only child of a process.
fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
