//! What is the host's own on the machine that it shares: bind mounts and its name.

use std::path::Path;
use std::process::{Command, Stdio};

use super::InitError;
use crate::settings::{Bind, Settings};

/// Makes the mounts of this host in its own mount namespace, and gives it its name.
pub(super) fn make(settings: &Settings) -> Result<(), InitError> {
    for Bind { source, target } in &settings.binds {
        // A mount point that the machine lacks is made, empty.
        let made = if source.is_dir() {
            std::fs::create_dir_all(target)
        } else if target.exists() {
            Ok(())
        } else {
            target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(target, ""))
        };
        made.map_err(|source| InitError::File { path: target.clone(), source })?;
        bind(source, target)?;
    }
    rustix::system::sethostname(settings.host.as_bytes())
        .map_err(|error| InitError::Program { what: "name the host".into(), source: error.into() })
}

fn bind(source: &Path, target: &Path) -> Result<(), InitError> {
    let what = format!("bind `{}` over `{}`", source.display(), target.display());
    let mut mount = Command::new("mount");
    mount.arg("--bind").arg("--").arg(source).arg(target).stdin(Stdio::null());
    let output = mount.output().map_err(|source| InitError::Program { what: what.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(InitError::Failed { what, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
