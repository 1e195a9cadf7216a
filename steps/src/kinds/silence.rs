//! Whether anything answers where a kubeconfig points to, before kubectl is sent there.
//!
//! A load balancer without servers takes a connection and closes it. kubectl takes that for a passing trouble and asks
//! again, up to a minute for one question; a few handshakes tell the same in a second. Invariant: only connections that
//! were closed count. Whatever else is in the way (a refusal, no answer in time, a kubeconfig that cannot be read, a
//! proxy) is for kubectl to find out, and to say.

use std::time::Duration;

use certwright_engine::host::Host;
use certwright_engine::host::dial::{Dial, DialError};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, Evidence, StepError};

use super::node::dial;
use crate::pki::Kubeconfig;
use crate::tools::kubectl::{Failure, Kubectl};
use crate::tools::manifest;

/// Handshakes that must all be closed: a load balancer may have met a server that is just stopping.
const LOOKS: u32 = 3;

/// Between two of them.
const PAUSE: Duration = Duration::from_millis(300);

/// How long each may take.
const ANSWER: Duration = Duration::from_secs(3);

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

/// Looks from `host`, with the server of kubectl's kubeconfig there; None where kubectl should be asked. A line that broke
/// is an error.
pub(super) async fn silence(
    cx: &Context,
    host: &dyn Host,
    kubectl: &Kubectl,
) -> Result<Option<Silence>, StepError> {
    let text = match host.read(&kubectl.kubeconfig).await.map_err(StepError::from) {
        Ok(Some(text)) => text,
        Err(error) if error.class == ErrorClass::Unknown => return Err(error),
        Ok(None) | Err(_) => return Ok(None),
    };
    let Some(at) = Kubeconfig::parse_in_place(&text).ok().and_then(|config| {
        let (cluster, _) = config.current().ok()?;
        manifest::endpoint(&cluster.entry.server)
    }) else {
        return Ok(None);
    };
    let question = Dial::https(at, "/readyz").within(ANSWER);
    for look in 1..=LOOKS {
        match dial(host, &question).await {
            Ok(Err(DialError::Closed)) => {}
            Err(error) if error.class == ErrorClass::Unknown => return Err(error),
            Ok(Ok(_) | Err(_)) | Err(_) => return Ok(None),
        }
        if look < LOOKS {
            cx.clock.sleep(PAUSE).await;
        }
    }
    let last = format!("{LOOKS} times: {}", DialError::Closed);
    let evidence = Evidence { command: format!("dial {question}"), status: None, last_lines: vec![last] };
    Ok(Some(Silence { evidence }))
}
