//! An inventory file: the cluster, how its hosts are reached, the hosts.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::findings::{Findings, Found, Span, quote};
use super::name::NameRule;
use super::section::{Node, Section, parse, texts, type_finding};
use super::swapped::Role;
use super::{Cluster, Code, HostIndex, HostSpec, SshSettings, WORKSTATION, limits};

/// An inventory as far as it could be read.
#[derive(Debug)]
pub(super) struct Inventory {
    /// None when something in it is wrong.
    pub(super) cluster: Option<Cluster>,
    pub(super) ssh: SshSettings,
    /// All hosts, the workstation first; those with mistakes too, so that a plan is not blamed for them.
    pub(super) hosts: Vec<HostSpec>,
    /// Whether every group of every host could be read; if not, a missing group is no mistake of the plan.
    pub(super) groups: Groups,
}

/// Whether all groups are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Groups {
    /// Yes.
    All,
    /// No, and that was reported.
    SomeUnread,
}

impl Inventory {
    /// Reads an inventory; None when it is not TOML or a plan.
    pub(super) fn read(findings: &mut Findings) -> Option<Self> {
        let root = parse(findings)?;
        if Role::Inventory.is_swapped(&root, findings) {
            return None;
        }
        let mut section = Section::new("the inventory", root.get_ref(), 0..0);
        let cluster = section.require("cluster", findings).and_then(|node| read_cluster(node, findings));
        let ssh = section.get("ssh").and_then(|node| {
            let mut section = Section::of("`ssh` of the inventory", node, findings)?;
            let ssh = read_ssh(&mut section, &SshSettings::default(), findings);
            section.close(findings);
            Some(ssh)
        });
        let ssh = ssh.unwrap_or_default();
        let nodes = section.tables("host", "host", findings);
        section.close(findings);
        if nodes.len() > limits::HOSTS {
            let found = Found::new(Code::TooMany, 0..0, format!("the inventory has {} hosts", nodes.len()));
            findings.report(found.label(format!("at most {}", limits::HOSTS)));
        }
        let mut hosts = vec![HostSpec {
            name: WORKSTATION.to_owned(),
            address: None,
            groups: Vec::new(),
            ssh: SshSettings::default(),
        }];
        let listed = nodes.len();
        let read: Vec<Host> =
            nodes.into_iter().zip(1..).filter_map(|(node, n)| Host::read(node, n, &ssh, findings)).collect();
        let all_read = read.len() == listed && read.iter().all(|host| host.groups.is_some());
        let groups = if all_read { Groups::All } else { Groups::SomeUnread };
        report_clashes(&read, findings);
        hosts.extend(read.into_iter().map(|host| host.spec));
        Some(Self { cluster, ssh, hosts, groups })
    }

    /// The hosts that `on` names: a group, a host or the workstation; empty when it names nothing.
    pub(super) fn select(&self, on: &str) -> Vec<HostIndex> {
        let all = (0..).map(HostIndex).zip(&self.hosts);
        all.filter(|(_, host)| host.name == on || host.groups.iter().any(|group| group == on))
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether it lists any host; the workstation is there without that.
    pub(super) fn has_nodes(&self) -> bool {
        self.hosts.len() > 1
    }

    /// The name of a host.
    pub(super) fn name(&self, host: HostIndex) -> &str {
        &self.hosts[host.0 as usize].name
    }

    /// Everything that `on` may name: the groups, then the hosts.
    pub(super) fn names(&self) -> Vec<&str> {
        let hosts = self.hosts.iter().map(|host| host.name.as_str());
        self.group_names().into_iter().chain(hosts).collect()
    }

    /// Whether any host is in a group.
    pub(super) fn has_group(&self, group: &str) -> bool {
        self.hosts.iter().any(|host| host.groups.iter().any(|of_host| of_host == group))
    }

    /// The groups, in order.
    pub(super) fn group_names(&self) -> Vec<&str> {
        let groups: BTreeSet<&str> =
            self.hosts.iter().flat_map(|host| host.groups.iter().map(String::as_str)).collect();
        groups.into_iter().collect()
    }
}

fn read_cluster(node: &Node, findings: &mut Findings) -> Option<Cluster> {
    let before = findings.list.len() + findings.more;
    let mut section = Section::of("`cluster` of the inventory", node, findings)?;
    let name = section
        .require_text("name", findings)
        .and_then(|name| NameRule::Cluster.read(name, &section.name_of("name"), findings));
    let namespace = section
        .require_text("namespace", findings)
        .and_then(|namespace| NameRule::Id.read(namespace, &section.name_of("namespace"), findings));
    let kubeconfig = section.require_text("kubeconfig", findings);
    let admin = section.text("admin-kubeconfig", findings);
    for (key, path) in [("kubeconfig", &kubeconfig), ("admin-kubeconfig", &admin)] {
        if let Some(path) = path {
            check_file(path, &section.name_of(key), findings);
        }
    }
    if let (Some(kubeconfig), Some(admin)) = (&kubeconfig, &admin)
        && kubeconfig.get_ref() == admin.get_ref()
    {
        let message = format!("{} is also its `kubeconfig`", section.name_of("admin-kubeconfig"));
        let found = Found::new(Code::Duplicate, admin.span(), message);
        findings.report(found.help("a self-managed cluster has none: leave `admin-kubeconfig` out"));
    }
    let virtual_ip = section.text("virtual-ip", findings);
    if let Some(address) = &virtual_ip {
        check_address(address, &section.name_of("virtual-ip"), PortGoes::Nowhere, findings);
    }
    section.close(findings);
    let cluster = Cluster {
        name: name?.into_inner(),
        namespace: namespace?.into_inner(),
        kubeconfig: kubeconfig?.into_inner(),
        admin_kubeconfig: admin.map(Spanned::into_inner),
        virtual_ip: virtual_ip.map(Spanned::into_inner),
    };
    (findings.list.len() + findings.more == before).then_some(cluster)
}

/// A file on the workstation: relative or absolute, but never an option of the program it is given to.
fn check_file(path: &Spanned<String>, what: &str, findings: &mut Findings) {
    if path.get_ref().starts_with('-') {
        let message = format!("{what} starts with `-`: {}", quote(path.get_ref()));
        let found =
            Found::new(Code::BadPath, path.span(), message).label("a program would take it for an option");
        findings.report(found.help(format!("write {}", quote(&format!("./{}", path.get_ref())))));
    } else if path.get_ref().contains('\n') {
        let message = format!("{what} holds a line end: {}", quote(path.get_ref()));
        findings.report(Found::new(Code::BadPath, path.span(), message));
    }
}

/// `user`, `identity` and `port`; what is left out is as in `general`.
fn read_ssh(section: &mut Section, general: &SshSettings, findings: &mut Findings) -> SshSettings {
    let user = section
        .text("user", findings)
        .and_then(|user| NameRule::User.read(user, &section.name_of("user"), findings))
        .map(Spanned::into_inner);
    let identity = section.text("identity", findings);
    if let Some(identity) = &identity {
        check_file(identity, &section.name_of("identity"), findings);
    }
    let port = section.get("port").and_then(|node| read_port(node, &section.name_of("port"), findings));
    SshSettings {
        user: user.or_else(|| general.user.clone()),
        identity: identity.map(Spanned::into_inner).or_else(|| general.identity.clone()),
        port: port.or(general.port),
    }
}

fn read_port(node: &Node, what: &str, findings: &mut Findings) -> Option<u16> {
    let Some(number) = node.get_ref().as_integer() else {
        findings.report(type_finding(what, "a whole number", node));
        return None;
    };
    let port = u16::from_str_radix(number.as_str(), number.radix()).ok().filter(|port| *port > 0);
    if port.is_none() {
        let found = Found::new(Code::OutOfBounds, node.span(), format!("{what} is out of bounds"));
        let found = found.label("must be from 1 to 65535");
        findings.report(found.help("leave `port` out where ssh_config or 22 is right"));
    }
    port
}

/// A host and where its names are.
struct Host {
    spec: HostSpec,
    name: Span,
    address: Span,
    /// Where its groups are; None when they could not be read.
    groups: Option<Vec<Span>>,
}

impl Host {
    fn read(node: &Node, number: usize, ssh: &SshSettings, findings: &mut Findings) -> Option<Self> {
        let name = node.get_ref().get("name").and_then(|name| name.get_ref().as_str());
        let what = name.map_or_else(|| format!("host {number}"), |name| format!("host {}", quote(name)));
        let mut section = Section::of(what, node, findings)?;
        let name = section.require_text("name", findings);
        if let Some(name) = &name {
            NameRule::Host.check(name.get_ref(), name.span(), &section.name_of("name"), findings);
        }
        let address = section.require_text("address", findings);
        if let Some(address) = &address {
            check_address(address, &section.name_of("address"), PortGoes::IntoPort, findings);
        }
        let groups = match section.get("groups") {
            Some(node) => read_groups(node, &section, findings),
            None => Some(Vec::new()),
        };
        let ssh = read_ssh(&mut section, ssh, findings);
        section.close(findings);
        let name = name?;
        Some(Self {
            name: name.span(),
            address: address.as_ref().map_or(0..0, Spanned::span),
            groups: groups.as_ref().map(|groups| groups.iter().map(Spanned::span).collect()),
            spec: HostSpec {
                name: name.into_inner(),
                address: address.map(Spanned::into_inner),
                groups: groups.into_iter().flatten().map(Spanned::into_inner).collect(),
                ssh,
            },
        })
    }
}

/// What becomes of a port behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortGoes {
    /// It has a key of its own.
    IntoPort,
    /// Nobody asks for it.
    Nowhere,
}

fn check_address(address: &Spanned<String>, what: &str, port_goes: PortGoes, findings: &mut Findings) {
    if !NameRule::Address.check(address.get_ref(), address.span(), what, findings) {
        return;
    }
    // One colon and digits: no IPv6 address, but a port that ssh would take for part of the name.
    let parts: Vec<&str> = address.get_ref().split(':').collect();
    if let [_, port] = parts[..]
        && port.bytes().all(|b| b.is_ascii_digit())
    {
        let message = format!("{what} holds a port: {}", quote(address.get_ref()));
        let help = match port_goes {
            PortGoes::IntoPort => format!("write `port = {port}`"),
            PortGoes::Nowhere => "leave the port out".to_owned(),
        };
        findings.report(Found::new(Code::BadName, address.span(), message).help(help));
    }
}

fn read_groups(node: &Node, host: &Section, findings: &mut Findings) -> Option<Vec<Spanned<String>>> {
    let what = host.name_of("groups");
    let groups = texts(node, &what, findings)?;
    let mut seen = BTreeSet::new();
    for group in &groups {
        NameRule::Id.check(group.get_ref(), group.span(), &format!("an element of {what}"), findings);
        if !seen.insert(group.get_ref()) {
            let message = format!("{what} lists {} twice", quote(group.get_ref()));
            findings.report(Found::new(Code::Duplicate, group.span(), message));
        }
    }
    Some(groups)
}

/// Reports names that are reserved, doubled, or both a host's and a group's, and doubled addresses.
fn report_clashes(hosts: &[Host], findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let mut addresses = BTreeMap::new();
    for host in hosts {
        let name = host.spec.name.as_str();
        if name == WORKSTATION {
            report_reserved("host", host.name.clone(), findings);
        } else if !names.insert(name) {
            let message = format!("host {} is there twice", quote(name));
            findings.report(Found::new(Code::Duplicate, host.name.clone(), message).label("the second one"));
        }
        let Some(address) = &host.spec.address else { continue };
        let place = (address.to_lowercase(), host.spec.ssh.port);
        if let Some(other) = addresses.insert(place, name) {
            let message = format!("hosts {} and {} have the same address", quote(other), quote(name));
            let found = Found::new(Code::Duplicate, host.address.clone(), message).label("the second one");
            findings.report(found.help("two names for one machine would be worked on at the same time"));
        }
    }
    let mut reported = BTreeSet::new();
    for host in hosts {
        for (group, span) in host.spec.groups.iter().zip(host.groups.iter().flatten()) {
            if group == WORKSTATION {
                report_reserved("group", span.clone(), findings);
            } else if names.contains(group.as_str()) && reported.insert(group) {
                let message = format!("group {} has the name of a host", quote(group));
                let found = Found::new(Code::Ambiguous, span.clone(), message);
                findings.report(found.label("`on` could mean either"));
            }
        }
    }
}

fn report_reserved(what: &str, span: Span, findings: &mut Findings) {
    let message = format!("a {what} cannot be called `{WORKSTATION}`");
    let found = Found::new(Code::Reserved, span, message).label("always is this machine");
    findings.report(found.help("leave it out: it needs no entry"));
}
