//! `inventory`: an inventory from what an operator already has, new or added to one that is there.
//!
//! Invariant: what is written is what the plan language takes, and a file is replaced whole or not at all.

use std::fs;
use std::path::Path;

use certwright_engine::host::{Host as _, LocalHost};
use certwright_engine::plan::WORKSTATION;
use certwright_engine::text::line;
use certwright_steps::inventories::merge::{Told, merge};
use certwright_steps::inventories::{Draft, DraftError, ansible, bmctl, nodes};
use serde_json::json;

use crate::app::App;
use crate::args::{ChoiceArgs, FactArgs, Format, SourceArgs};
use crate::doctor::LOOKS;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::{self, Readers};
use crate::source::{self, Text};
use crate::terminal::{err, out};
use crate::{human, json, neighbours, place, runtime};

/// What is printed where there is no file to name.
const NEW: &str = "the new inventory";

/// Reads the source, and prints or writes the inventory.
pub(crate) fn inventory(app: &App, from: &SourceArgs) -> Result<Exit, Failure> {
    let (mut draft, facts) = match from {
        SourceArgs::Bmctl { file, facts } => {
            let (text, admin) = (source::of_others(file)?.text, facts.admin_kubeconfig.as_deref());
            (bmctl::read(file, &text, admin, || neighbours::clusters(file))?, facts)
        }
        SourceArgs::Ansible { file, group, facts } => {
            let mut draft = ansible::read(file, &source::of_others(file)?.text, group.as_deref())?;
            draft.notes.extend(neighbours::variables(file));
            (draft, facts)
        }
        SourceArgs::Nodes { facts } => (from_nodes(facts)?, facts),
    };
    given(&mut draft, facts);
    draft.notes.extend(from_here(from, facts, &draft));
    let (old, name) = match &facts.into {
        Some(path) => (there(path)?, path.display().to_string()),
        None => (String::new(), NEW.to_owned()),
    };
    let merged = merge(&old, &name, &draft)?;
    complete(&merged.text, &name, from)?;
    let text = Text { name: name.clone(), text: merged.text };
    let looks = Text { name: "the looks of doctor".to_owned(), text: LOOKS.to_owned() };
    app.resolve_here(&looks, &text, &ChoiceArgs { set: Vec::new(), limit: Vec::new() })?;
    let is_new = text.text != old;
    if let Some(path) = facts.into.as_deref().filter(|_| is_new) {
        file::replace(path, &text.text, Readers::AsBefore)?;
    }
    match (app.format, &facts.into) {
        (Format::Json, into) => {
            let into = into.as_deref().map(|path| path.display().to_string());
            let told: Vec<_> = merged.told.iter().map(as_json).collect();
            out(&json::document(
                "inventory",
                json!({ "into": into, "changed": is_new, "told": told, "notes": draft.notes, "text": text.text }),
            ));
        }
        (Format::Human, None) => {
            notes(&draft);
            out(&text.text);
        }
        (Format::Human, Some(path)) => {
            notes(&draft);
            for told in &merged.told {
                out(&sentence(told));
            }
            let path = human::word(&path.display().to_string());
            let end = if is_new { "written" } else { "unchanged" };
            out(&format!("{path} is {end}; `certwright doctor --inventory {path}` looks at its hosts\n"));
        }
    }
    Ok(Exit::Done)
}

/// What the operator says goes before what a source says.
fn given(draft: &mut Draft, facts: &FactArgs) {
    let say = |field: &mut Option<String>, said: &Option<String>| {
        if said.is_some() {
            field.clone_from(said);
        }
    };
    say(&mut draft.name, &facts.cluster);
    say(&mut draft.namespace, &facts.namespace);
    say(&mut draft.kubeconfig, &facts.kubeconfig);
    say(&mut draft.admin_kubeconfig, &facts.admin_kubeconfig);
    say(&mut draft.ssh.user, &facts.user);
    say(&mut draft.ssh.identity, &facts.identity);
    if draft.namespace.is_none() {
        draft.namespace = draft.name.as_ref().map(|name| format!("cluster-{name}"));
    }
}

/// The text of an inventory that is there, empty where there is none; what others can write to is refused.
fn there(path: &Path) -> Result<String, Failure> {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(String::new());
    }
    Ok(source::file(path)?.text)
}

/// Says by which option the operator can say what nobody knows.
fn complete(text: &str, name: &str, from: &SourceArgs) -> Result<(), Failure> {
    let document: toml_edit::DocumentMut = text.parse().expect("it was just written");
    let missing: Vec<&str> =
        [("name", "--cluster NAME"), ("namespace", "--namespace NAME"), ("kubeconfig", "--kubeconfig FILE")]
            .into_iter()
            .filter(|(key, _)| document.get("cluster").and_then(|cluster| cluster.get(key)).is_none())
            .map(|(_, option)| option)
            // The namespace follows from the name.
            .filter(|option| *option != "--namespace NAME" || document["cluster"].get("name").is_some())
            .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = match from {
        SourceArgs::Bmctl { .. } => "bmctl's configuration does",
        SourceArgs::Nodes { .. } => "nodes do",
        SourceArgs::Ansible { .. } => "an Ansible inventory does",
    };
    let neither = if name == NEW { String::new() } else { format!(", and `{}` does not either", line(name)) };
    let message = format!("{what} not tell all of a cluster{neither}");
    let missing: Vec<String> = missing.iter().map(|option| format!("`{option}`")).collect();
    Err(Failure::new(Exit::Invalid, "incomplete", message)
        .hint(format!("give the same command {}, too", missing.join(" and "))))
}

/// A note where a path that the operator did not give means something else in another folder.
fn from_here(from: &SourceArgs, facts: &FactArgs, draft: &Draft) -> Option<String> {
    match (from, &facts.kubeconfig, &draft.kubeconfig) {
        (SourceArgs::Bmctl { .. }, None, Some(path)) if Path::new(path).is_relative() => Some(format!(
            "the kubeconfig `{}` is looked for from the folder in which certwright is started; --kubeconfig with a whole path \
             makes it one from everywhere",
            line(path)
        )),
        (SourceArgs::Bmctl { .. } | SourceArgs::Nodes { .. } | SourceArgs::Ansible { .. }, _, _) => None,
    }
}

/// The control plane's nodes, asked of the cluster itself.
fn from_nodes(facts: &FactArgs) -> Result<Draft, Failure> {
    let workstation = LocalHost::new(WORKSTATION);
    let kubeconfig = facts.kubeconfig.clone();
    for label in nodes::LABELS {
        let question = nodes::question(kubeconfig.as_deref(), label);
        let answer = runtime::block_on_real(workstation.run(&question))?;
        let answer = answer.map_err(|error| failed(&error.to_string()))?;
        if !answer.success() {
            let told = answer.stderr.last_lines(1).pop().unwrap_or_else(|| "it says nothing".to_owned());
            return Err(not_listed(answer.status, &told));
        }
        let hosts = nodes::read(answer.stdout.bytes())?;
        if !hosts.is_empty() {
            let kubeconfig = kubeconfig.or_else(place::kubeconfig);
            return Ok(Draft { kubeconfig, hosts, ..Draft::default() });
        }
    }
    Err(failed(&format!("no node has the label {} or {}", nodes::LABELS[0], nodes::LABELS[1])))
}

/// What a shell ends with where there is no such program.
const NO_PROGRAM: i32 = 127;

fn not_listed(status: i32, told: &str) -> Failure {
    if status != NO_PROGRAM {
        return failed(told);
    }
    Failure::new(
        Exit::Refused,
        "no-nodes",
        "the nodes cannot be listed: there is no `kubectl` in the PATH of this machine",
    )
    .hint("install it, or make the inventory with from-bmctl or from-ansible, which ask no cluster")
}

fn failed(why: &str) -> Failure {
    Failure::new(Exit::Refused, "no-nodes", format!("the nodes cannot be listed: {why}"))
        .hint("an expired kubeconfig lists nothing: from-bmctl and from-ansible ask no cluster")
}

/// Not on standard output, which may be the inventory.
fn notes(draft: &Draft) {
    for note in &draft.notes {
        err(&format!("note: {note}\n"));
    }
}

fn sentence(told: &Told) -> String {
    match told {
        Told::Added(what) => format!("added    {}\n", line(what)),
        Told::Kept { what, has, source } => {
            format!("kept     {} = {}, where the source says {}\n", line(what), line(has), line(source))
        }
        Told::Unknown(host) => {
            format!("kept     host {}, which the source does not know\n", line(host))
        }
    }
}

fn as_json(told: &Told) -> serde_json::Value {
    match told {
        Told::Added(what) => json!({ "added": what }),
        Told::Kept { what, has, source } => json!({ "kept": what, "has": has, "source": source }),
        Told::Unknown(host) => json!({ "unknown": host }),
    }
}

impl From<DraftError> for Failure {
    fn from(error: DraftError) -> Self {
        Self { hints: error.hints, ..Self::new(Exit::Invalid, "source", error.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_kubectl_is_told_apart_from_a_cluster_that_does_not_answer() {
        let missing = not_listed(127, "certwright: 85: exec: kubectl: not found");
        assert_eq!(
            missing.message,
            "the nodes cannot be listed: there is no `kubectl` in the PATH of this machine"
        );
        assert!(missing.hints[0].starts_with("install it"));
        let refused = not_listed(1, "Unauthorized");
        assert_eq!(refused.message, "the nodes cannot be listed: Unauthorized");
        assert!(refused.hints[0].starts_with("an expired kubeconfig"));
    }
}
