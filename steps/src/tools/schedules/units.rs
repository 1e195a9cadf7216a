//! Timers of systemd: which are armed, and what they start.
//!
//! The rules are systemd.unit's: a unit file of a folder earlier in the list replaces one of a later folder; a link to
//! `/dev/null` or an empty file masks it; drop-ins of all folders are added in the order of their names.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Files;
use super::renewing;
use super::{Renewer, Schedule, shown};

/// Where unit files are, the first goes before the others.
const FOLDERS: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Units of this folder were started by a command, so no link arms them.
const TRANSIENT: &str = "/run/systemd/transient/";

/// Words in the names of timers that others ship to renew kubeadm's certificates.
const NAMES: [&str; 3] = ["k8s-certs-renew", "kubeadm-cert", "kube-certs-renew"];

/// The patterns of timers, their drop-ins, and the links that arm them.
pub(super) fn timers() -> Vec<String> {
    let of = ["*.timer", "*.timer.d/*.conf", "*.wants/*.timer", "*.requires/*.timer"];
    FOLDERS.iter().flat_map(|folder| of.map(|pattern| format!("{folder}/{pattern}"))).collect()
}

/// The patterns of these services and their drop-ins.
pub(super) fn service_patterns(names: &BTreeSet<String>) -> Vec<String> {
    let all: BTreeSet<String> = names.iter().flat_map(|name| spellings(name)).collect();
    FOLDERS
        .iter()
        .flat_map(|folder| {
            all.iter().map(move |name| [format!("{folder}/{name}"), format!("{folder}/{name}.d/*.conf")])
        })
        .flatten()
        .collect()
}

/// The units among files that were read.
pub(super) struct Units<'a>(pub(super) &'a Files);

impl Units<'_> {
    /// The services that armed timers start.
    pub(super) fn services(&self) -> BTreeSet<String> {
        self.armed().into_values().filter(|name| is_plain(name)).collect()
    }

    /// The files that the commands of these services name.
    pub(super) fn scripts(&self) -> BTreeSet<String> {
        let services = self.services();
        services.iter().flat_map(|name| self.commands(name)).flat_map(|(_, line)| named(&line)).collect()
    }

    /// The timers that renew.
    pub(super) fn renewers(&self) -> Vec<Renewer> {
        let renewer = |(timer, service): (&String, &String)| {
            let path = self.renewing(service).or_else(|| {
                NAMES.iter().any(|name| timer.contains(name)).then(|| self.path(timer)).flatten()
            })?;
            Some(Renewer::new(Schedule::Timer(shown(timer)), &path))
        };
        self.armed().iter().filter_map(renewer).collect()
    }

    /// The file by which a service renews.
    fn renewing(&self, service: &str) -> Option<String> {
        for (path, line) in self.commands(service) {
            if renewing::command(&line) {
                return Some(path);
            }
            let renews = |script: &String| self.0.get(script).is_some_and(|file| renewing::text(&file.text));
            if let Some(script) = named(&line).into_iter().find(renews) {
                return Some(script);
            }
        }
        None
    }

    /// Armed timers that are not masked, and the unit that each starts.
    fn armed(&self) -> BTreeMap<String, String> {
        let mut armed = BTreeMap::new();
        for path in self.0.paths() {
            let (folder, name) = path.rsplit_once('/').unwrap_or_default();
            let linked = [".wants", ".requires"].iter().any(|end| folder.ends_with(end));
            let Some(base) = name.strip_suffix(".timer").filter(|_| linked || path.starts_with(TRANSIENT))
            else {
                continue;
            };
            if self.path(name).is_none() {
                continue;
            }
            let unit = self
                .settings(name)
                .into_iter()
                .rev()
                .find(|(_, key, value)| key == "Unit" && !value.is_empty());
            let unit = unit.map_or_else(|| format!("{base}.service"), |(_, _, value)| value);
            armed.insert(name.to_owned(), unit);
        }
        armed
    }

    /// The file that is the unit's, None where there is none or it is masked.
    fn path(&self, name: &str) -> Option<String> {
        for name in spellings(name) {
            for folder in FOLDERS {
                let path = format!("{folder}/{name}");
                let text = self.0.get(&path).map(|file| file.text.as_str());
                match (self.0.link(&path), text) {
                    (None, None) => {}
                    (Some("/dev/null"), _) | (_, Some("")) => return None,
                    (Some(_), _) | (None, Some(_)) => return Some(path),
                }
            }
        }
        None
    }

    /// Commands of a service, each with the file that has it.
    fn commands(&self, service: &str) -> Vec<(String, String)> {
        let mut commands: Vec<(String, String, String)> = Vec::new();
        for (path, key, value) in self.settings(service) {
            if !key.starts_with("ExecStart") && key != "ExecCondition" {
                continue;
            }
            if value.is_empty() {
                commands.retain(|(_, of, _)| *of != key);
            } else {
                commands.push((path, key, value));
            }
        }
        commands.into_iter().map(|(path, _, value)| (path, value)).collect()
    }

    /// Settings of a unit that is not masked, its drop-ins last: the file, the key and the value of each.
    fn settings(&self, name: &str) -> Vec<(String, String, String)> {
        let Some(own) = self.path(name) else { return Vec::new() };
        let mut by_name: BTreeMap<String, String> = BTreeMap::new();
        for unit in spellings(name) {
            for folder in FOLDERS {
                let start = format!("{folder}/{unit}.d/");
                for path in self.0.paths() {
                    if let Some(file) = path.strip_prefix(&start) {
                        by_name.entry(file.to_owned()).or_insert_with(|| path.to_owned());
                    }
                }
            }
        }
        let mut settings = Vec::new();
        for path in std::iter::once(own).chain(by_name.into_values()) {
            if let Some(file) = self.0.get(&path) {
                settings.extend(lines(&file.text).into_iter().map(|(key, value)| (path.clone(), key, value)));
            }
        }
        settings
    }
}

fn named(line: &str) -> BTreeSet<String> {
    renewing::named(line).collect()
}

/// The name, and that of its template (`x@.timer` of `x@y.timer`).
fn spellings(name: &str) -> Vec<String> {
    let template = name.split_once('@').and_then(|(base, instance)| {
        let (_, suffix) = instance.rsplit_once('.')?;
        Some(format!("{base}@.{suffix}"))
    });
    std::iter::once(name.to_owned()).chain(template.filter(|template| template != name)).collect()
}

/// Whether a name can stand in a pattern.
fn is_plain(name: &str) -> bool {
    name.ends_with(".service")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@:".contains(&byte))
}

/// The settings of a unit file: a line that ends in a backslash goes on in the next one that is no comment.
fn lines(text: &str) -> Vec<(String, String)> {
    let mut joined: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if matches!(line.trim_start().chars().next(), Some('#' | ';')) {
            continue;
        }
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match joined.last_mut() {
            Some(last) if open => last.extend([" ", part]),
            Some(_) | None => joined.push(part.to_owned()),
        }
        open = goes_on;
    }
    let setting = |line: &String| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    joined.iter().filter_map(setting).collect()
}
