//! The dry run of the shipped plan on a lab whose certificates have expired, and on one where nothing is due.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use certwright_engine::clock::Clock;
use certwright_engine::plan::{Choices, Plan, Source, resolve};
use certwright_steps::lab::{Lab, LabSpec, Validity};
use expect_test::expect;

use super::preview;
use crate::runtime::{Time, block_on};
use crate::source::SHIPPED;
use crate::terminal::{Paint, Terminal};
use crate::{hosts, human};

/// The text of a dry run on a lab with certificates in this state; the lab is as it was afterwards.
fn looked_at(certificates: Validity) -> String {
    let folder = tempfile::tempdir().unwrap();
    let spec = LabSpec::default().certificates(certificates);
    let lab = Lab::create(folder.path(), &spec, &Clock::real()).unwrap();
    let inventory = lab.inventory().unwrap();
    let registry = certwright_steps::registry();
    let shipped = Source { name: SHIPPED[0].name, text: SHIPPED[0].text };
    let inventory = Source { name: "inventory", text: &inventory };
    let mut plan: Plan = resolve(shipped, inventory, &Choices::default(), &registry).unwrap();
    let before = std::fs::read(folder.path().join("cp-2/etc/kubernetes/pki/apiserver.crt")).unwrap();
    let seen = block_on(Time::Virtual, async {
        let clock = Clock::virtual_from(lab.now_ms().unwrap());
        let hosts = hosts::of_lab(&plan, &lab, &clock).unwrap();
        preview(&plan, "RUN", &registry, &hosts, &clock).await
    })
    .unwrap();
    let after = std::fs::read(folder.path().join("cp-2/etc/kubernetes/pki/apiserver.crt")).unwrap();
    assert_eq!(before, after, "a dry run changes nothing");
    plan.digest = "DIGEST".to_owned();
    human::preview::text(&plan, &seen, Terminal { width: Some(110), paint: Paint::Plain, live: false })
}

#[test]
fn what_is_below_a_change_is_not_guessed_at() {
    expect![[r#"
        plan     renew-control-plane
        digest   DIGEST
        cluster  lab
        hosts    workstation (this machine), cp-1 (10.200.0.2), cp-2 (10.200.0.3), cp-3 (10.200.0.4)

        cp-1
          prepare/preflight       unchanged      cp-1 is ready for a renewal
          renew/backup            will change    /var/lib/certwright/backups/RUN.tar is not made yet
              $ /bin/sh -c '<backup script of certwright>' certwright '' /var/lib/certwright/backups/RUN.tar
                /etc/kubernetes /var/lib/kubelet/pki
          renew/renew             will change
              admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client expired 24h ago; and 8 more
              $ /bin/sh -c '<backup script of certwright>' certwright '' /var/lib/certwright/backups/RUN.tar
                /etc/kubernetes /var/lib/kubelet/pki   # unless it exists
              $ kubeadm certs renew all
          renew/verify            will check     after renew/renew@cp-1
          restart/static-pods     will change
              etcd is not ready: http://127.0.0.1:2381/health says 503; kube-apiserver is not ready:
              https://127.0.0.1:6443/readyz says 500; kube-scheduler is not ready: https://127.0.0.1:10259/readyz says
              500
          reachable/api           will check     after restart/static-pods@cp-3
          kubelets/certificates   will check     after workstation/kubeconfig@workstation
          logs/tls-errors         will check     after consumers/etcd-defrag@workstation

        cp-2
          prepare/preflight       unchanged      cp-2 is ready for a renewal
          renew/backup            will change    /var/lib/certwright/backups/RUN.tar is not made yet
              $ /bin/sh -c '<backup script of certwright>' certwright '' /var/lib/certwright/backups/RUN.tar
                /etc/kubernetes /var/lib/kubelet/pki
          renew/renew             will change
              admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client expired 24h ago; and 7 more
              $ /bin/sh -c '<backup script of certwright>' certwright '' /var/lib/certwright/backups/RUN.tar
                /etc/kubernetes /var/lib/kubelet/pki   # unless it exists
              $ kubeadm certs renew all
          renew/verify            will check     after renew/renew@cp-2
          restart/static-pods     will change
              etcd is not ready: http://127.0.0.1:2381/health says 503; kube-apiserver is not ready:
              https://127.0.0.1:6443/readyz says 500; kube-scheduler is not ready: https://127.0.0.1:10259/readyz says
              500
          reachable/api           will check     after restart/static-pods@cp-3
          kubelets/certificates   will check     after workstation/kubeconfig@workstation
          logs/tls-errors         will check     after consumers/etcd-defrag@workstation

        cp-3
          prepare/preflight       unchanged      cp-3 is ready for a renewal
          renew/backup            will change    /var/lib/certwright/backups/RUN.tar is not made yet
              $ /bin/sh -c '<backup script of certwright>' certwright '' /var/lib/certwright/backups/RUN.tar
                /etc/kubernetes /var/lib/kubelet/pki
          renew/renew             will change
              admin.conf expired 24h ago; apiserver expired 24h ago; apiserver-etcd-client expired 24h ago; and 7 more
              $ /bin/sh -c '<backup script of certwright>' certwright '' /var/lib/certwright/backups/RUN.tar
                /etc/kubernetes /var/lib/kubelet/pki   # unless it exists
              $ kubeadm certs renew all
          renew/verify            will check     after renew/renew@cp-3
          restart/static-pods     will change
              etcd is not ready: http://127.0.0.1:2381/health says 503; kube-apiserver is not ready:
              https://127.0.0.1:6443/readyz says 500; kube-scheduler is not ready: https://127.0.0.1:10259/readyz says
              500
          reachable/api           will check     after restart/static-pods@cp-3
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

        9 of 27 tasks would change something for sure.
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
