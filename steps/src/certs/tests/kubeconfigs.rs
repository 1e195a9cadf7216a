//! The kubeconfigs of a cluster beside each other, in a lab.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::kubeconfigs::Difference;

#[tokio::test(start_paused = true)]
async fn the_workstations_file_has_a_row_for_each_user_with_a_certificate_and_only_its_own_cluster_is_judged()
{
    let (bench, cloud) = (Bench::new(Validity::Valid), TestCa::new("cloud"));
    let kubeconfig = "bmctl-workspace/lab/lab-kubeconfig";
    let own = fs::read_to_string(bench.path("workstation", kubeconfig)).unwrap();
    let (embedded, embedded_key) = cloud.leaf("clerk", 2029);
    let (named, named_key) = cloud.leaf("guard", 2026);
    fs::create_dir(bench.path("workstation", "bmctl-workspace/lab/pki")).unwrap();
    bench.put("workstation", "bmctl-workspace/lab/pki/guard.crt", &named);
    bench.put("workstation", "bmctl-workspace/lab/pki/guard.key", &named_key);
    bench.put("workstation", "bmctl-workspace/lab/cloud.crt", &cloud.pem);
    let users = format!(
        "{own}- name: login\n  user: {{exec: {{command: login}}}}\n\
         - name: clerk\n  user: {{client-certificate-data: {}, client-key-data: {}}}\n\
         - name: guard\n  user: {{client-certificate: pki/guard.crt, client-key: pki/guard.key}}\n\
         - name: gone\n  user: {{client-certificate: pki/gone.crt, client-key: pki/guard.key}}\n",
        STANDARD.encode(&embedded),
        STANDARD.encode(&embedded_key)
    );
    let text = users
        .replacen(
            "clusters:\n",
            "clusters:\n- name: cloud\n  cluster: {server: https://cloud.example, certificate-authority: cloud.crt}\n",
            1,
        )
        .replacen("contexts:\n", "contexts:\n- name: guard\n  context: {cluster: cloud, user: guard}\n", 1);
    bench.put("workstation", kubeconfig, text);
    let reports = bench.look(Ask::Files).await;
    let rows = &reports[3].rows;
    let told_rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let user = row.user.as_deref().unwrap_or("-");
            let what = match &row.certificate {
                Ok(certificate) => certificate.common_name.clone(),
                Err(why) => why.clone(),
            };
            format!(
                "{} {user}: {what}, {}, {}",
                row.name,
                row.key.word(),
                row.signed_by.as_deref().unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        told_rows,
        [
            "kubeconfig kubernetes-admin: kubernetes-admin, matches, kubernetes",
            "kubeconfig[2] clerk: clerk, matches, -",
            "kubeconfig[3] guard: guard, matches, cloud",
            "kubeconfig[4] gone: names `bmctl-workspace/lab/pki/gone.crt`, which is missing, not-looked-at, -",
            "kubeconfig-secret kubernetes-admin: kubernetes-admin, matches, kubernetes",
        ]
    );
    assert_eq!(rows[2].server.as_deref(), Some("https://cloud.example"));
    let findings = judge(&reports, &bench.wanted());
    assert_eq!(
        told(&findings),
        ["expired workstation/kubeconfig[3]", "unreadable workstation/kubeconfig[4]"]
    );
    assert!(findings[0].what.contains("kubeconfig[3] of user guard expired"), "{}", findings[0].what);
    assert!(findings[0].remedy.contains("a renewal leaves it alone"), "{}", findings[0].remedy);
}

#[tokio::test(start_paused = true)]
async fn what_may_take_the_place_of_an_expired_kubeconfig_is_told_in_the_order_in_which_it_is_tried() {
    let (bench, old) = (Bench::new(Validity::Valid), Bench::new(Validity::Expired));
    let kubeconfig = "bmctl-workspace/lab/lab-kubeconfig";
    // The same cluster's, issued by the same CA a year ago.
    let authority = |bench: &Bench| fs::read(bench.path("cp-1", "/etc/kubernetes/pki/ca.crt")).unwrap();
    assert_ne!(authority(&bench), authority(&old));
    let mut reports = bench.look(Ask::Files).await;
    let row = reports[3].rows.iter_mut().find(|row| row.name == "kubeconfig").unwrap();
    let mut certificate = row.certificate.clone().unwrap();
    certificate.not_after = bench.wanted().now - DAY;
    certificate.fingerprint = Digest::of(b"old");
    row.certificate = Ok(certificate);
    let judged = judge(&reports, &bench.wanted());
    let finding = judged.iter().find(|finding| finding.id == "expired").unwrap();
    assert_eq!(
        finding.remedy,
        "`renew` replaces it, trying in this order: the secret cluster-lab/lab-kubeconfig is newer; admin.conf of cp-1 is \
         newer; admin.conf of cp-2 is newer; admin.conf of cp-3 is newer"
    );
    let all: Vec<_> = compared(&reports, bench.wanted().now)
        .iter()
        .map(|other| (other.difference.map(Difference::word), other.judged.verdict.is_ok()))
        .collect();
    assert_eq!(all[..4], [(Some("newer"), true); 4]);
    assert_eq!(all[4..], [(Some("newer"), false)], "super-admin.conf is compared and never taken");
    // That of another cluster is told and not taken.
    fs::copy(old.path("workstation", kubeconfig), bench.path("workstation", kubeconfig)).unwrap();
    let reports = bench.look(Ask::Files).await;
    let others = compared(&reports, bench.wanted().now);
    assert!(others.iter().all(|other| other.difference.map(Difference::word) == Some("other-authorities")));
    assert!(others.iter().all(|other| other.judged.verdict.is_err()));
}
