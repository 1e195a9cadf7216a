//! What `openssl s_client` and `curl` print, of old releases and on a real node.

use std::path::Path;

use super::super::on_host::{answer, chain, command};
use super::*;
use crate::host::Output;

fn output(status: i32, stdout: impl Into<Vec<u8>>, stderr: &str) -> Output {
    Output { status, stdout: Untrusted::new(stdout.into()), stderr: Untrusted::new(stderr.into()) }
}

#[test]
fn every_recorded_health_answer_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real-node");
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("the fixtures' index");
    let mut seen = 0;
    for line in index.lines() {
        let columns: Vec<&str> = line.splitn(4, '\t').collect();
        let [name, _, status, asked] = columns[..] else { panic!("line of index.tsv: {line}") };
        if !(asked.starts_with("curl ") && asked.contains("http_code")) {
            continue;
        }
        let read = |end: &str| std::fs::read(folder.join(format!("{name}.{end}"))).unwrap_or_default();
        let stderr = String::from_utf8(read("stderr")).expect("UTF-8");
        let status = status.parse().expect("a status");
        let answer = answer(&output(status, read("stdout"), &stderr));
        match status {
            0 => assert!(answer.is_ok_and(|answer| answer.code == 200 && !answer.body.bytes().is_empty())),
            7 => assert_eq!(answer, Err(DialError::Refused), "{name}"),
            35 => assert_eq!(answer, Err(DialError::Closed), "{name}"),
            status => panic!("{name}: status {status}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 20, "recorded health answers");
}

#[test]
fn a_failure_of_curl_is_told_in_its_own_words() {
    assert_eq!(answer(&output(28, "", "x")), Err(DialError::TimedOut));
    let other = answer(&output(2, "", "curl: (2) no \u{1b}")).expect_err("it failed");
    assert_eq!(other.to_string(), "curl failed with status 2: curl: (2) no \\u{1b}");
    assert!(matches!(answer(&output(0, "ok", "")), Err(DialError::Other(_))), "the status is missing");
    let long = Output { stdout: Untrusted::capped(b"xx".to_vec(), 1 << 30), ..Output::default() };
    assert!(answer(&long).expect_err("it is cut").to_string().contains("too long"));
}

#[test]
fn what_openssl_prints_without_a_certificate_is_understood() {
    for (stderr, expected) in [
        ("connect: Connection refused\nconnect:errno=111\n", DialError::Refused),
        ("BIO_connect:Connection timed out\nconnect:errno=110\n", DialError::TimedOut),
        (
            "error:0A00010B:SSL routines:ssl3_get_record:wrong version number",
            DialError::Handshake(
                "error:0A00010B:SSL routines:ssl3_get_record:wrong version number".to_owned(),
            ),
        ),
    ] {
        assert_eq!(chain(&output(1, "CONNECTED(00000003)\n---\n", stderr)), Err(expected));
    }
    for cut in
        ["-----BEGIN CERTIFICATE-----\nMIID", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"]
    {
        assert!(matches!(chain(&output(0, cut, "")), Err(DialError::Handshake(_))), "{cut}");
    }
}

#[test]
fn only_tls_is_asked_without_verification() {
    let at = || Endpoint::new("::1", 6443);
    let shown = |dial: &Dial| command(dial).argv.join(" ");
    assert_eq!(shown(&Dial::certificate(at())), "openssl s_client -showcerts -connect [::1]:6443");
    let curl = r"--noproxy * -w \nhttp_code=%{http_code}\n";
    assert_eq!(shown(&Dial::https(at(), "/readyz")), format!("curl -sSk {curl} https://[::1]:6443/readyz"));
    assert_eq!(shown(&Dial::http(at(), "/health")), format!("curl -sS {curl} http://[::1]:6443/health"));
}
