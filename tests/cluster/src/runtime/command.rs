//! Which program an image is: etcd is the machine's, all else is this binary under the image's name.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Flags that kubeadm's manifest has and the etcd of Debian does not know.
const UNKNOWN_TO_ETCD: [&str; 2] = ["--feature-gates=", "--watch-progress-notify-interval="];

/// The command that runs as a container with this command line.
pub(super) fn of(command: &[String]) -> std::io::Result<Command> {
    let (program, args) = command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    if program == "etcd" {
        let mut etcd = Command::new("/usr/bin/etcd");
        etcd.args(
            args.iter().filter(|flag| !UNKNOWN_TO_ETCD.iter().any(|unknown| flag.starts_with(unknown))),
        );
        // etcd refuses a flag that is also an environment variable of its own.
        etcd.env_remove("ETCD_DATA_DIR");
        return Ok(etcd);
    }
    let own: PathBuf = std::env::current_exe()?;
    let mut ours = Command::new(own);
    ours.arg0(program).args(args);
    Ok(ours)
}
