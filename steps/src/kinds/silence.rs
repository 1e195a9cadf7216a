//! Whether anything answers where a kubeconfig points to, before kubectl is sent there, and how long kubectl may take.
//!
//! A load balancer without servers takes a connection and closes it, and one in front of API servers that wait for their
//! etcd takes it and says nothing. kubectl takes both for passing troubles and asks again, for most of a minute; a few
//! handshakes tell the same in seconds. Invariant: nobody serves only where no handshake was answered and one was closed.
//! Whatever else is in the way (a refusal, no answer in time, a kubeconfig that cannot be read, a proxy) is for kubectl to
//! find out, and to say; where nothing shows that a server works, it has [`DOUBTED`] for that and not [`ANSWERED`].

use std::time::Duration;

use certwright_engine::host::dial::{Dial, DialError, Served};
use certwright_engine::host::{Command, Host, HostError, Output};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Evidence, StepError, host_error};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::node::dial;
use crate::pki::Kubeconfig;
use crate::tools::kubectl::{Failure, Kubectl};
use crate::tools::manifest;

/// Handshakes, none of which is answered: a load balancer may have met a server that is just stopping.
const LOOKS: u32 = 3;

/// From the start of one to that of the next.
const PAUSE: Duration = Duration::from_millis(300);

/// How long each may take.
const ANSWER: Duration = Duration::from_millis(1500);

/// How long kubectl may take where a server answers.
const ANSWERED: Duration = Duration::from_secs(30);

/// How long where none was seen to: servers that crash and are started again in turn, an etcd without quorum.
const DOUBTED: Duration = Duration::from_secs(5);

/// That nobody serves there.
#[derive(Debug)]
pub(super) struct Silence {
    /// How it was found out.
    pub(super) evidence: Evidence,
}

impl Silence {
    /// The same as kubectl would find, a minute later.
    pub(super) const FAILURE: Failure = Failure::Closed;

    /// The error of a question about `object` that is not asked.
    pub(super) fn error(self, object: &str) -> StepError {
        let message = format!("{object}: {}", Self::FAILURE.cause());
        StepError::new(Self::FAILURE.class(), message).evidence(self.evidence)
    }
}

/// Looks from `host`, with the server of kubectl's kubeconfig there: how long kubectl may take, or that nobody serves. A
/// line that broke is an error.
pub(super) async fn patience(
    cx: &Context,
    host: &dyn Host,
    kubectl: &Kubectl,
) -> Result<Result<Duration, Silence>, StepError> {
    let text = match host.read(&kubectl.kubeconfig).await.map_err(StepError::from) {
        Ok(Some(text)) => text,
        Err(error) if error.class == ErrorClass::Unknown => return Err(error),
        Ok(None) | Err(_) => return Ok(Ok(ANSWERED)),
    };
    let Some(at) = Kubeconfig::parse_in_place(&text).ok().and_then(|config| {
        let (cluster, _) = config.current().ok()?;
        manifest::endpoint(&cluster.entry.server)
    }) else {
        return Ok(Ok(ANSWERED));
    };
    // Of an API server's own checks the one that asks its etcd, which not every build's /readyz does.
    let question = Dial::https(at, "/livez").within(ANSWER);
    let one = |nth: u32| {
        let question = &question;
        async move {
            cx.clock.sleep(PAUSE * nth).await;
            dial(host, question).await
        }
    };
    let mut looks: FuturesUnordered<_> = (0..LOOKS).map(one).collect();
    let mut failures = Vec::new();
    while let Some(look) = looks.next().await {
        match look {
            Ok(Ok(served)) => return Ok(Ok(if is_well(&served) { ANSWERED } else { DOUBTED })),
            Ok(Err(failure @ (DialError::Closed | DialError::TimedOut))) => failures.push(failure),
            Ok(Err(DialError::Refused)) => return Ok(Ok(DOUBTED)),
            Err(error) if error.class == ErrorClass::Unknown => return Err(error),
            Ok(Err(
                DialError::Handshake(_) | DialError::Unproven | DialError::NotAsked(_) | DialError::Other(_),
            ))
            | Err(_) => return Ok(Ok(ANSWERED)),
        }
    }
    if !failures.contains(&DialError::Closed) {
        return Ok(Ok(DOUBTED));
    }
    let last_lines = failures.iter().map(ToString::to_string).collect();
    let evidence = Evidence { command: format!("dial {question}"), status: None, last_lines };
    Ok(Err(Silence { evidence }))
}

/// Asks with a command whose deadline is that patience; where it passes, the error says about what.
pub(super) async fn ask(host: &dyn Host, command: &Command, object: &str) -> Result<Output, StepError> {
    host.run(command).await.map_err(|error| match error {
        HostError::Deadline { .. } => {
            let message = format!("{object}: {}", Failure::TimedOut.cause());
            let last_lines = vec![error.to_string()];
            let evidence = Evidence { command: command.display(), status: None, last_lines };
            StepError::new(error.class(), message).evidence(evidence)
        }
        HostError::NotReached { .. }
        | HostError::Auth { .. }
        | HostError::Identity { .. }
        | HostError::Unknown { .. }
        | HostError::Busy { .. }
        | HostError::Owned { .. }
        | HostError::Refused { .. } => host_error(&error, Some(command)),
    })
}

/// Whether a server that answered may be one that works: who refuses strangers does, who has trouble says so.
fn is_well(served: &Served) -> bool {
    served.answer.as_ref().is_some_and(|answer| answer.code < 500)
}
