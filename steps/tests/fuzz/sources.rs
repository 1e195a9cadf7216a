//! What inventories are made of: configurations of bmctl, inventories of Ansible in both formats, kubectl's nodes.

use std::path::Path;

use certwright_engine::plan::limits::HOSTS;
use certwright_steps::inventories::merge::merge;
use certwright_steps::inventories::{Draft, DraftError, ansible, bmctl, nodes};

use crate::numbers::Numbers;
use crate::targets::shown;
use crate::{lines, repository};

/// The name of the file that is read, but for its ending.
const FILE: &str = "workspace/hostile/hostile";

/// Ansible's INI with all that it has.
const INI: &str = "# nodes
cp-9 ansible_host=10.0.0.9
[kube_control_plane]
cp-[1:2].example:2222 ansible_user=ops   # two of them
cp-3 ansible_host=10.0.0.3 ansible_ssh_private_key_file='~/.ssh/a key'
[kube_control_plane:vars]
ansible_user = admin
[k8s:children]
kube_control_plane
[k8s:vars]
ansible_port=22
[all:vars]
ansible_user=\"{{ user }}\"
";

/// The same sort of thing in YAML.
const YAML: &str = "all:
  vars: {ansible_port: 22}
  hosts: &h
    cp-9: {ansible_host: 10.0.0.9}
    cp-[01:03]:
  children:
    masters:
      hosts: *h
      vars:
        ansible_user: ops
        other: [1, {a: b}]
    k8s: {children: {masters: {}}}
";

/// What kubectl says of two nodes.
const NODES: &str = r#"{"kind": "List", "items": [
  {"metadata": {"name": "cp-2"}, "status": {"addresses": [
    {"type": "Hostname", "address": "cp-2"}, {"type": "InternalIP", "address": "10.0.0.2"}]}},
  {"metadata": {"name": "cp-1"}, "status": {"addresses": [{"type": "Hostname", "address": "cp-1"}]}}]}
"#;

/// The vendor's four sorts of clusters, and what is above.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = crate::files(&repository().join("tests/cli/bmctl"), &[".yaml"]);
    assert_eq!(corpus.len(), 4);
    corpus.extend([INI, YAML, NODES].map(|text| text.as_bytes().to_vec()));
    corpus
}

pub(crate) fn change(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut text = one.to_vec();
    loop {
        let values = if numbers.once_in(2) { lines::yaml } else { values };
        lines::change(&mut text, other, values, numbers);
        if !numbers.once_in(2) {
            return text;
        }
    }
}

/// Values of an inventory: ranges that multiply, groups in groups, hosts without end.
fn values(numbers: &mut Numbers) -> String {
    let many = |numbers: &mut Numbers| 1 + numbers.few(40, 8, 30_000);
    match numbers.next(14) {
        0 => format!("cp-[{}:{}]", numbers.next(3), many(numbers)),
        1 => "[1:9]".repeat(1 + numbers.few(6, 4, 20_000)),
        2 => format!("n-[{}1:9]", "0".repeat(many(numbers))),
        3 => repeated(many(numbers).min(9_000), |n| format!("h{n}\n")),
        4 => repeated(many(numbers).min(9_000), |n| format!("[g{n}:children]\ng{}\n", n + 1)),
        5 => repeated(many(numbers).min(5_000), |n| format!("[g{n}]\ncp-1\n[masters:children]\ng{n}\n")),
        6 => "masters: {children: {".repeat(many(numbers).min(5_000)),
        7 => format!(
            "[{}]",
            numbers.one(&["masters", "all", "masters:children", "masters:vars", "a:b", "", "["])
        ),
        8 => format!("x ansible_user={}", "u".repeat(many(numbers))),
        9 => format!("ansible_port={}", numbers.one(&["22", "0", "65536", "-1", "ssh", "{{ p }}", "'"])),
        10 => "a b=c ".repeat(many(numbers).min(5_000)),
        11 => format!("cp-[a:{}]", numbers.one(&["c", "z", "A", "\u{e9}", "", "1"])),
        12 => "k='\" ".repeat(many(numbers).min(5_000)),
        _ => format!("h{}:{}", numbers.next(9), numbers.next(99_999)),
    }
}

fn repeated(times: usize, line: impl Fn(usize) -> String) -> String {
    (0..times).map(line).collect::<Vec<_>>().concat()
}

/// Reads a text as each of them.
pub(crate) fn read(text: &[u8]) -> String {
    let all = drafts(text);
    let told = all.iter().map(|read| match read {
        Ok(draft) => format!("{} hosts", draft.hosts.len().min(3)),
        Err(error) => error.message.clone(),
    });
    told.collect::<Vec<_>>().join("; ")
}

fn drafts(bytes: &[u8]) -> [Result<Draft, DraftError>; 4] {
    let text = String::from_utf8_lossy(bytes);
    let file = |ending: &str| format!("{FILE}.{ending}");
    let own = || vec![("workspace/admin/admin.yaml".into(), text.clone().into_owned())];
    let [yaml, ini] = ["yaml", "ini"].map(file);
    let of_nodes = nodes::read(bytes).map(|hosts| Draft { hosts, ..Draft::default() });
    [
        bmctl::read(Path::new(&yaml), &text, None, own),
        ansible::read(Path::new(&yaml), &text, None),
        ansible::read(Path::new(&ini), &text, None),
        of_nodes,
    ]
}

/// A mistake names the file, in one line that a terminal does not obey; of a draft an inventory is made, and making it again
/// changes nothing.
pub(crate) fn check(bytes: &[u8]) {
    let names = [FILE, FILE, FILE, "kubectl"];
    for (read, name) in drafts(bytes).into_iter().zip(names) {
        match read {
            Err(error) => {
                assert!(error.message.contains(name), "it does not name the file: {}", error.message);
                assert!(error.message.len() < 1_000, "{} bytes", error.message.len());
                error.hints.iter().chain([&error.message]).for_each(|line| shown(line));
            }
            Ok(draft) => {
                assert!(draft.hosts.len() <= HOSTS, "{} hosts", draft.hosts.len());
                let made = merge("", "inventory.toml", &draft).expect("an inventory");
                let again = merge(&made.text, "inventory.toml", &draft).expect("the same");
                assert_eq!(again.text, made.text);
            }
        }
    }
}

/// Into whatever inventory there is hosts are merged, without a loss of a comment, and once; a mistake names the file.
pub(crate) fn check_merge(text: &str, file: &str) {
    let draft =
        ansible::read(Path::new("hosts.ini"), "[masters]\ncp-[1:3] ansible_user=ops\n", None).expect("hosts");
    match merge(text, file, &draft) {
        Err(error) => {
            assert!(error.message.contains(file), "it does not name the file: {}", error.message);
            shown(&error.message);
        }
        Ok(merged) => {
            let comments = text.lines().map(str::trim).filter(|line| line.starts_with('#'));
            let lost: Vec<&str> = comments.filter(|comment| !merged.text.contains(comment)).collect();
            assert!(lost.is_empty(), "{lost:?} are lost");
            assert_eq!(merge(&merged.text, file, &draft).expect("an inventory").text, merged.text);
        }
    }
}
