//! Whether another run has claimed the node.

use certwright_engine::host::worker::{NODE_BASE, Owner};
use certwright_engine::step::{Context, StepError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kinds::finding::Finding;

/// Another run's claim: its mutating commands would be let through, and ours refused.
pub(super) async fn another(cx: &Context) -> Result<Option<Finding>, StepError> {
    let path = format!("{NODE_BASE}/owner");
    let Some(line) = cx.host.read(&path).await? else { return Ok(None) };
    let line = String::from_utf8_lossy(&line);
    let Some(owner) = Owner::parse(line.trim_end_matches('\n')) else {
        return Ok(Some(Finding::new(
            format!("{path} was not written by certwright"),
            format!("look at that file on {}, and remove it if nobody needs it", cx.host.name()),
        )));
    };
    if owner.run == cx.run {
        return Ok(None);
    }
    let since = cx.host.stat(&path).await?.map_or_else(String::new, |stat| since(stat.mtime_ns));
    let run = certwright_engine::text::escape(&owner.run);
    Ok(Some(Finding::new(
        format!("{} has claimed it{since}", owner.shown()),
        format!(
            "on that operator's workstation `certwright resume {run}` goes on with it, and `certwright abandon {run}` \
             gives it up and frees its hosts; where that workstation is gone for ever, `certwright abandon {run} \
             --inventory FILE` frees them from here"
        ),
    )))
}

fn since(mtime_ns: i128) -> String {
    let second = mtime_ns - mtime_ns.rem_euclid(1_000_000_000);
    let at = OffsetDateTime::from_unix_timestamp_nanos(second).ok().and_then(|at| at.format(&Rfc3339).ok());
    at.map_or_else(String::new, |at| format!(", last at {at}"))
}
