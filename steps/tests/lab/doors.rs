//! Both doors: files and scripts in process, programs on a machine.

use std::time::Duration;

use certwright_engine::host::{HostError, StatKind};
use certwright_steps::lab::{Lab, LabSpec, Played, Seat, Validity, program, program_names};
use certwright_steps::tools::{archive, survey};

use crate::bench::{Bench, START};

#[tokio::test(start_paused = true)]
async fn files_are_written_read_and_listed_below_the_hosts_folder_only() {
    let bench = Bench::one(Validity::Valid);
    let host = bench.host("cp-1");
    assert_eq!(host.name(), "cp-1");
    host.write("/var/lib/certwright/one/two", b"text", 0o600).await.unwrap();
    assert_eq!(host.read("/var/lib/certwright/one/two").await.unwrap().unwrap(), b"text");
    assert_eq!(host.list("/var/lib/certwright/one").await.unwrap().unwrap(), ["two"], "nothing half-written");
    let stat = host.stat("/var/lib/certwright").await.unwrap().unwrap();
    assert_eq!((stat.kind, stat.mode), (StatKind::Folder, 0o700));
    let link = host.stat("/var/lib/kubelet/pki/kubelet-client-current.pem").await.unwrap().unwrap();
    assert_eq!(link.kind, StatKind::Symlink);
    assert!(host.read("/var/lib/kubelet/pki/kubelet-client-current.pem").await.unwrap().is_some());
    for absent in ["/none", "/etc/kubernetes/admin.conf/x"] {
        assert_eq!(host.read(absent).await.unwrap(), None);
        assert_eq!(host.stat(absent).await.unwrap(), None);
        assert_eq!(host.list(absent).await.unwrap(), None);
    }
    let outside = host.read("/../cp-2/etc/kubernetes/pki/ca.key").await.unwrap_err();
    assert!(matches!(outside, HostError::Refused { .. }), "{outside}");
    std::fs::write(bench.path("cp-1", "/tmp/big"), vec![b'x'; (1 << 20) + 1]).unwrap();
    let big = host.read("/tmp/big").await.unwrap_err();
    assert_eq!(big.to_string(), "cp-1: read /tmp/big: larger than 1 MiB");
}

#[tokio::test(start_paused = true)]
async fn file_programs_stay_below_the_hosts_folder() {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    let bench = Bench::one(Validity::Valid);
    let current = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    let target = bench.ok("cp-1", &format!("readlink -f -- {current}")).await;
    assert!(target.starts_with("/var/lib/kubelet/pki/kubelet-client-2026-11-24-"), "{target}");
    assert_eq!(bench.ok("workstation", "readlink -f -- bmctl-workspace/new").await, "/bmctl-workspace/new\n");
    symlink("/etc/passwd", bench.path("cp-1", "/tmp/out")).unwrap();
    for path in ["/tmp/out", "/none/x"] {
        assert_eq!(bench.run("cp-1", &format!("readlink -f -- {path}")).await.status, 1, "{path}");
    }
    std::fs::write(bench.path("cp-1", "/tmp/x"), "x").unwrap();
    let meta = std::fs::metadata(bench.path("cp-1", "/tmp/x")).unwrap();
    bench.ok("cp-1", &format!("chown -h -- {}:{} /tmp/x", meta.uid(), meta.gid())).await;
    bench.ok("cp-1", "rm -f -- /tmp/x").await;
    bench.ok("cp-1", "rm -f -- /tmp/x").await;
    assert!(!bench.path("cp-1", "/tmp/x").exists());
    assert_eq!(bench.run("cp-1", "rm -f -- /tmp").await.status, 1);
    assert_eq!(bench.run("cp-1", "rm -rf /").await.status, 125);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_written_carries_lab_time_so_that_later_starts_are_later() {
    let bench = Bench::one(Validity::Valid);
    let host = bench.host("cp-1");
    bench.wait(1000).await;
    host.write("/tmp/x", b"x", 0o600).await.unwrap();
    let written = host.stat("/tmp/x").await.unwrap().unwrap().mtime_ns;
    assert_eq!(written, i128::from(START + 1_000_000) * 1_000_000);
    bench.ok("cp-1", "kubeadm certs renew all").await;
    let renewed = host.stat("/etc/kubernetes/pki/apiserver.crt").await.unwrap().unwrap().mtime_ns;
    assert_eq!(renewed, i128::from(START + 1_000_000) * 1_000_000);
    // A second clock that is behind does not turn the lab's back.
    let behind = bench.lab.host("cp-1", certwright_engine::clock::Clock::virtual_from(START)).unwrap();
    behind.write("/tmp/y", b"y", 0o600).await.unwrap();
    assert!(behind.stat("/tmp/y").await.unwrap().unwrap().mtime_ns >= renewed);
    assert!(bench.lab.now_ms().unwrap() >= START + 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn the_survey_tells_the_files_as_they_are() {
    let bench = Bench::one(Validity::Valid);
    let host = bench.host("cp-1");
    let paths = [
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/admin.conf",
        "/var/lib/kubelet/pki/kubelet-client-current.pem",
        "/etc/kubernetes/pki/none.crt",
        "/etc/kubernetes/pki",
    ]
    .map(str::to_owned);
    let facts = survey::survey(host.as_ref(), survey::Depth::Whole, &paths).await.unwrap();
    let certificate = |k: usize| facts[k].certificate().unwrap();
    assert_eq!(certificate(0).common_name, "kube-apiserver");
    assert_eq!(facts[0].key, survey::KeyFacts::Public(certificate(0).public_key));
    assert_eq!(certificate(1).common_name, "kubernetes-admin");
    assert_eq!(certificate(2).common_name, "system:node:cp-1");
    assert_eq!(facts[2].mode, 0o600);
    assert!(!facts[3].exists());
    assert_eq!(facts[4].kind, survey::FileKind::Folder);
}

#[tokio::test(start_paused = true)]
async fn backups_are_made_and_restored_by_the_real_shell_without_time_passing() {
    let bench = Bench::one(Validity::Valid);
    let host = bench.host("cp-1");
    let archive_path = "/var/lib/certwright/backups/one.tar";
    let paths = ["/etc/kubernetes".to_owned(), "/var/lib/kubelet/pki".to_owned()];
    bench.wait(5000).await;
    let before = bench.clock.wall_ms();
    archive::backup(host.as_ref(), archive_path, &paths).await.unwrap();
    assert!(bench.clock.wall_ms() - before < 1000, "what the machine takes is not the lab's time");
    let made = host.stat(archive_path).await.unwrap().unwrap();
    assert_eq!((made.mode, made.mtime_ns), (0o600, i128::from(before) * 1_000_000), "lab time");
    let old = bench.file("cp-1", "/etc/kubernetes/pki/apiserver.crt");
    bench.ok("cp-1", "kubeadm certs renew all").await;
    assert_ne!(bench.file("cp-1", "/etc/kubernetes/pki/apiserver.crt"), old);
    let file = ["/etc/kubernetes/pki/apiserver.crt".to_owned()];
    archive::restore(host.as_ref(), archive_path, &file).await.unwrap();
    assert_eq!(bench.file("cp-1", "/etc/kubernetes/pki/apiserver.crt"), old);
}

#[tokio::test(start_paused = true)]
async fn the_inventory_of_a_lab_names_its_hosts_and_cluster() {
    let bench = Bench::three(Validity::Valid);
    let text = bench.lab.inventory().unwrap();
    assert_eq!(
        text,
        "[cluster]\nname = \"lab\"\nnamespace = \"cluster-lab\"\n\
         kubeconfig = \"bmctl-workspace/lab/lab-kubeconfig\"\n\
         admin-kubeconfig = \"bmctl-workspace/admin/admin-kubeconfig\"\n\n\
         [[host]]\nname = \"cp-1\"\naddress = \"10.200.0.2\"\ngroups = [\"control-plane\"]\n\n\
         [[host]]\nname = \"cp-2\"\naddress = \"10.200.0.3\"\ngroups = [\"control-plane\"]\n\n\
         [[host]]\nname = \"cp-3\"\naddress = \"10.200.0.4\"\ngroups = [\"control-plane\"]\n"
    );
}

fn seat(lab: &Lab, host: &str) -> Seat {
    Seat { dir: lab.dir().to_owned(), host: host.to_owned() }
}

fn play(seat: &Seat, line: &str, now: u64) -> (i32, String, u64) {
    match program(seat, &crate::bench::words(line), now).unwrap() {
        Played::Ended { status, stdout, takes_ms, .. } => {
            (status, String::from_utf8(stdout).unwrap(), takes_ms)
        }
        Played::Elsewhere => panic!("{line} is played elsewhere"),
    }
}

#[tokio::test(start_paused = true)]
async fn programs_on_a_machine_answer_as_the_host_in_process_does() {
    let bench = Bench::three(Validity::Expired);
    let machine = seat(&bench.lab, "cp-2");
    for line in [
        "kubeadm version -o short",
        "crictl ps -o json",
        "systemctl is-active kubelet",
        "openssl s_client -connect 127.0.0.1:6443",
    ] {
        let (status, stdout, _) = play(&machine, line, bench.clock.wall_ms());
        let own = bench.run("cp-2", line).await;
        assert_eq!((status, stdout), (own.status, own.stdout), "{line}");
    }
    for line in ["date +%s", "df -Pk /", "openssl x509 -in x"] {
        let played = program(&machine, &crate::bench::words(line), START).unwrap();
        assert_eq!(played, Played::Elsewhere, "{line}");
    }
    assert!(program_names().all(|name| !["date", "df", "sh"].contains(&name)));
    assert_eq!(Seat::parse(&machine.marker()), Some(machine));
}

#[tokio::test(start_paused = true)]
async fn on_a_real_clock_delays_are_shorter_by_the_labs_pace() {
    let bench = Bench::new(&LabSpec { pace: 10, ..LabSpec::default() });
    let machine = seat(&bench.lab, "cp-1");
    let (_, _, takes) = play(&machine, "kubeadm certs check-expiration", START);
    assert_eq!(takes, 1070, "ten seconds and a bit, ten times shorter");
    let (status, ids, _) = play(&machine, "crictl ps --name ^kube-scheduler$ -q", START);
    assert_eq!(status, 0);
    play(&machine, &format!("crictl stop {}", ids.trim()), START + 10);
    assert_eq!(play(&machine, "crictl ps --name ^kube-scheduler$ -q", START + 90).1, "");
    assert_ne!(play(&machine, "crictl ps --name ^kube-scheduler$ -q", START + 110).1, "");
}

#[tokio::test(start_paused = true)]
async fn two_hosts_at_once_do_not_disturb_each_other() {
    let bench = Bench::three(Validity::Expired);
    let all = ["cp-1", "cp-2", "cp-3"].map(|node| {
        let host = bench.host(node);
        async move {
            let renew = certwright_engine::host::Command::mutates(["kubeadm", "certs", "renew", "all"]);
            host.run(&renew.deadline(Duration::from_secs(60))).await.unwrap().status
        }
    });
    let before = bench.clock.wall_ms();
    let [a, b, c] = all;
    let statuses = tokio::join!(a, b, c);
    assert_eq!(statuses, (0, 0, 0));
    assert_eq!((bench.clock.wall_ms() - before) / 1000, 10, "side by side");
    bench.wait(5).await;
    assert_eq!(bench.code("cp-3", "https://127.0.0.1:6443/readyz").await, "200");
}
