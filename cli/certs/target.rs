//! What is looked at: the hosts of an inventory, hosts named one by one, this machine, folders, a lab.

use std::path::PathBuf;
use std::sync::Arc;

use certwright_engine::clock::Clock;
use certwright_engine::host::{Host, LocalHost, by_hand};
use certwright_engine::plan::{Cluster, HostSpec, SshSettings, WORKSTATION};
use certwright_engine::text::line;
use certwright_steps::lab::Lab;

use super::names;
use crate::app::App;
use crate::args::CertsArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::source::{self, Text};
use crate::{hosts, session};

/// Where certificates are looked for.
#[derive(Clone)]
pub(crate) enum Target {
    /// A node that is asked.
    Node(Arc<dyn Host>),
    /// A node's tree in a folder, under this name; with the machine where what runs can be asked there.
    Tree(String, PathBuf, Option<Arc<dyn Host>>),
    /// The workstation's kubeconfigs.
    Workstation(Arc<dyn Host>, Cluster),
}

/// Everything that is looked at.
pub(crate) struct Targets {
    /// In the order in which they are told, the workstation last.
    pub(crate) all: Vec<Target>,
    /// The connections that must be closed.
    pub(crate) hosts: certwright_engine::host::Hosts,
    /// Whose time it is.
    pub(crate) clock: Clock,
}

impl Target {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Node(host) | Self::Workstation(host, _) => host.name(),
            Self::Tree(name, _, _) => name,
        }
    }

    /// What can be tried where it does not answer.
    pub(crate) fn by_hand(&self) -> Option<String> {
        match self {
            Self::Node(host) => by_hand(host.as_ref()),
            Self::Workstation(..) | Self::Tree(..) => None,
        }
    }

    /// Whether a lab's time is wanted, where the command line names one; in ms since 1970.
    pub(crate) fn lab(app: &App, args: &CertsArgs) -> Result<Option<(Lab, u64)>, Failure> {
        let Some(folder) = &args.lab else { return Ok(None) };
        let lab = session::open_lab(app, folder)?;
        let wall_ms = session::lab_wall_ms(&lab)?;
        Ok(Some((lab, wall_ms)))
    }

    /// What the command line names; nothing is connected to yet. Called in the runtime in which it is asked.
    pub(crate) fn all(app: &App, args: &CertsArgs, lab: Option<(&Lab, u64)>) -> Result<Targets, Failure> {
        if let Some((lab, wall_ms)) = lab {
            let clock = Clock::virtual_from(wall_ms);
            let text = Text { name: "the lab's inventory".to_owned(), text: lab.inventory()? };
            let (_, specs) = app.inventory(&text)?;
            // Its paths are those of the lab's workstation.
            let cluster = lab.spec()?.cluster;
            let all = specs.iter().map(|spec| Ok((spec.clone(), lab.host(&spec.name, clock.clone())?)));
            let hosts: Vec<_> = all.collect::<Result<_, Failure>>()?;
            let hosts = certwright_engine::host::Hosts::new(hosts).read_only();
            return of_inventory(&hosts, &specs, &cluster, &args.limit, clock);
        }
        if let Some(path) = &args.inventory {
            let (cluster, specs) = app.inventory(&source::file(path)?)?;
            let hosts = hosts::real(&specs, app.ssh_config.as_deref(), None).read_only();
            return of_inventory(&hosts, &specs, &cluster, &args.limit, Clock::real());
        }
        let specs = names::of_hosts(&args.hosts, named)?;
        let hosts = hosts::real(&specs, app.ssh_config.as_deref(), None).read_only();
        let mut all: Vec<Target> = specs
            .iter()
            .filter_map(|spec| hosts.get(&spec.name))
            .map(|host| Target::Node(Arc::clone(host)))
            .collect();
        if let Some(folder) = args.root.iter().find(|folder| !folder.is_dir()) {
            let message = format!("there is no folder `{}`", folder.display());
            return Err(Failure::new(Exit::Invalid, "usage", message)
                .hint("--root wants a folder that holds a node's `etc`: a backup, a mounted image"));
        }
        all.extend(
            names::of_folders(&args.root).into_iter().map(|(name, folder)| Self::Tree(name, folder, None)),
        );
        if args.local {
            let name = line(&rustix::system::uname().nodename().to_string_lossy());
            let here: Arc<dyn Host> = Arc::new(LocalHost::new(&name));
            all.push(Self::Tree(name, PathBuf::from("/"), Some(here)));
        }
        let all = limited(all, &args.limit)?;
        Ok(Targets { all, hosts, clock: Clock::real() })
    }
}

/// Of what the command line names one by one what a limit names, too.
fn limited(all: Vec<Target>, limit: &[String]) -> Result<Vec<Target>, Failure> {
    let known: Vec<&str> = all.iter().map(Target::name).collect();
    if let Some(unknown) = limit.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(no_such("the command line names no host", unknown, &known));
    }
    let is_in = |target: &Target| limit.is_empty() || limit.iter().any(|name| name == target.name());
    Ok(all.into_iter().filter(is_in).collect())
}

/// A limit that names nothing.
fn no_such(what: &str, unknown: &str, known: &[&str]) -> Failure {
    let message = format!("{what} `{}`", line(unknown));
    Failure::new(Exit::Invalid, "usage", message).hint(format!("it has {}", known.join(", ")))
}

/// The nodes of an inventory in its order, then the workstation; of a limit those that it names.
fn of_inventory(
    hosts: &certwright_engine::host::Hosts,
    specs: &[HostSpec],
    cluster: &Cluster,
    limit: &[String],
    clock: Clock,
) -> Result<Targets, Failure> {
    let names = |spec: &HostSpec, name: &String| spec.name == *name || spec.groups.contains(name);
    if let Some(unknown) = limit.iter().find(|name| !specs.iter().any(|spec| names(spec, name))) {
        let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        return Err(no_such("the inventory has no host or group", unknown, &known));
    }
    let is_in = |spec: &HostSpec| limit.is_empty() || limit.iter().any(|name| names(spec, name));
    let (here, nodes): (Vec<_>, Vec<_>) =
        specs.iter().filter(|spec| is_in(spec)).partition(|spec| spec.name == WORKSTATION);
    let host = |spec: &HostSpec| Arc::clone(hosts.get(&spec.name).expect("it was made from these"));
    let mut all: Vec<Target> = nodes.into_iter().map(|spec| Target::Node(host(spec))).collect();
    all.extend(here.into_iter().map(|spec| Target::Workstation(host(spec), cluster.clone())));
    Ok(Targets { all, hosts: hosts.clone(), clock })
}

/// A host of the command line: `[USER@]HOST[:PORT]`.
fn named(text: &str) -> Result<HostSpec, Failure> {
    let refuse = |why: &str| {
        let shown = line(text);
        let message = format!("`{shown}` is not a host: {why}");
        Failure::new(Exit::Invalid, "usage", message)
            .hint("write [USER@]HOST[:PORT]; HOST may be an alias of your ssh_config")
    };
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    // One colon is a port's; an IPv6 address has more, and brackets where a port follows.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |text: &str, also: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
    };
    if !plain(host, "._-:%") {
        return Err(refuse("a name or an address has letters, digits, `.`, `-`, `_` and `:` only"));
    }
    if user.is_some_and(|user| !plain(user, "._-")) {
        return Err(refuse("a user has letters, digits, `.`, `-` and `_` only"));
    }
    let port =
        port.map(|port| port.parse().ok().filter(|port| *port > 0).ok_or_else(|| refuse("its port is none")));
    let ssh = SshSettings { user: user.map(str::to_owned), identity: None, port: port.transpose()? };
    Ok(HostSpec { name: host.to_owned(), address: Some(host.to_owned()), groups: Vec::new(), ssh })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_the_command_line_is_read_in_every_form_and_is_never_an_option() {
        let read = |text: &str| {
            let spec = named(text).ok()?;
            Some((spec.ssh.user.unwrap_or_default(), spec.name, spec.ssh.port.unwrap_or_default()))
        };
        for (text, user, host, port) in [
            ("cp-1", "", "cp-1", 0),
            ("ops@cp-1.example", "ops", "cp-1.example", 0),
            ("root@10.0.0.1:2222", "root", "10.0.0.1", 2222),
            ("fd00::1", "", "fd00::1", 0),
            ("ops@[fd00::1]:22", "ops", "fd00::1", 22),
        ] {
            assert_eq!(read(text), Some((user.to_owned(), host.to_owned(), port)), "{text}");
        }
        for bad in
            ["", "-oProxyCommand=x", "a b", "x@-y", "-x@y", "@x", "x:0", "x:70000", "x;y", "$(x)", "x\n"]
        {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
