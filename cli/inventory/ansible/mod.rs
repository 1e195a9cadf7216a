//! Ansible inventories: groups of hosts, with variables of which those that say how a host is reached are read.
//!
//! Source: Ansible's documentation of its inventories. What wins where a variable is set several times is Ansible's rule:
//! the host's own, else that of the innermost group, else, of groups as deep as each other, the last by name.
//! Deliberately absent: dynamic inventories, `group_vars` and `host_vars` (Ansible itself writes all of them into one file:
//! `ansible-inventory -i HOSTS --list --yaml`), templates, and vaults.

mod ini;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use certwright_engine::text::escape;
use indexmap::IndexMap;

use super::{Draft, DraftError, Host, Ssh};

/// Names that projects give the group of the control plane's hosts.
const GROUPS: [&str; 8] = [
    "kube_control_plane",
    "kube-control-plane",
    "control_plane",
    "control-plane",
    "controlplane",
    "kube_master",
    "kube-master",
    "masters",
];
/// The group of all hosts.
const ALL: &str = "all";
/// Groups in groups, at most.
const DEEPEST: usize = 100;

type Vars = BTreeMap<String, String>;

/// An inventory as either format says it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tree {
    groups: IndexMap<String, Group>,
    /// Variables of hosts; all hosts are here.
    hosts: IndexMap<String, Vars>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    hosts: Vec<String>,
    children: Vec<String>,
    vars: Vars,
}

impl Tree {
    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    fn host(&mut self, group: &str, name: &str, vars: impl IntoIterator<Item = (String, String)>) {
        self.hosts.entry(name.to_owned()).or_default().extend(vars);
        let hosts = &mut self.group(group).hosts;
        if !hosts.iter().any(|host| host == name) {
            hosts.push(name.to_owned());
        }
    }

    /// The hosts of a group and of those in it, each once.
    fn members(&self, group: &str) -> Vec<&str> {
        let (mut left, mut seen, mut members) = (vec![group], BTreeSet::new(), Vec::new());
        while let Some(name) = left.pop() {
            let Some(group) = self.groups.get(name).filter(|_| seen.insert(name)) else { continue };
            for host in &group.hosts {
                if !members.contains(&host.as_str()) {
                    members.push(host.as_str());
                }
            }
            left.extend(group.children.iter().rev().map(String::as_str));
        }
        members
    }

    /// How deep each group is: 0 for `all`, and one more than the deepest that it is in.
    fn depths(&self) -> BTreeMap<&str, usize> {
        let of = |name: &str| usize::from(name != ALL);
        let mut depths: BTreeMap<&str, usize> =
            self.groups.keys().map(|name| (name.as_str(), of(name))).collect();
        // A group that is in itself ends at the bound.
        for _ in 0..DEEPEST.min(self.groups.len()) {
            for (name, group) in &self.groups {
                let depth = depths[name.as_str()];
                for child in &group.children {
                    if let Some(known) = depths.get_mut(child.as_str()) {
                        *known = (*known).max(depth + 1);
                    }
                }
            }
        }
        depths
    }

    /// All variables of a host.
    fn vars(&self, host: &str, depths: &BTreeMap<&str, usize>) -> Vars {
        let mut holding: Vec<&str> = self
            .groups
            .keys()
            .map(String::as_str)
            .filter(|group| *group == ALL || self.members(group).contains(&host))
            .collect();
        holding.sort_by_key(|group| (depths.get(group).copied().unwrap_or_default(), *group));
        let of_groups = holding.iter().flat_map(|group| self.groups[*group].vars.clone());
        of_groups.chain(self.hosts.get(host).cloned().into_iter().flatten()).collect()
    }
}

/// The hosts of one group of an Ansible inventory; without a name, of the first that is called like a control plane's.
///
/// # Errors
/// A mistake in the text, with its line; a group that is not there or empty; a template.
pub(crate) fn read(file: &Path, text: &str, group: Option<&str>) -> Result<Draft, DraftError> {
    let shown = escape(&file.display().to_string());
    let is_yaml =
        file.extension().is_some_and(|ending| ending == "yml" || ending == "yaml" || ending == "json");
    let tree = if is_yaml { yaml::read(text) } else { ini::read(text) };
    let tree = tree.map_err(|(at, why)| {
        DraftError::new(format!("`{shown}{at}`: {why}"))
            .hint("Ansible itself writes any inventory so that it can be read here: ansible-inventory -i FILE --list --yaml > hosts.yaml")
    })?;
    let mut draft = draft(&tree, group, &shown)?;
    for folder in ["group_vars", "host_vars"] {
        let beside = file.with_file_name(folder);
        if beside.exists() {
            let beside = escape(&beside.display().to_string());
            draft.notes.push(format!(
                "`{beside}` is not read: see that logins, keys, ports and addresses are right"
            ));
        }
    }
    Ok(draft)
}

fn draft(tree: &Tree, group: Option<&str>, shown: &str) -> Result<Draft, DraftError> {
    let found = match group {
        Some(name) => tree.groups.contains_key(name).then_some(name),
        None => GROUPS.into_iter().find(|name| tree.groups.contains_key(*name)),
    };
    let groups = || tree.groups.keys().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
    let Some(group) = found else {
        let which = match group {
            Some(name) => format!("group `{}`", escape(name)),
            None => "group that is called like a control plane's".to_owned(),
        };
        let error = DraftError::new(format!("`{shown}` has no {which}"));
        return Err(error.hint(format!("name one by --group; it has: {}", groups())));
    };
    let depths = tree.depths();
    let members = tree.members(group);
    if members.is_empty() {
        let message = format!("`{shown}`: group `{}` has no hosts", escape(group));
        return Err(
            DraftError::new(message).hint(format!("name another one by --group; it has: {}", groups()))
        );
    }
    let mut hosts: Vec<Host> = Vec::new();
    for name in members {
        hosts.push(host(name, &tree.vars(name, &depths), shown)?);
    }
    let ssh = common(&mut hosts);
    Ok(Draft { ssh, hosts, ..Draft::default() })
}

fn host(name: &str, vars: &Vars, shown: &str) -> Result<Host, DraftError> {
    let about = |what: &str| format!("`{shown}`: `{what}` of host `{}`", escape(name));
    let var = |names: [&str; 2]| -> Result<Option<String>, DraftError> {
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, vars.get(*name)?))) else {
            return Ok(None);
        };
        if value.contains("{{") {
            let error = DraftError::new(format!("{} is a template", about(name)));
            return Err(error.hint("write the value itself, or let Ansible do it: ansible-inventory -i FILE --list --yaml > hosts.yaml"));
        }
        Ok(Some(value.clone()))
    };
    let port = var(["ansible_port", "ansible_ssh_port"])?;
    let port = port.map(|port| {
        port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| {
            DraftError::new(format!("{} is no port: {:?}", about("ansible_port"), escape(&port)))
        })
    });
    Ok(Host {
        name: name.to_owned(),
        address: var(["ansible_host", "ansible_ssh_host"])?.unwrap_or_else(|| name.to_owned()),
        ssh: Ssh {
            user: var(["ansible_user", "ansible_ssh_user"])?,
            identity: var(["ansible_ssh_private_key_file", "ansible_private_key_file"])?,
            port: port.transpose()?,
        },
    })
}

/// Takes out of the hosts what all of them have in common.
fn common(hosts: &mut [Host]) -> Ssh {
    let Some(first) = hosts.first().map(|host| host.ssh.clone()) else { return Ssh::default() };
    let (user, identity, port) = hosts.iter().fold((true, true, true), |(user, identity, port), host| {
        let Ssh { user: u, identity: i, port: p } = &host.ssh;
        (user && *u == first.user, identity && *i == first.identity, port && *p == first.port)
    });
    let mut shared = Ssh::default();
    for host in hosts {
        if user {
            shared.user = host.ssh.user.take();
        }
        if identity {
            shared.identity = host.ssh.identity.take();
        }
        if port {
            shared.port = host.ssh.port.take();
        }
    }
    shared
}

/// The hosts that a pattern of an inventory stands for: `cp-[1:3]`, `cp-[01:10]`, `cp-[a:c]`, `cp-[0:8:2]`.
fn expand(pattern: &str) -> Result<Vec<String>, String> {
    const MOST: usize = 1000;
    let Some((before, rest)) = pattern.split_once('[') else { return Ok(vec![pattern.to_owned()]) };
    let bad = || format!("`{}` is no range of hosts; one is written cp-[1:3]", escape(pattern));
    let (range, after) = rest.split_once(']').ok_or_else(bad)?;
    let (first, last, step) = match range.split(':').collect::<Vec<_>>()[..] {
        [first, last] => (first, last, 1),
        [first, last, step] => {
            (first, last, step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(bad)?)
        }
        _ => return Err(bad()),
    };
    let values: Vec<String> = if let (Ok(low), Ok(high)) = (first.parse::<u32>(), last.parse::<u32>()) {
        let width = if first.starts_with('0') { first.len() } else { 0 };
        (low..=high).step_by(step).take(MOST + 1).map(|n| format!("{n:0width$}")).collect()
    } else {
        let letter = |text: &str| match text.as_bytes() {
            [one] if one.is_ascii_alphabetic() => Some(*one),
            _ => None,
        };
        let (low, high) = letter(first).zip(letter(last)).ok_or_else(bad)?;
        (low..=high).step_by(step).map(|byte| char::from(byte).to_string()).collect()
    };
    if values.is_empty() {
        return Err(bad());
    }
    let mut all = Vec::new();
    for tail in expand(after)? {
        all.extend(values.iter().map(|value| format!("{before}{value}{tail}")));
        if all.len() > MOST {
            return Err(format!("`{}` stands for more than {MOST} hosts", escape(pattern)));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
