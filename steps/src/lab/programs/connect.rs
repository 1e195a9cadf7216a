//! From a kubeconfig to an API server, and everything that can stand between them.
//!
//! The order of checks is Go's: reach the port, do TLS, the certificate's dates, its names, its CA, then the server
//! looks at the client.

use std::collections::BTreeMap;

use crate::lab::clockwork::rfc3339;
use crate::lab::exec::{Answer, Shell};
use crate::lab::mint::Seen;
use crate::lab::state::{Loaded, State};
use crate::lab::world::expired_text;
use crate::pki::Kubeconfig;
use crate::pki::kubeconfig::Source;

/// How long a name server or a router takes to say no, ms.
const NOWHERE: u64 = 3_000;
/// How long an API server waits for an etcd without quorum, ms.
const NO_QUORUM: u64 = 7_000;

/// Which cluster has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The lab's own.
    Cluster,
    /// Its admin cluster.
    Admin,
}

/// What a command line adds to its kubeconfig.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options<'a> {
    /// `--server`.
    pub(super) server: Option<&'a str>,
    /// `--tls-server-name`.
    pub(super) name: Option<&'a str>,
    /// `--insecure-skip-tls-verify`.
    pub(super) insecure: bool,
    /// `--request-timeout`, ms.
    pub(super) timeout: Option<u64>,
}

/// What a kubeconfig says.
struct Access {
    server: String,
    ca: String,
    client: Option<String>,
}

/// Asks the API server that the kubeconfig names; the error is what kubectl prints.
pub(super) fn ask(shell: &Shell<'_>, kubeconfig: &str, options: &Options<'_>) -> Result<Asked, Answer> {
    let access = access(shell, kubeconfig)?;
    let url = options.server.unwrap_or(&access.server);
    let (host, port) = host_and_port(url);
    let now = shell.now();
    let state = shell.state();
    if let Some(admin) = state.objects.admin.as_ref().filter(|a| a.address == host && port == 6443) {
        check_server(&admin.serving, &access, options, &host, now)?;
        check_client(&admin.ca, &access, now)?;
        return Ok(Asked::Admin);
    }
    let node = route(shell, &host, port)?;
    let server = state.api_server(&node);
    let Some(server) = server.filter(|c| c.started + state.delay(100) <= now) else {
        return Err(Answer::fail(
            1,
            format!(
                "The connection to the server {host}:{port} was refused - did you specify the right host or port?\n"
            ),
        ));
    };
    let serving = server.loaded.get("apiserver").filter(|_| server.came_up);
    let Some(serving) = serving else {
        return Err(Answer::fail(1, "Unable to connect to the server: EOF\n"));
    };
    check_server(serving, &access, options, &host, now)?;
    let ca = shell.files().text(&node, "/etc/kubernetes/pki/ca.crt").unwrap_or_default();
    check_client(&ca, &access, now)?;
    if !state.api_is_ready(&node, now, &state.quorum(now)) {
        return Err(unready(shell, server.ready_at > now, options));
    }
    Ok(Asked::Cluster)
}

fn unready(shell: &Shell<'_>, comes_up: bool, options: &Options<'_>) -> Answer {
    if comes_up {
        let why =
            "Error from server (ServiceUnavailable): the server is currently unable to handle the request\n";
        return Answer::fail(1, why);
    }
    match options.timeout.filter(|t| *t > 0 && *t < NO_QUORUM) {
        Some(timeout) => {
            let why = "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while \
                       awaiting headers)\n";
            Answer::fail(1, why).takes(shell.state().delay(timeout))
        }
        None => Answer::fail(1, "Error from server: etcdserver: request timed out\n")
            .takes(shell.state().delay(NO_QUORUM)),
    }
}

fn access(shell: &Shell<'_>, path: &str) -> Result<Access, Answer> {
    let bytes = match shell.read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            return Err(Answer::fail(1, format!("error: stat {path}: no such file or directory\n")));
        }
        Err(e) => return Err(Answer::fail(1, format!("error: error loading config file \"{path}\": {e}\n"))),
    };
    let fail = |why: String| Answer::fail(1, format!("error: error loading config file \"{path}\": {why}\n"));
    let config = Kubeconfig::parse_in_place(&bytes).map_err(|e| fail(e.to_string()))?;
    let files = config.files(path).into_iter();
    let files: BTreeMap<String, Vec<u8>> =
        files.filter_map(|file| Some((file.clone(), shell.read(&file).ok()??))).collect();
    let config = config.with_files(path, &files);
    let (cluster, user) = config.current().map_err(|e| fail(e.to_string()))?;
    let text = |source: &Option<Source<Vec<u8>>>| match source {
        Some(Source::Data(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Some(Source::File(_)) | None => None,
    };
    Ok(Access {
        server: cluster.entry.server.clone(),
        ca: text(&cluster.entry.certificate_authority).unwrap_or_default(),
        client: text(&user.entry.client_certificate),
    })
}

/// `https://HOST:PORT/...` taken apart; the port is 443 where none stands.
pub(super) fn host_and_port(url: &str) -> (String, u16) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (host.to_owned(), port.parse().unwrap_or(0))
        }
        _ => (authority.to_owned(), 443),
    }
}

/// The node whose API server the load balancer chooses.
pub(super) fn behind_balancer(state: &State, now: u64) -> Option<String> {
    let names = state.names();
    let quorum = state.quorum(now);
    let ready = names.iter().find(|n| state.api_is_ready(n, now, &quorum));
    let speaks = names.iter().find(|n| state.api_does_tls(n));
    let runs = names.iter().find(|n| state.api_server(n).is_some());
    ready.or(speaks).or(runs).cloned()
}

/// The node behind an address; the load balancer prefers API servers that are ready.
fn route(shell: &Shell<'_>, host: &str, port: u16) -> Result<String, Answer> {
    let (state, now) = (shell.state(), shell.now());
    let refused = || {
        let why = format!(
            "The connection to the server {host}:{port} was refused - did you specify the right host or port?\n"
        );
        Answer::fail(1, why)
    };
    if port != 6443 {
        return Err(refused());
    }
    if host == state.spec.endpoint {
        return behind_balancer(state, now).ok_or_else(refused);
    }
    if host == "127.0.0.1" || host == "localhost" {
        return if shell.on_node() { Ok(shell.call.host.to_owned()) } else { Err(refused()) };
    }
    let found = state.nodes.iter().find(|(name, node)| *name == host || node.address == host);
    found.map(|(name, _)| name.clone()).ok_or_else(|| {
        let why =
            format!("Unable to connect to the server: dial tcp {host}:{port}: connect: no route to host\n");
        Answer::fail(1, why).takes(shell.state().delay(NOWHERE))
    })
}

fn check_server(
    serving: &Loaded,
    access: &Access,
    options: &Options<'_>,
    host: &str,
    now: u64,
) -> Result<(), Answer> {
    if options.insecure {
        return Ok(());
    }
    let fail = |why: String| {
        Err(Answer::fail(
            1,
            format!("Unable to connect to the server: tls: failed to verify certificate: {why}\n"),
        ))
    };
    let seconds = (now / 1000).cast_signed();
    if seconds > serving.not_after {
        return fail(expired_text(now, serving.not_after));
    }
    if seconds < serving.not_before {
        return fail(format!(
            "x509: certificate has expired or is not yet valid: current time {} is before {}",
            rfc3339(seconds),
            rfc3339(serving.not_before)
        ));
    }
    let Some(seen) = Seen::read(&serving.pem) else { return fail("x509: malformed certificate".into()) };
    let name = options.name.unwrap_or(host);
    if !seen.sans.iter().any(|san| san == name) {
        let is_ip = |san: &&String| san.parse::<std::net::IpAddr>().is_ok();
        let of_its_sort = name.parse::<std::net::IpAddr>().is_ok();
        let others: Vec<&str> =
            seen.sans.iter().filter(|s| is_ip(s) == of_its_sort).map(String::as_str).collect();
        return fail(format!("x509: certificate is valid for {}, not {name}", others.join(", ")));
    }
    if !seen.is_signed_by(&access.ca) {
        return fail("x509: certificate signed by unknown authority".into());
    }
    Ok(())
}

fn check_client(ca: &str, access: &Access, now: u64) -> Result<(), Answer> {
    let seconds = (now / 1000).cast_signed();
    let seen = access.client.as_deref().and_then(Seen::read);
    let accepted = seen
        .is_some_and(|seen| seen.dates.from <= seconds && seconds <= seen.dates.to && seen.is_signed_by(ca));
    if accepted {
        return Ok(());
    }
    Err(Answer::fail(1, "error: You must be logged in to the server (Unauthorized)\n"))
}
