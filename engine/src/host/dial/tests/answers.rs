//! Answers of health endpoints, and what is none.

use super::servers::{self, Identity};
use super::*;

async fn get(words: impl Into<Vec<u8>>) -> Result<Answer, DialError> {
    let port = servers::says(words);
    let served = ask(Dial::http(port.at(), "/readyz")).await?;
    assert!(served.chain.is_empty());
    Ok(served.answer.expect("an answer"))
}

#[tokio::test]
async fn status_and_body_come_whatever_they_say() {
    for (words, code, body) in [
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        (
            "HTTP/1.1 500 Internal Server Error\r\n\r\n[-]etcd failed\nreadyz check failed\n",
            500,
            "[-]etcd failed\nreadyz check failed\n",
        ),
        ("HTTP/1.0 503 x\r\nContent-Length: 18\r\n\r\n{\"health\":\"false\"}", 503, "{\"health\":\"false\"}"),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401, ""),
        // Nothing is followed.
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, ""),
    ] {
        let answer = get(words).await.unwrap_or_else(|error| panic!("{words}: {error}"));
        assert_eq!((answer.code, answer.body.bytes()), (code, body.as_bytes()), "{words}");
        assert!(!answer.body.is_cut());
    }
}

#[tokio::test]
async fn over_tls_any_certificate_will_do_and_is_reported() {
    let identity = Identity::until(2021, rcgen::KeyPair::generate().expect("a key"));
    let port = servers::rustls(&identity, &identity, &rustls::version::TLS13);
    let served = ask(Dial::https(port.at(), "/livez")).await.expect("an answer");
    assert_eq!(served.chain, [identity.leaf.to_vec(), identity.ca.to_vec()]);
    let answer = served.answer.expect("an answer");
    assert_eq!((answer.code, answer.body.bytes()), (200, b"ok".as_slice()));
}

#[tokio::test]
async fn of_a_huge_body_only_the_beginning_is_kept() {
    let head = |length: &str| format!("HTTP/1.0 200 OK\r\n{length}\r\n").into_bytes();
    let body = vec![b'x'; 500_000];
    for head in [head("Content-Length: 500000\r\n"), head("")] {
        let port = servers::says([head, body.clone()].concat());
        let dial = Dial::http(port.at(), "/");
        let served = over_tcp(&dial).await.outcome.expect("an answer");
        let answer = served.answer.expect("an answer");
        assert_eq!((answer.code, answer.body.bytes().len(), answer.body.is_cut()), (200, BODY_KEPT, true));
    }
    let endless = servers::serve(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.ok();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let served = over_tcp(&Dial::http(endless.at(), "/")).await.outcome.expect("an answer");
    assert!(served.answer.expect("an answer").body.is_cut());
}

#[tokio::test]
async fn an_answer_that_is_cut_is_none() {
    for words in [
        "",
        "HTTP/1.0 200",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nok",
    ] {
        let port = servers::says(words);
        let outcome = over_tcp(&Dial::http(port.at(), "/")).await.outcome;
        assert_eq!(outcome, Err(DialError::Closed), "{words:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_said_to_be_none() {
    for (words, why) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\u{1b}[2J", "not HTTP"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", "number too large"),
        ("HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "invalid digit"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "it is chunked"),
    ] {
        let port = servers::says(words);
        let error = over_tcp(&Dial::http(port.at(), "/")).await.outcome.expect_err("no answer");
        assert!(matches!(&error, DialError::Other(said) if said.contains(why)), "{words:?}: {error}");
    }
    let long = format!("HTTP/1.0 200 OK\r\nX: {}", "x".repeat(40_000));
    let port = servers::says(long);
    let error = over_tcp(&Dial::http(port.at(), "/")).await.outcome.expect_err("no answer");
    assert!(error.to_string().contains("head is longer"), "{error}");
}
