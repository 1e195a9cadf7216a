//! `curl` of the health endpoints: what they tell, and that they tell nothing of expiry.

use super::connect::{behind_balancer, host_and_port};
use super::etcd_metrics::metrics;
use super::gateway;
use super::hooks::API_SERVER_HOOKS;
use crate::lab::exec::{Answer, Shell};
use crate::lab::mint::Seen;
use crate::pki::layout::Component;

/// What a command line asks for.
#[derive(Debug, Default)]
struct Request {
    url: String,
    insecure: bool,
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    /// The body of a POST; None for a GET.
    body: Option<String>,
    /// A status from 400 on is an error.
    fails: bool,
    format: Option<String>,
}

/// What an endpoint answers.
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) body: String,
}

/// How a connection fails.
pub(super) struct Failure {
    pub(super) status: i32,
    pub(super) why: String,
}

pub(super) fn run(shell: &mut Shell<'_>) -> Answer {
    let request = match read(shell.args()) {
        Ok(request) => request,
        Err(gap) => return gap,
    };
    let takes = shell.state().delay(20);
    let (code, mut answer) = match reply(shell, &request) {
        Ok(reply) if request.fails && reply.code >= 400 => {
            let why = format!("curl: (22) The requested URL returned error: {}\n", reply.code);
            (reply.code, Answer::fail(22, why))
        }
        Ok(reply) => (reply.code, Answer::ok(reply.body)),
        Err(None) => return Answer::gap(format_args!("curl {}", request.url)),
        Err(Some(failure)) => {
            (0, Answer::fail(failure.status, format!("curl: ({}) {}\n", failure.status, failure.why)))
        }
    };
    if let Some(format) = &request.format {
        let written = format.replace("\\n", "\n").replace("%{http_code}", &format!("{code:03}"));
        answer = answer.stdout(written);
    }
    answer.takes(takes)
}

fn read(args: &[String]) -> Result<Request, Answer> {
    let mut request = Request::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-w" | "--write-out" => request.format = words.next().cloned(),
            "--cacert" => request.ca = words.next().cloned(),
            "--cert" => request.certificate = words.next().cloned(),
            "--key" => request.key = words.next().cloned(),
            "--data" => request.body = words.next().cloned(),
            "--fail" => request.fails = true,
            "-m" | "--max-time" | "--connect-timeout" | "--noproxy" => drop(words.next()),
            "--insecure" => request.insecure = true,
            "--silent" | "--show-error" => {}
            short if short.starts_with('-') && !short.starts_with("--") => {
                for flag in short[1..].chars() {
                    match flag {
                        's' | 'S' => {}
                        'k' => request.insecure = true,
                        other => return Err(Answer::gap(format_args!("curl -{other}"))),
                    }
                }
            }
            long if long.starts_with('-') => return Err(Answer::gap(format_args!("curl {long}"))),
            url => url.clone_into(&mut request.url),
        }
    }
    Ok(request)
}

/// `Err(None)` is what the lab does not have.
fn reply(shell: &mut Shell<'_>, request: &Request) -> Result<Reply, Option<Failure>> {
    let (host, port) = host_and_port(&request.url);
    let state = shell.state();
    let local = ["127.0.0.1", "localhost"].contains(&host.as_str());
    let is_admin = |address: &str| address == host && port == 6443;
    if state.objects.admin.as_ref().is_some_and(|admin| is_admin(&admin.address)) {
        return Ok(ok());
    }
    let node = if local && shell.on_node() {
        shell.call.host.to_owned()
    } else if local {
        return Err(Some(refused(&host, port)));
    } else if host == state.spec.endpoint && port == 6443 {
        behind_balancer(state, shell.now()).ok_or_else(|| Some(refused(&host, port)))?
    } else {
        let found = state.nodes.iter().find(|(name, n)| **name == host || n.address == host);
        let (name, _) = found.ok_or(None)?;
        // All but the API server listen on 127.0.0.1 only.
        if port != 6443 {
            return Err(Some(refused(&host, port)));
        }
        name.clone()
    };
    let rest = request.url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let https = request.url.starts_with("https://");
    if let Some(body) = &request.body {
        if (port, https) != (2379, true) {
            return Err(None);
        }
        let client = request.certificate.as_deref().zip(request.key.as_deref());
        return gateway::post(shell, &node, client, path, body, |shell, served| {
            verify(shell, served, &host, request)
        });
    }
    let state = shell.state();
    match (port, https) {
        (6443, true) => api_server(shell, &node, &host, request, path, query),
        (2381, false) => etcd(shell, &node, path, query),
        (10257, true) => client(shell, &node, Component::KubeControllerManager, port, path),
        (10259, true) => client(shell, &node, Component::KubeScheduler, port, path),
        (10248, false) if path == "/healthz" => {
            if state.node(&node).kubelet.active {
                Ok(ok())
            } else {
                Err(Some(refused(&host, port)))
            }
        }
        _ => Err(None),
    }
}

fn ok() -> Reply {
    Reply { code: 200, body: "ok".into() }
}

pub(super) fn refused(host: &str, port: u16) -> Failure {
    Failure {
        status: 7,
        why: format!("Failed to connect to {host} port {port} after 0 ms: Couldn't connect to server"),
    }
}

fn etcd(shell: &Shell<'_>, node: &str, path: &str, query: &str) -> Result<Reply, Option<Failure>> {
    let (state, now) = (shell.state(), shell.now());
    let member = state.node(node).running(Component::Etcd.name());
    if member.is_none_or(|c| c.started + state.delay(300) > now) {
        return Err(Some(refused("127.0.0.1", 2381)));
    }
    let healthy = state.quorum(now).has(node);
    let code = if healthy { 200 } else { 503 };
    let body = match (path, healthy) {
        ("/health", true) => "{\"health\":\"true\",\"reason\":\"\"}".to_owned(),
        ("/health", false) => "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}".to_owned(),
        ("/livez", _) => return Ok(Reply { code: 200, body: "ok\n".into() }),
        ("/readyz", true) if query == "verbose" => "[+]data_corruption ok\n[+]serializable_read ok\n\
                                                    [+]linearizable_read ok\n[+]non_learner ok\nok\n"
            .to_owned(),
        ("/readyz", true) => "ok\n".to_owned(),
        ("/readyz", false) => {
            "[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: \
                               leader changed\n[+]non_learner ok\n"
                .to_owned()
        }
        ("/metrics", _) => return Ok(Reply { code: 200, body: metrics(state, node, healthy) }),
        _ => return Err(None),
    };
    Ok(Reply { code, body })
}

fn client(
    shell: &Shell<'_>,
    node: &str,
    component: Component,
    port: u16,
    path: &str,
) -> Result<Reply, Option<Failure>> {
    let container = shell.state().node(node).running(component.name());
    let Some(container) = container.filter(|c| c.ready_at <= shell.now()) else {
        return Err(Some(refused("127.0.0.1", port)));
    };
    if !["/healthz", "/livez", "/readyz"].contains(&path) {
        return Err(None);
    }
    if path == "/readyz" && component == Component::KubeScheduler && !container.connected {
        // Informers that never synced: the only place where a stale credential shows.
        let body =
            "[+]ping ok\n[+]log ok\n[-]sched-handler-sync failed: reason withheld\nreadyz check failed\n";
        return Ok(Reply { code: 500, body: body.into() });
    }
    Ok(ok())
}

fn api_server(
    shell: &Shell<'_>,
    node: &str,
    host: &str,
    request: &Request,
    path: &str,
    query: &str,
) -> Result<Reply, Option<Failure>> {
    let (state, now) = (shell.state(), shell.now());
    let Some(server) = state.api_server(node).filter(|c| c.started + state.delay(100) <= now) else {
        return Err(Some(refused(host, 6443)));
    };
    if !server.came_up {
        return Err(Some(Failure { status: 35, why: "Recv failure: Connection reset by peer".into() }));
    }
    verify(shell, server.loaded.get("apiserver").map(|l| l.pem.as_str()), host, request)?;
    let ready = state.api_is_ready(node, now, &state.quorum(now));
    let name = path.trim_start_matches('/');
    match name {
        "livez" | "readyz" | "healthz" if ready && query != "verbose" => Ok(ok()),
        "livez" | "readyz" | "healthz" => Ok(checks(name, ready)),
        _ => Err(None),
    }
}

fn verify(
    shell: &Shell<'_>,
    served: Option<&str>,
    host: &str,
    request: &Request,
) -> Result<(), Option<Failure>> {
    let help = "\nMore details here: https://curl.se/docs/sslcerts.html\n\ncurl failed to verify the legitimacy of the \
                server and therefore could not\nestablish a secure connection to it. To learn more about this situation \
                and\nhow to fix it, please visit the web page mentioned above.";
    if request.insecure {
        return Ok(());
    }
    let fail = |why: &str| Err(Some(Failure { status: 60, why: format!("{why}{help}") }));
    let Some(seen) = served.and_then(Seen::read) else { return fail("SSL certificate problem") };
    let ca = request.ca.as_deref().and_then(|path| shell.text(path)).unwrap_or_default();
    let seconds = (shell.now() / 1000).cast_signed();
    if !seen.is_signed_by(&ca) {
        return fail("SSL certificate problem: unable to get local issuer certificate");
    }
    if seconds > seen.dates.to {
        return fail("SSL certificate problem: certificate has expired");
    }
    if !seen.sans.iter().any(|san| san == host) {
        return fail(&format!(
            "SSL: no alternative certificate subject name matches target host name '{host}'"
        ));
    }
    Ok(())
}

/// The list of an API server's checks: its answer when it is asked to be verbose, and whenever one fails.
fn checks(name: &str, ready: bool) -> Reply {
    let mut body = String::from("[+]ping ok\n[+]log ok\n");
    if name == "readyz" {
        body.push_str("[+]informer-sync ok\n");
    } else {
        body.push_str("[+]loopback-serving-certificate ok\n");
        body.push_str(if ready { "[+]etcd ok\n" } else { "[-]etcd failed: reason withheld\n" });
    }
    for hook in API_SERVER_HOOKS {
        // This build's /readyz has no etcd check of its own; what cannot be read shows here.
        let fails = !ready && name == "readyz" && hook == "poststarthook/storage-readiness";
        let line =
            if fails { format!("[-]{hook} failed: reason withheld\n") } else { format!("[+]{hook} ok\n") };
        body.push_str(&line);
    }
    if name == "readyz" {
        body.push_str("[+]shutdown ok\n");
    }
    body.extend([name, " check ", if ready { "passed" } else { "failed" }, "\n"]);
    Reply { code: if ready { 200 } else { 500 }, body }
}
