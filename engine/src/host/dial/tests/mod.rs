//! Every case in both ways: over a connection of our own, and by `openssl s_client` and `curl`.

mod servers;

mod certificates;

mod answers;

mod programs;

use std::time::{Duration, Instant};

use super::*;
use crate::host::{Host as _, LocalHost};
use crate::plan::ErrorClass;

/// Asks in both ways, which must agree in the certificate and in the answer, or in the class of the error.
async fn ask(dial: Dial) -> Result<Served, DialError> {
    let folder = tempfile::tempdir().expect("a folder");
    let host = LocalHost::with_base("workstation", folder.path().join("base"));
    let direct = over_tcp(&dial).await;
    let by_programs = on_host(&host, &dial, dial.within).await.expect("it is this machine");
    assert_eq!((direct.way, by_programs.way), (Way::Direct, Way::OnHost));
    match (&direct.outcome, &by_programs.outcome) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours.answer, theirs.answer, "{dial}");
            if dial.ask == Ask::Certificate {
                assert_eq!(ours.chain, theirs.chain, "{dial}");
            }
        }
        (Err(ours), Err(theirs)) => assert_eq!(ours.class(), theirs.class(), "{dial}: {ours}; {theirs}"),
        (ours, theirs) => panic!("{dial}: {ours:?} here, {theirs:?} by the programs"),
    }
    direct.outcome
}

/// The error of a question that takes no longer than it may.
async fn error_of(dial: Dial) -> DialError {
    #[expect(clippy::disallowed_methods, reason = "the deadline itself is measured")]
    let start = Instant::now();
    let within = dial.within;
    let error = ask(dial).await.expect_err("no answer");
    // Each way its own time, and a busy machine.
    assert!(start.elapsed() < within * 2 + Duration::from_secs(5), "{:?}: {error}", start.elapsed());
    error
}

#[tokio::test]
async fn a_closed_port_is_told_from_one_that_never_answers() {
    let closed = Endpoint::new("127.0.0.1", servers::closed_port());
    assert_eq!(error_of(Dial::certificate(closed.clone())).await, DialError::Refused);
    assert_eq!(error_of(Dial::http(closed.clone(), "/")).await, DialError::Refused);
    assert_eq!(error_of(Dial::https(closed, "/")).await, DialError::Refused);
    let silent = servers::silent();
    let soon = Duration::from_millis(1200);
    for dial in [Dial::certificate(silent.at()), Dial::http(silent.at(), "/"), Dial::https(silent.at(), "/")]
    {
        assert_eq!(error_of(dial.within(soon)).await, DialError::TimedOut);
    }
}

#[tokio::test]
async fn one_byte_a_second_uses_up_the_time_and_no_more() {
    let pause = Duration::from_secs(1);
    let drips = servers::drips(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", pause);
    let within = Duration::from_millis(2500);
    for dial in [Dial::http(drips.at(), "/"), Dial::certificate(drips.at())] {
        // What drips is no TLS, which a handshake may see before its time is over.
        let expected = if dial.ask == Ask::Certificate {
            [ErrorClass::Unavailable, ErrorClass::DeadlineExceeded].as_slice()
        } else {
            &[ErrorClass::DeadlineExceeded]
        };
        let error = over_tcp(&dial.within(within)).await.outcome.expect_err("no answer");
        assert!(expected.contains(&error.class()), "{error}");
    }
}

#[tokio::test]
async fn an_address_that_could_be_something_else_is_not_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = LocalHost::with_base("workstation", folder.path().join("base"));
    for address in ["", "-connect", "a b", "a\r\nHost: x", "[::1", "x/y", "user@x", "{1,2}", "127.0.0.1;id"] {
        let dial = Dial::http(Endpoint::new(address, 1), "/");
        for result in [host.dial(&dial).await, on_host(&host, &dial, dial.within).await] {
            let error = result.expect_err("no such address");
            assert!(error.to_string().ends_with("is no port that can be asked"), "{error}");
            assert!(!error.to_string().contains('\r'), "{error:?}");
        }
    }
    let dial = Dial::http(Endpoint::new("127.0.0.1", 1), "/x y");
    assert_eq!(host.dial(&dial).await.expect_err("no such path").class(), ErrorClass::Refused);
}
