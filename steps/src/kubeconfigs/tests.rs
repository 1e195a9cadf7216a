use std::collections::BTreeSet;

use super::*;
use crate::pki::Certificate;
use crate::tools::testing::TestCa;

const NOW: i64 = 1_795_555_800;
const DAY: i64 = 86_400;

fn held(name: &str) -> Held {
    let ca = TestCa::new("kubernetes");
    let certificate = Certificate::from_pem(ca.leaf(name, 2028).0.as_bytes()).unwrap();
    let authority = Certificate::from_pem(TestCa::new("kubernetes").leaf("ca", 2030).0.as_bytes()).unwrap();
    Held { server: "https://10.0.0.1:6443".into(), authorities: vec![authority], certificate, key_fits: true }
}

fn secret() -> Source {
    Source::Secret { namespace: "cluster-lab".into(), name: "lab-kubeconfig".into() }
}

/// A copy that is spoilt.
fn but(held: &Held, change: impl FnOnce(&mut Held)) -> Held {
    let mut other = held.clone();
    change(&mut other);
    other
}

/// The same with another certificate, which ends so many seconds later.
fn reissued(held: &Held, later_s: i64) -> Held {
    let mut other = self::held(&held.certificate.common_name).certificate;
    other.not_after = held.certificate.not_after + later_s;
    but(held, |held| held.certificate = other)
}

#[test]
fn what_is_the_same_what_differs_and_what_may_take_the_place_of_the_present_file() {
    let present = held("admin");
    let elsewhere = but(&reissued(&present, 9 * DAY), |held| held.server = "https://10.0.0.9:6443".into());
    let strangers =
        but(&reissued(&present, 9 * DAY), |held| held.authorities = super::tests::held("x").authorities);
    let expired = but(&reissued(&present, DAY), |held| held.certificate.not_after = NOW - DAY);
    let early = but(&reissued(&present, DAY), |held| held.certificate.not_before = NOW + 7200);
    let unpaired = but(&reissued(&present, DAY), |held| held.key_fits = false);
    let another = but(&reissued(&present, 9 * DAY), |held| held.certificate.subject = "CN=root".into());
    for (other, word, said) in [
        (present.clone(), "same", "is not newer than the present file"),
        (reissued(&present, 9 * DAY), "newer", "is newer"),
        (reissued(&present, -DAY), "older", "is not newer than the present file"),
        (reissued(&present, 0), "older", "is not newer than the present file"),
        (elsewhere, "other-server", "leads to https://10.0.0.9:6443, not to https://10.0.0.1:6443"),
        (strangers, "other-authorities", "trusts other CAs than the present file"),
        (expired, "older", "holds a client certificate that expired 24h ago"),
        (early, "newer", "holds a client certificate that is not yet valid for another 120m"),
        (unpaired, "newer", "holds a key that does not belong to its client certificate"),
        (another, "newer", "is newer (for CN=root)"),
    ] {
        assert_eq!(other.difference(&present).word(), word, "{said}");
        let judged = Judged::new(secret(), Ok(&other), &Reference::Present(&present), NOW);
        assert_eq!(judged.describe(), format!("the secret cluster-lab/lab-kubeconfig {said}"));
        assert_eq!(judged.is_much_newer(), said.starts_with("is newer"), "{said}");
    }
    let soon = Judged::new(secret(), Ok(&reissued(&present, DAY)), &Reference::Present(&present), NOW);
    assert!(soon.verdict.is_ok() && !soon.is_much_newer(), "as good as the other");
}

#[test]
fn without_a_present_certificate_the_place_decides_and_super_admin_conf_is_never_taken() {
    let other = held("admin");
    let authorities = other.trusts();
    let judge = |server: Option<&str>, authorities: &BTreeSet<_>, source| {
        let server = server.map(str::to_owned);
        let present = Reference::Place { server, authorities: authorities.clone() };
        Judged::new(source, Ok(&other), &present, NOW).describe()
    };
    let node = || Source::AdminConf { host: "cp-1".into() };
    assert_eq!(judge(None, &authorities, node()), "admin.conf of cp-1 is newer");
    assert_eq!(judge(Some(&other.server), &authorities, node()), "admin.conf of cp-1 is newer");
    assert!(
        judge(Some("https://x"), &authorities, node())
            .contains("leads to https://10.0.0.1:6443, not to https://x")
    );
    assert!(judge(None, &BTreeSet::new(), node()).contains("trusts other CAs"));
    let emergency = Source::SuperAdminConf { host: "cp-1".into() };
    assert_eq!(
        judge(None, &authorities, emergency.clone()),
        "super-admin.conf of cp-1 is for emergencies on its node, and never taken"
    );
    let mut order = [emergency, Source::AdminConf { host: "cp-2".into() }, node(), secret()];
    order.sort();
    let order: Vec<String> = order.iter().map(ToString::to_string).collect();
    assert_eq!(
        order,
        [
            "the secret cluster-lab/lab-kubeconfig",
            "admin.conf of cp-1",
            "admin.conf of cp-2",
            "super-admin.conf of cp-1"
        ]
    );
}

#[test]
fn spellings_of_one_server_are_equal_and_other_servers_are_not() {
    for (spelling, server) in [
        ("https://10.0.0.1:443", "https://10.0.0.1"),
        ("https://API.example:443/", "https://api.example"),
        ("https://10.0.0.1:6443/", "https://10.0.0.1:6443"),
        ("https://[fd00::1]:443", "https://[fd00::1]"),
    ] {
        assert_eq!(normal_server(spelling), server);
    }
    assert_ne!(normal_server("https://10.0.0.1:6443"), normal_server("https://10.0.0.1"));
    assert_ne!(normal_server("http://10.0.0.1:443"), normal_server("https://10.0.0.1"));
}
