//! The certificate of a port, proven or not.

use super::servers::{self, Identity};
use super::*;

/// Asks for the certificate; it is `identity`'s, with its CA's behind it.
async fn shows(port: &servers::Server, identity: &Identity, case: &str) {
    let served = ask(Dial::certificate(port.at())).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(served.chain, [identity.leaf.to_vec(), identity.ca.to_vec()], "{case}");
    assert_eq!(served.answer, None, "{case}");
}

#[tokio::test]
async fn the_certificate_is_there_even_where_the_server_demands_one_of_ours_and_aborts() {
    for (keys, identity) in [("P-256", Identity::valid()), ("RSA", Identity::rsa())] {
        for version in ["-tls1_2", "-tls1_3"] {
            let asks: &[&[&str]] = &[&[], &["-Verify", "1", "-verify_return_error"]];
            for demands in asks {
                let case = format!("{keys} {version} {demands:?}");
                let port = servers::s_server(&identity, &[&[version], *demands, &["-www"]].concat());
                shows(&port, &identity, &case).await;
                // The fault fires: with a demand there is no answer to a GET.
                let get = over_tcp(&Dial::https(port.at(), "/")).await.outcome;
                assert_eq!(get.is_ok(), demands.is_empty(), "{case}: {get:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_expired_certificate_is_reported_like_any_other() {
    let expired = Identity::until(2021, rcgen::KeyPair::generate().expect("a key"));
    shows(&servers::s_server(&expired, &[]), &expired, "expired").await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_none() {
    let (shown, other) = (Identity::valid(), Identity::valid());
    let (rsa, other_rsa) = (Identity::rsa(), Identity::rsa());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        shows(&servers::rustls(&shown, &shown, version), &shown, "with its key").await;
        for (shown, signs) in [(&shown, &other), (&rsa, &other_rsa)] {
            let port = servers::rustls(shown, signs, version);
            assert_eq!(error_of(Dial::certificate(port.at())).await, DialError::Unproven, "{version:?}");
        }
        // A key of another kind: the handshake is wrong in more than its signature, and no certificate comes of it.
        let port = servers::rustls(&rsa, &other, version);
        let error = error_of(Dial::certificate(port.at())).await;
        assert_eq!(error, DialError::Unproven, "{version:?}");
    }
}

#[tokio::test]
async fn a_port_without_tls_has_no_certificate() {
    let plain = servers::says("SSH-2.0-OpenSSH_9.2\r\n");
    let error = error_of(Dial::certificate(plain.at())).await;
    assert!(matches!(&error, DialError::Handshake(why) if why.contains("corrupt message")), "{error}");
    let aborts = servers::closes();
    let error = error_of(Dial::certificate(aborts.at())).await;
    assert_eq!(error, DialError::Closed);
    // alert handshake_failure
    let alert = servers::says([0x15, 3, 3, 0, 2, 2, 40]);
    let error = error_of(Dial::certificate(alert.at())).await;
    assert!(matches!(&error, DialError::Handshake(why) if why.contains("HandshakeFailure")), "{error}");
}
