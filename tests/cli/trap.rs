//! The kubelet trap, rehearsed: it is told beforehand, mended before anything is stopped, and the node is renewed.

use expect_test::expect;

use crate::openssl;
use crate::program::Place;

#[test]
fn a_rehearsed_kubelet_trap_is_told_mended_and_renewed() {
    let place = Place::new();
    let ran = place.run("rehearse --lab lab --fault kubelet-expired@cp-2").exits(0);
    let lines: Vec<String> =
        ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let at = |what: &str| {
        let found = lines.iter().position(|line| line.contains(what));
        found.unwrap_or_else(|| panic!("no `{what}` in {}", ran.stdout))
    };
    let told = at(
        "cp-2 is ready for a renewal; kubelet-client mends this first: the kubelet's client certificate expired",
    );
    let mended = at("cp-2 renew/kubelet changed");
    let stopped = at("cp-1 restart/static-pods changing");
    let pointed = at("cp-2 kubelets/client changed");
    assert!(told < mended && mended < stopped && stopped < pointed, "{}", ran.stdout);
    let end: String =
        ran.stdout.lines().skip_while(|line| !line.starts_with("CHANGED")).collect::<Vec<_>>().join("\n");
    assert!(end.contains("fault kubelet-expired@cp-2: met and survived"), "{end}");
    for node in ["cp-1", "cp-2", "cp-3"] {
        let file = place.path(&format!("lab/{node}/etc/kubernetes/pki/apiserver.crt"));
        assert!(openssl::lasts(&file), "{} was not renewed", file.display());
    }
    let again = place.run("rehearse --lab lab").exits(0).stdout;
    assert!(again.contains("33 tasks: 33 unchanged"), "{again}");
}

/// A plan of one's own that does not mend it is refused before the first stop; what is renewed by then stays, and the
/// resume goes on once the kubelet is well.
#[test]
fn a_plan_that_does_not_mend_the_kubelet_stops_nothing_and_says_what_to_type() {
    let place = Place::new();
    place.write("own.toml", plan_without_the_cure());
    let ran = place.run("rehearse own.toml --lab lab --fault kubelet-expired@cp-2").exits(10);
    let shown = ran.shown();
    let told = shown.lines().skip_while(|line| !line.starts_with("FAILED  cp-2"));
    let told: Vec<&str> = told.take_while(|line| !line.starts_with("Hosts")).collect();
    expect![[r#"
        FAILED  cp-2: the kubelet's client certificate expired 24h ago (INSTANT, /var/lib/kubelet/pki/kubelet-client-current.pem): a stopped etcd would not come back
          host      cp-2 (10.200.0.3)
          step      restart/static-pods (restart-static-pods)
          attempt   1 of 6, in its probe; class refused
          remedy    let a step of kind kubelet-client come before this one in the plan, or give the kubelet a new kubelet.conf from the node's CA: as root on cp-2
                    kubeadm init phase kubeconfig kubelet \
                        --kubeconfig-dir /etc/kubernetes/kubelet.new \
                        --node-name cp-2 \
                        --apiserver-advertise-address 10.200.0.3 \
                        --control-plane-endpoint 10.200.0.3:6443 \
                        --kubernetes-version "$(kubeadm version -o short)" &&
                    mv -b /etc/kubernetes/kubelet.new/kubelet.conf /etc/kubernetes/ &&
                    mkdir -p /var/lib/kubelet/expired &&
                    find /var/lib/kubelet/pki -name 'kubelet-client*' \
                        -exec mv -t /var/lib/kubelet/expired {} + &&
                    systemctl restart kubelet && rmdir /etc/kubernetes/kubelet.new
                    then go on; when kubelet-client-current.pem is back in /var/lib/kubelet/pki, let client-certificate and client-key of kubelet.conf name it again
    "#]].assert_eq(&told.join("\n"));
    assert!(
        !ran.stdout.lines().any(|line| line.contains("cp-3") && line.contains("static-pods     changing"))
    );
}

/// The shipped plan without its steps of kind `kubelet-client`.
fn plan_without_the_cure() -> String {
    let text = include_str!("../../plans/renew-control-plane.toml");
    let blocks: Vec<&str> =
        text.split("\n[[").filter(|block| !block.contains("\"kubelet-client\"")).collect();
    assert_eq!(blocks.len() + 2, text.split("\n[[").count(), "the shipped plan has two of them");
    blocks.join("\n[[")
}
