use sha2::{Digest as _, Sha256};

use super::*;

/// A key of no use: what matters is its form.
const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\nNMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s";

fn pem(kind: &str) -> String {
    format!("-----BEGIN {kind}PRIVATE KEY-----\n{BODY}\n-----END {kind}PRIVATE KEY-----\n")
}

/// For tests: the encoder that the code does without.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, b| {
        write!(out, "{b:02x}").expect("a String takes any text");
        out
    })
}

fn percent(text: &str) -> String {
    let one = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}

#[track_caller]
fn gone(text: &str, secret: &str) {
    let left = redact(text);
    for line in secret.lines().filter(|line| line.len() > 6) {
        assert!(!left.contains(line), "`{line}` is left in `{left}`");
    }
    assert!(left.contains(MARK), "{left}");
    assert_eq!(redact(&left), left, "redacted once is redacted");
}

#[test]
fn private_keys_are_taken_out_whole_cut_escaped_and_encoded() {
    for kind in ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "] {
        let key = pem(kind);
        gone(&format!("before\n{key}after"), BODY);
        assert_eq!(redact(&format!("before\n{key}after")), format!("before\n{MARK}\nafter"));
        gone(&key.replace('\n', "\\n"), &BODY.replace('\n', "\\n"));
        gone(&key.replace('\n', "\n2026-11-24T21:05:28Z stderr F "), BODY);
        gone(&key[..key.len() / 2], &BODY[..60]);
        gone(&key[key.len() / 3..], &BODY[BODY.len() / 2..]);
        let encoded = base64(key.as_bytes());
        gone(&format!("client-key-data: {encoded}"), &encoded);
        gone(&format!("x {encoded} y"), &encoded);
        gone(&base64(encoded.as_bytes()), &base64(encoded.as_bytes()));
        gone(&hex(key.as_bytes()), &hex(key.as_bytes()));
        gone(&percent(&key), &percent(&key));
        let lines: Vec<_> = encoded.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        let wrapped = lines.join("\n");
        gone(&wrapped, &wrapped);
    }
}

#[test]
fn secrets_are_told_by_the_name_before_them() {
    for text in [
        "token: hunter2-hunter2",
        "  token: \"hunter2-hunter2\"",
        "- password: hunter2-hunter2 and more words",
        "{\"token\":\"hunter2-hunter2\"}",
        "{\"data\":{\"db_password\": \"hunter2-hunter2\"}}",
        "{\\\"clientSecret\\\":\\\"hunter2-hunter2\\\"}",
        "--token=hunter2-hunter2",
        "join --token hunter2-hunter2 10.0.0.1:6443",
        "PASSWORD='hunter2-hunter2'",
        "api-key = \"hunter2-hunter2\"",
        "https://x/?a=1&access_token=hunter2-hunter2&b=2",
        "Authorization: Basic hunter2-hunter2",
        "\"Authorization\":[\"Bearer hunter2-hunter2\"]",
        "curl -H 'Authorization: Bearer hunter2-hunter2'",
        "https://admin:hunter2-hunter2@registry.example/v2/",
        "client-key-data: |\n    hunter2-hunter2\n",
        "client-key-data: hunter2-hunter2",
    ] {
        gone(text, "hunter2-hunter2");
        gone(&base64(text.as_bytes()), &base64(text.as_bytes()));
    }
    let after = redact("users:\n- user:\n    token: |\n      hunter2\n    name: x\n");
    assert_eq!(
        after, "users:\n- user:\n    token: |\n      [redacted]\n    name: x\n",
        "what follows a block stays"
    );
}

#[test]
fn tokens_are_told_by_their_form() {
    let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.c2lnbmF0dXJl_aGVyZQ-x";
    gone(&format!("got {jwt}, said the server"), jwt);
    gone("joined with abcdef.0123456789abcdef today", "abcdef.0123456789abcdef");
    let random = "q7Zk1LxV9bT3nR5mW8yC2dF4gH6jK0pS1aE3uI5oXzQw";
    gone(&format!("said {random}."), random);
}

#[test]
fn every_fingerprint_of_a_key_stays_readable() {
    for key in 0..10_000_u32 {
        let digest = Sha256::digest(key.to_le_bytes());
        let digest = base64(&digest);
        let digest = digest.trim_end_matches('=');
        let text = format!("the ED25519 key is another one, now SHA256:{digest}; if it was reinstalled");
        assert_eq!(redact(&text), text);
    }
}

#[test]
fn what_is_public_stays_readable() {
    for text in [
        "stop 8c609184c8b82e208fcd9d6c14e820e6e8654c94b2165dd1e3f2dfa10d85f884",
        "ED25519 key fingerprint is SHA256:q7Zk1LxV9bT3nR5mW8yC2dF4gH6jK0pS1aE3uI5oXzQ.",
        "open /run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
        "/home/Ops1/bmctl-workspace/Cluster1/very/long/Path/to/some/File2/kubeconfig.backup",
        "secrets \"lab-kubeconfig\" not found",
        "{\"secret\":{\"secretName\":\"tls\"}}",
        "client-key-data: REDACTED",
        "automountServiceAccountToken: false",
        "ssh://ops@cp-1:22/x",
        "sha256:a9e25ecfbafe6fdf03a83a87fe50558a95dc58ab984d74ccfd3677edd8df5473",
        "--authorization-mode=Node,RBAC --tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
        "Permission denied (publickey,password).",
        "basic authentication is off",
    ] {
        assert_eq!(redact(text), text);
    }
    let certificate = pem("").replace("PRIVATE KEY", "CERTIFICATE");
    assert_eq!(redact(&certificate), certificate);
    let data = format!("client-certificate-data: {}", base64(certificate.as_bytes()));
    assert_eq!(redact(&data), data);
}

/// What a real node printed: its manifests, logs, lists and certificates are no secrets.
#[test]
fn nothing_of_a_real_nodes_output_is_taken_for_a_secret() {
    let mut folders =
        vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real-node")];
    let (mut files, mut changed) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            files += 1;
            let text = String::from_utf8_lossy(&std::fs::read(&entry).expect("a file")).into_owned();
            if redact(&text) != text {
                changed.push(entry.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
    }
    assert!(files > 500, "{files} files");
    assert_eq!(changed, Vec::<String>::new(), "keys in kubeconfigs are REDACTED already");
}

#[test]
fn hostile_text_ends_no_redaction_in_a_panic() {
    let pieces = [
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-----END ",
        "token:",
        "=",
        "\\\"",
        "%",
        "%4",
        "é",
        "\u{1f512}",
        "://",
        "@",
        ":",
        "|\n",
        "eyJ",
        ".",
        " ",
        "\n",
        "--password ",
        "QUJD",
        "/",
    ];
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
        }
        let once = redact(&text).into_owned();
        assert!(once.len() <= text.len() + 12 * MARK.len(), "{text}");
    }
}

/// A node may print a megabyte of whatever it likes: depth is bounded, and so is the work.
#[test]
fn a_megabyte_of_nested_encodings_is_read_in_bounded_work() {
    let mut nested = "token: hunter2 ".repeat(20_000);
    for _ in 0..3 {
        nested = base64(nested.as_bytes());
    }
    let long = nested.get(..1 << 20).unwrap_or(&nested);
    gone(long, long);
    let slashes = "%2F".repeat(300_000);
    assert_eq!(redact(&slashes), slashes);
}
