//! What lies about on the node: leftovers of runs and upgrades, and files beside kubeadm's own that nothing renews.

use certwright_engine::text::escape;

use super::places::{Places, UPGRADES};
use crate::kinds::facts::Warning;
use crate::pki::Authority;
use crate::pki::layout::{Form, LEAVES};
use crate::tools::folders::{Entry, EntryKind};

/// Names in a warning.
const SHOWN: usize = 5;

/// What is to be warned of.
pub(super) fn warnings(places: &Places, cert_dir: &str) -> Vec<Warning> {
    let left = places.iter().filter_map(|(folder, entries)| leftovers(folder, entries));
    let of = |folder: &str, below| strangers(folder, below, places.get(folder).unwrap_or_default());
    let strange = [of(cert_dir, ""), of(&format!("{cert_dir}/etcd"), "etcd/")];
    left.chain(strange.into_iter().flatten()).collect()
}

/// What a run or an upgrade that ended half-way leaves.
fn leftovers(folder: &str, entries: &[Entry]) -> Option<Warning> {
    let is_left = |name: &str| match folder {
        UPGRADES => name.starts_with("kubeadm-"),
        _ => is_leftover(name),
    };
    let left: Vec<&str> =
        entries.iter().map(|entry| entry.name.as_str()).filter(|name| is_left(name)).collect();
    (!left.is_empty()).then(|| {
        Warning::new(
            format!("{folder} has leftovers of an earlier run or upgrade: {}", list(&left)),
            "remove them once nobody needs them; keys may be among them",
        )
    })
}

/// New files that were never put in place: certwright's own, those of the kubelet's cure, and of programs that rotate.
fn is_leftover(name: &str) -> bool {
    name.starts_with(".certwright.") || [".new", ".rotate", ".tmp"].iter().any(|end| name.ends_with(end))
}

/// Files that are not kubeadm's, `below` being the folder's own path in `certificatesDir`.
fn strangers(folder: &str, below: &str, entries: &[Entry]) -> Option<Warning> {
    let strange = |entry: &&Entry| {
        entry.kind != EntryKind::Folder
            && !is_kubeadms(&format!("{below}{}", entry.name))
            && !is_leftover(&entry.name)
    };
    let names: Vec<&str> = entries.iter().filter(strange).map(|entry| entry.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        Warning::new(
            format!("{folder} has files that kubeadm does not manage: {}", list(&names)),
            "nothing of this run renews them; see who reads them, and until when they are valid",
        )
    })
}

/// Whether this path in `certificatesDir` is one of kubeadm's, or what openssl notes beside a CA.
fn is_kubeadms(path: &str) -> bool {
    let Some((base, end)) = path.rsplit_once('.') else { return false };
    let is_authority =
        Authority::ALL.iter().any(|authority| authority.certificate("") == format!("/{base}.crt"));
    let is_leaf = LEAVES.iter().any(|leaf| leaf.form == Form::Pem && leaf.path == base);
    match end {
        "crt" | "key" if is_authority || is_leaf => true,
        "srl" => is_authority,
        _ => matches!(path, "sa.key" | "sa.pub"),
    }
}

fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| escape(name).replace('\n', "\\n")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeadms_own_files_are_known_and_no_others() {
        for own in [
            "ca.crt",
            "ca.key",
            "ca.srl",
            "etcd/ca.crt",
            "front-proxy-ca.key",
            "apiserver.crt",
            "etcd/peer.key",
            "sa.pub",
        ] {
            assert!(is_kubeadms(own), "{own}");
        }
        for other in [
            "admin.crt",
            "peer.crt",
            "apiserver.crt.bak",
            "apiserver.csr",
            "etcd/apiserver.crt",
            "sa.crt",
            "ca",
            "sa.srl",
        ] {
            assert!(!is_kubeadms(other), "{other}");
        }
    }

    #[test]
    fn many_names_are_counted_and_hostile_ones_escaped() {
        assert_eq!(list(&["a", "b\n\u{1b}[2J"]), "a, b\\n\\u{1b}[2J");
        assert_eq!(list(&["1", "2", "3", "4", "5", "6", "7"]), "1, 2, 3, 4, 5 and 2 more");
    }
}
