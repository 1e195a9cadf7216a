//! Files that somebody else made: their names, their number, where they lead, and answers that are no whole ones.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::*;
use super::Bench;
use crate::pki::Digest;
use crate::tools::survey::FileKind;
use crate::tools::testing::{TestCa, printed, run, tell};
use crate::tools::wanted;

#[test]
fn hostile_names_and_contents_keep_their_places() {
    let bench = Bench::new();
    let pki = bench.root.join("etc/kubernetes/pki");
    let certificate = fs::read_to_string(pki.join("apiserver.crt")).unwrap();
    let names = [
        ".hidden.crt",
        "-n.crt",
        "a b.crt",
        "new\nline.crt",
        "$(touch x).crt",
        "'\".pem",
        "*.crt",
        "\u{1b}[2J.pem",
        "ü.crt",
        "a=b.crt",
        "\\.pem",
        ".crt",
    ];
    for name in names {
        fs::write(pki.join(name), &certificate).unwrap();
    }
    fs::write(pki.join(std::ffi::OsStr::from_bytes(b"\xff.crt")), &certificate).unwrap();
    bench.put("/etc/kubernetes/pki/two\nlines/in.crt", &certificate);
    symlink("target\nof two lines", pki.join("dangling.crt")).unwrap();
    fs::create_dir(pki.join("folder.crt")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        pki.join("pipe.crt"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    bench.put("/etc/kubernetes/pki/big.crt", vec![b'x'; 300_000]);
    bench.put("/etc/kubernetes/pki/frame.crt", "end 3\nkey 1\n|x\npath 0 missing\n");
    bench.put("/var/lib/kubelet/kubeadm-flags.env", "end 0\n|\nsurvey 2\npath 1 missing");
    bench.put("/var/lib/kubelet/instance-config.yaml", vec![b'y'; 300_000]);
    let mut native = Tree::open(&bench.root).unwrap().look(Keys::Asked, &Request::usual());
    for shell in [&["/bin/dash"][..], &["/bin/bash"]] {
        let look = bench.usual(Keys::Asked, shell, None);
        native.clock_ns = look.clock_ns;
        for (path, facts) in &native.files {
            assert_eq!(look.files.get(path), Some(facts), "{shell:?}");
        }
        assert_eq!(look.names, native.names, "{shell:?}");
        assert!(look == native, "{shell:?}");
    }
    assert!(parse(&Request::usual(), &printed(render(&Request::usual(), &native))).unwrap() == native);
    assert!(native.files["/etc/kubernetes/pki/*.crt"].certificate().is_ok());
    assert_eq!(native.names.iter().filter(|name| name.contains("line.crt")).count(), 0, "no line holds it");
    let pki = "/etc/kubernetes/pki";
    let strange =
        [r"new\nline.crt", r"two\nlines/in.crt", "\u{fffd}.crt"].map(|name| format!("{pki}/{name}"));
    assert_eq!(native.odd.iter().collect::<Vec<_>>(), strange.iter().collect::<Vec<_>>());
    assert_eq!(
        native.texts["/var/lib/kubelet/instance-config.yaml"].len(),
        262_145,
        "cut, with an end of line"
    );
    assert!(!bench.root.join("x").exists() && !Path::new("x").exists(), "no name was executed");
}

#[test]
fn of_very_many_files_in_a_folder_the_first_are_looked_at() {
    let bench = Bench::new();
    let bench_files = bench.native(Keys::NotAsked).files.len();
    for number in 0..300 {
        bench.put(&format!("/etc/kubernetes/pki/many/{number:03}.crt"), "x");
    }
    let request = Request::usual();
    let output = run(&bench.argv(Keys::NotAsked, &request, &["/bin/sh"], None));
    let look = parse(&request, &output).unwrap();
    let native = bench.native(Keys::NotAsked);
    assert_eq!(native.files.len(), wanted::MOST);
    assert!(look.names.len() > 300 && look.files.len() < look.names.len());
    let mut search = Search::new(Keys::NotAsked);
    search.take(request, look);
    while let Some(request) = search.next() {
        let output = run(&bench.argv(Keys::NotAsked, &request, &["/bin/sh"], None));
        search.take(request.clone(), parse(&request, &output).unwrap());
    }
    assert_eq!(Collected { clock_ns: None, ..search.done() }, native);
    let number = 300 + bench_files;
    let told = format!("of {number} files that may hold certificates the first 256 were looked at");
    assert_eq!(native.left_out, [told]);
}

#[test]
fn no_private_key_is_in_what_leaves_a_node() {
    let bench = Bench::new();
    let output = run(&bench.argv(Keys::Asked, &Request::usual(), &["/bin/sh"], None));
    let printed = output.stdout.lossy().into_owned();
    let mut keys = 0;
    for name in ["apiserver", "ca", "front-proxy-client", "etcd/peer", "sa"] {
        let pem = fs::read_to_string(bench.root.join(format!("etc/kubernetes/pki/{name}.key"))).unwrap();
        let middle = pem.lines().nth(1).unwrap();
        for word in printed.split([' ', '\n']) {
            use base64::Engine as _;
            let inner = base64::engine::general_purpose::STANDARD.decode(word).unwrap_or_default();
            assert!(!word.contains(middle) && !String::from_utf8_lossy(&inner).contains(middle), "{name}");
        }
        keys += 1;
    }
    tell(format_args!("{keys} keys looked for in {} bytes", printed.len()));
}

#[test]
fn a_symlink_does_not_lead_out_of_the_folder() {
    let bench = Bench::new();
    let outside = bench.root.parent().unwrap().join("outside.crt");
    let secret = TestCa::new("outside").pem;
    fs::write(&outside, &secret).unwrap();
    let pki = bench.root.join("etc/kubernetes/pki");
    symlink("../../../../outside.crt", pki.join("relative.crt")).unwrap();
    symlink(&outside, pki.join("absolute.crt")).unwrap();
    symlink(outside.parent().unwrap(), pki.join("folder")).unwrap();
    symlink("/etc/kubernetes/pki/ca.crt", pki.join("inside.crt")).unwrap();
    symlink("loop.crt", pki.join("loop.crt")).unwrap();
    let collected = bench.native(Keys::Asked);
    let kind = |name: &str| collected.files[&format!("/etc/kubernetes/pki/{name}.crt")].kind;
    assert_eq!(kind("relative"), FileKind::Missing, "`..` ends at the folder");
    assert_eq!(kind("absolute"), FileKind::Missing);
    assert_eq!(kind("loop"), FileKind::Missing);
    assert_eq!(kind("inside"), FileKind::File, "an absolute link is the node's own");
    let digest = Digest::of(secret.as_bytes());
    assert!(
        collected
            .files
            .values()
            .all(|facts| facts.sha256 != Some(digest) && facts.certificates != secret.as_bytes())
    );
    assert!(!collected.files.keys().any(|path| path.contains("/folder/")));
}

#[test]
fn a_frame_that_is_cut_or_edited_is_refused() {
    let bench = Bench::new();
    let request = Request::usual();
    let mut look = Tree::open(&bench.root).unwrap().look(Keys::NotAsked, &request);
    look.clock_ns = Some(5_000_000_007);
    let good = render(&request, &look);
    assert_eq!(parse(&request, &printed(good.clone())).unwrap(), look, "what a lab prints reads back equal");
    let mut refused = 0;
    for cut in (0..good.len()).step_by(97) {
        assert!(parse(&request, &printed(&good[..cut])).is_err(), "cut at {cut}");
        refused += 1;
    }
    let good = String::from_utf8(good).unwrap();
    for (from, to) in [
        ("survey 2", "survey 1"),
        ("clock 5.", "clock x."),
        ("clock 5.", "clock 4.5\nclock 5."),
        ("\nfound ", "\nfound x"),
        ("\nfound ", "\nfound 3 /etc/x.crt\nfound "),
        ("\nfound 22 /", "\nfound 22 "),
        ("\ntext\n", "\n"),
        ("\ntext\n", "\ntext x\n"),
        ("\n|", "\n"),
        ("\npath 2 ", "\npath 200 "),
        ("\npem ", "\npem ."),
        ("\nend ", "\nunknown\nend "),
        ("\nend ", "\nkey 200\nend "),
        ("\nend ", "\nkey 1\n-----BEGIN PUBLIC KEY-----\nend "),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(parse(&request, &printed(bad)).is_err(), "{from} -> {to}");
        refused += 1;
    }
    tell(format_args!("{refused} damaged frames refused"));
}
