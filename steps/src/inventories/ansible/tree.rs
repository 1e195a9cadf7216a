//! An inventory as either format says it: groups in groups, hosts in groups, and variables of both.
//!
//! Invariant: what one line stands for is bounded (names, values, hosts), and everything asked of a tree takes time in
//! proportion to its text.

use std::collections::BTreeMap;
use std::rc::Rc;

use certwright_engine::plan::limits::HOST_CHARS;
use indexmap::{IndexMap, IndexSet};

use super::super::quoted;
use super::range::expand;

/// The group of all hosts.
pub(super) const ALL: &str = "all";
/// Hosts that a file names, at most; in two groups it is two.
const MOST: usize = 20_000;
/// Longest value that is read, bytes: no path is longer.
const LONGEST: usize = 4096;

/// The variables that say how a host is reached.
const KNOWN: [&str; 8] = [
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_private_key_file",
    "ansible_ssh_private_key_file",
];

/// Those of them that something says, by name.
pub(super) type Vars = BTreeMap<&'static str, Rc<str>>;

/// Of a variable its value, and how deep the group is that says so, and its name.
type Inherited<'a> = BTreeMap<&'static str, ((usize, &'a str), &'a Rc<str>)>;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) groups: IndexMap<String, Group>,
    /// Variables of hosts; all hosts are here.
    hosts: IndexMap<String, Vars>,
    /// How often hosts were named.
    named: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    hosts: IndexSet<String>,
    pub(super) children: IndexSet<String>,
    pub(super) vars: Vars,
}

/// Adds a variable if it says how a host is reached.
pub(super) fn add(vars: &mut Vars, key: &str, value: &str) -> Result<(), String> {
    let Some(known) = KNOWN.into_iter().find(|known| *known == key) else { return Ok(()) };
    if value.len() > LONGEST {
        return Err(format!("`{known}` is longer than {LONGEST} bytes"));
    }
    vars.insert(known, value.into());
    Ok(())
}

/// Refuses what is too long for a name.
fn named(name: &str) -> Result<&str, String> {
    if name.len() <= HOST_CHARS {
        return Ok(name);
    }
    Err(format!("`{}` is longer than {HOST_CHARS} bytes: no such name is read", quoted(name)))
}

impl Tree {
    /// A group, new where there is none of this name.
    pub(super) fn group(&mut self, name: &str) -> Result<&mut Group, String> {
        if !self.groups.contains_key(name) {
            self.groups.insert(named(name)?.to_owned(), Group::default());
        }
        Ok(self.groups.get_mut(name).expect("it is there now"))
    }

    /// Puts the hosts of a pattern into a group.
    pub(super) fn hosts(&mut self, group: &str, pattern: &str, vars: &Vars) -> Result<(), String> {
        self.group(group)?;
        for name in expand(pattern)? {
            self.named += 1;
            if self.named > MOST {
                return Err(format!("more than {MOST} hosts are named"));
            }
            let own = self.hosts.entry(named(&name)?.to_owned()).or_default();
            own.extend(vars.iter().map(|(key, value)| (*key, Rc::clone(value))));
            self.groups.get_mut(group).expect("it is there").hosts.insert(name);
        }
        Ok(())
    }

    /// The hosts of a group and of those in it, each once.
    pub(super) fn members(&self, group: &str) -> IndexSet<&str> {
        let (mut left, mut seen, mut members) = (vec![group], IndexSet::new(), IndexSet::new());
        while let Some(name) = left.pop() {
            let Some(group) = self.groups.get(name).filter(|_| seen.insert(name)) else { continue };
            members.extend(group.hosts.iter().map(String::as_str));
            left.extend(group.children.iter().rev().map(String::as_str));
        }
        members
    }

    /// These hosts with all their variables; the error is a group that is in itself.
    pub(super) fn reached<'a>(
        &'a self,
        members: &IndexSet<&'a str>,
    ) -> Result<Vec<(&'a str, Vars)>, &'a str> {
        let inherited = self.inherited()?;
        let all = inherited.get(ALL).cloned().unwrap_or_default();
        let mut of_hosts: IndexMap<&str, Inherited<'_>> =
            members.iter().map(|name| (*name, all.clone())).collect();
        for (name, group) in &self.groups {
            for host in &group.hosts {
                if let Some(known) = of_hosts.get_mut(host.as_str()) {
                    innermost(known, &inherited[name.as_str()]);
                }
            }
        }
        let with_own = of_hosts.into_iter().map(|(name, of_groups)| {
            let mut vars: Vars = of_groups.iter().map(|(key, (_, value))| (*key, Rc::clone(value))).collect();
            vars.extend(
                self.hosts.get(name).into_iter().flatten().map(|(key, value)| (*key, Rc::clone(value))),
            );
            (name, vars)
        });
        Ok(with_own.collect())
    }

    /// What each group says of its hosts, itself and by the groups that it is in. `all` is 0 deep, any other group one more
    /// than the deepest that it is in.
    fn inherited(&self) -> Result<IndexMap<&str, Inherited<'_>>, &str> {
        let mut waits: IndexMap<&str, usize> = self.groups.keys().map(|name| (name.as_str(), 0)).collect();
        for child in self.groups.values().flat_map(|group| &group.children) {
            if let Some(parents) = waits.get_mut(child.as_str()) {
                *parents += 1;
            }
        }
        let mut depths: IndexMap<&str, usize> =
            waits.keys().map(|name| (*name, usize::from(*name != ALL))).collect();
        let mut inherited: IndexMap<&str, Inherited<'_>> =
            waits.keys().map(|name| (*name, Inherited::new())).collect();
        let mut ready: Vec<&str> =
            waits.iter().filter(|(_, parents)| **parents == 0).map(|(name, _)| *name).collect();
        let mut done = 0;
        while let Some(name) = ready.pop() {
            done += 1;
            let (group, depth) = (&self.groups[name], depths[name]);
            let mut own = std::mem::take(&mut inherited[name]);
            own.extend(group.vars.iter().map(|(key, value)| (*key, ((depth, name), value))));
            for child in group.children.iter().map(String::as_str) {
                let Some(left) = waits.get_mut(child) else { continue };
                *left -= 1;
                if *left == 0 {
                    ready.push(child);
                }
                depths[child] = depths[child].max(depth + 1);
                innermost(&mut inherited[child], &own);
            }
            inherited[name] = own;
        }
        if done == self.groups.len() { Ok(inherited) } else { Err(self.in_circle(&waits)) }
    }

    /// A group that is in itself, among those that wait for another.
    fn in_circle<'a>(&'a self, waits: &IndexMap<&'a str, usize>) -> &'a str {
        let waiting = |name: &str| waits.get(name).is_some_and(|parents| *parents > 0);
        // Each of them waits for a group that waits: whoever goes from one to the next meets one twice.
        let mut parents: IndexMap<&str, &str> = IndexMap::new();
        for (name, group) in self.groups.iter().filter(|(name, _)| waiting(name)) {
            parents.extend(group.children.iter().map(|child| (child.as_str(), name.as_str())));
        }
        let mut seen = IndexSet::new();
        let mut at = waits.keys().copied().find(|name| waiting(name)).expect("one waits");
        while seen.insert(at) {
            at = parents[at];
        }
        at
    }
}

/// Takes over what a deeper group says, or one as deep that comes later by name.
fn innermost<'a>(known: &mut Inherited<'a>, other: &Inherited<'a>) {
    for (key, (place, value)) in other {
        if known.get(key).is_none_or(|(known, _)| known < place) {
            known.insert(key, (*place, value));
        }
    }
}
