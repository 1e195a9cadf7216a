//! What the API has: groups, versions and kinds, in the old form that every kubectl reads.

use serde_json::{Value, json};

use super::kinds::{GROUPS, KINDS, Kind, Scope};

/// The version that the server says it is.
pub(crate) const VERSION: &str = "v1.36.1";

/// `/version`.
pub(super) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-08-21T00:00:00Z",
        "goVersion": "",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

/// `/api`.
pub(super) fn core(host: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    })
}

/// `/apis`.
pub(super) fn groups() -> Value {
    let groups: Vec<Value> = GROUPS.iter().map(|name| group(name)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(super) fn one_group(name: &str) -> Option<Value> {
    GROUPS.contains(&name).then(|| {
        let mut group = group(name);
        group["kind"] = "APIGroup".into();
        group["apiVersion"] = "v1".into();
        group
    })
}

fn group(name: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

/// `/api/v1` and `/apis/GROUP/v1`.
pub(super) fn resources(group: &str) -> Option<Value> {
    let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| kind.group == group).collect();
    let api_version = kinds.first()?.api_version();
    let resources: Vec<Value> = kinds.iter().flat_map(|kind| of_kind(kind)).collect();
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": resources,
    }))
}

fn of_kind(kind: &Kind) -> Vec<Value> {
    let namespaced = kind.scope == Scope::Namespaced;
    let whole = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": namespaced,
        "kind": kind.name,
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        "shortNames": kind.short,
    });
    let part = |part: &&str| {
        json!({
            "name": format!("{}/{part}", kind.plural),
            "singularName": "",
            "namespaced": namespaced,
            "kind": kind.name,
            "verbs": ["get", "patch", "update"],
        })
    };
    std::iter::once(whole).chain(kind.parts.iter().map(part)).collect()
}
