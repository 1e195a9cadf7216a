//! The script on a node against what the same folder tells natively, and what its frame refuses.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use certwright_engine::clock::Clock;

use super::*;
use crate::lab::{Lab, LabSpec, Validity};
use crate::pki::Digest;
use crate::tools::survey::{FileKind, KeyFacts};
use crate::tools::testing::{FolderHost, TestCa, printed, run, tell};
use crate::tools::wanted;

/// A lab whose first node is looked at.
struct Bench {
    _dir: tempfile::TempDir,
    root: std::path::PathBuf,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::virtual_from(1_795_555_800_000);
        let spec = LabSpec::default().certificates(Validity::Valid);
        drop(Lab::create(dir.path().join("lab"), &spec, &clock).unwrap());
        Self { root: dir.path().join("lab/cp-1"), _dir: dir }
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(&path[1..]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.root.join(&path[1..]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {}", path.display());
        fs::write(path, text.replace(from, to)).unwrap();
    }

    async fn script(&self, keys: Keys) -> Collected {
        let host = FolderHost { root: self.root.clone(), shims: None };
        collect(&host, keys).await.unwrap()
    }

    fn native(&self, keys: Keys) -> Collected {
        Tree::open(&self.root).unwrap().collect(keys)
    }

    /// The command line of a look in this folder, by a shell and with a PATH of its own.
    fn argv(&self, keys: Keys, request: &Request, shell: &[&str], path: Option<&Path>) -> Vec<String> {
        let mut argv = command(keys, request).argv;
        argv[4] = self.root.to_str().unwrap().to_owned();
        if let Some(path) = path {
            argv[2] = format!("PATH={}\n{}", path.display(), argv[2]);
        }
        argv.splice(..1, shell.iter().map(|word| (*word).to_owned()));
        argv
    }

    /// The usual look.
    fn usual(&self, keys: Keys, shell: &[&str], path: Option<&Path>) -> Look {
        let request = Request::usual();
        let output = run(&self.argv(keys, &request, shell, path));
        assert!(output.success(), "{shell:?}: {}", output.stderr.escaped());
        assert_eq!(output.stderr.escaped(), "", "{shell:?}");
        parse(&request, &output).unwrap()
    }
}

/// The programs that a look needs beside awk, and those that it needs for keys.
const PROGRAMS: [&str; 2] = ["readlink", "stat"];
const FOR_KEYS: [&str; 3] = ["base64", "openssl", "sha256sum"];

fn installed(program: &str) -> Option<std::path::PathBuf> {
    let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
    real.into_iter().find_map(|path| fs::canonicalize(path).ok())
}

/// A folder of these programs and no others.
fn only(programs: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for program in programs {
        symlink(installed(program).expect(program), folder.path().join(program)).unwrap();
    }
    folder
}

#[tokio::test]
async fn the_script_and_a_folder_tell_the_same_of_one_node() {
    let bench = Bench::new();
    let ca = TestCa::new("odd");
    let (certificate, key) = ca.leaf("odd", 2027);
    // A certificate of a name that tells nothing, and what lies about in kubeadm's folder.
    bench.put("/opt/tls/scheduler.cert", format!("{certificate}{key}"));
    bench.edit(
        "/etc/kubernetes/manifests/kube-scheduler.yaml",
        "    - --kubeconfig=",
        "    - --tls-cert-file=/opt/tls/scheduler.cert\n    - --kubeconfig=",
    );
    bench.put("/etc/kubernetes/pki/custom/extra.crt", &certificate);
    bench.put("/etc/kubernetes/pki/custom/deep/er/not-seen.crt", &certificate);
    bench.put(
        "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
        "[Service]\n# --config=/commented\nEnvironment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/b.conf \
         --kubeconfig=/etc/kubernetes/kubelet.conf\"\nEnvironment=\"KUBELET_CONFIG_ARGS=--config=/etc/kubelet.yaml\"\n",
    );
    bench.put("/etc/kubelet.yaml", fs::read(bench.root.join("var/lib/kubelet/config.yaml")).unwrap());
    for keys in [Keys::Asked, Keys::NotAsked] {
        let mut script = bench.script(keys).await;
        assert!(script.clock_ns.take().is_some(), "the node's clock");
        let native = bench.native(keys);
        assert_eq!(script.texts.keys().collect::<Vec<_>>(), native.texts.keys().collect::<Vec<_>>());
        assert_eq!(script.files.keys().collect::<Vec<_>>(), native.files.keys().collect::<Vec<_>>());
        assert_eq!(script, native, "{keys:?}");
        assert!(native.texts.contains_key("/etc/kubelet.yaml"), "the flag says where the configuration is");
        assert!(native.files.contains_key("/etc/kubernetes/pki/custom/extra.crt"));
        assert!(
            !native.files.contains_key("/etc/kubernetes/pki/custom/deep/er/not-seen.crt"),
            "three folders deep"
        );
        assert!(!native.files["/opt/tls/scheduler.cert"].certificates.is_empty());
        let told = native.files.values().filter(|facts| facts.key != KeyFacts::Absent).count();
        assert_eq!(told > 10, keys == Keys::Asked, "{told} keys");
        tell(format_args!("{} files compared, {keys:?}", native.files.len()));
    }
}

#[test]
fn one_look_tells_everything_of_a_node_that_is_as_kubeadm_leaves_it() {
    let bench = Bench::new();
    let tree = Tree::open(&bench.root).unwrap();
    let mut search = Search::new(Keys::Asked);
    let first = search.next().unwrap();
    assert_eq!(first, Request::usual());
    let look = tree.look(Keys::Asked, &first);
    search.take(first, look);
    assert_eq!(search.next(), None);
    assert_eq!(search.done(), bench.native(Keys::Asked));
}

#[test]
fn what_stands_elsewhere_is_found_by_what_names_it() {
    let bench = Bench::new();
    let kubernetes = bench.root.join("etc/kubernetes");
    bench.edit("/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/pki/", "/opt/tls/");
    fs::create_dir_all(bench.root.join("opt")).unwrap();
    fs::rename(kubernetes.join("pki"), bench.root.join("opt/tls")).unwrap();
    fs::rename(kubernetes.join("manifests"), bench.root.join("opt/pods")).unwrap();
    bench.edit("/var/lib/kubelet/config.yaml", "/etc/kubernetes/manifests", "/opt/pods");
    fs::rename(bench.root.join("var/lib/kubelet/config.yaml"), bench.root.join("opt/kubelet.yaml")).unwrap();
    bench.put("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--config=/opt/kubelet.yaml");
    // It is not the one that counts.
    bench.put("/etc/kubernetes/manifests/etcd.yaml", "kind: Pod\n");
    let mut search = Search::new(Keys::NotAsked);
    let mut looks = 0;
    while let Some(request) = search.next() {
        let output = run(&bench.argv(Keys::NotAsked, &request, &["/bin/sh"], None));
        search.take(request.clone(), parse(&request, &output).unwrap());
        looks += 1;
    }
    let collected = search.done();
    assert_eq!(looks, 4, "units, the kubelet's configuration, manifests, what they name");
    assert!(collected.files["/opt/tls/apiserver.crt"].certificate().is_ok());
    assert!(collected.files.contains_key("/opt/tls/etcd/peer.crt"), "a folder of a folder");
    assert!(!collected.texts.contains_key("/etc/kubernetes/manifests/etcd.yaml"));
    assert_eq!(Collected { clock_ns: None, ..collected }, bench.native(Keys::NotAsked));
}

#[test]
fn every_shell_and_every_awk_tells_the_same() {
    let bench = Bench::new();
    let tree = Tree::open(&bench.root).unwrap();
    let pairs = [
        ("awk", "awk"),
        ("mawk", "awk"),
        ("gawk", "awk"),
        ("original-awk", "awk"),
        ("busybox", "awk"),
        // All of its own.
        ("busybox", "all"),
    ];
    let mut told = Vec::new();
    for (program, name) in pairs {
        let Some(real) = installed(program) else { continue };
        let folder = only(&FOR_KEYS);
        for applet in
            if name == "all" { &["awk", "base64", "readlink", "stat", "sha256sum"][..] } else { &["awk"] }
        {
            let _there = fs::remove_file(folder.path().join(applet));
            symlink(&real, folder.path().join(applet)).unwrap();
        }
        for program in PROGRAMS {
            if !folder.path().join(program).exists() {
                symlink(installed(program).unwrap(), folder.path().join(program)).unwrap();
            }
        }
        for shell in [&["/bin/dash"][..], &["/bin/bash"], &["/bin/busybox", "sh"]] {
            if !Path::new(shell[0]).exists() {
                continue;
            }
            // Each openssl takes its time, and no shell.
            let keys = if shell[0] == "/bin/dash" { Keys::Asked } else { Keys::NotAsked };
            let look = bench.usual(keys, shell, Some(folder.path()));
            let native = Look { clock_ns: look.clock_ns, ..tree.look(keys, &Request::usual()) };
            assert!(look == native, "{shell:?} with {program} as {name}: {look:?}");
            told.push(format!("{} with {program} ({name})", shell.join(" ")));
        }
    }
    assert!(told.len() >= 2, "{told:?}");
    tell(format_args!("the same by {}", told.join(", ")));
}

/// Each process is a good half of a millisecond on the node: 145 of them were a tenth of a second.
#[test]
fn a_look_without_keys_starts_three_programs() {
    let bench = Bench::new();
    let counted = tempfile::tempdir().unwrap();
    let log = counted.path().join("log");
    for program in
        PROGRAMS.iter().chain(&FOR_KEYS).chain(&["awk", "cat", "date", "find", "grep", "head", "sed", "sort"])
    {
        let wrapper =
            format!("#!/bin/sh\necho {program} >>{}\nexec /usr/bin/{program} \"$@\"\n", log.display());
        let place = counted.path().join(program);
        fs::write(&place, wrapper).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let look = bench.usual(Keys::NotAsked, &["/bin/sh"], Some(counted.path()));
    let mut started: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    started.sort();
    // A symlink below a folder is followed by a program; on a node itself the system does that.
    let current = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    assert!(look.files[current].certificate().is_ok());
    assert_eq!(started, ["awk", "readlink", "stat"]);
    fs::write(&log, "").unwrap();
    let look = bench.usual(Keys::Asked, &["/bin/sh"], Some(counted.path()));
    let keys = look.files.values().filter(|facts| facts.key != KeyFacts::Absent).count();
    let started = fs::read_to_string(&log).unwrap();
    assert_eq!(started.lines().filter(|program| *program == "openssl").count(), keys);
    tell(format_args!("3 programs without keys, {} with {keys} keys", started.lines().count()));
}

#[test]
fn the_clock_of_a_look_is_that_of_the_machine() {
    let bench = Bench::new();
    let before = Clock::real().wall_ms();
    let look = bench.usual(Keys::NotAsked, &["/bin/sh"], None);
    let after = Clock::real().wall_ms();
    let told = u64::try_from(look.clock_ns.unwrap() / 1_000_000).unwrap();
    // The kernel stamps with the time of its last tick.
    assert!((before - 20..=after).contains(&told), "{told} is not between {before} and {after}");
}

#[test]
fn a_node_without_openssl_tells_everything_but_its_keys() {
    let bench = Bench::new();
    let programs = only(&["awk", "readlink", "stat"]);
    let mut look = bench.usual(Keys::Asked, &["/bin/sh"], Some(programs.path()));
    assert!(look.no_openssl);
    (look.no_openssl, look.clock_ns) = (false, None);
    assert_eq!(look, Tree::open(&bench.root).unwrap().look(Keys::NotAsked, &Request::usual()));
    let mut search = Search::new(Keys::Asked);
    let request = search.next().unwrap();
    search.take(request, Look { no_openssl: true, ..look });
    assert_eq!(search.done().keys, Keys::NoOpenssl);
}

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

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Tree::open(Path::new("/not/there")).unwrap_err().to_string();
    assert_eq!(error, "cannot open the folder `/not/there`: no such file or directory");
}
