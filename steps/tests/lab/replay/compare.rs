//! The lab's answer beside the real node's, ids and times masked.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::Ran;
use crate::mask::{json, text};

/// What of the output is compared.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Exact,
    /// Tables whose columns are as wide as ages: runs of spaces count as one.
    Table,
    Json,
    /// JSON whose list is in the order in which that machine started its containers.
    AnyOrder,
    /// Whatever the lab prints stands in the real output too; it prints less.
    Subset,
    /// A kubeconfig in base64.
    Kubeconfig,
}

pub(crate) fn compare(name: &str, mode: Mode, own: &Ran, real: &Ran) -> Option<String> {
    let mut complaints = String::new();
    let mut differ = |what: &str, own: &str, real: &str| {
        if own != real {
            let _infallible = writeln!(complaints, "{name} {what}:\n--- lab\n{own}\n--- real\n{real}");
        }
    };
    differ("status", &own.status.to_string(), &real.status.to_string());
    let timed = real.stderr.split("\nreal\t0m").next().unwrap_or_default();
    let own_stderr = own.stderr.replace("peer.key: is a directory", "peer.key: operation not permitted");
    differ("stderr", &text(&own_stderr), &text(timed));
    // Pods stand in the order of their names, which end by chance.
    let squeezed = |t: &str| {
        let line = |l: &str| l.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines: Vec<String> = text(t).lines().map(line).collect();
        lines.sort();
        lines.join("\n")
    };
    let parsed = |t: &str| json(serde_json::from_str(t).unwrap_or_else(|e| panic!("{name}: {e}: {t}")));
    match mode {
        Mode::Exact => differ("stdout", &text(&own.stdout), &text(&real.stdout)),
        Mode::Table => differ("stdout", &squeezed(&own.stdout), &squeezed(&real.stdout)),
        Mode::Json => {
            differ("stdout", &format!("{:#}", parsed(&own.stdout)), &format!("{:#}", parsed(&real.stdout)));
        }
        Mode::AnyOrder => differ("stdout", &sorted(&parsed(&own.stdout)), &sorted(&parsed(&real.stdout))),
        Mode::Subset => {
            if let Err(path) = contained(&parsed(&own.stdout), &parsed(&real.stdout), "") {
                differ("stdout", &path, "(not there, or another value)");
            }
        }
        Mode::Kubeconfig => differ("stdout", &decoded(&own.stdout), &decoded(&real.stdout)),
    }
    (!complaints.is_empty()).then_some(complaints)
}

fn sorted(list: &Value) -> String {
    let items = list.as_object().and_then(|o| o.values().next()).and_then(Value::as_array);
    let mut items: Vec<String> = items.expect("a list").iter().map(|i| format!("{i:#}")).collect();
    items.sort();
    items.join("\n")
}

fn decoded(base64_text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64_text.trim()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|l| l.split("-data: ").next().unwrap_or(l).to_owned() + "\n").collect()
}

/// True when everything in `own` is in `real`; else where not.
fn contained(own: &Value, real: &Value, path: &str) -> Result<(), String> {
    match (own, real) {
        (Value::Object(own), Value::Object(real)) => own.iter().try_for_each(|(key, value)| {
            let path = format!("{path}.{key}");
            contained(value, real.get(key).ok_or_else(|| path.clone())?, &path)
        }),
        (Value::Array(own), Value::Array(real)) => own.iter().enumerate().try_for_each(|(k, value)| {
            let found = real.iter().any(|r| contained(value, r, "").is_ok());
            if found { Ok(()) } else { Err(format!("{path}[{k}] {value}")) }
        }),
        _ if own == real => Ok(()),
        _ => Err(format!("{path}: {own} is not {real}")),
    }
}
