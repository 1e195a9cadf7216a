//! Requests of kubelets for the certificates that they serve with: this node's own is approved, nothing else is.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::Verdict;
use certwright_engine::text::KEPT;
use certwright_steps::kinds::warnings;
use certwright_steps::lab::{SigningAsk, Validity};
use serde_json::json;

use crate::bench::Stage;
use crate::good;
use crate::scenarios::Scenario;

fn scenario() -> Scenario {
    Scenario::new("kubelet-client", "cp-1", Validity::Valid)
        .with(json!({ "rotated-within": 120_000, "approve-serving": true }))
}

/// What is wrong with a request, the request, and why it is left as it is; None where it is none of ours to name.
type Odd = (&'static str, fn(&mut SigningAsk), Option<&'static str>);

const ODD: [Odd; 13] = [
    (
        "another node asks for it",
        |ask| ask.username = "system:node:cp-2".into(),
        Some("system:node:cp-2 asked for it, not system:node:cp-1"),
    ),
    ("a user asks for it", |ask| ask.username = "mallory".into(), Some("mallory asked for it")),
    (
        "who asks is no node",
        |ask| ask.groups = vec!["system:authenticated".to_owned()],
        Some("who asked for it is not in the group system:nodes"),
    ),
    (
        "for a client",
        |ask| ask.usages.push("client auth".to_owned()),
        Some("it is to be used for `client auth`"),
    ),
    ("for no server", |ask| drop(ask.usages.pop()), Some("it is not to be used for `server auth`")),
    (
        "of another name",
        |ask| ask.common_name = "system:node:cp-2".into(),
        Some("it is for system:node:cp-2 of system:nodes, not for system:node:cp-1 of system:nodes"),
    ),
    (
        "of another group",
        |ask| ask.organizations = vec!["system:masters".to_owned()],
        Some("it is for system:node:cp-1 of system:masters"),
    ),
    (
        "for another node's name",
        |ask| ask.sans.push("cp-2".to_owned()),
        Some("it is for DNS:cp-2, which is node cp-2"),
    ),
    (
        "for another node's address",
        |ask| ask.sans.push("10.200.0.3".to_owned()),
        Some("it is for IP:10.200.0.3, which is node cp-2"),
    ),
    (
        "for the API's name",
        |ask| ask.sans.push("kubernetes.default.svc".to_owned()),
        Some("it is for DNS:kubernetes.default.svc, which is no name of node cp-1"),
    ),
    (
        "for the API's address",
        |ask| ask.sans.push("10.96.0.1".to_owned()),
        Some("it is for IP:10.96.0.1, which is no address of node cp-1"),
    ),
    ("for no name", |ask| ask.sans.clear(), Some("it names no host")),
    ("of another signer", |ask| ask.signer = "kubernetes.io/kube-apiserver-client-kubelet".into(), None),
];

fn asked(change: impl FnOnce(&mut SigningAsk)) -> SigningAsk {
    let mut ask = SigningAsk::of_kubelet("cp-1", "10.200.0.2");
    change(&mut ask);
    ask
}

#[tokio::test(start_paused = true)]
async fn of_many_requests_only_this_nodes_own_is_approved_and_each_other_one_is_named() {
    let scenario = scenario().bootstrapping();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    // The kubelet asks first.
    let alone = good("a first look", bench.probe().await);
    assert!(alone.summary.contains(" waits for approval"), "{}", alone.summary);
    let mut names = Vec::new();
    for (what, change, why) in ODD {
        names.push((what, bench.lab().ask(asked(change)).expect("the lab takes it"), why));
    }
    let first = good("a look", bench.probe().await);
    assert_eq!(first.verdict, Verdict::Drifted, "{}", first.summary);
    let warned = warnings(&first.facts);
    for (what, name, why) in &names {
        let told =
            warned.iter().find(|warning| warning.what.contains(name.as_str())).map(|w| w.what.as_str());
        match why {
            Some(why) => {
                let told = told.unwrap_or_else(|| panic!("{what}: {name} is not named: {warned:?}"));
                assert!(told.contains("is left pending: ") && told.contains(why), "{what}: {told}");
            }
            None => assert_eq!(told, None, "{what}"),
        }
    }
    good("an attempt", bench.attempt().await);
    let approved = bench.lab().approved().expect("the lab's memory");
    assert_eq!(approved.len(), 1, "{approved:?}");
    assert!(names.iter().all(|(_, name, _)| *name != approved[0]), "{approved:?}");
    let summary = good("the end", bench.probe().await).summary;
    assert!(summary.starts_with("the kubelet is active"), "{summary}");
    println!("{} requests that are not right, left pending; 1 approved", names.len());
}

/// Whoever may ask for certificates makes the answer as long as he likes.
#[tokio::test(start_paused = true)]
async fn a_flood_of_foreign_requests_hides_no_own_one_and_is_told() {
    let scenario = scenario().bootstrapping();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let flood = |ask: &mut SigningAsk| {
        ask.username = "mallory".into();
        ask.groups.push("x".repeat(KEPT));
    };
    drop(bench.lab().ask(asked(flood)).expect("the lab takes it"));
    let first = good("a look", bench.probe().await);
    assert!(first.summary.contains(" waits for approval"), "{}", first.summary);
    let told = "others than cp-1's kubelet have made more requests for serving certificates than can be read";
    let warned = warnings(&first.facts);
    assert!(warned.iter().any(|warning| warning.what.starts_with(told)), "{warned:?}");
    good("an attempt", bench.attempt().await);
    assert_eq!(bench.lab().approved().expect("the lab's memory").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_request_of_its_own_the_step_waits_and_says_what_is_pending() {
    let scenario = scenario();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    // Its configuration says so, and it does not ask.
    let config = bench.file("/var/lib/kubelet/config.yaml");
    let text = std::fs::read_to_string(&config).expect("its configuration");
    std::fs::write(&config, format!("{text}serverTLSBootstrap: true\n")).expect("written");
    let name = bench.lab().ask(asked(|ask| ask.sans.push("10.96.0.1".to_owned()))).expect("the lab takes it");
    let error = bench.attempt().await.expect_err("nothing to approve");
    assert_eq!(error.class, ErrorClass::Unavailable, "{}", error.message);
    for part in [
        "cp-1: the kubelet has no serving certificate of the cluster",
        "none came within 2m",
        &format!("{name} asks for a serving certificate and is left pending: it is for IP:10.96.0.1"),
    ] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
    assert_eq!(bench.lab().approved().expect("the lab's memory"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_that_asks_for_nothing_is_not_looked_at() {
    let scenario = scenario();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    drop(bench.lab().ask(asked(|_| ())).expect("the lab takes it"));
    let probe = good("a look", bench.probe().await);
    assert_eq!(probe.verdict, Verdict::Satisfied, "{}", probe.summary);
    assert_eq!(bench.lab().approved().expect("the lab's memory"), Vec::<String>::new());
}
