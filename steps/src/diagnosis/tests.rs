use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use expect_test::expect_file;

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real-node")
}

/// The machine's clock when the fixtures were recorded: 2026-11-24T21:30:00Z.
const RECORDED: i64 = 1_795_555_800;

/// What every recorded text is: its program or component, by its name.
fn source(name: &str, commands: &BTreeMap<String, String>) -> (String, bool) {
    if let Some(log) = name.strip_suffix(".log") {
        let file = log.rsplit('/').next().unwrap_or_default();
        let component = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"];
        let component = component.iter().find(|component| file.contains(*component)).expect("a component");
        return ((*component).to_owned(), true);
    }
    if name.contains("systemctl-status-kubelet") {
        return ("kubelet".to_owned(), true);
    }
    let known = name.rsplit_once('.').and_then(|(name, _)| commands.get(name));
    let program =
        known.and_then(|command| command.split(' ').find(|word| !word.contains('=') && *word != "time"));
    (program.unwrap_or("kubeadm").to_owned(), false)
}

/// Which recorded file shows what.
fn over_the_fixtures() -> BTreeMap<String, Vec<Diagnosis>> {
    let index = std::fs::read_to_string(folder().join("index.tsv")).expect("the fixtures' index");
    let commands: BTreeMap<String, String> = index
        .lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.splitn(4, '\t').collect();
            Some(((*columns.first()?).to_owned(), (*columns.get(3)?).to_owned()))
        })
        .collect();
    let mut files = Vec::new();
    let mut folders = vec![folder()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "stdout" || end == "stderr" || end == "log")
            {
                files.push(entry);
            }
        }
    }
    let one = |path: PathBuf| {
        let name = path.strip_prefix(folder()).expect("below it").display().to_string();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        let (by, is_log) = source(&name, &commands);
        let source = if is_log { Source::Log(&by) } else { Source::Program(&by) };
        let found = read(&[Text { host: "cp1", source, text: &text }], RECORDED);
        (name, found)
    };
    files.into_iter().map(one).collect()
}

#[test]
fn every_recorded_text_means_what_it_meant_and_a_healthy_one_nothing() {
    let all = over_the_fixtures();
    let mut told = String::new();
    let mut fired = BTreeSet::new();
    for (name, found) in all.iter().filter(|(_, found)| !found.is_empty()) {
        told.extend([name.as_str(), "\n"]);
        for diagnosis in found {
            fired.insert(diagnosis.id);
            let Diagnosis { id, count, cause, .. } = diagnosis;
            writeln!(told, "    {id} ({count}): {cause}").expect("a String takes any text");
        }
    }
    expect_file![folder().join("../diagnosis.expected")].assert_eq(&told);
    // kubectl without a kubeconfig was recorded on purpose.
    let on_purpose = "healthy/kubectl-get-secret-garbled-seed-order.stderr";
    let ill: Vec<&String> = all
        .iter()
        .filter(|(name, found)| name.contains("healthy/") && *name != on_purpose && !found.is_empty())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(ill, Vec::<&String>::new(), "a healthy text means trouble");
    crate::tools::testing::tell(format_args!(
        "{} recorded files, {} with a known text, {} signatures of {} fired",
        all.len(),
        all.values().filter(|found| !found.is_empty()).count(),
        fired.len(),
        SIGNATURES.iter().map(|group| group.len()).sum::<usize>()
    ));
}

/// Texts of releases and failures that were not recorded.
const OTHERS: &[(&str, Source<'static>, &str)] = &[
    ("disk-error", Source::Program("kubeadm"), "open /etc/kubernetes/pki/etcd/peer.crt: input/output error"),
    (
        "kubelet-trap",
        Source::Log("kubelet"),
        "E0101 transport.go:1] The currently active client certificate has expired and the server is responsive, exiting.",
    ),
    (
        "clock-behind",
        Source::Program("kubectl"),
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-24T19:00:00Z is before 2026-11-24T20:45:00Z",
    ),
    (
        "clock-ahead",
        Source::Log("kubelet"),
        "Get \"https://10.77.0.11:6443/api\": x509: certificate has expired or is not yet valid: current time 2028-01-01T00:00:00Z is after 2027-11-24T21:06:53Z",
    ),
    (
        "certificate-dates",
        Source::Log("etcd"),
        "rafthttp: health check for peer 6221a1d241bb2d0a could not connect: x509: certificate has expired or is not yet valid",
    ),
    (
        "peer-refused",
        Source::Log("etcd"),
        "embed: rejected connection from \"10.200.0.4:46108\" (error \"remote error: tls: bad certificate\", ServerName \"\")",
    ),
    (
        "wrong-ca",
        Source::Program("kubectl"),
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\")",
    ),
    (
        "name-mismatch",
        Source::Program("kubectl"),
        "x509: certificate is valid for 10.96.0.1, 10.0.0.2, not 10.0.0.3",
    ),
    ("key-mismatch", Source::Log("etcd"), "tls: private key does not match public key"),
    ("etcd-no-leader", Source::Program("curl"), "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}"),
    ("etcd-no-leader", Source::Log("kube-apiserver"), "etcdserver: request timed out"),
    ("api-without-etcd", Source::Program("curl"), "[-]etcd failed: reason withheld"),
    (
        "etcd-waits-for-peers",
        Source::Log("etcd"),
        "{\"level\":\"info\",\"msg\":\"starting initial corruption check\",\"timeout\":\"7s\"}",
    ),
    (
        "runtime-silent",
        Source::Program("crictl"),
        "time=\"x\" level=error msg=\"validate service connection: validate CRI v1 runtime API for endpoint \\\"unix:///run/x.sock\\\": rpc error: code = Unavailable desc = connection error: desc = \\\"transport: Error while dialing: dial unix /run/x.sock: connect: no such file or directory\\\"\"",
    ),
    (
        "runtime-deadline",
        Source::Program("crictl"),
        "FATA[0002] stopping the container \"1\": rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    ),
    (
        "back-off",
        Source::Log("kubelet"),
        "\"Error syncing pod, skipping\" err=\"failed to \\\"StartContainer\\\" for \\\"etcd\\\" with CrashLoopBackOff: \\\"back-off 40s restarting failed container=etcd pod=etcd-cp1\\\"\"",
    ),
    (
        "not-listening",
        Source::Program("kubectl"),
        "The connection to the server 10.77.0.1:6443 was refused - did you specify the right host or port?",
    ),
    (
        "no-space",
        Source::Program("kubeadm"),
        "write /etc/kubernetes/pki/apiserver.crt: No space left on device",
    ),
    ("no-space", Source::Log("kube-apiserver"), "etcdserver: mvcc: database space exceeded"),
    ("read-only", Source::Program("tar"), "tar: x: Cannot open: Read-only file system"),
    (
        "stale-credential",
        Source::Program("kubectl"),
        "error: the server has asked for the client to provide credentials",
    ),
];

#[test]
fn texts_of_other_releases_are_known_too_and_every_signature_fires() {
    let mut fired: BTreeSet<&str> =
        over_the_fixtures().values().flatten().map(|diagnosis| diagnosis.id).collect();
    for (id, source, text) in OTHERS {
        let found = read(&[Text { host: "cp1", source: *source, text }], RECORDED);
        let ids: Vec<&str> = found.iter().map(|diagnosis| diagnosis.id).collect();
        assert_eq!(ids, [*id], "{text}");
        fired.extend(ids);
    }
    let all: BTreeSet<&str> =
        SIGNATURES.iter().flat_map(|group| group.iter()).map(|signature| signature.id).collect();
    assert_eq!(fired, all, "a signature that nothing shows");
    assert_eq!(all.len(), SIGNATURES.iter().map(|group| group.len()).sum::<usize>(), "two of one name");
}

#[test]
fn one_sentence_of_two_meanings_is_told_apart_by_its_dates_and_the_readers_clock() {
    let text = |clock: &str, limit: &str, side: &str| {
        format!("x509: certificate has expired or is not yet valid: current time {clock} is {side} {limit}")
    };
    let expired = text("2026-11-24T21:07:04Z", "2026-11-24T21:06:53Z", "after");
    let early = text("2026-11-24T21:07:04Z", "2026-11-24T22:00:00Z", "before");
    // By the reader's clock this certificate is good for another hour: whoever wrote it is ahead.
    let ahead = text("2026-11-24T23:00:00Z", "2026-11-24T22:30:00Z", "after");
    // Expired by every clock, whatever else the writer's says.
    let both = text("2026-11-24T23:00:00Z", "2026-11-24T21:00:00Z", "after");
    for (text, id) in [
        (&expired, "certificate-expired"),
        (&early, "clock-behind"),
        (&ahead, "clock-ahead"),
        (&both, "certificate-expired"),
    ] {
        let found = read(&[Text { host: "cp1", source: Source::Program("kubectl"), text }], RECORDED);
        assert_eq!(found.iter().map(|d| d.id).collect::<Vec<_>>(), [id], "{text}");
    }
}

#[test]
fn what_is_over_is_not_told_and_equal_lines_are_counted() {
    let start = "{\"msg\":\"starting initial corruption check\"}";
    let passed = format!("{start}\n{{\"msg\":\"initial corruption checking passed; no corruption\"}}\n");
    let of = |text: &str| read(&[Text { host: "cp1", source: Source::Log("etcd"), text }], RECORDED);
    assert_eq!(of(&passed), []);
    assert_eq!(of(&format!("{passed}{start}\n"))[0].count, 1, "it started again");
    let twice = of(&format!("{start}\n{start}\n"));
    assert_eq!((twice.len(), twice[0].count), (1, 2));
}

#[test]
fn a_hostile_line_is_shown_escaped_and_no_word_of_it_reaches_a_command_unless_it_is_plain() {
    let text = "error reading /etc/x;reboot\u{1b}[2J: failed to load existing certificate $(reboot)";
    let found = read(&[Text { host: "cp1", source: Source::Program("kubeadm"), text }], RECORDED);
    assert_eq!(found[0].id, "certificate-unreadable");
    assert!(!found[0].line.contains('\u{1b}'), "{}", found[0].line);
    let cure = found[0].cure.join("\n");
    assert!(cure.starts_with("mv /etc/x /etc/x.broken;") && !cure.contains("reboot"), "{cure}");
}

#[test]
fn the_worst_comes_first() {
    let texts = [
        Text {
            host: "a",
            source: Source::Program("kubeadm"),
            text: "could not fetch a Kubernetes version from the internet",
        },
        Text { host: "a", source: Source::Program("tar"), text: "Read-only file system" },
    ];
    let grades: Vec<Grade> = read(&texts, RECORDED).iter().map(|diagnosis| diagnosis.grade).collect();
    assert_eq!(grades, [Grade::Broken, Grade::Note]);
}

#[test]
fn the_reference_lists_every_known_text() {
    let mut page = String::from(
        "# Known texts\n\nWhat `certwright doctor` and the report of a failed run know by its text in a log or in a command's last \
         words, in the order in\nwhich they are tried: the first that knows a line has it. Upper and lower case are the same; `+` joins \
         what must be in one line, a line of this\ntable each way of saying it. This page is written by a test (`UPDATE_EXPECT=1 cargo \
         nextest run -p certwright-steps --lib diagnosis`).\n\n| id | grade | known by |\n|---|---|---|\n",
    );
    for signature in SIGNATURES.iter().flat_map(|group| group.iter()) {
        for (n, group) in signature.texts().iter().enumerate() {
            let (id, grade) = if n == 0 { (signature.id, signature.grade.name()) } else { ("", "") };
            let words: Vec<String> =
                group.iter().map(|text| format!("`{}`", text.trim().replace('|', "\\|"))).collect();
            writeln!(page, "| {id} | {grade} | {} |", words.join(" + ")).expect("a String takes any text");
        }
    }
    expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/known-texts.md")].assert_eq(&page);
}
