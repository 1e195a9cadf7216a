//! Ansible inventories: groups of hosts, with variables of which those that say how a host is reached are read.
//!
//! Source: Ansible's documentation of its inventories. What wins where a variable is set several times is Ansible's rule:
//! the host's own, else that of the innermost group, else, of groups as deep as each other, the last by name.
//! Deliberately absent: dynamic inventories, `group_vars` and `host_vars` (Ansible itself writes all of them into one file:
//! `ansible-inventory -i HOSTS --list --yaml`), templates, vaults, and variables that do not say how a host is reached.

mod ini;
mod range;
mod tree;
mod yaml;

use std::path::Path;
use std::rc::Rc;

use certwright_engine::text::line;

use super::{Draft, DraftError, Host, Ssh, quoted};
use tree::{Tree, Vars};

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

/// The hosts of one group of an Ansible inventory; without a name, of the first that is called like a control plane's.
///
/// # Errors
/// A mistake in the text, with its line; a group that is not there or empty; a template.
pub fn read(file: &Path, text: &str, group: Option<&str>) -> Result<Draft, DraftError> {
    let shown = line(&file.display().to_string());
    let is_yaml =
        file.extension().is_some_and(|ending| ending == "yml" || ending == "yaml" || ending == "json");
    DraftError::of_size(&shown, text)?;
    let tree = if is_yaml { yaml::read(text) } else { ini::read(text) };
    let read = tree.map_err(|(at, why)| {
        DraftError::new(format!("`{shown}{at}`: {why}"))
            .hint("Ansible itself writes any inventory so that it can be read here: ansible-inventory -i FILE --list --yaml > hosts.yaml")
    });
    let draft = read.and_then(|tree| draft(&tree, group, &shown));
    if draft.is_err() && !is_yaml && looks_like_yaml(text) {
        let message = format!("`{shown}` looks like YAML, and is read as INI for its name");
        return Err(DraftError::new(message)
            .hint("give it a name that ends in .yml, .yaml or .json, by which Ansible, too, tells YAML"));
    }
    draft
}

/// Whether the first line that says something begins a YAML document.
fn looks_like_yaml(text: &str) -> bool {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
    let first = lines.into_iter().find(|line| !line.is_empty() && !line.trim_start().starts_with(['#', ';']));
    first.is_some_and(|line| {
        line == "---" || line.starts_with('{') || (line.ends_with(':') && !line.starts_with('['))
    })
}

fn draft(tree: &Tree, group: Option<&str>, shown: &str) -> Result<Draft, DraftError> {
    let found = match group {
        Some(name) => tree.groups.contains_key(name).then_some(name),
        None => GROUPS.into_iter().find(|name| tree.groups.contains_key(*name)),
    };
    let groups = || {
        const SHOWN: usize = 20;
        let names = tree.groups.keys().take(SHOWN).map(|name| quoted(name));
        let more = (tree.groups.len() > SHOWN).then(|| "...".to_owned());
        names.chain(more).collect::<Vec<_>>().join(", ")
    };
    let Some(group) = found else {
        let which = match group {
            Some(name) => format!("group `{}`", quoted(name)),
            None => "group that is called like a control plane's".to_owned(),
        };
        let error = DraftError::new(format!("`{shown}` has no {which}"));
        if tree.groups.is_empty() {
            return Err(
                error.hint("it has no group: one is written [NAME], with a line for each of its hosts below")
            );
        }
        return Err(error.hint(format!("name one by --group; it has: {}", groups())));
    };
    let members = tree.members(group);
    if members.is_empty() {
        let message = format!("`{shown}`: group `{}` has no hosts", quoted(group));
        return Err(
            DraftError::new(message).hint(format!("name another one by --group; it has: {}", groups()))
        );
    }
    DraftError::of_number(&format!("`{shown}`: group `{}`", quoted(group)), members.len())?;
    let in_circle = |group: &str| {
        let message = format!("`{shown}`: group `{}` is, through its children, in itself", quoted(group));
        DraftError::new(message)
    };
    let mut hosts: Vec<Host> = Vec::new();
    for (name, vars) in tree.reached(&members).map_err(in_circle)? {
        hosts.push(host(name, &vars, shown)?);
    }
    let ssh = common(&mut hosts);
    Ok(Draft { ssh, hosts, ..Draft::default() })
}

fn host(name: &str, vars: &Vars, shown: &str) -> Result<Host, DraftError> {
    let about = |what: &str| format!("`{shown}`: `{what}` of host `{}`", quoted(name));
    let var = |names: [&str; 2]| -> Result<Option<Rc<str>>, DraftError> {
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, vars.get(*name)?))) else {
            return Ok(None);
        };
        if value.contains("{{") {
            let error = DraftError::new(format!("{} is a template", about(name)));
            return Err(error.hint("write the value itself, or let Ansible do it: ansible-inventory -i FILE --list --yaml > hosts.yaml"));
        }
        Ok(Some(Rc::clone(value)))
    };
    let text = |names| Ok::<_, DraftError>(var(names)?.map(|value| value.to_string()));
    let port = var(["ansible_port", "ansible_ssh_port"])?;
    let port = port.map(|port| {
        port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| {
            DraftError::new(format!("{} is no port: {:?}", about("ansible_port"), quoted(&port)))
        })
    });
    Ok(Host {
        name: name.to_owned(),
        address: text(["ansible_host", "ansible_ssh_host"])?.unwrap_or_else(|| name.to_owned()),
        ssh: Ssh {
            user: text(["ansible_user", "ansible_ssh_user"])?,
            identity: text(["ansible_ssh_private_key_file", "ansible_private_key_file"])?,
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

#[cfg(test)]
mod tests;
