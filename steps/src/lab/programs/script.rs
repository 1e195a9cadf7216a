//! The constant scripts of [`crate::tools`]: the survey and the collection are answered from the
//! files, the others are run for real.
//!
//! A real run is a plain child process that is waited for, so virtual time stands still meanwhile; ROOT is the node's
//! folder. What it has written gets lab time. It inherits the lab's lock, as a command on a real host inherits that of the
//! host: where this process is killed, whoever comes next waits for what it left running.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::lab::LabError;
use crate::lab::exec::{Answer, Shell};
use crate::lab::fault::FaultKind;
use crate::lab::files::system_time;
use crate::tools::{archive, collect, folders, programs as on_path, schedules, survey};

pub(super) fn run(shell: &mut Shell<'_>) -> Result<Answer, LabError> {
    let [_, flag, script, name, _root, args @ ..] = shell.call.argv else {
        return Ok(Answer::gap("a shell without a script of ours"));
    };
    if flag != "-c" || name != "certwright" {
        return Ok(Answer::gap("a shell without a script of ours"));
    }
    if *script == *survey::SCRIPT {
        return match survey_natively(shell, args) {
            Some(answer) => Ok(answer),
            None => collect_natively(shell, args),
        };
    }
    if script == on_path::SCRIPT {
        return Ok(missing(args));
    }
    if [folders::SCRIPT, schedules::SCRIPT].contains(&script.as_str()) {
        return read_really(shell, script, args);
    }
    let known = [archive::BACKUP, archive::LIST, archive::RESTORE, archive::PRUNE];
    if !known.contains(&script.as_str()) {
        return Ok(Answer::gap("a script that is not one of ours"));
    }
    if script != archive::LIST && full(shell, args) {
        return Ok(Answer::fail(1, "tar: write error: No space left on device\n"));
    }
    really(shell, script, args)
}

/// Programs of a node that are not the lab's own.
pub(super) const OTHERS: [&str; 9] =
    ["sh", "tar", "sha256sum", "rm", "mv", "rmdir", "readlink", "chown", "flock"];

/// The places of programs that neither the lab nor the machine under it has.
fn missing(args: &[String]) -> Answer {
    let known = |name: &str| super::NAMES.contains(&name) || OTHERS.contains(&name);
    let places = args.iter().enumerate().filter(|(_, name)| !known(name));
    let lines: Vec<String> = places.map(|(at, _)| format!("{}\n", at + 1)).collect();
    Answer::ok(lines.concat())
}

fn full(shell: &mut Shell<'_>, args: &[String]) -> bool {
    let first = args.first().cloned().unwrap_or_default();
    let below = |folder: Option<&str>| folder.is_none_or(|f| first.starts_with(f));
    shell.fault(FaultKind::DiskFull, below).is_some()
}

/// A survey of paths to one depth; None for a look of more words.
fn survey_natively(shell: &Shell<'_>, args: &[String]) -> Option<Answer> {
    let (word, paths) = args.split_first()?;
    let depth = survey::Depth::from_word(word)?;
    if paths.iter().any(|path| !path.starts_with('/')) {
        return None;
    }
    let facts: Vec<_> = paths.iter().map(|path| facts(shell, path).cut_to(depth)).collect();
    Some(printed(survey::render(&facts)).takes(shell.state().delay(150)))
}

fn collect_natively(shell: &mut Shell<'_>, args: &[String]) -> Result<Answer, LabError> {
    let Some((depth, request)) = collect::Request::from_words(args) else {
        return Ok(Answer::gap("a survey of no known depth"));
    };
    let keys = if depth == survey::Depth::Keys { collect::Keys::Asked } else { collect::Keys::NotAsked };
    let root = shell.files().root(shell.call.host);
    let tree = collect::Tree::open(&root)
        .map_err(|error| LabError::io("read", &root, std::io::Error::other(error.to_string())))?;
    let off = i128::from(super::small::clock_off(shell)) * 1_000_000_000;
    let mut look = tree.look(keys, &request);
    look.clock_ns = Some(i128::from(shell.now()) * 1_000_000 + off);
    Ok(printed(collect::render(&request, &look)).takes(shell.state().delay(150)))
}

fn printed(stdout: Vec<u8>) -> Answer {
    Answer { stdout, ..Answer::default() }
}

fn facts(shell: &Shell<'_>, path: &str) -> survey::FileFacts {
    let Ok(place) = shell.files().path(shell.call.host, path) else {
        return survey::FileFacts::missing(path);
    };
    let Ok(meta) = std::fs::metadata(&place) else { return survey::FileFacts::missing(path) };
    let content = std::fs::read(&place).unwrap_or_default();
    let beside = path.strip_suffix(".crt").and_then(|base| shell.read(&format!("{base}.key")).ok()?);
    let mut facts = survey::FileFacts::of_content(path, &content, beside.as_deref());
    facts.kind = if meta.is_file() {
        survey::FileKind::File
    } else if meta.is_dir() {
        survey::FileKind::Folder
    } else {
        survey::FileKind::Other
    };
    facts.mode = meta.mode() & 0o7777;
    facts.uid = meta.uid();
    facts.gid = meta.gid();
    facts.size = meta.len();
    facts.mtime_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    facts
}

/// One that only reads: nothing of it needs lab time.
fn read_really(shell: &Shell<'_>, script: &str, args: &[String]) -> Result<Answer, LabError> {
    let output = run_child(&shell.files().root(shell.call.host), shell.call.lock, script, args)?;
    Ok(answer(output, shell.state().delay(50)))
}

fn run_child(root: &Path, lock: Option<&File>, script: &str, args: &[String]) -> Result<Output, LabError> {
    let output = lock.map(File::try_clone).transpose().and_then(|lock| {
        // The lock's file is empty, so it is as good an input as none.
        let input = lock.map_or_else(Stdio::null, Stdio::from);
        child(script, root, args, input).output()
    });
    output.map_err(|e| LabError::io("run", Path::new("/bin/sh"), e))
}

fn answer(output: Output, takes: u64) -> Answer {
    Answer { status: number(output.status), stdout: output.stdout, stderr: output.stderr, takes }
}

fn really(shell: &Shell<'_>, script: &str, args: &[String]) -> Result<Answer, LabError> {
    let root = shell.files().root(shell.call.host);
    let mark = Mark::set(&root)?;
    let output = run_child(&root, shell.call.lock, script, args)?;
    for folder in ["etc/kubernetes", "var/lib"] {
        mark.date(&root.join(folder), shell.now());
    }
    Ok(answer(output, shell.state().delay(400)))
}

/// The child that runs a script, in a process group of its own: what a terminal sends its foreground (Ctrl-C) is for
/// the run to answer, and no script ends half-way by it.
#[expect(clippy::disallowed_methods, reason = "a blocking child: tokio's would let virtual time pass")]
fn child(script: &str, root: &Path, args: &[String], input: Stdio) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script, "certwright"])
        .arg(root)
        .args(args)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .stdin(input)
        .process_group(0);
    command
}

/// The exit status as a shell tells it: 128 + n when signal n ended the child.
fn number(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(128 + status.signal()?)).expect("a child that was waited for has ended")
}

/// The machine's time before a script ran: what is younger and carries the machine's time was written by it.
struct Mark {
    at: (i64, i64),
}

impl Mark {
    fn set(root: &Path) -> Result<Self, LabError> {
        let path = root.join(".mark");
        let touch = || {
            std::fs::write(&path, b"")?;
            let meta = std::fs::metadata(&path)?;
            std::fs::remove_file(&path)?;
            Ok((meta.ctime(), meta.ctime_nsec()))
        };
        touch().map(|at| Self { at }).map_err(|e| LabError::io("write", &path, e))
    }

    /// Files that were written since, and not given the time of an older one, get lab time.
    fn date(&self, folder: &Path, now: u64) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                self.date(&entry.path(), now);
            }
            let changed = (meta.ctime(), meta.ctime_nsec()) >= self.at;
            let freshly = (meta.mtime(), meta.mtime_nsec()) >= self.at && meta.mtime() <= meta.ctime() + 1;
            if meta.is_file() && changed && freshly {
                let file = std::fs::File::options().append(true).open(entry.path());
                // What cannot be dated keeps the machine's time; no step depends on it being there.
                let _dated = file.and_then(|f| f.set_modified(system_time(now)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were it not so, whoever resumes what was killed within a backup would look while the archive is still being made,
    /// and begin another one once it is there.
    #[test]
    fn a_script_holds_the_lock_of_the_lab_by_itself() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("lock");
        let lock = File::options().create_new(true).read(true).write(true).open(path).unwrap();
        lock.lock().unwrap();
        // Input is the very opening that holds it, which a second one of the same file does not.
        let script = "test /proc/self/fd/0 -ef \"$1/lock\" || exit 3; flock -n 0 || exit 4; cat";
        let run = |lock: Option<&File>| {
            let output = run_child(temporary.path(), lock, script, &[]).unwrap();
            (number(output.status), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        assert_eq!(run(Some(&lock)), (0, String::new()));
        assert_eq!(run(None).0, 3, "where there is no lab there is no lock");
    }

    /// Were the script of our group, its signal to the whole group would end this test too.
    #[test]
    fn a_signal_to_a_whole_process_group_does_not_cross_between_us_and_a_script() {
        let group = "read -r pid _ _ _ group _ </proc/$$/stat\ntest \"$pid\" = \"$group\" || exit 9\n";
        let run = |script: &str| {
            let output = child(script, Path::new("/"), &[], Stdio::null()).output().expect("a shell");
            number(output.status)
        };
        assert_eq!(run(group), 0, "the script leads a process group of its own");
        for (name, status) in [("INT", 130), ("TERM", 143), ("KILL", 137)] {
            assert_eq!(run(&format!("{group}kill -{name} 0\n")), status, "SIG{name}");
        }
    }
}
