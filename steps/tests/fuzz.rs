//! Hostile bytes for everything that reads what others wrote: never a panic, 100 ms of a processor and 64 MB at most, and
//! what is wrong with a file names it.
//!
//! Each target runs for 2 s, in `tests/run` for a minute (`CERTWRIGHT_FUZZ_SECONDS`), from a seed that is printed
//! (`CERTWRIGHT_FUZZ_SEED`). An input that breaks a promise is left in a file; `CERTWRIGHT_FUZZ_INPUT=FILE` reads that one
//! alone. Why there is no coverage: docs/design/fuzzing.md.

#![expect(clippy::print_stdout, reason = "suites print how many cases they ran")]

#[path = "fuzz/numbers.rs"]
mod numbers;

#[path = "fuzz/bytes.rs"]
mod bytes;

#[path = "fuzz/der.rs"]
mod der;

#[path = "fuzz/pem.rs"]
mod pem;

#[path = "fuzz/lines.rs"]
mod lines;

#[path = "fuzz/run.rs"]
mod run;

#[path = "fuzz/targets.rs"]
mod targets;

#[path = "fuzz/node.rs"]
mod node;

#[path = "fuzz/worker.rs"]
mod worker;

#[path = "fuzz/sources.rs"]
mod sources;

#[path = "fuzz/itself.rs"]
mod itself;

use std::fs;
use std::path::Path;

use certwright_steps::pki::{Certificate, Kubeconfig};
use certwright_steps::tools::collect::{self, Keys, Request, Tree};

use node::Node;
use run::{Change, Plan, Target, run};

/// Kinds of answers that there are at least: fewer would mean that inputs do not reach what is read.
const ANSWERS: usize = 3;

/// Runs a target as the environment says.
fn fuzz(target: Target<'_>) {
    let (plan, name) = (Plan::of_environment(), target.name);
    for input in &target.corpus {
        let _answer = (target.read)(input);
    }
    let ran = run(&plan, target);
    assert!(
        ran.cases == 1 || ran.answers >= ANSWERS,
        "{name}: {} kinds of answers of {} inputs",
        ran.answers,
        ran.cases
    );
}

/// A target without another way of reading.
fn target<'a>(
    name: &'static str,
    corpus: Vec<Vec<u8>>,
    change: Change,
    read: &'a mut dyn FnMut(&[u8]) -> String,
) -> Target<'a> {
    Target { name, corpus, change, read, check: &|_| {} }
}

/// Files below a folder whose names end so, in the order of their paths.
fn files(folder: &Path, ends: &[&str]) -> Vec<Vec<u8>> {
    fn walk(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in
            fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten()
        {
            let path = entry.path();
            if path.is_dir() { walk(&path, into) } else { into.push(path) }
        }
    }
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    paths.retain(|path| ends.iter().any(|end| path.to_string_lossy().ends_with(end)));
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file of a corpus")).collect()
}

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Certificates of a node, and some of those that Debian trusts, in DER.
fn certificates(node: &Node) -> Vec<Vec<u8>> {
    let own = files(&node.root.join("etc/kubernetes/pki"), &[".crt"]);
    let debian = files(Path::new("/usr/share/ca-certificates"), &[".crt"]);
    let all = own.iter().chain(debian.iter().step_by(5));
    all.filter_map(|pem| Some(Certificate::from_pem(pem).ok()?.der().to_vec())).collect()
}

#[test]
fn certificates_in_der() {
    let corpus = certificates(&Node::new());
    assert!(corpus.len() > 30, "{} certificates", corpus.len());
    let read = &mut targets::read_der;
    fuzz(Target { check: &targets::check_der, ..target("der", corpus, targets::change_der, read) });
}

#[test]
fn certificates_in_pem() {
    let node = Node::new();
    let mut corpus = certificates(&node);
    corpus.push(node.file("etc/kubernetes/pki/apiserver.crt"));
    corpus.extend(corpus[..2].iter().map(|der| pem::block("CERTIFICATE REQUEST", der)).collect::<Vec<_>>());
    let read = &mut targets::read_pem;
    fuzz(Target { check: &targets::check_pem, ..target("pem", corpus, targets::change_pem, read) });
}

#[test]
fn kubeconfigs() {
    let node = Node::new();
    let admin = node.file("etc/kubernetes/admin.conf");
    let fresh = Kubeconfig::parse(&admin).expect("a kubeconfig");
    let mut corpus = files(&node.root.join("etc/kubernetes"), &[".conf"]);
    corpus.extend(files(&repository().join("tests/fixtures/real-node/healthy/kubeconfigs"), &[".stdout"]));
    corpus.push(MANY.as_bytes().to_vec());
    // Aliases that multiply, within what is allowed.
    corpus.push(
        b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nclusters: []\nusers: []\nd: *c\n".to_vec(),
    );
    let check = |text: &[u8]| targets::check_kubeconfig(text, &fresh);
    let read = &mut targets::read_kubeconfig;
    fuzz(Target { check: &check, ..target("kubeconfig", corpus, targets::change_yaml, read) });
}

/// A kubeconfig of several users in several styles.
const MANY: &str = "# mine
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://x:6443', certificate-authority: ca.crt, extensions: [{name: e}]}}]
contexts:
- context: &k {cluster: c, user: u, namespace: n}
  name: k
- {name: l, context: *k}
current-context: k
users:
- name: u
  user:
    client-certificate: u.crt
    client-key-data: |
      aGVsbG8=
- {name: v, user: {exec: {command: x}, client-certificate-data: aGVsbG8=, client-key: v.key}}
- {name: w, user: {token: t}}
";

#[test]
fn plans_and_inventories() {
    let folder = repository();
    let mut corpus = files(&folder.join("plans"), &[".toml"]);
    corpus.extend(files(&folder.join("examples"), &[".toml"]));
    corpus.extend(files(&folder.join("tests/plans"), &[".toml"]));
    assert!(corpus.len() > 50, "{} files", corpus.len());
    let inventory = fs::read_to_string(folder.join("tests/plans/inventory.toml")).expect("an inventory");
    let read = &mut |text: &[u8]| targets::read_plan(text, &inventory);
    fuzz(Target { check: &targets::check_inventory, ..target("toml", corpus, targets::change_toml, read) });
}

#[test]
fn what_inventories_are_made_of() {
    let read = &mut sources::read;
    fuzz(Target { check: &sources::check, ..target("sources", sources::corpus(), sources::change, read) });
}

#[test]
fn what_the_collect_script_prints() {
    let node = Node::new();
    let tree = Tree::open(&node.root).expect("a folder");
    let printed = |request: &Request| collect::render(request, &tree.look(Keys::Asked, request));
    let usual = Request::usual();
    // The same question with a short answer, too: of a long one most changes hit what is in the files.
    let empty = Tree::open(&node.root.join("var")).expect("a folder").look(Keys::Asked, &usual);
    let corpus = vec![printed(&usual), collect::render(&usual, &empty)];
    fuzz(target("frame", corpus, targets::change_frame, &mut targets::read_frame));
}

#[test]
fn what_a_worker_answers() {
    fuzz(target("worker", worker::corpus(), targets::change_frame, &mut worker::read));
}

#[test]
fn journals() {
    let corpus = files(&repository().join("tests/fixtures/journals"), &["journal"]);
    assert!(corpus.len() >= 3, "{} journals", corpus.len());
    fuzz(target("journal", corpus, targets::change_journal, &mut targets::read_journal));
}

#[test]
fn a_file_of_a_node() {
    let node = Node::new();
    fuzz(target("node", node.corpus(), node::change, &mut |input| node.read(input)));
}
