//! What a worker is asked, as bytes.
//!
//! Invariant: values are quoted words, never program text. The same on a node and on this machine.

use std::time::Duration;

use super::quote::quote;
use super::stream::Nonce;
use crate::host::Command;
use crate::text::Secret;

/// The program.
pub const PROGRAM: &str = include_str!("worker.sh");

/// Where nodes keep lock, owner and the name of what runs.
pub const NODE_BASE: &str = "/var/lib/certwright";

/// Slack given to the limit on the host, so that our own deadline is the one that passes.
const SLACK: Duration = Duration::from_secs(2);

/// Longest text that names a command for people on the node, characters.
const WHAT_MAX: usize = 200;

/// What a worker is asked to do.
#[derive(Debug, Clone, Copy)]
pub enum Job<'a> {
    /// Run a command that only reads.
    Reads {
        /// The command.
        command: &'a Command,
        /// Who ends it when it takes too long.
        limit: Limit,
    },
    /// Run a command under the lock, while the owner file holds this line.
    Mutates {
        /// The command.
        command: &'a Command,
        /// The whole line of the owner file; `-` where nobody is asked who owns the host.
        token: &'a str,
    },
    /// Wait for the lock, at most so long, and take the owner file from one line to another.
    Settle {
        /// How long the lock is waited for.
        within: Duration,
        /// The line that must be there; `-` for no file, `=` for none of our business.
        expected: &'a str,
        /// The line to put there; `-` to remove the file.
        new: &'a str,
    },
}

/// Which constant script of ours a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Script(u64);

impl Script {
    /// `/bin/sh -c SCRIPT`.
    const WORDS: usize = 3;

    /// That of a command; None where it runs another program.
    fn of(command: &Command) -> Option<Self> {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        command.script?;
        let [shell, flag, script, ..] = command.argv.as_slice() else { return None };
        if shell != "/bin/sh" || flag != "-c" {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        script.hash(&mut hasher);
        Some(Self(hasher.finish()))
    }
}

/// Who ends a reading command that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The host, a little after our own deadline: over a network we cannot.
    OnHost,
    /// We, who can end the worker's process group.
    Ours,
}

impl<'a> Job<'a> {
    /// Standard input of the command.
    pub(super) fn input(self) -> Option<&'a [u8]> {
        match self {
            Job::Reads { command, .. } | Job::Mutates { command, .. } => {
                command.stdin.as_ref().map(Secret::reveal)
            }
            Job::Settle { .. } => None,
        }
    }

    /// Our own wall clock for it.
    pub fn deadline(self) -> Duration {
        match self {
            Job::Reads { command, .. } | Job::Mutates { command, .. } => command.deadline,
            // The lock is waited for on the host; this only bounds a host that does not answer.
            Job::Settle { within, .. } => within + Duration::from_secs(20),
        }
    }

    /// Whether doing it twice is as good as doing it once: a compare and swap that was done answers with its own line.
    pub(super) fn may_be_repeated(self) -> bool {
        match self {
            Job::Reads { .. } | Job::Settle { .. } => true,
            Job::Mutates { .. } => false,
        }
    }

    /// The script of ours that it reads by; a worker keeps the last one.
    pub(super) fn script(self) -> Option<Script> {
        match self {
            Job::Reads { command, .. } => Script::of(command),
            Job::Mutates { .. } | Job::Settle { .. } => None,
        }
    }

    /// The request but for the input: everything that is sent before it, to a worker that keeps this script.
    ///
    /// # Panics
    /// When a word holds a NUL byte, which no argument can carry: callers refuse those first.
    pub(super) fn frame(self, nonce: &Nonce, kept: Option<Script>) -> Vec<u8> {
        let mut words = Vec::new();
        for word in self.words(kept) {
            quote(word.as_bytes(), &mut words);
            words.push(b' ');
        }
        let lines = words.split(|&byte| byte == b'\n').count();
        let length = self.input().map_or_else(|| "-".to_owned(), |bytes| bytes.len().to_string());
        let mut frame = format!("{} {lines} {length}\n", nonce.as_str()).into_bytes();
        frame.append(&mut words);
        frame.push(b'\n');
        frame
    }

    fn words(self, kept: Option<Script>) -> Vec<String> {
        let (name, secs, token, what, argv): (_, _, _, _, Vec<String>) = match self {
            Job::Reads { command, limit } => {
                let secs = match limit {
                    Limit::OnHost => whole_secs(command.deadline + SLACK),
                    Limit::Ours => 0,
                };
                let (name, argv) = match Script::of(command) {
                    None => ("reads", command.argv.clone()),
                    script if script == kept => ("reads_again", command.argv[Script::WORDS..].to_vec()),
                    Some(_) => ("reads_anew", command.argv.clone()),
                };
                (name, secs, "-", String::new(), argv)
            }
            Job::Mutates { command, token } => {
                let what = shortened(&command.display());
                ("mutates", lock_secs(command.deadline), token, what, command.argv.clone())
            }
            Job::Settle { within, expected, new } => {
                let argv = vec![expected.to_owned(), new.to_owned()];
                ("settle", whole_secs(within), "-", String::new(), argv)
            }
        };
        [name.to_owned(), secs.to_string(), token.to_owned(), what].into_iter().chain(argv).collect()
    }
}

/// How long a mutating command waits for the lock, seconds.
pub(super) fn lock_secs(deadline: Duration) -> u64 {
    whole_secs(deadline / 2).min(30)
}

/// Seconds, rounded up; at least one: `flock -w 0`, `timeout 0` and `ConnectTimeout 0` mean something else.
pub(in crate::host) fn whole_secs(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

/// The command in one line of about [`WHAT_MAX`] characters.
fn shortened(display: &str) -> String {
    let mut what: String = display.replace(['\n', '\t'], " ");
    if let Some((end, _)) = what.char_indices().nth(WHAT_MAX) {
        what.truncate(end);
        what.push_str("...");
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_named_on_the_node_in_one_short_line() {
        let long = shortened(&format!("echo 'a\nb' {}", "ä".repeat(300)));
        assert!(!long.contains('\n') && long.chars().count() == WHAT_MAX + 3, "{long}");
    }

    #[test]
    fn a_request_says_how_many_lines_and_bytes_follow() {
        let command = Command::mutates(["a", "two\nlines\n"]).stdin(Secret::new(b"12345".to_vec()));
        let nonce = Nonce::random();
        let frame = String::from_utf8(Job::Mutates { command: &command, token: "-" }.frame(&nonce, None));
        let frame = frame.expect("UTF-8");
        // Two line ends of the argument; its display is one line.
        assert!(frame.starts_with(&format!("{} 3 5\n'mutates' '30' '-' 'a ", nonce.as_str())), "{frame}");
        assert!(frame.ends_with("'a' 'two\nlines\n' \n"), "{frame}");
    }

    #[test]
    fn a_script_is_sent_once_and_only_a_script_of_ours_is() {
        let argv = ["/bin/sh", "-c", "echo ours", "certwright", "/", "x"];
        let (ours, other) = (Command::reads(argv).script("ours"), Command::reads(argv));
        let frame = |command, kept| {
            let job = Job::Reads { command, limit: Limit::Ours };
            let frame = String::from_utf8(job.frame(&Nonce::random(), kept)).expect("UTF-8");
            (frame.split_once('\n').expect("a header").1.to_owned(), job.script())
        };
        let (first, kept) = frame(&ours, None);
        assert_eq!(first, "'reads_anew' '0' '-' '' '/bin/sh' '-c' 'echo ours' 'certwright' '/' 'x' \n");
        assert_eq!(frame(&ours, kept).0, "'reads_again' '0' '-' '' 'certwright' '/' 'x' \n");
        assert_eq!(frame(&other, kept), (first.replace("reads_anew", "reads"), None));
        let changed = Command::reads(["/bin/sh", "-c", "echo other", "certwright"]).script("ours");
        assert!(frame(&changed, kept).0.starts_with("'reads_anew' "));
    }
}
