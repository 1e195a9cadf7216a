//! The constant sh program that runs every command of ours, and the words it is given.
//!
//! Invariant: values are positional parameters, never program text. The program is the same on a node (inside
//! one `sudo -n`, its words on standard input) and on this machine (its words are argv). The worker that
//! serves many commands, and the owner token that fences late starts, are deliberately absent.

use std::time::Duration;

use super::quote::quote;
use super::stream::Nonce;
use super::{Command, Effect};

/// The program.
pub(super) const PROGRAM: &str = include_str!("wrapper.sh");

/// Where nodes keep lock, running commands' output and (later) the owner.
pub(super) const NODE_BASE: &str = "/var/lib/certwright";

/// Slack given to the limit on the node, so that our own deadline is the one that passes.
const SLACK: Duration = Duration::from_secs(2);

/// Longest text that names a command for people on the node, characters.
const WHAT_MAX: usize = 200;

/// What the wrapper is asked to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// Run a command.
    Run(&'a Command),
    /// Wait until nothing holds the lock, at most so long.
    Settle(Duration),
}

/// Where the wrapper runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a node, as root.
    Node,
    /// On this machine, as the operator.
    Here,
}

impl<'a> Job<'a> {
    /// Standard input for the command, after the frame.
    pub(super) fn stdin(self) -> Option<&'a [u8]> {
        match self {
            Job::Run(command) => command.stdin.as_ref().map(crate::text::Secret::reveal),
            Job::Settle(_) => None,
        }
    }

    /// Our own wall clock for it.
    pub(super) fn deadline(self) -> Duration {
        match self {
            Job::Run(command) => command.deadline,
            // The lock is waited for on the host; this only bounds a host that does not answer.
            Job::Settle(within) => within + Duration::from_secs(20),
        }
    }

    /// The first word that holds a NUL byte, which no argument can carry.
    pub(super) fn nul(self) -> bool {
        matches!(self, Job::Run(command) if command.argv.iter().any(|word| word.contains('\0')))
    }

    /// The positional parameters of [`PROGRAM`].
    pub(super) fn words(self, nonce: &Nonce, place: Place, base: &str) -> Vec<String> {
        let log = match place {
            Place::Node => "log",
            Place::Here => "quiet",
        };
        let len = self.stdin().map_or_else(|| "-".to_owned(), |bytes| bytes.len().to_string());
        let (job, secs, what, argv): (_, _, _, &[String]) = match self {
            Job::Run(command) => {
                let (job, secs) = match (command.effect, place) {
                    (Effect::Reads, Place::Node) => ("reads", whole_secs(command.deadline + SLACK)),
                    // Ended by us, as its process group.
                    (Effect::Reads, Place::Here) => ("reads", 0),
                    (Effect::Mutates, _) => ("mutates", whole_secs(command.deadline / 2).min(30)),
                };
                (job, secs, shortened(&command.display()), &command.argv)
            }
            Job::Settle(within) => ("settle", whole_secs(within), String::new(), &[]),
        };
        let fixed = [nonce.as_str(), job, base, &secs.to_string(), &len, log, &what].map(str::to_owned);
        fixed.into_iter().chain(argv.iter().cloned()).collect()
    }

    /// Program and parameters as one text for `eval`.
    pub(super) fn frame(self, nonce: &Nonce) -> Vec<u8> {
        let mut frame = b"set --".to_vec();
        for word in self.words(nonce, Place::Node, NODE_BASE) {
            frame.push(b' ');
            quote(word.as_bytes(), &mut frame);
        }
        frame.push(b'\n');
        frame.extend_from_slice(PROGRAM.trim_end().as_bytes());
        frame
    }
}

/// Seconds, rounded up; at least one: `flock -w 0`, `timeout 0` and `ConnectTimeout 0` mean something else.
pub(super) fn whole_secs(duration: Duration) -> u64 {
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
    fn a_frame_ends_in_program_text_so_that_no_line_end_is_lost_on_the_way() {
        // `$(head -c N)` drops trailing line ends; the length check on the node would then fail.
        let frame = Job::Settle(Duration::from_secs(1)).frame(&Nonce::random());
        assert_eq!(frame.last(), Some(&b'c'), "the program's last word is `esac`");
    }

    #[test]
    fn a_command_is_named_on_the_node_in_one_short_line() {
        let long = shortened(&format!("echo 'a\nb' {}", "ä".repeat(300)));
        assert!(!long.contains('\n') && long.chars().count() == WHAT_MAX + 3, "{long}");
    }
}
