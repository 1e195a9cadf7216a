//! Ansible's INI format: `[group]`, `[group:children]`, `[group:vars]`, and hosts with `key=value` behind them.

use super::super::quoted;
use super::tree::{ALL, Tree, Vars, add};

enum Section {
    Hosts(String),
    Children(String),
    Vars(String),
}

/// Reads a text; the error is `:LINE` and why.
pub(super) fn read(text: &str) -> Result<Tree, (String, String)> {
    let mut tree = Tree::default();
    let mut section = Section::Hosts("ungrouped".to_owned());
    for (line, number) in text.lines().zip(1_usize..) {
        read_line(line.trim(), &mut section, &mut tree).map_err(|why| (format!(":{number}"), why))?;
    }
    for (name, group) in &tree.groups {
        if let Some(missing) = group.children.iter().find(|child| !tree.groups.contains_key(*child)) {
            let why = format!("group `{}` has a child `{}` that is not there", quoted(name), quoted(missing));
            return Err((String::new(), why));
        }
    }
    Ok(tree)
}

fn read_line(line: &str, section: &mut Section, tree: &mut Tree) -> Result<(), String> {
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(());
    }
    if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let (name, rest) = header;
        if rest.trim().is_empty() || rest.trim_start().starts_with(['#', ';']) {
            *section = match name.split_once(':') {
                None => Section::Hosts(name.to_owned()),
                Some((group, "children")) => Section::Children(group.to_owned()),
                Some((group, "vars")) => Section::Vars(group.to_owned()),
                Some((_, other)) => return Err(format!("`{}` is no sort of section", quoted(other))),
            };
            let (Section::Hosts(group) | Section::Children(group) | Section::Vars(group)) = &*section;
            return tree.group(group).map(|_| ());
        }
    }
    match section {
        Section::Vars(group) => {
            let (key, value) = line.split_once('=').ok_or("a variable without `=`")?;
            add(&mut tree.group(group)?.vars, key.trim(), unquoted(value.trim()))?;
        }
        Section::Children(group) => {
            let child = line.split([' ', '\t', '#', ';']).next().unwrap_or_default();
            tree.group(group)?.children.insert(child.to_owned());
        }
        Section::Hosts(group) => read_host(line, group, tree)?,
    }
    Ok(())
}

fn read_host(line: &str, group: &str, tree: &mut Tree) -> Result<(), String> {
    let words = shlex::split(line).ok_or("a quote that does not end")?;
    let Some((pattern, pairs)) = words.split_first() else { return Ok(()) };
    let mut vars = Vars::new();
    for pair in pairs {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| format!("`{}` is no key=value", quoted(pair)))?;
        add(&mut vars, key, unquoted(value))?;
    }
    let (pattern, port) = with_port(pattern);
    if let Some(port) = port {
        add(&mut vars, "ansible_port", port)?;
    }
    tree.hosts(group, pattern, &vars)?;
    // `all` holds every host, named or not.
    tree.group(ALL).map(|_| ())
}

/// `cp-1:2222` as name and port; an IPv6 address has more than one colon, a range has its own in brackets.
fn with_port(pattern: &str) -> (&str, Option<&str>) {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match pattern.rsplit_once(':') {
        Some((name, port)) if is_port(port) && !outside(name).any(|part| part.contains(':')) => {
            (name, Some(port))
        }
        Some(_) | None => (pattern, None),
    }
}

/// What is not between brackets.
fn outside(name: &str) -> impl Iterator<Item = &str> {
    name.split('[').enumerate().map(|(at, part)| match part.split_once(']') {
        Some((_, after)) if at > 0 => after,
        Some(_) | None => part,
    })
}

fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}
