//! The workstation's kubeconfig where it is more than one entry: what is not the cluster's stays, byte for byte.

use certwright_engine::plan::ErrorClass;
use certwright_engine::step::Verdict;
use certwright_steps::lab::Validity;
use certwright_steps::pki::Kubeconfig;
use certwright_steps::pki::kubeconfig::Source;

use crate::bench::{Bench, Stage};
use crate::faults::assert_says;
use crate::good;
use crate::scenarios::Scenario;

type Change = fn(&str) -> String;

const FILE: &str = "bmctl-workspace/lab/lab-kubeconfig";

/// Another cluster before and after the lab's, a plugin of somebody else, a user of files, comments, unknown fields.
const BEFORE: &str = "# two clusters\napiVersion: v1\nkind: Config\npreferences: {colors: true}\nclusters:\n- name: cloud\n  \
                      cluster: {server: https://cloud.example, certificate-authority: cloud.crt}\n";
const USERS: &str = "- name: cloud   # by a plugin\n  user: {exec: {apiVersion: v1, command: /bin/cloud-login}}\n\
                     - {name: clerk, user: {client-certificate: clerk.crt, client-key: clerk.key}}\n";

/// Makes the lab's own file one of many entries; the same text with `{..}` for what is replaced.
fn many(bench: &Bench<'_>) -> String {
    let path = bench.file(FILE);
    let own = std::fs::read_to_string(&path).expect("a kubeconfig");
    let part = |from: &str, to: &str| {
        let start = own.find(from).expect(from) + from.len();
        own[start..start + own[start..].find(to).expect(to)].to_owned()
    };
    let users = &own[own.find("users:\n").expect("users") + "users:\n".len()..];
    let text = format!(
        "{BEFORE}{}contexts:\n- {{name: cloud, context: {{cluster: cloud, user: cloud}}}}\n{}current-context: {}\nkind: \
         Config\nusers:\n{USERS}{users}- name: last\n  user: {{token: 'kept'}} # and this\n",
        part("clusters:\n", "contexts:\n"),
        part("contexts:\n", "current-context:"),
        part("current-context: ", "\n"),
    );
    let text = text.replacen("kind: Config\n", "", 1);
    std::fs::write(&path, &text).expect("written");
    text
}

/// The file's text with the credentials of the lab's entry taken out.
fn without_credentials(text: &str) -> String {
    let secret = |line: &&str| {
        let line = line.trim_start();
        ["client-certificate", "client-key"].iter().any(|field| line.starts_with(field))
    };
    text.split_inclusive('\n').filter(|line| !secret(line)).collect()
}

#[tokio::test(start_paused = true)]
async fn of_several_users_only_the_one_in_use_gets_another_certificate_and_an_undo_brings_all_back() {
    for validity in [Validity::Expired, Validity::Expiring] {
        let scenario = Scenario::new("replace-kubeconfig", "workstation", validity).renewed();
        let stage = Stage::new(&scenario).await;
        let bench = stage.bench();
        let before = many(&bench);
        let probe = good(&scenario, bench.probe().await);
        assert_eq!(probe.verdict, Verdict::Drifted);
        let order = [
            "in this order: the secret cluster-lab/lab-kubeconfig ",
            "admin.conf of cp-1 is newer",
            "admin.conf of cp-2 is newer",
            "admin.conf of cp-3 is newer",
            "of its 4 users only `kubernetes-admin` gets another certificate",
        ];
        let at: Vec<_> = order.iter().map(|part| probe.summary.find(part)).collect();
        assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{}", probe.summary);
        good(&scenario, bench.attempt().await);
        let path = bench.file(FILE);
        let after = std::fs::read_to_string(&path).expect("a kubeconfig");
        assert_ne!(after, before);
        assert_eq!(without_credentials(&after), without_credentials(&before));
        assert!(after.contains(USERS) && after.contains("token: 'kept'} # and this"));
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).expect("a file"));
        assert_eq!(mode & 0o7777, 0o600);
        let kept = path.with_file_name("lab-kubeconfig.certwright-20261124-laws.bak");
        assert_eq!(std::fs::read_to_string(kept).expect("the old one"), before);
        good("again", bench.probe().await);
        good("undo", bench.undo(&probe.facts).await);
        assert_eq!(std::fs::read_to_string(&path).expect("a kubeconfig"), before);
    }
}

/// A run that died while it put files in place: its candidate, and files that were not in their place yet.
#[tokio::test(start_paused = true)]
async fn what_a_replacement_that_was_cut_off_left_is_removed_and_nothing_else_beside_the_file() {
    const NONCE: &str = "0123456789abcdef0123456789abcdef";
    let left = ["lab-kubeconfig.certwright-20261123-dead.new".to_owned()].into_iter().chain(
        ["", ".certwright-20261123-dead.new", ".certwright-20261123-dead.bak"]
            .map(|of| format!(".lab-kubeconfig{of}.certwright-{NONCE}")),
    );
    let left: Vec<String> = left.collect();
    let others =
        ["lab-kubeconfig.certwright-20261123-dead.bak".to_owned(), format!(".other.certwright-{NONCE}")];
    // With a file to be replaced, with one that is as wanted, and in an undo.
    for validity in [Validity::Expired, Validity::Valid] {
        let scenario = Scenario::new("replace-kubeconfig", "workstation", validity);
        let scenario = if validity == Validity::Expired { scenario.renewed() } else { scenario };
        let stage = Stage::new(&scenario).await;
        let bench = stage.bench();
        let beside = |name: &String| bench.file(FILE).with_file_name(name);
        let lay = || {
            left.iter()
                .chain(&others)
                .for_each(|name| std::fs::write(beside(name), "a key").expect("written"));
        };
        let check = |when: &str| {
            assert!(left.iter().all(|name| !beside(name).exists()), "{validity:?}: {when}");
            assert!(others.iter().all(|name| beside(name).exists()), "{validity:?}: {when}");
        };
        let clean = good(&scenario, bench.probe().await);
        lay();
        let probe = good(&scenario, bench.probe().await);
        assert_eq!(probe.verdict, Verdict::Drifted);
        if validity == Validity::Valid {
            assert_eq!(clean.verdict, Verdict::Satisfied);
            let names = left.iter().all(|name| probe.summary.contains(name.as_str()));
            assert!(
                names && probe.summary.contains("a replacement that was cut off left "),
                "{}",
                probe.summary
            );
        }
        good(&scenario, bench.attempt().await);
        check("an attempt");
        lay();
        good("undo", bench.undo(&probe.facts).await);
        check("an undo");
    }
}

/// Takes the credentials of the file's entry out into files beside it.
fn in_files(bench: &Bench<'_>) -> String {
    let path = bench.file(FILE);
    let text = std::fs::read_to_string(&path).expect("a kubeconfig");
    let config = Kubeconfig::parse(text.as_bytes()).expect("a kubeconfig");
    let user = &config.users[0].entry;
    let (Some(Source::Data(certificate)), Some(Source::Data(key))) =
        (&user.client_certificate, &user.client_key)
    else {
        panic!("embedded")
    };
    let Some(Source::Data(ca)) = &config.clusters[0].entry.certificate_authority else { panic!("embedded") };
    std::fs::create_dir(path.with_file_name("files")).expect("a folder");
    for (name, content) in [
        ("files/own.crt", certificate.as_slice()),
        ("files/own.key", key.reveal()),
        ("ca.crt", ca.as_slice()),
    ] {
        std::fs::write(path.with_file_name(name), content).expect("written");
    }
    let line = |line: &str| {
        let named = [
            ("client-certificate-data:", "client-certificate: files/own.crt"),
            ("client-key-data:", "client-key: files/own.key"),
            ("certificate-authority-data:", "certificate-authority: ca.crt"),
        ];
        match named.iter().find(|(field, _)| line.trim_start().starts_with(field)) {
            Some((_, with)) => format!("{}{with}\n", &line[..line.len() - line.trim_start().len()]),
            None => line.to_owned(),
        }
    };
    let text: String = text.split_inclusive('\n').map(line).collect();
    std::fs::write(&path, &text).expect("written");
    text
}

#[tokio::test(start_paused = true)]
async fn a_kubeconfig_of_files_beside_it_is_compared_by_them_and_gets_the_new_ones_embedded() {
    let scenario = Scenario::new("replace-kubeconfig", "workstation", Validity::Expired).renewed();
    let stage = Stage::new(&scenario).await;
    let bench = stage.bench();
    let before = in_files(&bench);
    let old = std::fs::read(bench.file(FILE).with_file_name("files/own.crt")).expect("a certificate");
    let probe = good(&scenario, bench.probe().await);
    assert!(probe.summary.contains("holds a client certificate that expired"), "{}", probe.summary);
    good(&scenario, bench.attempt().await);
    let path = bench.file(FILE);
    let after = std::fs::read_to_string(&path).expect("a kubeconfig");
    assert_eq!(without_credentials(&after), without_credentials(&before), "the CA stays in its file");
    assert!(after.contains("client-certificate-data: ") && after.contains("client-key-data: "), "{after}");
    assert_eq!(
        std::fs::read(path.with_file_name("files/own.crt")).expect("a file"),
        old,
        "the file itself is left"
    );
    // One that is gone is named, and the others help.
    let bench = stage.bench();
    in_files(&bench);
    std::fs::remove_file(bench.file(FILE).with_file_name("files/own.key")).expect("removed");
    let probe = good(&scenario, bench.probe().await);
    assert!(
        probe.summary.contains("/bmctl-workspace/lab/files/own.key`, which is missing"),
        "{}",
        probe.summary
    );
    good(&scenario, bench.attempt().await);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_logs_in_otherwise_is_named_and_left_alone() {
    let scenario = Scenario::new("replace-kubeconfig", "workstation", Validity::Expired).renewed();
    let stage = Stage::new(&scenario).await;
    let changes: [(&str, Change); 4] = [
        ("sets `exec` for user `cloud`, which is refused", |text| {
            text.replace("current-context: kubernetes-admin@lab", "current-context: cloud")
        }),
        ("has no client certificate", |text| {
            text.replace("client-certificate-data:", "token: t\n    other:")
        }),
        ("has no current-context", |text| text.replace("current-context: kubernetes-admin@lab\n", "")),
        ("has no context `gone`", |text| {
            text.replace("current-context: kubernetes-admin@lab", "current-context: gone")
        }),
    ];
    for (said, change) in changes {
        let bench = stage.bench();
        let text = many(&bench);
        let spoilt = change(&text);
        assert_ne!(spoilt, text, "{said}");
        std::fs::write(bench.file(FILE), spoilt).expect("written");
        let before = bench.witness().exact();
        let error = bench.attempt().await.expect_err("nothing is replaced");
        assert_says(&error, ErrorClass::Invalid, said);
        assert_says(&error, ErrorClass::Invalid, "only an entry that logs in by a certificate is replaced");
        bench.assert_same(&before, &bench.witness().exact(), said);
    }
    // A file that kubectl cannot read either is replaced as a whole; so is one with nothing in it.
    for useless in ["planted: {{", "apiVersion: v1\nkind: Config\n"] {
        let bench = stage.bench();
        std::fs::write(bench.file(FILE), useless).expect("written");
        good(useless, bench.attempt().await);
        let text = std::fs::read(bench.file(FILE)).expect("a kubeconfig");
        assert_eq!(Kubeconfig::parse(&text).expect("a kubeconfig").users.len(), 1);
    }
}
