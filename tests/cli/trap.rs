//! The kubelet trap, rehearsed: what the operator is told, and that nothing was changed.

use expect_test::expect;

use crate::openssl;
use crate::program::Place;

#[test]
fn a_rehearsed_kubelet_trap_stops_the_run_before_any_change_and_says_what_to_type() {
    let place = Place::new();
    place.run("rehearse --lab lab --fault kubelet-expired@cp-2").is(&expect![[r#"
        exit 10
        --- stdout
        Rehearsal on 3 new simulated nodes, certificates expired: cp-1, cp-2, cp-3; kept in lab
        What will go wrong: kubelet-expired@cp-2. Time is virtual; no real host is touched.
        Run RUN: renew-control-plane on cluster lab

        TIME  cp-2         prepare/preflight       FAILED     probe of attempt 1 failed (invalid): cp-2: the kubelet's client certificate expired 24h ago (INSTANT, /var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing brings a stopped container back
                  | the kubelet's client certificate expired 24h ago (INSTANT, /var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing brings a stopped container back: give the kubelet a new [...]
        TIME  cp-3         prepare/preflight       unchanged  cp-3 is ready for a renewal
        TIME  cp-1         prepare/preflight       unchanged  cp-1 is ready for a renewal; 0 of this run's 3 etcd members are healthy: their quorum is lost, and new files on all nodes bring it back; no etcd member leads

        FAILED  cp-2: the kubelet's client certificate expired 24h ago (INSTANT, /var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing brings a stopped container back
          host      cp-2 (10.200.0.3)
          step      prepare/preflight (preflight)
          attempt   1 of 3, in its probe; class invalid
          command   certwright's own checks
          status    none was received
                    | the kubelet's client certificate expired 24h ago (INSTANT, /var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing brings a stopped container back: give the kubelet a new [...]
          remedy    give the kubelet a new kubelet.conf from the node's CA: as root on cp-2
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

        Hosts
          workstation  untouched
          cp-1         1 unchanged, 7 not begun
          cp-2         FAILED at prepare/preflight, 7 not begun
          cp-3         1 unchanged, 7 not begun

        FAILED  nothing more was started; it can be resumed
          27 tasks: 1 failed, 2 unchanged, 24 not begun; TOOK of virtual time
          run RUN
          fault kubelet-expired@cp-2: met, at TIME
          rehearsed in TOOK

        Next
          certwright resume RUN  # goes on from here, once the cause is mended
          certwright show RUN    # shows this again
    "#]]);
    let shown = place.run("show --output json").exits(0).json();
    let tasks = shown[0]["run"]["tasks"].as_array().expect("tasks").clone();
    let mut begun: Vec<&str> = tasks.iter().filter_map(|t| t["state"].as_str()).collect();
    begun.sort_unstable();
    begun.dedup();
    assert_eq!(begun, ["failed", "unchanged", "waiting"], "nothing was changed");
    for node in ["cp-1", "cp-2", "cp-3"] {
        let file = place.path(&format!("lab/{node}/etc/kubernetes/pki/apiserver.crt"));
        assert!(!openssl::lasts(&file), "{} was renewed", file.display());
    }
    let resumed = place.run("resume").exits(10).stdout;
    assert!(resumed.contains("FAILED  cp-2: the kubelet's client certificate expired 24h ago"), "{resumed}");
}
