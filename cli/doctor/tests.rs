//! The order of findings, what follows from what, and the causes of errors.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Evidence, StepError};
use certwright_steps::diagnosis::Grade;

use super::finding::sorted;
use super::{Finding, cause_of};

fn finding(id: &'static str, grade: Grade, host: &str) -> Finding {
    Finding::new(id, grade, host.to_owned(), format!("{host}: {id}"))
}

#[test]
fn what_explains_comes_before_what_follows_and_the_worst_before_the_rest() {
    let found = sorted(vec![
        finding("certificates-due", Grade::Endangered, "cp-1"),
        finding("peer-refused", Grade::Broken, "cp-1"),
        finding("api", Grade::Broken, "cp-2"),
        finding("certificates-expired", Grade::Broken, "cp-2"),
        finding("kubeadm-defaults", Grade::Note, "cp-1"),
        finding("certificates-expired", Grade::Broken, "cp-1"),
        finding("no-kubeconfig", Grade::Note, "cp-1"),
        finding("unreachable", Grade::Broken, "cp-3"),
    ]);
    let order: Vec<String> = found.iter().map(|f| f.cause.clone()).collect();
    assert_eq!(
        order,
        [
            "cp-3: unreachable",
            "cp-1: certificates-expired",
            "cp-2: certificates-expired",
            "cp-2: api",
            "cp-1: peer-refused",
            "cp-1: certificates-due",
            "cp-1: no-kubeconfig",
            "cp-1: kubeadm-defaults",
        ]
    );
    let follows: Vec<&str> = found.iter().filter(|f| f.follows_from.is_some()).map(|f| f.id).collect();
    assert_eq!(follows, ["api", "peer-refused"]);
    assert!(found.iter().all(|f| f.follows_from.is_none_or(|root| root == "certificates-expired")));
}

#[test]
fn without_a_root_nothing_follows_and_a_full_disk_is_the_root_of_all() {
    let alone = sorted(vec![finding("api", Grade::Broken, "cp-1")]);
    assert_eq!(alone[0].follows_from, None);
    let full = sorted(vec![
        finding("certificates-expired", Grade::Broken, "cp-1"),
        finding("no-space", Grade::Broken, "cp-1"),
        finding("api", Grade::Broken, "cp-1"),
    ]);
    let told: Vec<(&str, Option<&str>)> = full.iter().map(|f| (f.id, f.follows_from)).collect();
    assert_eq!(told, [("no-space", None), ("certificates-expired", None), ("api", Some("no-space"))]);
}

#[test]
fn the_same_finding_is_told_once_with_all_that_shows_it() {
    let one =
        |line: &str| Finding { evidence: vec![line.to_owned()], ..finding("api", Grade::Broken, "cp-1") };
    let found = sorted(vec![one("a"), one("b")]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].evidence, ["a", "b"]);
}

#[test]
fn the_last_words_of_a_command_tell_the_cause_and_unknown_ones_none() {
    let error = |words: &str| {
        StepError::new(ErrorClass::Refused, "cp-1: kubeadm failed").evidence(Evidence {
            command: "kubeadm certs renew all".to_owned(),
            status: Some(1),
            last_lines: vec![
                words.to_owned(),
                "To see the stack trace of this error execute with --v=5".to_owned(),
            ],
        })
    };
    let known = cause_of("cp-1", &error("open /etc/kubernetes/pki/x.key: Read-only file system"), 0);
    assert_eq!(
        known.map(|known| known.cause).as_deref(),
        Some("a file system of cp-1 is read-only: kubeadm on cp-1 cannot write")
    );
    assert_eq!(cause_of("cp-1", &error("something else"), 0), None);
    let logs = error(
        "etcd (3 lines): {\"msg\":\"rejected connection on peer endpoint\",\"remote-addr\":\"10.0.0.3:51690\",\"error\":\"remote \
         error: tls: bad certificate\"}",
    );
    let cause = cause_of("cp-1", &logs, 0).map(|known| known.cause);
    assert_eq!(cause.as_deref(), Some("10.0.0.3 does not accept the certificate that etcd on cp-1 serves"));
    let of_ssh = StepError::new(
        ErrorClass::Unavailable,
        "cp-1 could not be reached: ssh: connect: Connection refused",
    );
    assert_eq!(cause_of("cp-1", &of_ssh, 0), None, "no server of the cluster is meant");
}
