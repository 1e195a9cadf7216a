use super::*;
use crate::tools::testing::{TestCa, fixture, fixtures, run};

fn read(name: &str) -> Certificate {
    Certificate::from_pem(fixture(&format!("healthy/certs/{name}")).stdout.bytes()).unwrap()
}

#[test]
fn every_recorded_certificate_agrees_with_openssl() {
    let all = fixtures(|name, _| name.starts_with("healthy/certs/"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.pem");
    let mut read = 0;
    for fixture in &all {
        for certificate in Certificate::all_from_pem(fixture.output.stdout.bytes()).unwrap() {
            std::fs::write(&file, &certificate.der).unwrap();
            let words =
                "openssl x509 -inform DER -noout -fingerprint -sha256 -serial -dateopt iso_8601 -enddate -in";
            let argv = words.split(' ').map(str::to_owned).chain([file.to_str().unwrap().to_owned()]);
            let text = run(&argv.collect::<Vec<_>>()).stdout.lossy().to_lowercase().replace(':', "");
            let field =
                |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
            assert_eq!(certificate.fingerprint.to_string(), field("sha256 fingerprint="), "{}", fixture.name);
            assert_eq!(certificate.serial.trim_start_matches('0'), field("serial=").trim_start_matches('0'));
            let end = time::OffsetDateTime::from_unix_timestamp(certificate.not_after).unwrap();
            let end = format!(
                "{}-{:02}-{:02} {:02}{:02}{:02}z",
                end.year(),
                u8::from(end.month()),
                end.day(),
                end.hour(),
                end.minute(),
                end.second()
            );
            assert_eq!(end, field("notafter="), "{}", fixture.name);
            read += 1;
        }
    }
    crate::tools::testing::tell(format_args!("{read} certificates of {} files", all.len()));
    assert_eq!((all.len(), read), (12, 13));
}

#[test]
fn a_real_api_servers_certificate_tells_its_names_usages_and_issuer() {
    let certificate = read("apiserver.crt");
    assert_eq!(certificate.common_name, "kube-apiserver");
    assert_eq!(certificate.issuer, "CN=kubernetes");
    assert_eq!(certificate.usages, ["serverAuth"]);
    assert!(certificate.sans.contains(&"DNS:kubernetes.default.svc.cluster.local".to_owned()));
    assert!(certificate.sans.contains(&"IP:10.77.0.11".to_owned()));
    assert!(!certificate.is_ca);
    let client = read("kubelet-client-current.certs-only");
    assert_eq!(client.subject, "O=system:nodes, CN=system:node:cp1");
    assert_eq!(
        (client.organizations, client.usages),
        (vec!["system:nodes".to_owned()], vec!["clientAuth".to_owned()])
    );
    let etcd = read("etcd-peer.crt");
    assert_eq!(etcd.usages, ["serverAuth", "clientAuth"]);
    assert!(etcd.sans.contains(&"IP:::1".to_owned()), "{:?}", etcd.sans);
}

#[test]
fn a_certificate_is_signed_by_its_own_ca_and_by_no_other() {
    let authorities = ["ca.crt", "etcd-ca.crt", "front-proxy-ca.crt"].map(read);
    let mut checked = 0;
    for (name, owner) in [
        ("apiserver.crt", 0),
        ("apiserver-kubelet-client.crt", 0),
        ("kubelet-client-current.certs-only", 0),
        ("apiserver-etcd-client.crt", 1),
        ("etcd-peer.crt", 1),
        ("etcd-server.crt", 1),
        ("etcd-healthcheck-client.crt", 1),
        ("front-proxy-client.crt", 2),
    ] {
        for (at, authority) in authorities.iter().enumerate() {
            assert_eq!(read(name).signed_by(authority), at == owner, "{name} by {}", authority.common_name);
            checked += 1;
        }
    }
    crate::tools::testing::tell(format_args!("{checked} signatures"));
    let (leaf, _) = TestCa::new("kubernetes").leaf("x", 2027);
    let leaf = Certificate::from_pem(leaf.as_bytes()).unwrap();
    assert_eq!(leaf.issuer, authorities[0].subject, "the same name");
    assert!(!leaf.signed_by(&authorities[0]), "but another key");
    assert!(!leaf.signed_by(&leaf), "and a leaf is no CA");
    assert!(authorities[0].signed_by(&authorities[0]), "a root signs itself");
}

#[test]
fn the_last_second_of_a_certificate_is_valid_and_the_next_is_not() {
    let certificate = Certificate::from_pem(TestCa::new("x").leaf("x", 2027).0.as_bytes()).unwrap();
    let end = certificate.not_after;
    assert_eq!(end, 1_798_761_600, "2027-01-01");
    assert!(!certificate.is_expired(end) && certificate.is_expired(end + 1));
    assert_eq!((certificate.residual(end - 5), certificate.residual(end + 5)), (5, -5));
    assert!(certificate.is_not_yet_valid(certificate.not_before - 1) && !certificate.is_not_yet_valid(end));
}

#[test]
fn a_pki_file_holds_exactly_one_certificate() {
    let pem = TestCa::new("x").pem;
    let error = |text: &str| Certificate::from_pem(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error(""), "holds no certificate");
    assert_eq!(error(&format!("{pem}{pem}")), "holds 2 certificates where one is expected");
    assert_eq!(error(&pem.replace("CERTIFICATE", "PUBLIC KEY")), "holds no certificate");
    assert!(
        error("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .starts_with("is not an X.509 certificate")
    );
    assert!(error("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").starts_with("is not PEM"));
    let mut der = Certificate::from_pem(pem.as_bytes()).unwrap().der().to_vec();
    der.push(0);
    assert_eq!(
        Certificate::from_der(&der).unwrap_err().to_string(),
        "is not an X.509 certificate: 1 bytes after its end"
    );
}

#[test]
fn damaged_certificates_never_panic_and_a_signature_covers_every_fact() {
    let ca = TestCa::new("kubernetes");
    let authority = Certificate::from_pem(ca.pem.as_bytes()).unwrap();
    let good = Certificate::from_pem(ca.leaf("x", 2027).0.as_bytes()).unwrap();
    let (mut parsed, mut tried) = (0, 0);
    for at in 0..good.der().len() {
        assert!(Certificate::from_der(&good.der()[..at]).is_err());
        for flip in [1, 0x80, 0xff] {
            let mut der = good.der().to_vec();
            der[at] ^= flip;
            tried += 1;
            if let Ok(certificate) = Certificate::from_der(&der) {
                parsed += 1;
                if certificate.signed_by(&authority) {
                    // Bits of the outer frame may differ; what was signed may not.
                    let frame =
                        Certificate { fingerprint: good.fingerprint, der: good.der.clone(), ..certificate };
                    assert_eq!(frame, good, "byte {at} ^ {flip:#x}");
                }
            }
        }
    }
    crate::tools::testing::tell(format_args!("{tried} damaged certificates, {parsed} of them still parse"));
    assert!(parsed > 100);
}

#[test]
fn a_serial_number_is_shown_as_openssl_shows_it() {
    for (bytes, shown) in [
        (&[0u8][..], "00"),
        (&[], ""),
        (&[0, 0x80], "80"),
        (&[1, 0], "0100"),
        (&[0xff], "-01"),
        (&[0x80], "-80"),
        (&[0xff, 0], "-0100"),
        (&[0xfb, 0xce, 0x99, 0x6c, 0x13], "-04316693ed"),
    ] {
        assert_eq!(super::serial(bytes), shown, "{bytes:02x?}");
    }
}

/// As Go's clients have it, who are everybody here: an address is never looked for among the names.
#[test]
fn a_certificate_covers_names_and_addresses_as_its_clients_see_it() {
    let mut certificate = read("apiserver.crt");
    for (san, name, expected) in [
        ("IP:10.0.0.2", "10.0.0.2", true),
        ("IP:10.0.0.2", "10.0.0.20", false),
        ("IP:fd00::2", "fd00:0:0::2", true),
        ("DNS:CP-1.example", "cp-1.example", true),
        ("DNS:cp-1.example", "cp-1.example.", true),
        ("DNS:*.example", "cp-1.example", true),
        ("DNS:*.example", "a.cp-1.example", false),
        ("DNS:10.0.0.2", "10.0.0.2", false),
        ("URI:10.0.0.2", "10.0.0.2", false),
    ] {
        certificate.sans = vec![san.to_owned()];
        assert_eq!(certificate.covers(name), expected, "{san} {name}");
    }
}

#[test]
fn a_name_with_a_line_end_in_it_is_one_line() {
    let ca = TestCa::new("kubernetes\nEXPIRED  cp-1: apiserver");
    let own = Certificate::from_pem(ca.pem.as_bytes()).unwrap();
    assert_eq!(own.subject, r"CN=kubernetes\nEXPIRED  cp-1: apiserver");
    assert_eq!(own.common_name, r"kubernetes\nEXPIRED  cp-1: apiserver");
}

#[test]
fn an_endless_name_is_shown_by_its_beginning_and_its_length() {
    let ca = TestCa::new(&"\u{e4}".repeat(20_000));
    let own = Certificate::from_pem(ca.pem.as_bytes()).unwrap();
    assert!(own.common_name.ends_with("\u{e4}... (40000 bytes)"), "{}", own.common_name.len());
    assert!(own.common_name.len() < 7_000 && own.subject.len() < 7_000);
}
