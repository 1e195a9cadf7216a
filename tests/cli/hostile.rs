//! Nodes that are hostile or broken: terminal escapes in everything that they can say, hold or be called.

use std::fs;
use std::path::Path;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec};

use crate::openssl;
use crate::program::{Place, Ran};
use crate::visible::{HOSTILE, in_json, obeyed};

/// Programs of a node that say it on stderr, beside their own words.
const SPEAKERS: [&str; 8] =
    ["kubeadm", "crictl", "kubectl", "journalctl", "systemctl", "curl", "openssl", "df"];

/// Everything that is written by the commands of one test.
#[derive(Default)]
struct Written {
    bytes: usize,
    mentions: usize,
}

impl Written {
    /// Fails where a terminal would obey some of it.
    fn take(&mut self, what: &str, bytes: &[u8]) {
        assert_eq!(obeyed(bytes), None, "{what}");
        self.bytes += bytes.len();
        self.mentions += String::from_utf8_lossy(bytes).matches("hostile").count();
    }

    fn ran(&mut self, what: &str, ran: &Ran) {
        self.take(&format!("{what}: stdout"), ran.stdout.as_bytes());
        self.take(&format!("{what}: stderr"), ran.stderr.as_bytes());
        let forged = |line: &&str| line.starts_with("CHANGED") && line.contains("as wanted now");
        let lines = ran.stdout.lines().filter(forged).count();
        assert!(lines <= usize::from(ran.code == Some(0)), "{what}: a forged line:\n{}", ran.stdout);
    }

    fn folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                self.folder(&entry);
            } else {
                let bytes = fs::read(&entry).expect("a file");
                // Space that a journal has reserved behind its last record.
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                self.take(&entry.display().to_string(), &bytes[..end]);
            }
        }
    }
}

fn lab(place: &Place) -> Lab {
    Lab::create(place.path("lab"), &LabSpec::default(), &Clock::real()).expect("a lab")
}

/// Lets a program of every node print something else in the place of some of its words.
fn reword(place: &Place, program: &str, words: &[(&str, String)]) {
    let text: Vec<&str> = words.iter().flat_map(|(from, to)| [*from, to.as_str()]).collect();
    for node in ["cp-1", "cp-2", "cp-3", "workstation"] {
        place.write(&format!("lab/{node}/run/certwright-lab/rewords/{program}"), text.join("\0"));
    }
}

#[test]
fn what_a_hostile_node_says_is_shown_and_never_obeyed() {
    let place = Place::new();
    let nodes = lab(&place).spec().expect("its spec").nodes;
    for node in &nodes {
        for program in SPEAKERS {
            place.write(
                &format!("lab/{}/run/certwright-lab/says/{program}", node.name),
                format!("{HOSTILE}\n"),
            );
        }
    }
    let json = in_json();
    reword(
        &place,
        "crictl",
        &[
            ("\"etcd-defrag\"", format!("\"etcd-defrag{json}\"")),
            ("\"uid\": \"", format!("\"uid\": \"{json}")),
        ],
    );
    reword(
        &place,
        "kubectl",
        &[
            ("\"KubeletReady\"", format!("\"{json}\"")),
            ("\"name\": \"etcd-defrag-", format!("\"name\": \"{json}-")),
        ],
    );
    reword(
        &place,
        "kubeadm",
        &[("certificate for serving", format!("certificate {} for serving", HOSTILE.replace('\n', " ")))],
    );
    reword(&place, "kubelet", &[("Kubernetes ", format!("Kubernetes {HOSTILE} "))]);
    reword(&place, "uname", &[("Linux", HOSTILE.to_owned())]);
    reword(&place, "cat", &[("Debian", HOSTILE.to_owned())]);
    let mut written = Written::default();
    let mut tried = 0;
    for (args, code) in [
        ("rehearse --lab lab --fault renew-dies@cp-2", 10),
        ("show", 0),
        ("show --events", 0),
        ("show --events --output json", 0),
        ("doctor --lab lab --bundle bundle.txt", 15),
        ("doctor --lab lab --output json", 15),
        ("resume --output json", 0),
        ("undo", 11),
    ] {
        let ran = place.run(args);
        written.ran(args, &ran);
        assert_eq!(ran.code, Some(code), "{args}\n{}\n{}", ran.stdout, ran.stderr);
        tried += 1;
    }
    let shown = written.mentions;
    written.folder(&place.path("home"));
    written.take("the bundle", &fs::read(place.path("bundle.txt")).expect("a bundle"));
    assert!(shown > 0 && written.mentions > shown + 20, "{shown} and {}: it was met", written.mentions);
    println!(
        "{} programs of {} nodes, 6 of them with hostile names; {tried} commands, {} bytes, {} times shown",
        SPEAKERS.len(),
        nodes.len(),
        written.bytes,
        written.mentions
    );
}

/// A file that is planted in a lab, its content, and a word of what is said of it.
type Plant = (String, Content, &'static str);

/// What is written.
enum Content {
    /// This.
    Text(String),
    /// What was there, changed.
    Edited(fn(&str) -> String),
    /// A certificate for names with this word.
    Certificate(&'static str),
}

/// The hostile words with another name of theirs.
fn named(word: &str) -> String {
    HOSTILE.replace("hostile", word)
}

fn plants() -> [Plant; 6] {
    let stray = format!("cp-2/etc/kubernetes/manifests/{}", named("hostile-stray").replace('/', "_"));
    let left = format!("cp-2/var/lib/certwright/backups/{}.tar", HOSTILE.replace('\n', " "));
    [
        (
            "cp-2/etc/kubernetes/pki/apiserver.crt".into(),
            Content::Certificate("hostile-name"),
            "hostile-name",
        ),
        (stray, Content::Text("x".into()), "hostile-stray"),
        (
            "cp-3/etc/kubernetes/manifests/kube-apiserver.yaml".into(),
            Content::Text(format!("a: [{HOSTILE}")),
            "kube-apiserver.yaml",
        ),
        (
            "cp-1/etc/kubernetes/kubelet.conf".into(),
            Content::Edited(|text| {
                let from = "client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem";
                let to = in_json().replace("hostile", "hostile-conf");
                text.replace(from, &format!("client-certificate: \"/var/{to}\""))
            }),
            "hostile-conf",
        ),
        (
            "workstation/bmctl-workspace/lab/lab-kubeconfig".into(),
            Content::Text(format!("users: [{HOSTILE}")),
            "lab-kubeconfig is",
        ),
        (left, Content::Text("x".into()), ""),
    ]
}

/// Files that nodes and workstation hold: each is found, named and shown harmless, and no file changes.
#[test]
fn hostile_files_are_named_harmlessly_and_nothing_is_changed_for_them() {
    let mut written = Written::default();
    let place = Place::new();
    drop(lab(&place));
    for (path, content, _) in plants() {
        let path = format!("lab/{path}");
        match content {
            Content::Text(text) => {
                let _place = place.write(&path, text);
            }
            Content::Edited(edit) => {
                let text = fs::read_to_string(place.path(&path)).expect("a file of the lab");
                assert_ne!(edit(&text), text, "{path}");
                let _place = place.write(&path, edit(&text));
            }
            Content::Certificate(word) => openssl::hostile_certificate(&place.path(&path), &named(word)),
        }
    }
    let before = files(&place);
    let mut all = String::new();
    for args in ["doctor --lab lab --bundle bundle.txt", "doctor --lab lab --output json"] {
        let ran = place.run(args).exits(15);
        written.ran(args, &ran);
        all.push_str(&ran.stdout);
    }
    let bundle = fs::read_to_string(place.path("bundle.txt")).expect("a bundle");
    written.take("the bundle", bundle.as_bytes());
    assert_eq!(files(&place), before, "something was changed");
    all.push_str(&bundle);
    for (path, _, word) in plants() {
        assert!(all.contains(word), "{path:?}: {word} is not told\n{all}");
    }
    println!("{} hostile files, {} bytes, {} times shown", plants().len(), written.bytes, written.mentions);
}

/// All files of the nodes with their contents, but the lab's own memory.
fn files(place: &Place) -> Vec<(String, Vec<u8>)> {
    let of_nodes = |path: &String| !path.contains("/.lab/");
    let paths = place.tree("lab").into_iter().filter(of_nodes);
    paths.map(|path| (fs::read(&path).unwrap_or_default(), path)).map(|(bytes, path)| (path, bytes)).collect()
}
