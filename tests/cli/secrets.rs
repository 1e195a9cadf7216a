//! Secrets in everything that a node prints: whatever the program writes is searched for them.

use std::fs;
use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_engine::host::Command;
use certwright_steps::lab::{Lab, LabSpec};

use crate::planted::{Planted, found, secrets};
use crate::program::Place;

/// Programs of the lab that say the secrets on stderr, beside their own words.
const SPEAKERS: [&str; 5] = ["kubeadm", "crictl", "kubectl", "journalctl", "systemctl"];

/// What a speaker says: keys over their lines, and at the end eight long lines with all the others, since so many last
/// lines of a command get into the journal.
fn speech(secrets: &[Planted]) -> String {
    let (blocks, words): (Vec<&Planted>, Vec<&Planted>) =
        secrets.iter().partition(|planted| planted.text.contains('\n'));
    let mut lines: Vec<String> = blocks.iter().map(|planted| planted.text.clone()).collect();
    for some in words.chunks(words.len().div_ceil(8)) {
        lines.push(some.iter().map(|planted| planted.text.as_str()).collect::<Vec<_>>().join(" "));
    }
    lines.join("\n") + "\n"
}

/// Everything that stands in the files below a folder.
fn written(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("a type").is_dir() {
            written(&entry.path(), into);
        } else {
            into.push_str(&String::from_utf8_lossy(&fs::read(entry.path()).expect("a file")));
            into.push('\n');
        }
    }
}

/// The bodies of all private keys that the lab's nodes hold, by their files.
fn own_keys(folder: &Path, into: &mut Vec<Planted>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.ends_with(".lab") || path.ends_with("run") {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            own_keys(&path, into);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut needles: Vec<String> = Vec::new();
        if let Some((_, key)) = text.split_once("PRIVATE KEY-----\n") {
            needles.extend(key.lines().filter(|line| line.len() == 64).map(|line| line[20..].to_owned()));
        }
        let data = text.lines().filter_map(|line| line.trim().strip_prefix("client-key-data: "));
        needles.extend(data.map(|data| data[60..100].to_owned()));
        if !needles.is_empty() {
            into.push(Planted { name: path.display().to_string(), text: String::new(), needles });
        }
    }
}

/// What the programs really say, with nothing taken out: the control.
fn said(place: &Place) -> String {
    let lab = Lab::open(place.path("lab")).expect("a lab");
    let host = lab.host("cp-2", Clock::real()).expect("a host");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let output = host.run(&Command::reads(["crictl", "ps", "-a"])).await.expect("it runs");
        output.stderr.lossy().into_owned()
    })
}

#[test]
fn no_secret_that_a_node_prints_or_holds_is_in_anything_that_is_written() {
    let place = Place::new();
    let lab = Lab::create(place.path("lab"), &LabSpec::default(), &Clock::real()).expect("a lab");
    let mut secrets = secrets();
    let planted = secrets.len();
    assert!(planted >= 200, "{planted}");
    let speech = speech(&secrets);
    for node in lab.spec().expect("its spec").nodes {
        for program in SPEAKERS {
            place.write(&format!("lab/{}/run/certwright-lab/says/{program}", node.name), &speech);
        }
    }
    let control = found(&secrets, &said(&place)).len();
    assert_eq!(control, planted, "the search finds what is there");
    own_keys(&place.path("lab"), &mut secrets);
    let mut all = String::new();
    let mut outputs = 0;
    for (args, code) in [
        ("rehearse --lab lab --fault renew-dies@cp-2", 10),
        ("show --events", 0),
        ("show --events --output json", 0),
        ("doctor --lab lab --bundle bundle.txt", 15),
        ("doctor --lab lab --output json", 15),
        ("abandon", 0),
        ("rehearse --lab lab --fault none --output json", 0),
        ("undo --output json", 11),
        ("runs", 0),
    ] {
        let ran = place.run(args).exits(code);
        outputs += ran.stdout.len() + ran.stderr.len();
        all.extend([ran.stdout.as_str(), "\n", ran.stderr.as_str(), "\n"]);
    }
    // Files that are read and are not what they should be: whoever complains of one may quote it.
    for (node, file) in [
        ("cp-1", "etc/kubernetes/manifests/etcd.yaml"),
        ("cp-2", "var/lib/kubelet/config.yaml"),
        ("cp-3", "etc/kubernetes/manifests/stray"),
        ("cp-3", "etc/kubernetes/admin.conf"),
        ("workstation", "bmctl-workspace/lab/lab-kubeconfig"),
    ] {
        place.write(&format!("lab/{node}/{file}"), format!("apiVersion: v1\n{speech}"));
        let ran = place.run("doctor --lab lab --output json").exits(15);
        let plan = place.run("rehearse --lab lab --fault none").stdout;
        let _where_it_failed = place.run("abandon").code;
        all.extend([ran.stdout.as_str(), ran.stderr.as_str(), plan.as_str()]);
        outputs += ran.stdout.len() + plan.len();
    }
    let mut files = String::new();
    written(&place.path("home"), &mut files);
    files.push_str(&fs::read_to_string(place.path("bundle.txt")).expect("the bundle"));
    all.push_str(&files);
    // The redactor was met where a secret could have got through: the last words of the command that failed, and logs.
    assert!(files.matches("[redacted]").count() > planted, "{}", files.matches("[redacted]").count());
    let left = found(&secrets, &all);
    assert_eq!(left, Vec::<&str>::new(), "secrets were written");
    println!(
        "{planted} planted secrets and {} keys of the nodes, {outputs} bytes of output and {} bytes of files searched; the \
         control found {control}",
        secrets.len() - planted,
        files.len()
    );
    let leak = format!("{all}{}", secrets[0].text);
    assert_eq!(found(&secrets, &leak), [secrets[0].name.as_str()], "a leak is found");
}

#[test]
fn bundles_are_the_operators_alone_and_show_says_where_one_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let failed = place.run("rehearse --lab lab --fault renew-dies@cp-2").exits(10).stdout;
    let named =
        failed.lines().find_map(|line| line.trim().strip_prefix("bundle ")).expect("it says where it is");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(Path::new(named)), 0o600);
    let text = fs::read_to_string(named).expect("a bundle");
    for part in [
        "===== run =====",
        "FAILED  cp-2: kubeadm certs renew all failed",
        "===== cp-2: certificates =====",
        "===== cp-3: kubelet-version =====\n$ kubelet --version   # status 0\nKubernetes v1.36.1",
        "===== cp-1: log-etcd =====",
        "===== cp-1: etcd-health =====",
        "===== cp-1: etcd-initial-cluster =====",
        "===== cp-1: os =====",
    ] {
        assert!(text.contains(part), "{part} is missing");
    }
    let shown = place.run("show").exits(0).stdout;
    assert!(shown.contains(&format!("bundle    {named}")), "{shown}");
    let json = place.run("show --output json").exits(0).json();
    assert_eq!(json[0]["bundle"], named);
    drop(place.run("doctor --lab lab --bundle mine.txt").exits(15));
    assert_eq!(mode(&place.path("mine.txt")), 0o600);
    let again = place.run("doctor --lab lab --bundle mine.txt").exits(14).stderr;
    assert!(again.contains("mine.txt") && again.contains("--bundle wants"), "{again}");
    drop(place.run("resume").exits(0));
    let healthy = place.run("rehearse --lab lab --fault none").exits(0).stdout;
    assert!(!healthy.contains("bundle "), "{healthy}");
}
