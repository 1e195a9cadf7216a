//! The script on a node against what the same folder tells natively.

use std::fs;
use std::path::Path;

use certwright_engine::clock::Clock;

use super::*;
use crate::lab::{Lab, LabSpec, Validity};
use crate::tools::survey::KeyFacts;
use crate::tools::testing::{FolderHost, TestCa, run, tell};

mod hostile;

mod programs;

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
        rest(&host, first(&host, keys).await.unwrap()).await.unwrap().0
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
fn a_folder_that_is_not_there_is_named() {
    let error = Tree::open(Path::new("/not/there")).unwrap_err().to_string();
    assert_eq!(error, "cannot open the folder `/not/there`: no such file or directory");
}
