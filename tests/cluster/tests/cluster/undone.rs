//! What a run changed is put back, byte for byte, and runs again.

use std::time::Instant;

use certwright_cluster::host::{Cluster, Spec};
use certwright_steps::lab::Validity;

use crate::proof::{Renewed, prove_renewed, prove_served};
use crate::support::{RUN, certwright, start, until_kubectl_answers};

/// Exit code of an undo that is done.
const UNDONE: i32 = 11;

/// Every file of a node that a run may change: content, mode, owner, links.
fn tree(cluster: &Cluster, node: &str) -> String {
    let script = "cd / && find etc/kubernetes var/lib/kubelet/pki -printf '%p %y %m %U %G %l\\n' | sort && \
                  find etc/kubernetes var/lib/kubelet/pki -type f -exec sha256sum {} + | sort";
    cluster.ssh(node, script).ok()
}

#[test]
fn an_undo_restores_every_byte_and_what_read_it_runs_with_it() {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    let trees = || cluster.nodes().iter().map(|node| tree(&cluster, node.name())).collect::<Vec<_>>();
    let before = trees();
    let since = certwright_cluster::said::now_ms() / 1000;
    let ran = certwright(&cluster, RUN);
    assert_eq!(ran.code, Some(0), "{}", ran.whole());
    let renewed = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    assert_ne!(trees(), before);

    let began = Instant::now();
    let undone = certwright(&cluster, "undo --yes=lab");
    assert_eq!(undone.code, Some(UNDONE), "{}", undone.whole());
    for (now, before) in trees().iter().zip(&before) {
        assert_eq!(now, before, "{}", undone.whole());
    }
    let served = prove_served(&cluster);
    until_kubectl_answers(&cluster, 3);
    let files = before.iter().map(|tree| tree.lines().count()).sum::<usize>();
    println!(
        "{renewed}; undone in {:.1} s: {files} lines of the trees are the same, {served}",
        began.elapsed().as_secs_f64()
    );
}
