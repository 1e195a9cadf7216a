//! /livez, /readyz and /healthz, in the form and with the checks of the real server.

use std::fmt::Write as _;
use std::time::Duration;

use certwright_steps::lab::API_SERVER_HOOKS;
use hyper::StatusCode;

use super::answer::{Answer, text};
use super::server::{Phase, Server};

/// How long a read of etcd may take that says that it is well.
const ETCD: Duration = Duration::from_secs(2);

/// Which of the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Whether the process should be left running.
    Livez,
    /// Whether it should be sent requests.
    Readyz,
    /// The old name of the first.
    Healthz,
}

impl Endpoint {
    /// By its path.
    pub(super) fn find(path: &str) -> Option<Self> {
        match path {
            "/livez" => Some(Self::Livez),
            "/readyz" => Some(Self::Readyz),
            "/healthz" => Some(Self::Healthz),
            _other => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Livez => "livez",
            Self::Readyz => "readyz",
            Self::Healthz => "healthz",
        }
    }
}

/// Answers one of the endpoints; `verbose` lists the checks where all pass, too.
pub(super) async fn answer(server: &Server, endpoint: Endpoint, verbose: Verbose) -> Answer {
    let phase = server.phase();
    let started = match phase {
        Phase::Starting => false,
        Phase::Ready | Phase::Ending => true,
    };
    let mut checks = vec![("ping", true), ("log", true)];
    match endpoint {
        Endpoint::Livez | Endpoint::Healthz => {
            checks.push(("loopback-serving-certificate", true));
            checks.push(("etcd", server.store().check(ETCD).await.is_ok()));
        }
        // Readiness of this build has no check of etcd; the informers are in step with it once after the start.
        Endpoint::Readyz => checks.push(("informer-sync", started)),
    }
    checks.extend(API_SERVER_HOOKS.iter().map(|hook| (*hook, started)));
    if endpoint == Endpoint::Readyz {
        checks.push(("shutdown", phase != Phase::Ending));
    }
    render(endpoint, &checks, verbose)
}

/// Whether the checks are listed where all pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbose {
    /// They are.
    Listed,
    /// The answer is `ok`.
    Short,
}

fn render(endpoint: Endpoint, checks: &[(&str, bool)], verbose: Verbose) -> Answer {
    let name = endpoint.name();
    let passed = checks.iter().all(|(_, passed)| *passed);
    if passed && verbose == Verbose::Short {
        return text(StatusCode::OK, "ok".to_owned());
    }
    let mut list = String::new();
    for (check, passed) in checks {
        let line = match passed {
            true => writeln!(list, "[+]{check} ok"),
            false => writeln!(list, "[-]{check} failed: reason withheld"),
        };
        line.expect("a String takes every line");
    }
    if passed {
        return text(StatusCode::OK, format!("{list}{name} check passed\n"));
    }
    text(StatusCode::INTERNAL_SERVER_ERROR, format!("{list}{name} check failed\n"))
}

#[cfg(test)]
mod tests {
    use super::API_SERVER_HOOKS;

    /// The list is the real one's.
    #[test]
    fn the_hooks_are_those_of_the_real_server_in_its_order() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../fixtures/real-node/healthy/apiserver-127.0.0.1-readyz-verbose.stdout"
        );
        let real = std::fs::read_to_string(path).expect("the fixture is there");
        let real: Vec<&str> =
            real.lines().filter_map(|line| line.strip_prefix("[+]")?.strip_suffix(" ok")).collect();
        assert_eq!(real[..3], ["ping", "log", "informer-sync"]);
        assert_eq!(real[3..real.len() - 1], API_SERVER_HOOKS);
        assert_eq!(real.last(), Some(&"shutdown"));
    }
}
