//! The dry run of the shipped plan on a lab whose certificates have expired, and on one where nothing is due.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_engine::host::{HostError, Hosts};
use certwright_engine::plan::{Choices, Plan, Source, resolve};
use certwright_steps::lab::{Lab, LabSpec, SigningAsk, Validity};
use expect_test::expect;

use super::preview;
use crate::runtime::{Runtime, Time};
use crate::source::SHIPPED;
use crate::terminal::{Paint, Terminal};
use crate::{hosts, human};

mod late;

mod owned;

/// The same hosts, one of them closed.
fn with_closed(hosts: &Hosts, closed: &str) -> Hosts {
    let why = "connect to 10.200.0.3 port 22: No route to host, and more that is long".to_owned();
    hosts.closed([(closed, HostError::NotReached { host: closed.to_owned(), why })])
}

fn looked_at(certificates: Validity) -> String {
    looked_at_over(certificates, Hosts::clone, |_| ())
}

/// The text of a dry run where one host may be closed.
fn looked_at_without(certificates: Validity, closed: &str) -> String {
    looked_at_over(certificates, |hosts| with_closed(hosts, closed), |_| ())
}

/// The text of a dry run on a lab with certificates in this state, over other ways to its hosts, after a change of its
/// files; the lab is as it was afterwards.
fn looked_at_over(certificates: Validity, over: impl Fn(&Hosts) -> Hosts, change: impl Fn(&Path)) -> String {
    looked_at_by(SHIPPED[0].text, certificates, over, change)
}

/// The same of another plan.
fn looked_at_by(
    plan: &str,
    certificates: Validity,
    over: impl Fn(&Hosts) -> Hosts,
    change: impl Fn(&Path),
) -> String {
    let folder = tempfile::tempdir().unwrap();
    let spec = LabSpec::default().certificates(certificates);
    let lab = Lab::create(folder.path(), &spec, &Clock::real()).unwrap();
    change(folder.path());
    let inventory = lab.inventory().unwrap();
    let registry = certwright_steps::registry();
    let shipped = Source { name: SHIPPED[0].name, text: plan };
    let inventory = Source { name: "inventory", text: &inventory };
    let mut plan: Plan = resolve(shipped, inventory, &Choices::default(), &registry).unwrap();
    let before = std::fs::read(folder.path().join("cp-2/etc/kubernetes/pki/apiserver.crt")).unwrap();
    let seen = Runtime::new(Time::Virtual).unwrap().block_on(async {
        let clock = Clock::virtual_from(lab.now_ms().unwrap());
        let hosts = hosts::of_lab(&plan, &lab, &clock).unwrap();
        preview(&plan, "RUN", &registry, &over(&hosts), &clock).await
    });
    let after = std::fs::read(folder.path().join("cp-2/etc/kubernetes/pki/apiserver.crt")).unwrap();
    assert_eq!(before, after, "a dry run changes nothing");
    plan.digest = "DIGEST".to_owned();
    human::preview::text(&plan, &seen, Terminal { width: Some(110), paint: Paint::Plain, live: false })
}

/// It is looked at beside what acts, and stands above all of it.
#[test]
fn a_check_that_fails_is_no_change_above_what_acts() {
    let text = looked_at_over(Validity::Expired, Hosts::clone, |folder| {
        let manifests = folder.join("cp-1/etc/kubernetes/manifests");
        std::fs::copy(manifests.join("etcd.yaml"), manifests.join("etcd.yaml.bak")).unwrap();
    });
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("prepare/preflight")).collect();
    assert!(lines[0].contains("FAILS"), "{text}");
    assert!(!text.contains("after prepare/preflight"), "nothing waits for it: {text}");
    let backups = text.lines().filter(|line| line.contains("renew/backup            will change"));
    assert_eq!(backups.count(), 3, "{text}");
}

/// It would change nothing, whatever it sees.
#[test]
fn a_check_that_is_not_as_wanted_stops_the_run_or_is_tried_again() {
    let plan = |retry: &str| {
        format!(
            "version = 1\nname = \"look\"\n[[stage]]\nid = \"s\"\non = \"cp-1\"\n[[stage.step]]\nid = \"a\"\n\
             kind = \"verify-certificates\"\n{retry}"
        )
    };
    let once = looked_at_by(&plan(""), Validity::Expired, Hosts::clone, |_| ());
    assert!(once.contains("s/a  FAILS") && once.contains("admin.conf expired 24h ago"), "{once}");
    let again = "retry = { attempts = 3, on = [\"unsatisfied\"], delay = \"1s\" }\n";
    let again = looked_at_by(&plan(again), Validity::Expired, Hosts::clone, |_| ());
    assert!(
        again.contains("s/a  will check\n") && again.contains("again; now: admin.conf expired 24h ago"),
        "{again}"
    );
    for text in [once, again] {
        assert!(!text.contains("will change"), "{text}");
    }
}

#[test]
fn what_is_below_a_change_is_not_guessed_at() {
    expect![[r#"
        plan     renew-control-plane
        digest   DIGEST
        cluster  lab
        hosts    workstation (this machine), cp-1 (10.200.0.2), cp-2 (10.200.0.3), cp-3 (10.200.0.4)

        cp-1
          prepare/preflight       unchanged
              cp-1 is ready for a renewal; 0 of this run's 3 etcd members are healthy: their quorum is lost, and new
              files on all nodes bring it back; no etcd member leads
          renew/backup            will change    /var/lib/certwright/backups/RUN.tar is not made yet
              $ <backup script of certwright> /var/lib/certwright/backups/RUN.tar /etc/kubernetes /var/lib/kubelet/pki
          renew/renew             will run
              after renew/backup@cp-1: admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client
              expired 24h ago; and 8 more
              $ <backup script of certwright> /var/lib/certwright/backups/RUN.tar /etc/kubernetes /var/lib/kubelet/pki
                # unless it exists
              $ kubeadm certs renew all --config /dev/stdin   # standard input: kubeadm.k8s.io/v1beta4,
                /etc/kubernetes/pki and /etc/kubernetes/*.conf, a local etcd
          renew/verify            will check     after renew/renew@cp-1
          renew/kubelet           will run if
              renew/renew@cp-1 changes what it sees; now: the kubelet is active, its client certificate valid for 364d
          restart/static-pods     will run
              after renew/renew@cp-1 has written new files: stops and waits for etcd, kube-apiserver,
              kube-controller-manager, kube-scheduler
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                60ae2ffd0feea140ac096e6719c76efdb10aa24730b50f518b24e0fee75eda78   # etcd, when it does not lead any
                more
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                c997b7580a92306dd337cd2b48d2f51c0479c6af68c082dde7c71f062dd8c046   # kube-apiserver
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                c44dca91e20423b22d443d7fbcbf7acfc862763e359607468f1ceed60746830a   # kube-controller-manager; a lease
                that it held is then given back
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                3bd4035601b8457f2fd02f1dc67ddb29f276bcc9182185746b1c76e1505588df   # kube-scheduler
          reachable/api           will check     after restart/static-pods@cp-3
          kubelets/client         will run if
              restart/static-pods@cp-1 or workstation/kubeconfig@workstation changes what it sees; now: the kubelet is
              active, its client certificate valid for 364d
          kubelets/certificates   will check     after workstation/kubeconfig@workstation
          logs/tls-errors         will check     after consumers/etcd-defrag@workstation

        cp-2
          prepare/preflight       unchanged      cp-2 is ready for a renewal
          renew/backup            will change    /var/lib/certwright/backups/RUN.tar is not made yet
              $ <backup script of certwright> /var/lib/certwright/backups/RUN.tar /etc/kubernetes /var/lib/kubelet/pki
          renew/renew             will run
              after renew/backup@cp-2: admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client
              expired 24h ago; and 7 more
              $ <backup script of certwright> /var/lib/certwright/backups/RUN.tar /etc/kubernetes /var/lib/kubelet/pki
                # unless it exists
              $ kubeadm certs renew all --config /dev/stdin   # standard input: kubeadm.k8s.io/v1beta4,
                /etc/kubernetes/pki and /etc/kubernetes/*.conf, a local etcd
          renew/verify            will check     after renew/renew@cp-2
          renew/kubelet           will run if
              renew/renew@cp-2 changes what it sees; now: the kubelet is active, its client certificate valid for 364d
          restart/static-pods     will run
              after renew/renew@cp-2 has written new files: stops and waits for etcd, kube-apiserver,
              kube-controller-manager, kube-scheduler
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                853edc7f5999f3291405729d55a79f6767ebed1d134140a2aeccffb5aa92e694   # etcd, when it does not lead any
                more
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                7e3f1f7653585a1f17358b78f3f27d529eb7af6ad5ba3c9d5e3addfa9059a1c0   # kube-apiserver
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                49d2b76bf8b65726f23ead873628dace82d724bae8dceb72289f04428f8368d6   # kube-controller-manager; a lease
                that it held is then given back
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                11e90f49631e787aea806a6bcca83257ee91297456f4ea33704cef9d1b4b3d82   # kube-scheduler
          reachable/api           will check     after restart/static-pods@cp-3
          kubelets/client         will run if
              restart/static-pods@cp-2 or workstation/kubeconfig@workstation changes what it sees; now: the kubelet is
              active, its client certificate valid for 364d
          kubelets/certificates   will check     after workstation/kubeconfig@workstation
          logs/tls-errors         will check     after consumers/etcd-defrag@workstation

        cp-3
          prepare/preflight       unchanged      cp-3 is ready for a renewal
          renew/backup            will change    /var/lib/certwright/backups/RUN.tar is not made yet
              $ <backup script of certwright> /var/lib/certwright/backups/RUN.tar /etc/kubernetes /var/lib/kubelet/pki
          renew/renew             will run
              after renew/backup@cp-3: admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client
              expired 24h ago; and 7 more
              $ <backup script of certwright> /var/lib/certwright/backups/RUN.tar /etc/kubernetes /var/lib/kubelet/pki
                # unless it exists
              $ kubeadm certs renew all --config /dev/stdin   # standard input: kubeadm.k8s.io/v1beta4,
                /etc/kubernetes/pki and /etc/kubernetes/*.conf, a local etcd
          renew/verify            will check     after renew/renew@cp-3
          renew/kubelet           will run if
              renew/renew@cp-3 changes what it sees; now: the kubelet is active, its client certificate valid for 364d
          restart/static-pods     will run
              after renew/renew@cp-3 has written new files: stops and waits for etcd, kube-apiserver,
              kube-controller-manager, kube-scheduler
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                f3cdd54c36eb3f55a36c4e6fe5f744476bfffe65b22927660591727240bb7be2   # etcd, when it does not lead any
                more
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                380defbd201d5e694656674e2e8f61d5893e47303c16391083924b255ba19762   # kube-apiserver
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                d3fbc82725939a142664a08d8baf6679c6b29a0aa1a2c9adc15a7bb267672eb6   # kube-controller-manager; a lease
                that it held is then given back
              $ crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5
                3a577e79dcb56a0b7795c0cfcd80bcebf0b268d46f90bda2e132301d96f1df89   # kube-scheduler
          reachable/api           will check     after restart/static-pods@cp-3
          kubelets/client         will run if
              restart/static-pods@cp-3 or workstation/kubeconfig@workstation changes what it sees; now: the kubelet is
              active, its client certificate valid for 364d
          kubelets/certificates   will check     after workstation/kubeconfig@workstation
          logs/tls-errors         will check     after consumers/etcd-defrag@workstation

        workstation
          workstation/kubeconfig  not seen yet
              before restart/static-pods@cp-3: workstation: bmctl-workspace/lab/lab-kubeconfig holds a client
              certificate that expired 24h ago, and nothing may replace it: the secret cluster-lab/lab-kubeconfig
              holds a client certificate that expired 24h ago; admin.conf of cp-1 holds a client certificate that
              expired 24h ago; admin.conf of cp-2 holds a client certificate that expired 24h ago; admin.conf of cp-3
              holds a client certificate that expired 24h ago
          consumers/etcd-defrag   not seen yet
              before workstation/kubeconfig@workstation: workstation: daemonset/etcd-defrag in kube-system: a
              certificate has expired (not renewed, or not reloaded)
          consumers/pods          will check     after consumers/etcd-defrag@workstation

        3 of 33 tasks would change something for sure, 6 more after that.
    "#]].assert_eq(&looked_at(Validity::Expired));
}

#[test]
fn where_nothing_is_due_nothing_would_change() {
    let text = looked_at(Validity::Valid);
    for step in ["renew/backup            ", "renew/renew             ", "restart/static-pods     "] {
        assert_eq!(text.matches(&format!("{step}unchanged")).count(), 3, "{step}\n{text}");
    }
    assert!(!text.contains("FAILS"), "{text}");
}

#[test]
fn a_host_that_cannot_be_reached_says_so_once() {
    for certificates in [Validity::Expired, Validity::Valid] {
        let text = looked_at_without(certificates, "cp-2");
        assert_eq!(text.matches("could not be reached").count(), 1, "{text}");
        let short: Vec<&str> = text.lines().filter(|line| line.contains("not seen ")).collect();
        assert!(short.len() >= 7, "every other task of the host: {text}");
        for line in short.iter().filter(|line| !line.contains("not seen yet")) {
            assert!(line.ends_with("see prepare/preflight@cp-2"), "{line}");
        }
        assert!(text.contains("A run would stop at prepare/preflight@cp-2"), "{text}");
    }
}

#[test]
fn below_a_change_a_step_that_is_as_wanted_tells_what_it_would_do() {
    let text = looked_at(Validity::Expiring);
    let told = "will run if\n      renew/renew@cp-1 has written new files: stops and waits for etcd, kube-apiserver,";
    assert!(text.contains(told), "{text}");
    let stops = text.matches("stop --timeout 5").count();
    assert_eq!(stops, 12, "four a node: {text}");
}

#[test]
fn the_order_in_which_kubeconfigs_are_tried_is_told_whatever_is_there_now() {
    let order = |verdict: &str| {
        format!(
            "the secret cluster-lab/lab-kubeconfig{verdict}; admin.conf of cp-1{verdict}; admin.conf of cp-2{verdict}; admin.conf \
             of cp-3{verdict}"
        )
    };
    let unwrapped = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let expired = unwrapped(looked_at(Validity::Expired));
    assert!(expired.contains(&order(" holds a client certificate that expired 24h ago")), "{expired}");
    let expiring = unwrapped(looked_at(Validity::Expiring));
    let told = format!(
        "changes what it sees: the first of these that is newer by then and works takes its place: {}; now: bmctl-workspace/lab/lab-kubeconfig \
         works, expires in",
        order("")
    );
    assert!(expiring.contains(&told), "{expiring}");
}

#[test]
fn a_warning_stands_below_its_task_and_stops_nothing() {
    let plant = |lab: &Path| std::fs::write(lab.join("cp-2/etc/kubernetes/pki/own.crt"), "").unwrap();
    let text = looked_at_over(Validity::Expiring, Hosts::clone, plant);
    let told = "prepare/preflight       unchanged      cp-2 is ready for a renewal; 1 warning\n      warning: \
                /etc/kubernetes/pki has files that kubeadm does not manage: own.crt: nothing of this run renews";
    assert!(text.contains(told), "{text}");
    assert!(text.ends_with(" more after that. 1 warning above.\n"), "{text}");
    assert_eq!(text.matches("warning").count(), 3, "{text}");
}

/// An operator who lets a run approve one request wants to know of the other one now, not after the next run.
#[test]
fn a_warning_stands_below_a_task_that_changes_something_too() {
    let ask = |folder: &Path| {
        let config = folder.join("cp-1/var/lib/kubelet/config.yaml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}serverTLSBootstrap: true\n")).unwrap();
        let own = SigningAsk::of_kubelet("cp-1", "10.200.0.2");
        let odd = SigningAsk { username: "mallory".to_owned(), ..own.clone() };
        let lab = Lab::open(folder).unwrap();
        for asked in [own, odd] {
            lab.ask(asked).unwrap();
        }
    };
    let text = looked_at_over(Validity::Valid, Hosts::clone, ask);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("kubelets/client will change csr-"), "{text}");
    let told = "is left pending: mallory asked for it, not system:node:cp-1";
    assert!(words.contains(told), "{text}");
    assert!(text.ends_with("1 warning above.\n"), "{text}");
}
