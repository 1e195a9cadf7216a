//! The kubelet trap on real machines: refused before anything is changed, and the way out that is printed leads out.

use crate::cluster::Cluster;

const RUN: &str = "run renew-control-plane --inventory inventory.toml --yes=lab";

#[test]
fn a_kubelet_that_runs_with_an_expired_certificate_is_refused_and_the_printed_commands_mend_it() {
    let cluster = Cluster::expired();
    cluster.inject("kubelet-expired@cp-2");
    let (before, attempts) = (cluster.certificates(), cluster.attempts());

    let refused = cluster.run(RUN);
    assert_eq!(refused.code, Some(14), "{}", refused.whole());
    assert_eq!(cluster.lab().faults_fired().expect("the lab's memory").len(), 1, "the kubelet's has expired");
    let (error, remedy) = refused.stderr.split_once('\n').expect("a line and its hints");
    let (cause, since) = error.split_once(" (2").expect("since when");
    assert_eq!(
        cause,
        "error: the run would stop at prepare/preflight@cp-2: cp-2: the kubelet's client certificate expired 24h ago"
    );
    let (_since, consequence) = since.split_once("Z, ").expect("the time in UTC, and the file");
    assert_eq!(
        consequence,
        "/var/lib/kubelet/pki/kubelet-client-current.pem): the kubelet ends once an API server answers, and nothing \
         brings a stopped container back"
    );
    assert_eq!(cluster.certificates(), before, "a file was changed");
    assert_eq!(cluster.attempts(), attempts, "a container was stopped");
    assert_eq!(cluster.run("runs --output json").stdout.matches("\"run\":").count(), 0, "no run was begun");

    let mut lines = remedy.lines();
    assert_eq!(
        lines.next(),
        Some("  give the kubelet a new kubelet.conf from the node's CA: as root on cp-2")
    );
    let commands: Vec<&str> = lines.take_while(|line| !line.starts_with("  then go on")).collect();
    assert!(commands.iter().all(|line| line.len() <= 70), "a terminal would break them: {commands:#?}");
    let script = commands.join("\n");
    cluster.type_on("cp-2", &script);
    assert_eq!(cluster.type_on("cp-2", "systemctl is-active kubelet"), "active\n");
    let other =
        |(path, _): &(&std::path::PathBuf, &Vec<u8>)| !path.to_string_lossy().contains("kubelet.conf");
    let certificates = cluster.certificates();
    assert!(
        certificates.iter().filter(other).eq(before.iter().filter(other)),
        "the way out changes kubelet.conf only"
    );

    let ran = cluster.run(RUN);
    assert_eq!(ran.code, Some(0), "{}\n{}", script, ran.whole());
    let attempts = cluster.attempts();
    let restarted = attempts.iter().filter(|(name, n)| !name.contains("defrag") && **n == 1).count();
    assert_eq!(restarted, 12, "every component was restarted once: {attempts:?}");
    println!("refused with nothing changed; {} lines typed on the node; renewed", commands.len());
}
