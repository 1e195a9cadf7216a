//! What hosts, folders and files of `certs` are called: told apart, and never obeyed by whoever reads them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};

use crate::program::Place;
use crate::screen::Screen;
use crate::visible::obeyed;

fn lab(place: &Place, name: &str, validity: Validity) {
    let spec = LabSpec::default().certificates(validity);
    drop(Lab::create(place.path(name), &spec, &Clock::real()).expect("a lab"));
}

/// Colours among them: a terminal shows them, so they are let through where they are certwright's own.
const HOSTILE: [&[u8]; 7] = [
    b"hostile\x1b[31m.pem",
    b"hostile\x07.pem",
    b"hostile\r.pem",
    b"hostile\nWARN  forged.pem",
    "hostile\u{202e}.pem".as_bytes(),
    "hostile\u{9b}31m.pem".as_bytes(),
    b"hostile\xff\x1b[31m.pem",
];

#[test]
fn hostile_names_of_files_are_harmless_in_every_output_and_in_the_textfile() {
    let place = Place::new();
    lab(&place, "lab", Validity::Valid);
    let pki = place.path("lab/cp-1/etc/kubernetes/pki");
    let certificate = fs::read(pki.join("apiserver.crt")).expect("a certificate");
    for name in HOSTILE {
        fs::write(pki.join(OsStr::from_bytes(name)), &certificate).expect("a file");
    }
    let folder = place.path("cp\u{1b}[31m\nWARN  forged");
    std::os::unix::fs::symlink(place.path("lab/cp-1"), &folder).expect("a link");
    let check = |what: &str, text: &str, least: usize| {
        // RFC 4180 has its own line ends.
        let text = text.replace("\r\n", "\n");
        assert_eq!(obeyed(text.as_bytes()), None, "{what}");
        assert!(text.matches("hostile").count() >= least, "{what}: {text}");
        assert!(!text.lines().any(|line| line.starts_with("WARN  forged")), "{what}: {text}");
    };
    for output in ["human", "narrow", "wide", "json", "markdown", "csv", "prometheus"] {
        for what in ["--lab lab", "--root lab/cp-1"] {
            let args = format!("certs {what} --within 6years --output {output} --textfile out.prom");
            let ran = place.run(&args).exits(3);
            check(&args, &ran.stdout, 5);
            check(&args, &ran.stderr, 0);
            check(&args, &fs::read_to_string(place.path("out.prom")).expect("the file"), 5);
        }
        let mut command = place.command(&format!("certs --within 6years --output {output} --root"));
        let ran = place.ran(command.arg(&folder).output().expect("the program starts")).exits(3);
        check(output, &ran.stdout, 5);
    }
    let json = place.run("certs --root lab/cp-1 --output json").exits(3).json();
    let incomplete =
        json[0]["findings"].as_array().expect("findings").iter().filter(|it| it["id"] == "incomplete");
    assert_eq!(incomplete.count(), 2, "the line end, and what is no UTF-8");
    on_a_terminal(&place);
}

/// A terminal has colours: only those that mean something to certwright, around whole words of its own.
fn on_a_terminal(place: &Place) {
    for output in ["human", "narrow", "wide"] {
        let screen =
            Screen::start(place, &format!("certs --root lab/cp-1 --within 6years --output {output}"));
        let text = screen.ends(Path::new("/nonexistent"));
        assert!(text.contains("hostile\\u{1b}[31m.pem"), "{output}: {text}");
        assert!(!text.contains("hostile\u{1b}"), "{output}: {text}");
        assert!(!text.contains('\u{7}') && !text.contains('\u{9b}') && !text.contains('\u{202e}'), "{text}");
    }
}

#[test]
fn two_folders_of_one_name_are_two_hosts_in_every_output() {
    let place = Place::new();
    lab(&place, "a", Validity::Valid);
    lab(&place, "b", Validity::Expired);
    let table = place.run("certs --root b/cp-1 --root a/cp-1").exits(4).stdout;
    assert!(table.starts_with("CERTIFICATE               b/cp-1       a/cp-1\n"), "{table}");
    let admin = table.lines().find(|line| line.starts_with("admin.conf ")).expect("a row");
    assert!(admin.contains("EXPIRED") && admin.contains("364d") && !admin.contains(" - "), "{admin}");
    assert!(table.contains("EXPIRED  b/cp-1: admin.conf expired"), "{table}");
    let metrics = place.run("certs --root b/cp-1 --root a/cp-1 --output prometheus").exits(4).stdout;
    for host in ["a/cp-1", "b/cp-1"] {
        assert!(metrics.contains(&format!("certwright_host_up{{host=\"{host}\"}} 1\n")), "{metrics}");
        let ends = format!("x509_cert_not_after{{host=\"{host}\",certificate=\"admin.conf\"");
        assert_eq!(metrics.matches(&ends).count(), 1, "{metrics}");
    }
    let once = place.run("certs --root a/cp-1 --root ./a/cp-1/ --output json").exits(0).json();
    assert_eq!(once[0]["hosts"].as_array().expect("hosts").len(), 1);
}

#[test]
fn a_limit_is_heeded_whatever_names_the_hosts() {
    let place = Place::new();
    lab(&place, "lab", Validity::Valid);
    for args in
        ["certs --root lab/cp-1 --limit cp-9", "certs cp-1 cp-2 --limit cp-9", "certs --local --limit cp-9"]
    {
        let refused = place.run(args).exits(2);
        assert!(
            refused.stderr.contains("the command line names no host `cp-9`"),
            "{args}: {}",
            refused.stderr
        );
    }
    let json = place.run("certs --root lab/cp-1 --root lab/cp-2 --limit cp-2 --output json").exits(0).json();
    let hosts = json[0]["hosts"].as_array().expect("hosts");
    assert_eq!((hosts.len(), hosts[0]["host"].as_str()), (1, Some("cp-2")));
}

#[test]
fn a_textfile_that_is_no_regular_file_is_refused_before_any_host_is_asked() {
    let place = Place::new();
    lab(&place, "lab", Validity::Valid);
    assert!(place.under("mkfifo", "pipe").status().expect("mkfifo starts").success());
    std::os::unix::fs::symlink("pipe", place.path("link")).expect("a link");
    for name in ["pipe", "link"] {
        let refused = place.run(&format!("certs --root lab/cp-1 --textfile {name}")).exits(14);
        assert_eq!(refused.stdout, "");
        assert!(refused.stderr.contains("a pipe, not a regular file"), "{}", refused.stderr);
    }
    assert!(fs::symlink_metadata(place.path("link")).expect("it is there").is_symlink());
    place.write("real.prom", "old");
    std::os::unix::fs::symlink("real.prom", place.path("good.prom")).expect("a link");
    drop(place.run("certs --root lab/cp-1 --textfile good.prom").exits(0));
    assert!(fs::symlink_metadata(place.path("good.prom")).expect("it is there").is_symlink());
    assert!(fs::read_to_string(place.path("real.prom")).expect("a file").starts_with("# HELP"));
}

#[test]
fn a_pipe_is_no_inventory_and_is_not_waited_for() {
    let place = Place::new();
    assert!(place.under("mkfifo", "p.fifo").status().expect("mkfifo starts").success());
    for args in ["certs -i p.fifo", "plan renew-control-plane -i p.fifo", "inventory from-bmctl p.fifo"] {
        let refused = place.run(args).exits(2);
        assert!(
            refused.stderr.contains("read `p.fifo`: a pipe, not a regular file"),
            "{args}: {}",
            refused.stderr
        );
    }
}

/// What this user may not read is said to be that, and nothing of it disappears.
#[test]
fn what_may_not_be_read_is_told_with_root_as_the_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    lab(&place, "lab", Validity::Valid);
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(place.path(path), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode("lab", 0o755);
    mode("lab/cp-1", 0o755);
    let pki = "lab/cp-1/etc/kubernetes/pki";
    for path in place.tree(pki).iter().filter(|path| path.strip_suffix(".key").is_some()) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("a mode");
    }
    let ids_of = |args: &str, code: i32| {
        let json = place.run_as_nobody(args).exits(code).json();
        let findings = json[0]["findings"].as_array().expect("findings").clone();
        let told =
            |it: &serde_json::Value| format!("{} {} {}", it["id"], it["what"], it["remedy"]).replace('"', "");
        findings.iter().map(told).collect::<Vec<_>>()
    };
    let told = ids_of("certs --root lab/cp-1 --output json", 3);
    assert!(!told.iter().any(|told| told.contains("key-mismatch")), "{told:#?}");
    let keys = told.iter().find(|told| told.starts_with("keys-not-compared ")).expect("a finding");
    assert!(keys.contains("this user may not read ") && keys.contains("look as root"), "{keys}");
    for folder in ["pki", "pki/etcd", "manifests"] {
        mode(&format!("lab/cp-1/etc/kubernetes/{folder}"), 0o000);
    }
    let told = ids_of("certs --root lab/cp-1 --output json", 3);
    let has = |id: &str, words: &str| {
        let found = told.iter().find(|told| told.starts_with(id) && told.contains(words));
        let found = found.unwrap_or_else(|| panic!("{id} {words}: {told:#?}"));
        assert!(found.contains("look as root"), "{found}");
    };
    has("unreadable ", "apiserver cannot be read: permission denied");
    has("unreadable ", "front-proxy-ca cannot be read: permission denied");
    has("incomplete ", "`/etc/kubernetes/pki` cannot be looked at: permission denied");
    has(
        "incomplete ",
        "`/etc/kubernetes/manifests/etcd.yaml` and 3 more files there cannot be looked at: permission denied",
    );
    for folder in ["pki", "pki/etcd", "manifests"] {
        mode(&format!("lab/cp-1/etc/kubernetes/{folder}"), 0o755);
    }
}
