//! Files that are called like a certificate's and hold none that is read, and what is to be done for one that is missing.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::*;
use super::{Bench, DAY, told};
use crate::lab::Validity;
use crate::pki::Certificate;
use crate::tools::collect::{Keys, Tree};
use crate::tools::testing::{FolderHost, TestCa, tell};

const PKI: &str = "/etc/kubernetes/pki";

#[tokio::test(start_paused = true)]
async fn a_file_that_holds_no_certificate_that_is_read_is_said_to_be_incomplete_by_script_and_folder_alike() {
    let bench = Bench::new(Validity::Valid);
    let (pem, key) = TestCa::new("other").leaf("x", 2026);
    let put = |name: &str, content: &[u8]| bench.put("cp-1", &format!("{PKI}/{name}"), content);
    put("der.crt", Certificate::from_pem(pem.as_bytes()).unwrap().der());
    put("trusted.pem", pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE").as_bytes());
    put("x509.pem", pem.replace("CERTIFICATE", "X509 CERTIFICATE").as_bytes());
    put("behind.crt", ("\n".repeat(3_000_000) + &pem).as_bytes());
    put("empty.pem", b"");
    let at = |name: &str| bench.path("cp-1", &format!("{PKI}/{name}"));
    symlink("loop.crt", at("loop.crt")).unwrap();
    symlink("/gone", at("gone.pem")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe.crt"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    // Of these nothing is to be said.
    put("key.pem", key.as_bytes());
    fs::create_dir(at("folder.crt")).unwrap();
    let root = bench.path("cp-1", "/");
    let script = FolderHost { root: root.clone(), shims: None };
    let script = look(&script, &bench.clock, Keys::Asked, Ask::Files, None).await;
    let lab = look(bench.host("cp-1").as_ref(), &bench.clock, Keys::Asked, Ask::Files, None).await;
    let (folder, _) = tree("cp-1", &Tree::open(&root).unwrap(), Keys::Asked);
    let none = "holds no certificate as Kubernetes reads them (PEM, `-----BEGIN CERTIFICATE-----`)";
    let expected = [
        ("behind.crt", format!("was not looked into: it has {} bytes", 3_000_000 + pem.len())),
        ("der.crt", none.to_owned()),
        ("empty.pem", none.to_owned()),
        ("gone.pem", "is a symlink that leads nowhere".to_owned()),
        ("loop.crt", "is a symlink that leads nowhere".to_owned()),
        ("pipe.crt", "was not looked at: it is no regular file".to_owned()),
        ("trusted.pem", none.to_owned()),
        ("x509.pem", none.to_owned()),
    ];
    let expected = expected.map(|(name, why)| format!("`{PKI}/{name}` {why}"));
    for report in [&script, &lab, &folder] {
        assert_eq!(report.troubles, expected, "{}", report.host);
        let findings = judge(std::slice::from_ref(report), &bench.wanted());
        assert_eq!(findings.iter().filter(|finding| finding.id == "incomplete").count(), expected.len());
    }
    tell(format_args!("{} files that are passed over", expected.len()));
}

#[tokio::test(start_paused = true)]
async fn no_remedy_makes_a_new_authority_and_only_the_clusters_own_are_rotated() {
    let bench = Bench::new(Validity::Valid);
    for path in ["ca.crt", "etcd/ca.crt", "front-proxy-ca.crt", "apiserver.crt"] {
        fs::remove_file(bench.path("cp-1", &format!("{PKI}/{path}"))).unwrap();
    }
    fs::remove_file(bench.path("workstation", "bmctl-workspace/lab/lab-kubeconfig")).unwrap();
    bench.put("cp-2", &format!("{PKI}/stray.pem"), &TestCa::new("stray").pem);
    bench.put("cp-2", &format!("{PKI}/leaf.pem"), TestCa::new("other").leaf("x", 2026).0);
    let mut reports = bench.look(Ask::Files).await;
    let soon = bench.wanted().now + DAY;
    for row in &mut reports[1].rows {
        if let (true, Ok(certificate)) = (row.name == "stray.pem" || row.name == "ca", &mut row.certificate) {
            certificate.not_after = soon;
        }
    }
    let findings = judge(&reports, &bench.wanted());
    let remedy = |id: &str, host: &str, certificate: &str| {
        let wanted = format!("{id} {host}/{certificate}");
        let at = told(&findings).iter().position(|told| *told == wanted);
        findings[at.unwrap_or_else(|| panic!("{wanted} in {:?}", told(&findings)))].remedy.as_str()
    };
    for authority in ["ca", "etcd-ca", "front-proxy-ca"] {
        let remedy = remedy("missing", "cp-1", authority);
        assert!(remedy.starts_with("copy it from another control-plane node or a backup"), "{remedy}");
    }
    assert!(remedy("missing", "cp-1", "apiserver").contains("`kubeadm init phase`"));
    assert!(!remedy("missing", "workstation", "kubeconfig").contains("init phase"));
    assert!(remedy("within", "cp-2", "ca").starts_with("rotate the cluster's CA"));
    for (id, stray) in [("within", "stray.pem"), ("expired", "leaf.pem")] {
        assert!(remedy(id, "cp-2", stray).starts_with("it is none of kubeadm's"), "{stray}");
    }
}
