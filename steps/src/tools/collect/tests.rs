//! The script on a node against what the same folder tells natively, and what its frame refuses.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use certwright_engine::clock::Clock;

use super::*;
use crate::lab::{Lab, LabSpec, Validity};
use crate::pki::Digest;
use crate::tools::survey::{FileKind, KeyFacts};
use crate::tools::testing::{FolderHost, TestCa, printed, tell};

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

    async fn script(&self, keys: Keys, shims: Option<&Path>) -> Collected {
        let host = FolderHost { root: self.root.clone(), shims: shims.map(Path::to_owned) };
        collect(&host, keys).await.unwrap()
    }

    fn native(&self, keys: Keys) -> Collected {
        Tree::open(&self.root).unwrap().collect(keys)
    }
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
        let mut script = bench.script(keys, None).await;
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
        let mut timed = native.clone();
        timed.clock_ns = Some(1_795_555_800_123_456_789);
        assert_eq!(parse(&printed(render(&timed))).unwrap(), timed, "what a lab prints reads back equal");
        tell(format_args!("{} files compared, keys {}", native.files.len(), keys.word()));
    }
}

#[tokio::test]
async fn a_node_without_openssl_tells_everything_but_its_keys() {
    let bench = Bench::new();
    let shims = tempfile::tempdir().unwrap();
    for program in [
        "awk",
        "base64",
        "cat",
        "date",
        "find",
        "grep",
        "head",
        "readlink",
        "sed",
        "sha256sum",
        "sort",
        "stat",
        "tail",
        "tr",
    ] {
        let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
        let real = real.iter().find(|path| path.exists()).expect(program);
        symlink(fs::canonicalize(real).unwrap(), shims.path().join(program)).unwrap();
    }
    let mut argv = command(Keys::Asked).argv;
    argv[4] = bench.root.to_str().unwrap().to_owned();
    // A PATH of these programs only.
    argv[2] = format!("PATH={}\n{}", shims.path().display(), argv[2]);
    let output = crate::tools::testing::run(&argv);
    assert!(output.success(), "{}", output.stderr.escaped());
    let mut collected = parse(&output).unwrap();
    collected.clock_ns = None;
    assert_eq!(collected.keys, Keys::NoOpenssl);
    assert_eq!(Collected { keys: Keys::NotAsked, ..collected }, bench.native(Keys::NotAsked));
}

#[test]
fn no_private_key_is_in_what_leaves_a_node() {
    let bench = Bench::new();
    let mut argv = command(Keys::Asked).argv;
    argv[4] = bench.root.to_str().unwrap().to_owned();
    let output = crate::tools::testing::run(&argv);
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
    let mut collected = bench.native(Keys::NotAsked);
    collected.clock_ns = Some(5_000_000_007);
    let good = render(&collected);
    assert_eq!(parse(&printed(good.clone())).unwrap(), collected);
    let mut refused = 0;
    for cut in (0..good.len()).step_by(97) {
        assert!(parse(&printed(&good.as_bytes()[..cut])).is_err(), "cut at {cut}");
        refused += 1;
    }
    for (from, to) in [
        ("collect 1", "collect 2"),
        ("clock 5.", "clock x."),
        ("keys not-asked", "keys maybe"),
        ("\npaths ", "\npaths !"),
        ("\ntext ", "\ntext ! "),
        ("\nsurvey 1", "\nsurvey 2"),
        ("\npaths ", "\nunknown "),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(parse(&printed(bad)).is_err(), "{from} -> {to}");
        refused += 1;
    }
    tell(format_args!("{refused} damaged frames refused"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Tree::open(Path::new("/not/there")).unwrap_err().to_string();
    assert_eq!(error, "cannot open the folder `/not/there`: no such file or directory");
}
