//! Runs that an older certwright began: taken up by this one, or refused with what differs and the way out.

use std::fs;
use std::path::Path;

use expect_test::expect;

use crate::golden::{INVENTORY, Kept};
use crate::journal::rewrite;
use crate::program::{Place, Ran};

/// The warning that this certwright has for a run of before `approve-serving` and `balancer-time`.
const WARNING: &str = "warning: 3 parameters are younger than this run and take their defaults: approve-serving = false in \
                       renew/kubelet, balancer-time = \"0s\" in restart/static-pods, approve-serving = false in \
                       kubelets/client\n  certwright 0.1.0 began the run; docs/step-kinds.md says what they do\n";

/// A place with the journal of a run that failed before it changed anything, with record 1 changed as told, and its nodes.
fn older(change: impl Fn(&mut String)) -> Kept {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journals/format-1/older");
    let kept = Kept::new(folder);
    kept.place.write("inventory.toml", INVENTORY);
    drop(kept.place.run("rehearse --make-only --inventory inventory.toml --lab lab").exits(0));
    let root = kept.place.path("").canonicalize().expect("it is there").display().to_string();
    let root = root.trim_end_matches('/');
    rewrite(&kept.journal(), |seq, json| {
        if seq == 1 {
            *json = json.replace("/home/ops/lab", &format!("{root}/lab"));
            change(json);
        }
    });
    kept
}

fn run(place: &Place, args: &str) -> Ran {
    place.run(&format!("--state-dir state {args}"))
}

#[test]
fn a_run_that_is_older_than_a_parameter_is_resumed_and_undone_with_its_default() {
    let kept = older(|_| ());
    let resumed = run(&kept.place, "resume").exits(0);
    assert_eq!(resumed.stderr, WARNING);
    assert!(
        resumed.stdout.contains("renew/renew             changed    11 certificates renewed"),
        "{}",
        resumed.stdout
    );
    let undone = run(&kept.place, "undo --output json").exits(11).json();
    assert_eq!(undone[0]["code"], "younger-parameters");
    assert_eq!(undone.iter().filter(|line| line["code"] == "younger-parameters").count(), 1);
    assert_eq!(undone.last().expect("a summary")["outcome"], "undone");
}

#[test]
fn a_run_with_a_parameter_that_is_gone_is_refused_before_anything_is_started() {
    let kept = older(|json| {
        *json = json.replace("\"rotated-within\":0", "\"turned-within\":0,\"rotated-within\":0");
    });
    let before = fs::read(kept.journal()).expect("a journal");
    let refused = expect![[r#"
        exit 14
        --- stderr
        error: step `renew/kubelet` has `turned-within`, which kind `kubelet-client` of this certwright does not know
          certwright 0.1.0 began run `RUN`: resume or undo it with that version
          `certwright --state-dir state abandon RUN` gives it up: what it changed stays
    "#]];
    run(&kept.place, "resume").is(&refused);
    assert_eq!(before, fs::read(kept.journal()).expect("a journal"));
    // The way out that is shown is one.
    drop(run(&kept.place, "abandon").exits(0));
}

#[test]
fn a_run_without_a_parameter_that_has_no_default_is_refused() {
    let kept = older(|json| *json = json.replace("\"resource\":\"daemonset/etcd-defrag\",", ""));
    run(&kept.place, "resume").is(&expect![[r#"
        exit 14
        --- stderr
        error: step `consumers/etcd-defrag` has no `resource`, which kind `rollout-restart` of this certwright wants and has no default for
          certwright 0.1.0 began run `RUN`: resume or undo it with that version
          `certwright --state-dir state abandon RUN` gives it up: what it changed stays
    "#]]);
}
