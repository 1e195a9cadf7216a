//! Starts a cluster for exploring, says how to use it, and stays until Ctrl-C; or, with `--keep`, until it is ended.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

use certwright_steps::lab::Validity;

use super::machine::PATH;
use super::{Balancing, Cluster, HostError, Programs, Spec};
use crate::said;

const USAGE: &str =
    "usage: tests/cluster/up [--keep] [--certificates STATE] [--kubelets STATE] [--node NAME=STATE]...
                        [--balancer tcp|readyz] [--pace N]
STATE is valid, expiring or expired (the default of --certificates; --kubelets are valid)
--keep leaves the cluster running; --pace makes delays of the cluster shorter, 1 is as on real machines";
/// The last line that it prints.
const END: &str = "End it with ";

/// How long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    /// As long as this process.
    Here,
    /// As long as another one, which this one starts.
    Behind,
}

/// Runs with the arguments after the name.
pub(super) fn main(args: &[String]) -> ExitCode {
    let Some((spec, stays)) = read(args) else {
        said::line(USAGE);
        return ExitCode::from(64);
    };
    let done = match stays {
        Stays::Here => stay(&spec),
        Stays::Behind => leave(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => said::broken("up", &error),
    }
}

/// What the arguments ask for; None: they cannot be understood.
fn read(args: &[String]) -> Option<(Spec, Stays)> {
    let (mut spec, mut stays) = (Spec::new(Validity::Expired), Stays::Here);
    let mut words = args.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--keep" => stays = Stays::Behind,
            "--certificates" => spec.lab.certificates = state(words.next()?)?,
            "--kubelets" => spec = spec.kubelets(state(words.next()?)?),
            "--node" => {
                let (name, word) = words.next()?.split_once('=')?;
                spec.lab.nodes.iter().find(|node| node.name == name)?;
                spec = spec.but(name, state(word)?);
            }
            "--balancer" => spec = spec.balancer(balancing(words.next()?)?),
            "--pace" => spec = spec.pace(words.next()?.parse().ok().filter(|pace| *pace > 0)?),
            _other => return None,
        }
    }
    Some((spec, stays))
}

fn state(word: &str) -> Option<Validity> {
    match word {
        "valid" => Some(Validity::Valid),
        "expiring" => Some(Validity::Expiring),
        "expired" => Some(Validity::Expired),
        _other => None,
    }
}

fn balancing(word: &str) -> Option<Balancing> {
    match word {
        "tcp" => Some(Balancing::Tcp),
        "readyz" => Some(Balancing::Readyz),
        _other => None,
    }
}

fn stay(spec: &Spec) -> Result<(), HostError> {
    let hosts = std::env::current_exe().map_err(HostError::file("find", "this program"))?;
    let programs = Programs { certwright: hosts.with_file_name("certwright"), hosts };
    let source = |source| HostError::Program { program: "up".into(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(source)?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut ends = signal(SignalKind::terminate()).map_err(source)?;
        let cluster = Cluster::start(spec, &programs)?;
        said::printed(0, words(&cluster).as_bytes(), b"");
        tokio::select! {
            _ = ends.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        drop(cluster);
        Ok(())
    })
}

/// Starts the same in a process of its own, and passes on what that says.
fn leave(args: &[String]) -> Result<(), HostError> {
    let own = std::env::current_exe().map_err(HostError::file("find", "this program"))?;
    let mut command = Command::new(own);
    command.arg("up").args(args.iter().filter(|word| *word != "--keep"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let source = |source| HostError::Program { program: "up".into(), source };
    let mut behind = command.spawn().map_err(source)?;
    for line in BufReader::new(behind.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
        said::printed(0, format!("{line}\n").as_bytes(), b"");
        if line.starts_with(END) {
            return Ok(());
        }
    }
    let status = behind.wait().map_err(source)?;
    Err(HostError::Failed { command: "up".into(), said: status.to_string() })
}

/// How to use it.
fn words(cluster: &Cluster) -> String {
    let hosts = std::iter::once(cluster.workstation()).chain(cluster.nodes());
    let hosts = hosts.map(|host| {
        let (name, address, first) = (host.name(), host.address(), host.first());
        format!("  {name:<11}  {address:<12}  first process {first}\n")
    });
    let (seconds, folder) = (cluster.took().as_secs_f64(), cluster.folder().display());
    let (hosts, first, own) = (hosts.collect::<String>(), cluster.workstation().first(), std::process::id());
    format!(
        "Up in {seconds:.1} s; the API servers answer some seconds later. The hosts:\n{hosts}\nTo the workstation:\n  \
         nsenter --target {first} --mount --uts --net --pid -- env -i -C /root HOME=/root TERM=$TERM PATH={PATH} bash\n\
         There:\n  ssh cp-1 sudo crictl ps\n  kubectl --kubeconfig bmctl-workspace/lab/lab-kubeconfig get nodes\n  \
         certwright plan renew-control-plane --inventory inventory.toml\n  \
         certwright run renew-control-plane --inventory inventory.toml\n\nThe hosts' files: {folder}/hosts/\n{END}Ctrl-C \
         or kill {own}\n"
    )
}
