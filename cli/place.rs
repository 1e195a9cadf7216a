//! Where this program runs and who runs it: the only reader of the environment, beside [`crate::terminal`].

use std::path::{Path, PathBuf};

use certwright_engine::plan::Base;

use crate::exit::Exit;
use crate::failure::Failure;

/// The state folder: `--state-dir`, else `$XDG_STATE_HOME/certwright`, else `~/.local/state/certwright`.
///
/// A relative `XDG_STATE_HOME` is ignored, as the XDG specification demands. None without any of them.
pub(crate) fn state_dir(given: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|folder| folder.join("certwright"))
}

/// Where relative paths of an inventory start.
pub(crate) fn base() -> Result<Base, Failure> {
    let folder =
        std::env::current_dir().map_err(|error| Failure::system("find the current folder", &error))?;
    let text = |path: PathBuf| path.into_os_string().into_string().ok();
    let shown = folder.display().to_string();
    let folder = text(folder)
        .ok_or_else(|| Failure::new(Exit::Refused, "system", format!("the folder `{shown}` is not UTF-8")))?;
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute()).and_then(text);
    Ok(Base { folder, home })
}

/// Where sockets of this user may stand: `$XDG_RUNTIME_DIR`.
pub(crate) fn runtime_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The kubeconfig that kubectl takes unless told otherwise: `$KUBECONFIG` where it is one file, else `~/.kube/config`.
pub(crate) fn kubeconfig() -> Option<String> {
    match std::env::var("KUBECONFIG").ok().filter(|path| !path.is_empty()) {
        Some(path) if path.contains(':') => None,
        Some(path) => Some(path),
        None => std::env::var_os("HOME").map(|_| "~/.kube/config".to_owned()),
    }
}

/// Who acts: `user@host`, with the user behind sudo where there is one.
pub(crate) fn operator() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|user| is_user(user));
    let uid = rustix::process::getuid();
    let user = if uid.is_root() { named("SUDO_USER") } else { None }
        .or_else(|| named("USER"))
        .or_else(|| named("LOGNAME"))
        .or_else(|| user_name(uid.as_raw()))
        .unwrap_or_else(|| format!("uid-{}", uid.as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    certwright_engine::text::escape(&format!("{user}@{host}"))
}

/// The name that `/etc/passwd` gives a user.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = |line: &str| -> Option<(String, u32)> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((name, fields.nth(1)?.parse().ok()?))
    };
    passwd.lines().filter_map(fields).find(|(_, number)| *number == uid).map(|(name, _)| name)
}

fn is_user(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_state_folder_wins() {
        assert_eq!(state_dir(Some(Path::new("x"))), Some(PathBuf::from("x")));
    }
}
