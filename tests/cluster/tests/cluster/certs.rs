//! `certs` on the test cluster: nothing is said while it is healthy, and each finding that there is once it is not.
//!
//! What is planted lies on real nodes, behind real TLS, sshd and sudo. One thing is played: hosts share the machine's clock
//! (time namespaces know no wall clock), so the node whose clock is off has a `stat` that tells another time.

use std::collections::BTreeSet;
use std::path::PathBuf;

use certwright_cluster::host::{Cluster, SecretIs, Spec};
use certwright_steps::certs::IDS;
use certwright_steps::lab::Validity;
use expect_test::expect_file;

use crate::masked;
use crate::planted::FAULTS;
use crate::support::{certwright, start, until_etcd_is_healthy, until_kubectl_answers};

/// Every output, and the ending of its golden file.
const OUTPUTS: [(&str, &str); 7] = [
    ("table", "table.txt"),
    ("narrow", "narrow.txt"),
    ("wide", "wide.txt"),
    ("json", "json"),
    ("markdown", "md"),
    ("csv", "csv"),
    ("prometheus", "prom"),
];

/// The kubeconfig of the admin cluster: of its own, which the workstation's file is not.
const ADMIN: &str = "/root/admin-kubeconfig";

/// Three healthy nodes whose cluster is its own admin cluster, with an inventory that says so.
fn healthy() -> Cluster {
    let mut spec = Spec::new(Validity::Valid);
    spec.secret = SecretIs::Left;
    let cluster = start(&spec);
    let workstation = cluster.workstation();
    let own = workstation.path("/root").join(&spec.lab.cluster.kubeconfig);
    std::fs::copy(own, workstation.path(ADMIN)).expect("its kubeconfig");
    spec.lab.cluster.admin_kubeconfig = Some(ADMIN.to_owned());
    std::fs::write(workstation.path("/root/inventory.toml"), spec.lab.inventory()).expect("its inventory");
    until_etcd_is_healthy(&cluster);
    until_kubectl_answers(&cluster, 3);
    cluster
}

/// What `certs` says in each output, held against the files of `tests/fixtures/certs-cluster`; the findings of the JSON as
/// `id host/certificate`.
fn look(cluster: &Cluster, name: &str, code: i32) -> Vec<String> {
    let mut told = Vec::new();
    for (output, ending) in OUTPUTS {
        let said =
            certwright(cluster, &format!("certs --inventory inventory.toml --served --output {output}"));
        assert_eq!(said.code, Some(code), "{output}: {}", said.whole());
        assert_eq!(said.stderr, "", "{output}");
        let text = if output == "json" {
            let json = serde_json::from_str(&said.stdout).expect("one object");
            told = findings(&json);
            masked::json(json)
        } else {
            // RFC 4180 ends its lines in two characters, which files of this project have not.
            let lines = said.stdout.replace("\r\n", "\n");
            assert_eq!(lines.len() != said.stdout.len(), output == "csv");
            masked::text(&lines)
        };
        let place = format!("../../tests/fixtures/certs-cluster/{name}.{ending}");
        expect_file![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(place)].assert_eq(&text);
    }
    told
}

fn findings(json: &serde_json::Value) -> Vec<String> {
    let all = json["findings"].as_array().expect("findings").iter();
    let text = |finding: &serde_json::Value, field: &str| finding[field].as_str().map(str::to_owned);
    all.map(|finding| {
        let (id, host) = (text(finding, "id").expect("an id"), text(finding, "host").expect("a host"));
        match text(finding, "certificate") {
            Some(certificate) => format!("{id} {host}/{certificate}"),
            None => format!("{id} {host}"),
        }
    })
    .collect()
}

#[test]
fn nothing_is_said_of_a_healthy_cluster_and_each_finding_there_is_of_an_ill_one() {
    let cluster = healthy();
    assert_eq!(look(&cluster, "healthy", 0), Vec::<String>::new());
    for fault in FAULTS {
        (fault.plant)(&cluster);
    }
    let told = look(&cluster, "ill", 4);
    let mut provoked: BTreeSet<&str> = BTreeSet::new();
    for fault in FAULTS {
        for finding in fault.provokes {
            assert!(told.iter().any(|told| told == finding), "{}: no {finding} in {told:#?}", fault.what);
            provoked.insert(finding);
        }
    }
    let unexplained: Vec<&String> = told.iter().filter(|told| !provoked.contains(told.as_str())).collect();
    assert!(unexplained.is_empty(), "no fault explains {unexplained:#?}");
    let is_told = |id: &str| told.iter().any(|told| told.split(' ').next() == Some(id));
    let untold: Vec<&str> = IDS.iter().map(|(id, _)| *id).filter(|id| !is_told(id)).collect();
    assert!(untold.is_empty(), "{untold:?} are never provoked");
    println!(
        "{} faults, {} findings of {} kinds, in {} outputs",
        FAULTS.len(),
        told.len(),
        IDS.len(),
        OUTPUTS.len()
    );
}
