//! What the scripts print: strict lines, values that are numbers or places in the argument list.

use certwright_engine::host::{Command, Host, Output};

use super::{Archive, ArchiveError};

pub(super) async fn run(host: &dyn Host, command: &Command) -> Result<Output, ArchiveError> {
    let _ = (host, command);
    todo!("run")
}

pub(super) fn parse_list(
    folder: &str,
    output: &Output,
    command: &Command,
) -> Result<Vec<Archive>, ArchiveError> {
    let _ = (folder, output, command);
    todo!("list")
}
