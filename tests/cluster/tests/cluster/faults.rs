//! What goes wrong under a run on real hosts: each fault is proved to have fired, and the run or its resume ends renewed.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use certwright_cluster::host::{Cluster, Said, Spec};
use certwright_steps::lab::Validity;

use crate::proof::{Renewed, prove_renewed};
use crate::support::{RUN, certwright, start, until, until_kubectl_answers};

/// How often a run may be resumed once its fault is gone.
const RESUMES: usize = 4;

fn healthy() -> (Cluster, u64) {
    let cluster = start(&Spec::new(Validity::Expiring));
    until_kubectl_answers(&cluster, 3);
    (cluster, certwright_cluster::said::now_ms() / 1000)
}

/// Puts a script in a program's place on a node; the program itself is `/root/real/NAME` then.
pub(crate) fn replace(cluster: &Cluster, node: &str, name: &str, script: &str) {
    let place = format!("/usr/local/bin/{name}");
    let made = format!(
        "set -e; mkdir -p /root/real; ln -sf /usr/local/bin/certwright-cluster /root/real/{name}; rm {place}; \
         cat > {place} <<'END'\n#!/bin/sh\n{script}\nEND\nchmod 755 {place}"
    );
    cluster.ssh(node, &made).ok();
}

/// Whether the script of a fault has left its mark.
pub(crate) fn fired(cluster: &Cluster, node: &str) -> bool {
    cluster.node(node).path("/root/fired").exists()
}

/// Runs until a line of the run contains one of `marks`, calls `then` with it, and waits for the end of the run.
fn run_until(cluster: &Cluster, args: &str, marks: &[&str], then: impl FnOnce()) -> (Option<usize>, Said) {
    let mut command = cluster.workstation().command("certwright");
    command.args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("certwright starts");
    let mut stdout = String::new();
    let (mut met, mut then) = (None, Some(then));
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
        stdout.extend([line.as_str(), "\n"]);
        // Lines of the run begin with a time; those of the plan do not.
        let is_of_run = line.starts_with(|c: char| c.is_ascii_digit());
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(at) = marks.iter().position(|mark| is_of_run && words.contains(mark))
            && let Some(then) = then.take()
        {
            met = Some(at);
            then();
        }
    }
    let rest = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&rest.stderr).into_owned();
    (met, Said { code: rest.status.code(), stdout, stderr })
}

/// Resumes until the run is done; how often that took.
fn resume(cluster: &Cluster) -> usize {
    for resumed in 1..=RESUMES {
        let ran = certwright(cluster, "resume");
        if ran.code == Some(0) {
            return resumed;
        }
        assert!(resumed < RESUMES, "resumed {resumed} times: {}", ran.whole());
        std::thread::sleep(Duration::from_secs(2));
    }
    RESUMES
}

#[test]
fn a_run_that_is_killed_at_each_kind_of_step_is_resumed_to_the_end() {
    let (cluster, since) = healthy();
    let mut left = vec![
        "cp-1 renew/backup changing",
        "cp-1 renew/renew changing",
        "cp-3 renew/renew changing",
        "cp-1 restart/static-pods changing",
        "cp-3 restart/static-pods changing",
        "workstation workstation/kubeconfig changing",
        "workstation consumers/etcd-defrag changing",
    ];
    let kill = || {
        let killed = Said::of(cluster.workstation().command("pkill").args(["-KILL", "-x", "certwright"]));
        assert_eq!(killed.code, Some(0), "it runs: {}", killed.whole());
    };
    let (mut args, mut kills) = (RUN, Vec::new());
    let last = loop {
        let (met, ran) = run_until(&cluster, args, &left, kill);
        let Some(met) = met else { break ran };
        assert_eq!(ran.code, None, "killed at {}: {}", left[met], ran.whole());
        kills.push(left.remove(met));
        args = "resume";
    };
    assert_eq!(last.code, Some(0), "after {kills:?}: {}", last.whole());
    assert!(kills.len() >= 6, "only killed at {kills:?}");
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    println!("killed {} times: {}; then {proof}", kills.len(), kills.join(", "));
}

#[test]
fn a_node_that_is_rebooted_while_its_containers_are_restarted_ends_renewed() {
    let (mut cluster, since) = healthy();
    let boot = |cluster: &Cluster| cluster.ssh("cp-2", "cat /proc/sys/kernel/random/boot_id").ok();
    let before = boot(&cluster);
    let off = cluster.node("cp-2").first();
    let (met, ran) = run_until(&cluster, RUN, &["cp-2 restart/static-pods changing"], || {
        // Its first process takes everything with it.
        let killed = std::process::Command::new("kill").args(["-KILL", &off.to_string()]).status();
        assert!(killed.expect("kill is there").success());
    });
    assert!(met.is_some(), "{}", ran.whole());
    assert_ne!(ran.code, Some(0), "a node is off: {}", ran.whole());
    cluster.reboot("cp-2").expect("it comes up again");
    assert_ne!(boot(&cluster), before);
    let resumed = resume(&cluster);
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    println!(
        "cp-2 went down in its restart (exit {:?}), came up, resumed {resumed} time(s): {proof}",
        ran.code
    );
}

#[test]
fn a_runtime_that_hangs_in_a_stop_is_asked_again_and_the_run_ends_renewed() {
    let (cluster, since) = healthy();
    let script = "case \" $* \" in *' stop '*) if mkdir /root/fired 2>/dev/null; then\n\
                  pid=$(systemctl show containerd | sed -n 's/^MainPID=//p'); kill -STOP $pid\n\
                  for id; do :; done; /root/real/crictl --timeout 1s stop $id; code=$?; kill -CONT $pid; exit $code\n\
                  fi;; esac; exec /root/real/crictl \"$@\"";
    replace(&cluster, "cp-2", "crictl", script);
    let ran = certwright(&cluster, RUN);
    assert_eq!(ran.code, Some(0), "{}", ran.whole());
    assert!(fired(&cluster, "cp-2"), "the fault has fired");
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    let retried = ran.stdout.contains(" retry ");
    println!("DeadlineExceeded on cp-2 (the step was tried again: {retried}): {proof}");
}

#[test]
fn lines_that_are_lost_after_kubeadm_is_done_cost_a_retry_and_nothing_is_renewed_twice() {
    let (cluster, since) = healthy();
    let script = "case \"$*\" in 'certs renew all'*) /root/real/kubeadm \"$@\"; code=$?; echo . >>/root/renewals\n\
                  if mkdir /root/fired 2>/dev/null; then pkill -KILL -f '^sshd: ops'; fi; exit $code;; esac\n\
                  exec /root/real/kubeadm \"$@\"";
    replace(&cluster, "cp-1", "kubeadm", script);
    let ran = certwright(&cluster, RUN);
    assert_eq!(ran.code, Some(0), "{}", ran.whole());
    assert!(fired(&cluster, "cp-1"), "the fault has fired");
    assert_eq!(cluster.ssh("cp-1", "cat /root/renewals").ok(), ".\n", "kubeadm ran once");
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    println!("every sshd session of cp-1 was killed as kubeadm ended: {proof}");
}

#[test]
fn a_kubeadm_that_lies_stops_the_run_and_a_resume_ends_it_once_it_is_honest() {
    let (cluster, since) = healthy();
    let lie = "case \"$*\" in 'certs renew all'*) mkdir -p /root/fired\n\
               echo 'certificate embedded in the kubeconfig file for the admin to use and for kubeadm itself renewed'\n\
               exit 0;; esac; exec /root/real/kubeadm \"$@\"";
    replace(&cluster, "cp-1", "kubeadm", lie);
    let before = crate::proof::attempts(&cluster);
    let ran = certwright(&cluster, RUN);
    assert_ne!(ran.code, Some(0), "{}", ran.whole());
    assert!(fired(&cluster, "cp-1"), "the fault has fired");
    assert_eq!(crate::proof::attempts(&cluster), before, "nothing was restarted");
    let said = ran.stdout.lines().find(|line| line.starts_with("FAILED  ")).unwrap_or_default().to_owned();
    replace(&cluster, "cp-1", "kubeadm", "exec /root/real/kubeadm \"$@\"");
    until("it can be resumed", Duration::from_secs(10), || !certwright(&cluster, "runs").stdout.is_empty());
    let resumed = resume(&cluster);
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    println!("kubeadm lied (`{said}`); resumed {resumed} time(s): {proof}");
}

/// The line that says why a run was refused or failed.
fn reason(said: &Said) -> String {
    let lines = said.stderr.lines().chain(said.stdout.lines());
    let told = |line: &&str| line.starts_with("error: ") || line.starts_with("FAILED  cp-");
    lines.filter(told).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_full_disk_and_files_that_cannot_be_written_stop_the_run_with_nothing_half_changed() {
    let (cluster, since) = healthy();
    let renewed =
        "cd /etc/kubernetes && cat *.conf pki/*.crt pki/*.key pki/etcd/*.crt pki/etcd/*.key | sha256sum";
    let sums =
        || cluster.nodes().iter().map(|node| cluster.ssh(node.name(), renewed).ok()).collect::<Vec<_>>();
    let (sums_before, attempts_before) = (sums(), crate::proof::attempts(&cluster));

    // The backup has no room on cp-2.
    let full =
        "mount -t tmpfs -o size=64k full /var/lib/certwright; cat /dev/zero > /var/lib/certwright/zeros";
    assert_eq!(cluster.ssh("cp-2", full).code, Some(1), "the disk is full");
    let no_room = certwright(&cluster, RUN);
    assert_ne!(no_room.code, Some(0), "{}", no_room.whole());
    assert!(reason(&no_room).contains("cp-2"), "{}", no_room.whole());
    assert_eq!(sums(), sums_before, "a file was changed");
    cluster.ssh("cp-2", "umount /var/lib/certwright").ok();

    // kubeadm cannot write on cp-3.
    cluster.ssh("cp-3", "mount -o remount,bind,ro /etc/kubernetes").ok();
    let failed = cluster.ssh("cp-3", "touch /etc/kubernetes/mine");
    assert!(failed.stderr.contains("Read-only file system"), "{}", failed.whole());
    let read_only = certwright(&cluster, RUN);
    assert_ne!(read_only.code, Some(0), "{}", read_only.whole());
    assert!(reason(&read_only).contains("cp-3"), "{}", read_only.whole());
    assert_eq!(sums()[2], sums_before[2], "a file that cannot be written was changed");
    assert_eq!(crate::proof::attempts(&cluster), attempts_before, "a container was stopped");
    cluster.ssh("cp-3", "mount -o remount,bind,rw /etc/kubernetes").ok();

    let ended = certwright(&cluster, "resume");
    let ended = if ended.code == Some(0) { ended } else { certwright(&cluster, RUN) };
    assert_eq!(ended.code, Some(0), "{}", ended.whole());
    let proof = prove_renewed(&cluster, &Renewed { since, certificates: 31 });
    println!("{}\n{}\nthen, both gone: {proof}", reason(&no_room), reason(&read_only));
}
