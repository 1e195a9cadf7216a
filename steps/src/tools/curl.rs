//! curl: the health endpoints of a node's own components.
//!
//! Health does not show expiry (fixtures `expired/api-process-up`): it never replaces the proof of a certificate.

use std::time::Duration;

use certwright_engine::host::{Command, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::text::escape;

/// An answer of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub code: u16,
    /// Body, escaped.
    pub body: String,
}

impl Answer {
    /// True for 200.
    pub fn is_ok(&self) -> bool {
        self.code == 200
    }

    /// True for etcd's `/health` saying that it is: its status is 200 or 503, its body `{"health":"true",...}`.
    pub fn is_etcd_healthy(&self) -> bool {
        #[derive(serde::Deserialize)]
        struct Health {
            health: String,
        }
        self.is_ok() && serde_json::from_str::<Health>(&self.body).is_ok_and(|h| h.health == "true")
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurlError {
    /// Nothing listens (curl's status 7).
    #[error("connection refused")]
    Refused,
    /// No answer in time (28).
    #[error("no answer in time")]
    TimedOut,
    /// The connection was closed before an answer (35, 52, 55, 56).
    #[error("connection closed before an answer")]
    Closed,
    /// Anything else: curl's status, and its own words, escaped.
    #[error("curl failed with status {status}: {why}")]
    Other {
        /// Exit status.
        status: i32,
        /// Last line of its stderr.
        why: String,
    },
}

impl CurlError {
    /// The class retry policies see.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused | Self::Closed => ErrorClass::Unavailable,
            Self::TimedOut => ErrorClass::DeadlineExceeded,
            Self::Other { .. } => ErrorClass::Refused,
        }
    }
}

/// `curl -sS -w '\nhttp_code=%{http_code}\n' URL`, with `-k` for https: 127.0.0.1 is in no SAN and two components
/// serve certificates of their own.
pub fn health(url: &str) -> Command {
    let flags = if url.starts_with("https:") { "-sSk" } else { "-sS" };
    Command::reads(["curl", flags, "-w", r"\nhttp_code=%{http_code}\n", url])
        .deadline(Duration::from_secs(15))
}

/// Parses what [`health`] prints.
pub fn parse_health(output: &Output) -> Result<Answer, CurlError> {
    let stdout = output.stdout.lossy();
    let code = stdout
        .trim_end()
        .rsplit_once("\nhttp_code=")
        .and_then(|(body, code)| Some((body, code.parse().ok()?)));
    match (output.status, code) {
        (0, Some((body, code))) if code != 0 => {
            Ok(Answer { code, body: escape(body.trim_end_matches('\n')) })
        }
        (7, _) => Err(CurlError::Refused),
        (28, _) => Err(CurlError::TimedOut),
        (35 | 52 | 55 | 56, _) => Err(CurlError::Closed),
        (status, _) => {
            let why =
                output.stderr.last_lines(1).pop().unwrap_or_else(|| "no status in its output".to_owned());
            Err(CurlError::Other { status, why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{failed, fixtures, printed};

    #[test]
    fn every_recorded_health_answer_is_read() {
        let all = fixtures(|_, command| command.starts_with("curl ") && command.contains("http_code"));
        for fixture in &all {
            let answer = parse_health(&fixture.output);
            match fixture.output.status {
                0 => assert!(answer.as_ref().is_ok_and(Answer::is_ok), "{}: {answer:?}", fixture.name),
                7 => assert_eq!(answer, Err(CurlError::Refused), "{}", fixture.name),
                35 => assert_eq!(answer, Err(CurlError::Closed), "{}", fixture.name),
                status => panic!("{}: status {status}", fixture.name),
            }
            let etcd = fixture.command.contains("2381/health");
            assert_eq!(answer.is_ok_and(|a| a.is_etcd_healthy()), etcd, "{}", fixture.name);
        }
        crate::tools::testing::tell(format_args!("{} health answers", all.len()));
        assert_eq!(all.len(), 20);
    }

    #[test]
    fn answers_that_say_no_are_answers_and_not_failures() {
        let unready = parse_health(&printed("[-]etcd failed\nreadyz check failed\nhttp_code=500\n")).unwrap();
        assert_eq!((unready.code, unready.is_ok()), (500, false));
        assert!(unready.body.starts_with("[-]etcd failed"));
        let sick =
            parse_health(&printed("{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\nhttp_code=503\n"))
                .unwrap();
        assert!(!sick.is_etcd_healthy());
        assert_eq!(parse_health(&failed(28, "x")), Err(CurlError::TimedOut));
        let other = parse_health(&failed(60, "curl: (60) SSL\u{1b}")).unwrap_err();
        assert_eq!(other.to_string(), "curl failed with status 60: curl: (60) SSL\\u{1b}");
        assert!(matches!(parse_health(&printed("ok")), Err(CurlError::Other { .. })), "the code is missing");
    }

    #[test]
    fn only_https_is_asked_without_verification() {
        let shown = |url: &str| health(url).argv.join(" ");
        assert_eq!(
            shown("https://127.0.0.1:6443/readyz"),
            r"curl -sSk -w \nhttp_code=%{http_code}\n https://127.0.0.1:6443/readyz"
        );
        assert!(shown("http://127.0.0.1:2381/health").starts_with("curl -sS -w "));
    }
}
