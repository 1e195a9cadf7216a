use super::*;
use crate::tools::testing::{TestCa, fixtures, run};

const PLAIN: &str = "apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {server: 'https://10.0.0.1:6443', certificate-authority: /ca.crt, extensions: [{name: x}]}
contexts:
- name: k
  context: {cluster: c, user: u, namespace: ns}
current-context: k
preferences: {colors: true}
users:
- name: u
  user: {client-certificate: /c.crt, client-key: /c.key, token: hunter2, username: bob, password: secret}
";

fn parse(text: &str) -> Result<Kubeconfig, KubeconfigError> {
    Kubeconfig::parse(text.as_bytes())
}

#[test]
fn of_an_endless_name_the_beginning_and_the_length_are_shown() {
    let text = format!("apiVersion: v1\nkind: Config\ncurrent-context: {}\n", "x".repeat(150_000));
    let conf = Kubeconfig::parse(text.as_bytes()).unwrap();
    let error = conf.current().unwrap_err().to_string();
    assert!(error.starts_with("has no context `xxx") && error.ends_with("... (150000 bytes)`"), "{error}");
}

#[test]
fn every_recorded_kubeconfig_is_read_rebuilt_and_redacted() {
    let all = fixtures(|name, _| name.starts_with("healthy/kubeconfigs/"));
    for fixture in &all {
        let config = Kubeconfig::parse(fixture.output.stdout.bytes()).unwrap();
        assert_eq!(Kubeconfig::parse(config.render().reveal()).unwrap(), config, "{}", fixture.name);
        let authority = config.certificate_authorities().unwrap().remove(0);
        match config.client_certificate() {
            Ok(certificate) => assert!(certificate.signed_by(&authority), "{}", fixture.name),
            Err(error) => {
                assert!(fixture.name.ends_with("kubelet.conf"), "{}: {error}", fixture.name);
                let path = "/var/lib/kubelet/pki/kubelet-client-current.pem".to_owned();
                assert_eq!(error, KubeconfigError::InFile { what: "client certificate", path });
            }
        }
    }
    crate::tools::testing::tell(format_args!("{} kubeconfigs", all.len()));
    assert_eq!(all.len(), 5);
}

#[test]
fn only_whitelisted_fields_survive_and_kubectl_reads_what_was_rebuilt() {
    let config = parse(PLAIN).unwrap();
    let rebuilt = config.render();
    let text = String::from_utf8(rebuilt.reveal().to_vec()).unwrap();
    for gone in ["extensions", "preferences", "username", "bob", "password"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    assert!(text.contains("token: hunter2") && text.contains("namespace: ns"));
    assert_eq!(parse(&text).unwrap(), config);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, &text).unwrap();
    let shown = run(&[
        "kubectl".into(),
        "config".into(),
        "view".into(),
        "--raw".into(),
        format!("--kubeconfig={}", file.display()),
    ]);
    assert!(shown.success(), "{}", shown.stderr.escaped());
    assert_eq!(Kubeconfig::parse(shown.stdout.bytes()).unwrap(), config, "as kubectl understands it");
}

#[test]
fn keys_and_tokens_are_in_no_text_but_the_rendered_one() {
    let ca = TestCa::new("kubernetes");
    let (certificate, key) = ca.leaf("admin", 2027);
    let mut config = parse(PLAIN).unwrap();
    config.users[0].entry.client_key = Some(Source::Data(Secret::new(key.clone().into_bytes())));
    config.users[0].entry.client_certificate = Some(Source::Data(certificate.clone().into_bytes()));
    let rendered = String::from_utf8(config.render().reveal().to_vec()).unwrap();
    let encoded =
        rendered.lines().find_map(|l| l.trim().strip_prefix("client-key-data: ")).unwrap().to_owned();
    assert!(rendered.contains("hunter2"));
    for text in [config.redacted(), format!("{config:?}")] {
        assert!(
            !text.contains("hunter2")
                && !text.contains(&encoded)
                && !text.contains(key.lines().nth(1).unwrap())
        );
    }
    assert!(config.redacted().contains("client-key-data: REDACTED"));
    assert_eq!(config.client_key_digest().unwrap(), config.client_certificate().unwrap().public_key);
    let broken = rendered.replace("name: u", "name: [");
    let error = parse(&broken).unwrap_err().to_string();
    assert!(error.starts_with("is not a kubeconfig: line "), "{error}");
    assert!(!error.contains(&encoded[..20]) && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_runs_code_or_loosens_tls_is_refused_by_name() {
    for (from, to, message) in [
        ("token: hunter2", "exec: {command: sh}", "sets `exec` for user `u`, which is refused"),
        (
            "token: hunter2",
            "auth-provider: {name: gcp}",
            "sets `auth-provider` for user `u`, which is refused",
        ),
        (
            "extensions: [{name: x}]",
            "proxy-url: 'http://x'",
            "sets `proxy-url` for cluster `c`, which is refused",
        ),
        (
            "extensions: [{name: x}]",
            "insecure-skip-tls-verify: true",
            "sets `insecure-skip-tls-verify` for cluster `c`, which is refused",
        ),
    ] {
        let text = PLAIN.replace(from, to);
        assert_ne!(text, PLAIN);
        assert_eq!(parse(&text).unwrap_err().to_string(), message);
    }
    let harmless = PLAIN.replace("extensions: [{name: x}]", "insecure-skip-tls-verify: false");
    assert_eq!(parse(&harmless).unwrap(), parse(PLAIN).unwrap());
}

#[test]
fn what_does_not_hang_together_says_what_is_missing() {
    let ask = |text: &str| parse(text).unwrap().client_certificate().unwrap_err().to_string();
    assert_eq!(ask("{}"), "has no current-context");
    assert_eq!(ask(&PLAIN.replace("current-context: k", "current-context: z")), "has no context `z`");
    assert_eq!(ask(&PLAIN.replace("user: u", "user: w")), "has no user `w`");
    assert_eq!(ask(&PLAIN.replace("cluster: c,", "cluster: d,")), "has no cluster `d`");
    assert_eq!(ask(PLAIN), "keeps its client certificate in `/c.crt`");
    assert_eq!(ask(&PLAIN.replace("client-certificate: /c.crt,", "")), "has no client certificate");
    let data = PLAIN.replace("client-certificate: /c.crt", "client-certificate-data: aGVsbG8=");
    assert_eq!(ask(&data), "has a client certificate that holds no certificate");
    let bad = PLAIN.replace("client-certificate: /c.crt", "client-certificate-data: '?'");
    assert_eq!(
        parse(&bad).unwrap_err().to_string(),
        "has a `client-certificate-data` of user `u` that is not base64"
    );
    let twice = PLAIN.replace("users:\n", "users:\n- name: u\n");
    assert_eq!(parse(&twice).unwrap_err().to_string(), "names user `u` twice");
}

#[test]
fn hostile_text_is_an_error_and_never_a_panic() {
    let alias = |text: String, n: usize| text + &format!("b{n}: &b{n} [*a,*a,*a,*a]\n");
    let bomb = (0..20).fold("a: &a [x,x,x,x,x,x,x,x]\n".to_owned(), alias);
    let deep = "[".repeat(50_000);
    for text in [
        "",
        "\u{0}",
        "- a",
        "users: 7",
        "users: [7]",
        "a: *b",
        "clusters: {name: x}",
        deep.as_str(),
        "--- \n--- \n",
    ] {
        let result = parse(text);
        assert!(
            result.is_err() || result.is_ok_and(|c| c.users.is_empty()),
            "{}",
            &text[..text.len().min(40)]
        );
    }
    assert!(parse(&bomb).is_err() || parse(&bomb).unwrap().users.is_empty());
    assert_eq!(Kubeconfig::parse(&vec![b' '; LIMIT + 1]), Err(KubeconfigError::TooLarge));
    let mut tried = 0;
    for at in 0..PLAIN.len() {
        let _cut = parse(&PLAIN[..at]);
        for byte in [0, b':', b'-', b'*', b'\n', 0xff] {
            let mut text = PLAIN.as_bytes().to_vec();
            text[at] = byte;
            if let Ok(config) = Kubeconfig::parse(&text) {
                let _certificate = config.client_certificate();
                assert_eq!(Kubeconfig::parse(config.render().reveal()), Ok(config));
            }
            tried += 1;
        }
    }
    crate::tools::testing::tell(format_args!("{tried} damaged kubeconfigs"));
}
