//! What a host has of programs: those that are wanted, and those that certwright's worker there needs by itself.

use certwright_engine::host::worker::NEEDS;
use certwright_engine::host::{Command, Output};

use super::script;

/// Prints a line for all that is lacking: the place (from 1) of every wanted program that is not on PATH; the name of
/// each program of the worker's that is not there, or does not know the options that are used; and `read-only FOLDER`
/// where the worker cannot keep its files. Arguments: ROOT (not used), then the wanted programs' names.
pub const SCRIPT: &str = "\
shift
n=0
for program in \"$@\"; do
    n=$((n + 1))
    command -v -- \"$program\" >/dev/null 2>&1 || printf '%s\\n' \"$n\"
done
for program in cat mkdir mkfifo mv rm sleep sync tee; do
    command -v \"$program\" >/dev/null 2>&1 || printf '%s\\n' \"$program\"
done
works() { \"$@\" </dev/null >/dev/null 2>&1 || printf '%s\\n' \"$1\"; }
works date -u -r /dev/null +%H:%M:%SZ
works flock -E 75 -w 1 /dev/null true
works head -c 1
works stat -L -c %s /dev/null
works timeout -k 1 5 true
folder=/var/lib/certwright
until test -d \"$folder\"; do folder=${folder%/*}/; folder=${folder%/}; test \"$folder\" || folder=/; done
test -w \"$folder\" || printf 'read-only %s\\n' \"$folder\"
";

/// What a host lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Wanted programs that are not on its PATH.
    pub wanted: Vec<String>,
    /// Programs of the worker's, and the package that brings each.
    pub of_worker: Vec<(&'static str, &'static str)>,
    /// The folder that cannot be written to, where the worker's files are or would be.
    pub read_only: Option<String>,
}

/// The command that looks for `programs` and for what the worker needs.
pub fn missing(programs: &[String]) -> Command {
    Command::reads(script(SCRIPT, "", programs)).script("look-for-programs")
}

/// What is not there; `programs` are those that were looked for.
pub fn parse_missing(programs: &[String], output: &Output) -> Lacks {
    let mut lacks = Lacks::default();
    for line in output.stdout.lossy().lines() {
        let place = line.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
        if let Some(program) = place.and_then(|place| programs.get(place)) {
            lacks.wanted.push(program.clone());
        } else if let Some(need) = NEEDS.iter().find(|(name, _)| *name == line) {
            lacks.of_worker.push(*need);
        } else if let Some(folder) = line.strip_prefix("read-only ") {
            lacks.read_only = Some(folder.to_owned());
        }
    }
    lacks
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;
    use crate::tools::testing::run;

    /// What the script says where only the programs in `folder` are on PATH.
    fn looked(folder: &Path, wanted: &[&str]) -> Lacks {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        let path = format!("PATH={}", folder.display());
        let argv = ["/usr/bin/env".to_owned(), path].into_iter().chain(missing(&wanted).argv);
        parse_missing(&wanted, &run(&argv.collect::<Vec<_>>()))
    }

    #[test]
    fn everything_that_the_worker_needs_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let lacks = looked(folder.path(), &["kubeadm", "tar"]);
        assert_eq!(lacks.wanted, ["kubeadm", "tar"]);
        let mut of_worker = lacks.of_worker;
        of_worker.sort_unstable();
        assert_eq!(of_worker, NEEDS, "nothing is there");
        let real = looked(Path::new("/usr/sbin:/usr/bin:/sbin:/bin"), &["sh"]);
        assert_eq!(real, Lacks::default(), "this machine has all of it");
    }

    #[test]
    fn a_program_that_lacks_an_option_is_not_the_one_that_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let flock = folder.path().join("flock");
        std::fs::write(&flock, "#!/bin/sh\ncase $1 in -E | -w) exit 1 ;; esac\n").unwrap();
        std::fs::set_permissions(&flock, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        assert_eq!(looked(Path::new(&path), &[]).of_worker, [("flock", "util-linux")]);
    }
}
