use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::pki::{Certificate, Digest};
use crate::tools::testing::{FolderHost, TestCa, fixture, printed, run};

/// Files of a node in a folder.
struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.root().join(&path[1..]);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn survey(&self, paths: &[&str]) -> Vec<FileFacts> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let output = self.output(&paths);
        assert_eq!(output.status, 0, "{}", output.stderr.escaped());
        assert_eq!(output.stderr.escaped(), "");
        parse(&paths, &output).unwrap()
    }

    fn output(&self, paths: &[String]) -> Output {
        self.output_to(Depth::Whole, paths)
    }

    fn output_to(&self, depth: Depth, paths: &[String]) -> Output {
        let words = [&[depth.word().to_owned()], paths].concat();
        run(&script(&SCRIPT, self.root().to_str().unwrap(), &words))
    }

    /// The facts the lab would give, completed with what only the file system knows.
    fn native(&self, path: &str) -> FileFacts {
        let file = self.root().join(&path[1..]);
        let content = std::fs::read(&file).unwrap();
        let beside = path.strip_suffix(".crt").map(|stem| self.root().join(&format!("{stem}.key")[1..]));
        let beside = beside.and_then(|key| std::fs::read(key).ok());
        let meta = std::fs::metadata(&file).unwrap();
        let mut native = FileFacts::of_content(path, &content, beside.as_deref());
        native.mode = meta.permissions().mode() & 0o7777;
        (native.uid, native.gid) = (meta.uid(), meta.gid());
        native.mtime_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
        native
    }
}

fn kubeconfig(ca: &str, certificate: &str, key: &str) -> String {
    let data = |pem: &str| STANDARD.encode(pem);
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://10.0.0.1:6443\n  \
         name: lab\ncontexts:\n- context:\n    cluster: lab\n    user: admin\n  name: admin@lab\n\
         current-context: admin@lab\nkind: Config\npreferences: {{}}\nusers:\n- name: admin\n  user:\n    \
         client-certificate-data: {}\n    client-key-data: {}\n",
        data(ca),
        data(certificate),
        data(key)
    )
}

#[test]
fn the_awk_program_is_one_word_of_the_script() {
    assert!(!include_str!("content.awk").contains('\''));
    assert!(SCRIPT.len() * 4 < SOURCE.len() * 3, "{} of {} bytes", SCRIPT.len(), SOURCE.len());
}

#[test]
fn a_certificate_comes_with_its_facts_and_the_digest_of_the_key_beside_it() {
    let (tree, ca) = (Tree::new(), TestCa::new("kubernetes"));
    let (certificate, key) = ca.leaf("apiserver", 2027);
    tree.put("/etc/kubernetes/pki/apiserver.crt", &certificate);
    tree.put("/etc/kubernetes/pki/apiserver.key", &key);
    let (_, other_key) = ca.leaf("other", 2027);
    tree.put("/etc/kubernetes/pki/stray.crt", &certificate);
    tree.put("/etc/kubernetes/pki/stray.key", other_key);
    let facts = tree.survey(&[
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/pki/apiserver.key",
        "/etc/kubernetes/pki/stray.crt",
    ]);
    let parsed = facts[0].certificate().unwrap();
    assert_eq!(parsed, Certificate::from_pem(certificate.as_bytes()).unwrap());
    assert_eq!(facts[0].sha256, Some(Digest::of(certificate.as_bytes())));
    assert_eq!(facts[0].key_fits(), Ok(true));
    assert_eq!(facts[1].key, facts[0].key, "a key asked for itself has the same public half");
    assert_eq!(facts[1].sha256, None, "no digest of a private key");
    assert_eq!(facts[2].key_fits(), Ok(false));
}

#[test]
fn a_private_key_never_leaves_the_node_whatever_it_is_mixed_with() {
    let (tree, ca) = (Tree::new(), TestCa::new("kubernetes"));
    let (certificate, key) = ca.leaf("node", 2027);
    let config = kubeconfig(&ca.pem, &certificate, &key);
    let unfinished = certificate.replace("-----END CERTIFICATE-----\n", "");
    let cases: Vec<(String, String)> = vec![
        ("/k/combined.pem".into(), format!("{certificate}{key}")),
        ("/k/key-first.pem".into(), format!("{key}{certificate}")),
        ("/k/unfinished.pem".into(), format!("{unfinished}{key}")),
        ("/k/unfinished.crt".into(), format!("{unfinished}{key}")),
        ("/k/plain.conf".into(), config.clone()),
        ("/k/token.conf".into(), format!("{config}    token: hunter2-{}\n", key_word(&key))),
        ("/k/json.conf".into(), format!("{{\"clusters\":[],\"key\":\"{}\"}}", STANDARD.encode(&key))),
        ("/k/block.conf".into(), config.replace("client-key-data: ", "client-key-data: |\n      ")),
        ("/k/folded.conf".into(), config.replace("client-key-data: ", "client-key-data:\n      ")),
        ("/k/quoted-key.conf".into(), config.replace("client-key-data:", "\"client-key-data\":")),
        ("/k/in-certificate.conf".into(), kubeconfig(&ca.pem, &format!("{certificate}{key}"), &key)),
        ("/k/in-certificate-1.conf".into(), kubeconfig(&ca.pem, &format!("x{certificate}{key}"), &key)),
        ("/k/in-certificate-2.conf".into(), kubeconfig(&ca.pem, &format!("xy{certificate}{key}"), &key)),
        ("/k/unknown-field.conf".into(), config.replace("client-key-data:", "clientKey:")),
        ("/k/list.conf".into(), format!("{config}extras:\n- {}\n", STANDARD.encode(&key))),
        ("/k/manifest.yaml".into(), key.clone()),
        ("/k/sa.key".into(), key.clone()),
    ];
    for (path, content) in &cases {
        tree.put(path, content);
    }
    let paths: Vec<String> = cases.iter().map(|(path, _)| path.clone()).collect();
    let output = tree.output(&paths);
    let facts = parse(&paths, &output).unwrap();
    let secrets = [key_word(&key).to_owned(), STANDARD.encode(&key)[60..100].to_owned()];
    let mut seen = output.stdout.lossy().into_owned() + &output.stderr.lossy();
    for facts in &facts {
        seen += &String::from_utf8_lossy(&facts.certificates);
        if let Some(KubeconfigText::Redacted(text)) = &facts.kubeconfig {
            seen += &String::from_utf8_lossy(text);
        }
        if let Ok(certificate) = facts.certificate() {
            seen += &String::from_utf8_lossy(certificate.der());
        }
    }
    for word in seen.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)) {
        // The base64 within the base64 of the frame is looked into as well.
        let inner = STANDARD.decode(word).unwrap_or_default();
        let inner = String::from_utf8_lossy(&inner);
        for secret in &secrets {
            assert!(!word.contains(secret.as_str()) && !inner.contains(secret.as_str()), "{word}");
        }
        assert!(!inner.contains("PRIVATE KEY") && !inner.contains("hunter2"), "{inner}");
    }
    let opaque = facts.iter().filter(|f| f.kubeconfig == Some(KubeconfigText::Opaque)).count();
    assert_eq!(opaque, 7, "json, block, folded, quoted key and three certificates with a key in them");
    crate::tools::testing::tell(format_args!("{} files with a private key in them", cases.len()));
}

/// A line from the middle of a key's PEM.
fn key_word(pem: &str) -> &str {
    pem.lines().nth(1).unwrap()
}

#[test]
fn a_kubeconfig_tells_its_certificate_its_authority_its_server_and_whether_its_key_fits() {
    let (tree, ca) = (Tree::new(), TestCa::new("kubernetes"));
    let (certificate, key) = ca.leaf("kubernetes-admin", 2027);
    tree.put("/etc/kubernetes/admin.conf", kubeconfig(&ca.pem, &certificate, &key));
    let first = kubeconfig(&ca.pem, &certificate, &ca.leaf("x", 2027).1);
    let two = first.replace(
        "- name: admin\n",
        &format!("- name: old\n  user:\n    client-key-data: {}\n- name: admin\n", STANDARD.encode(&key)),
    );
    tree.put("/etc/kubernetes/two.conf", two);
    let facts = tree.survey(&["/etc/kubernetes/admin.conf", "/etc/kubernetes/two.conf"]);
    assert_eq!(facts[0].certificate().unwrap().common_name, "kubernetes-admin");
    let config = facts[0].parsed_kubeconfig().unwrap();
    assert_eq!(config.server(), Ok("https://10.0.0.1:6443"));
    let authorities = config.certificate_authorities().unwrap();
    assert!(facts[0].certificate().unwrap().signed_by(&authorities[0]));
    assert_eq!(facts[0].key_fits(), Ok(true));
    assert_eq!(facts[1].key_fits(), Ok(false), "the current user's key counts, not the first user's");
}

#[test]
fn hostile_names_links_folders_and_missing_files_keep_their_places() {
    let (tree, ca) = (Tree::new(), TestCa::new("kubernetes"));
    let (certificate, key) = ca.leaf("node", 2027);
    tree.put("/var/lib/kubelet/pki/kubelet-client-1.pem", format!("{certificate}{key}"));
    let current = tree.root().join("var/lib/kubelet/pki/kubelet-client-current.pem");
    symlink("/var/lib/kubelet/pki/kubelet-client-1.pem", current).unwrap();
    symlink("loop-b", tree.root().join("loop-a")).unwrap();
    symlink("loop-a", tree.root().join("loop-b")).unwrap();
    symlink("nowhere\n", tree.root().join("dangling")).unwrap();
    let hostile =
        ["/a b", "/new\nline", "/quo'te", "/dou\"ble", "/$(touch x)", "/*", "/-rf", "/\u{1b}[2J", "/ünïcode"];
    for path in hostile {
        tree.put(path, path);
    }
    let other =
        ["/var/lib/kubelet/pki/kubelet-client-current.pem", "/loop-a", "/dangling", "/var/lib", "/not/there"];
    let paths: Vec<&str> = hostile.iter().chain(&other).copied().collect();
    let facts = tree.survey(&paths);
    for (path, facts) in hostile.iter().zip(&facts) {
        assert_eq!(facts.sha256, Some(Digest::of(path.as_bytes())), "{path}");
        assert_eq!(facts.size, path.len() as u64);
    }
    let [link, a_loop, dangling, folder, missing] = &facts[hostile.len()..] else { panic!("five others") };
    assert_eq!((link.kind, link.key_fits()), (FileKind::File, Ok(true)));
    assert_eq!((a_loop.kind, dangling.kind), (FileKind::Missing, FileKind::Missing));
    assert_eq!((folder.kind, folder.sha256), (FileKind::Folder, None));
    assert_eq!(missing, &FileFacts::missing("/not/there"));
    assert!(!tree.root().join("x").exists(), "no name was executed");
    crate::tools::testing::tell(format_args!("{} paths", paths.len()));
}

#[test]
fn the_lab_answers_natively_exactly_as_the_script_does() {
    let (tree, ca) = (Tree::new(), TestCa::new("kubernetes"));
    let (certificate, key) = ca.leaf("node", 2027);
    let config = kubeconfig(&ca.pem, &certificate, &key);
    let real = |name: &str| fixture(name).stdout.bytes().to_vec();
    let text = |text: &str| text.as_bytes().to_vec();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("/a.crt", text(&certificate)),
        ("/a.key", text(&key)),
        ("/b.crt", text("garbage")),
        ("/b.key", text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")),
        ("/c.crt", format!("text\n{certificate} \t\r\n{certificate}").into_bytes()),
        ("/d.crt", certificate.replace('\n', "\r\n").into_bytes()),
        ("/e.crt", certificate.replace('M', "M*").into_bytes()),
        ("/f.pem", format!("{certificate}{key}").into_bytes()),
        ("/g.pem", Vec::new()),
        ("/g.cert", format!("{key}{certificate}").into_bytes()),
        ("/g", text(&certificate)),
        ("/h.conf", text(&config)),
        ("/i.conf", config.replace('\n', "\r\n").into_bytes()),
        ("/j.conf", config.replace("client-key-data: ", "client-key-data: !!").into_bytes()),
        ("/k.conf", config.replace("client-key-data: ", "client-key-data: x").into_bytes()),
        (
            "/l.conf",
            format!("# comment\n\n---\n{config}    exec:\n      command: sh\n      args:\n      - -c\n")
                .into_bytes(),
        ),
        ("/m.conf", config.replace("server: ", "server: \"").into_bytes()),
        ("/n.conf", config.replace("https://10.0.0.1:6443", "'https://10.0.0.1:6443'").into_bytes()),
        ("/o.conf", config.replace("    server", "\tserver").into_bytes()),
        ("/p.conf", text("clusters:\n")),
        ("/q.conf", text("{\"clusters\": []}")),
        ("/r.yaml", text("apiVersion: v1\nkind: Pod\n")),
        ("/s.conf", config.replace("client-key-data", "client-key").into_bytes()),
        ("/large.crt", vec![b'x'; 300_000]),
        ("/admin.conf", real("healthy/kubeconfigs/admin.conf")),
        ("/kubelet.conf", real("healthy/kubeconfigs/kubelet.conf")),
        ("/kubelet.crt", real("healthy/certs/kubelet.crt")),
        ("/etcd.yaml", real("healthy/manifests/etcd.yaml")),
        ("/config.yaml", real("healthy/kubelet-config-yaml")),
    ];
    for size in [0, 1, 2, 3, 60, 600, 1000] {
        cases.push((Box::leak(format!("/cut-{size}.conf").into_boxed_str()), text(&config[..size])));
    }
    for (path, content) in &cases {
        tree.put(path, content);
    }
    let paths: Vec<String> = cases.iter().map(|(path, _)| (*path).to_owned()).collect();
    let output = tree.output(&paths);
    let facts = parse(&paths, &output).unwrap();
    for facts in &facts {
        assert_eq!(facts, &tree.native(&facts.path), "{}", facts.path);
    }
    assert_eq!(parse(&paths, &answer(&facts)).unwrap(), facts, "what the lab prints reads back equal");
    for depth in [Depth::Keys, Depth::Public, Depth::Certificates, Depth::Dates] {
        let shallow = parse(&paths, &tree.output_to(depth, &paths)).unwrap();
        let cut: Vec<_> = facts.iter().map(|facts| facts.clone().cut_to(depth)).collect();
        assert_eq!(shallow, cut, "to the depth of {}", depth.word());
    }
    crate::tools::testing::tell(format_args!("{} files compared", cases.len()));
}

#[test]
fn the_frame_is_refused_when_anything_in_it_is_not_as_it_must_be() {
    let tree = Tree::new();
    tree.put("/a.crt", TestCa::new("ca").pem);
    let paths = vec!["/a.crt".to_owned(), "/missing".to_owned()];
    let good = tree.output(&paths).stdout.lossy().into_owned();
    assert!(parse(&paths, &printed(good.clone())).is_ok());
    let mut refused = 0;
    for cut in 0..good.len() {
        assert!(parse(&paths, &printed(&good.as_bytes()[..cut])).is_err(), "cut at {cut}");
        refused += 1;
    }
    for (from, to) in [
        ("survey 2", "survey 1"),
        ("path 1 missing", "path 0 missing"),
        ("path 1 missing", "odd /a\npath 1 missing"),
        ("path 1 missing", "no-openssl\npath 1 missing"),
        ("path 1 missing", "named /a\npath 1 missing"),
        ("path 1 missing", "path 1 missing 0"),
        ("path 1 missing", "path 1 socket"),
        ("end 2", "end 3"),
        ("pem ", "pem !"),
        ("path 0 file", "path 0 file 9"),
        ("path 0 file", "junk\npath 0 file"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(parse(&paths, &printed(bad)).is_err(), "{from} -> {to}");
        refused += 1;
    }
    crate::tools::testing::tell(format_args!("{refused} damaged frames refused"));
}

#[tokio::test]
async fn a_survey_of_more_paths_than_one_call_takes_keeps_their_order() {
    let tree = Tree::new();
    tree.put("/x199", "content");
    let host = FolderHost { root: tree.root().to_owned(), shims: None };
    let paths: Vec<String> = (0..200).map(|n| format!("/x{n}")).collect();
    let facts = survey(&host, Depth::Whole, &paths).await.unwrap();
    assert_eq!(facts.len(), 200);
    assert!(facts.iter().zip(&paths).all(|(facts, path)| facts.path == *path));
    assert!(facts[199].exists() && !facts[198].exists());
    assert_eq!(survey(&host, Depth::Whole, &[]).await, Ok(Vec::new()));
    assert_eq!(tree.root().as_os_str().as_bytes().first(), Some(&b'/'));
}
