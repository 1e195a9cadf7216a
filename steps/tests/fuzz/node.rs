//! A node's tree in which one file is hostile: whatever is wrong with it is told by its path, and the others are told.

use std::fs;
use std::path::PathBuf;

use certwright_engine::clock::Clock;
use certwright_steps::certs::{Wanted, judge, tree};
use certwright_steps::lab::{Lab, LabSpec, Validity};
use certwright_steps::tools::collect::{Keys, Tree};

use crate::numbers::Numbers;
use crate::run::Change;
use crate::targets::{change_pem, change_yaml};

/// Lab time, ms since 1970.
const NOW_MS: u64 = 1_795_555_800_000;

/// Files that are changed; an input is the place of one in this list, and what is in it.
const FILES: [(&str, Change); 7] = [
    ("etc/kubernetes/pki/apiserver.crt", change_pem),
    ("etc/kubernetes/pki/etcd/ca.crt", change_pem),
    ("etc/kubernetes/admin.conf", change_yaml),
    ("etc/kubernetes/scheduler.conf", change_yaml),
    ("etc/kubernetes/manifests/etcd.yaml", change_yaml),
    ("etc/kubernetes/manifests/kube-apiserver.yaml", change_yaml),
    (KUBELET, change_yaml),
];

const KUBELET: &str = "var/lib/kubelet/config.yaml";

/// A node in a lab.
pub(crate) struct Node {
    _dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
    rows: usize,
}

impl Node {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let spec = LabSpec::default().certificates(Validity::Valid);
        let lab = Lab::create(dir.path().join("lab"), &spec, &Clock::virtual_from(NOW_MS));
        drop(lab.expect("a lab"));
        let mut node = Self { root: dir.path().join("lab/cp-1"), _dir: dir, rows: 0 };
        node.rows = tree("cp-1", &Tree::open(&node.root).expect("a folder"), Keys::Asked).0.rows.len();
        node
    }

    pub(crate) fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.root.join(path)).expect("a file of a node")
    }

    pub(crate) fn corpus(&self) -> Vec<Vec<u8>> {
        let input = |(at, (path, _)): (usize, &(&str, Change))| {
            let place = u8::try_from(at).expect("a few");
            [vec![place], self.file(path)].concat()
        };
        FILES.iter().enumerate().map(input).collect()
    }

    /// Looks at the node with the file that the input is; it is as it was afterwards.
    pub(crate) fn read(&self, input: &[u8]) -> String {
        let (path, _, content) = place(input);
        let (file, old) = (self.root.join(path), self.file(path));
        fs::write(&file, content).expect("a file of a node");
        let (report, _) = tree("cp-1", &Tree::open(&self.root).expect("a folder"), Keys::Asked);
        fs::write(&file, old).expect("a file of a node");
        assert_eq!(report.error, None, "the others are told");
        // The kubelet's configuration says where the manifests are, and those what there is; else one file is one certificate.
        let hangs_on_it = if path == KUBELET { self.rows } else { 3 };
        assert!(report.rows.len() + hangs_on_it >= self.rows, "{} rows of {}", report.rows.len(), self.rows);
        let now = i64::try_from(NOW_MS / 1000).expect("it fits");
        let wanted = Wanted { now, within_s: 0, skew_s: 30, renew: "renew" };
        let at = format!("/{path}");
        let broken = report.rows.iter().filter(|row| row.certificate.is_err() && row.path == at).count();
        let troubles = report.troubles.len();
        let findings = judge(std::slice::from_ref(&report), &wanted);
        let named = findings.iter().filter(|finding| finding.what.contains(&at)).count();
        assert!(named >= (broken + troubles).min(1), "{at} is not named: {findings:#?}");
        let ids: Vec<&str> = findings.iter().map(|finding| finding.id).collect();
        format!("{path}: {}", ids.join(" "))
    }
}

fn place(input: &[u8]) -> (&'static str, Change, &[u8]) {
    let (first, content) = input.split_first().unwrap_or((&0, &[]));
    let (path, change) = FILES[usize::from(*first) % FILES.len()];
    (path, change, content)
}

/// Changes the content as what it is.
pub(crate) fn change(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let ((_, change, content), (_, _, other)) = (place(one), place(other));
    [&one[..1.min(one.len())], &change(content, other, numbers)].concat()
}
