//! `crictl inspect`: the one command that tells what became of a container.

use certwright_engine::host::Output;
use certwright_engine::text::escape;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ContainerState;
use crate::tools::OutputError;
use crate::tools::output::json;

/// A container's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Full id.
    pub id: String,
    /// Name in its pod.
    pub name: String,
    /// How many of this name were made before it.
    pub attempt: u32,
    /// What it does.
    pub state: ContainerState,
    /// When it was made, ns since 1970.
    pub created_ns: Option<i128>,
    /// When it started, ns since 1970; None when it never did.
    pub started_ns: Option<i128>,
    /// When it ended, ns since 1970; None while it runs.
    pub finished_ns: Option<i128>,
    /// Exit code; 0 while it runs.
    pub exit_code: i32,
    /// Why it ended (`Error`, `Completed`, `OOMKilled`); empty while it runs.
    pub reason: String,
}

#[derive(Deserialize)]
struct Wire {
    status: StatusWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire {
    id: String,
    metadata: MetadataWire,
    state: String,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    finished_at: String,
    #[serde(default)]
    exit_code: i32,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct MetadataWire {
    name: String,
    #[serde(default)]
    attempt: u32,
}

/// Parses `crictl inspect ID`.
pub fn parse_inspection(output: &Output) -> Result<Inspection, OutputError> {
    let what = "`crictl inspect`";
    let status = json::<Wire>(what, &output.stdout)?.status;
    if !super::is_id(&status.id) {
        return Err(OutputError::shape(what, format!("`{}` as an id", status.id)));
    }
    Ok(Inspection {
        name: escape(&status.metadata.name),
        attempt: status.metadata.attempt,
        state: ContainerState::parse(&status.state),
        created_ns: instant(what, &status.created_at)?,
        started_ns: instant(what, &status.started_at)?,
        finished_ns: instant(what, &status.finished_at)?,
        exit_code: status.exit_code,
        reason: escape(&status.reason),
        id: status.id,
    })
}

/// Reads RFC 3339, or ns since 1970 as the CRI itself has them; None for Go's and the CRI's zero times.
fn instant(what: &'static str, text: &str) -> Result<Option<i128>, OutputError> {
    if let Ok(ns) = text.parse::<i128>() {
        return Ok((ns > 0).then_some(ns));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| OutputError::shape(what, format!("`{text}` as a time")))?;
    Ok((time.unix_timestamp() > 0).then(|| time.unix_timestamp_nanos()))
}
