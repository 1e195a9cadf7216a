//! What `certwright certs` costs, as ratios to what people would do instead, all in one run.
//!
//!     cargo bench --bench fleet                  # or: -- ask | parse [rounds=N] [nodes=N]
//!
//! Needs root, sshd, sudo, xargs, and for `parse` python3 with PyPI's cryptography (says so where it is missing).
//!
//! `ask`: N = 10, 50 and 200 nodes, 32 at a time, key match left out. Against `xargs -P32 ssh NODE true`: cold, and the
//! second look of `--watch` over the connections that it keeps. N nodes are N names of one real sshd, in a mount namespace
//! whose /etc/kubernetes and /var/lib/kubelet are those of a lab's node: each has its own TCP connection, key exchange,
//! login, sudo and look, as N machines would; the files are read N times from the same page cache, and both ends of every
//! connection share this machine's processors. Two logins: a user with sudo, and root. `xargs -P32 ssh NODE sudo -n true`
//! takes part, too: it says what of a ratio is sudo's.
//!
//! `parse`: certificates that are read from PEM a second and processor, with every fact that `certs` shows of them, against
//! cryptography doing the same, and against cryptography only loading them.
//!
//! In every round all take their turn; the least and the median of the rounds are told, and ratios round by round.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

#[path = "fleet/ask.rs"]
mod ask;
#[path = "over_ssh/costs.rs"]
mod costs;
#[path = "fleet/look.rs"]
mod look;
#[path = "fleet/nodes.rs"]
mod nodes;
#[path = "fleet/parse.rs"]
mod parse;
#[path = "../tests/support/sshd.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod sshd;
#[path = "over_ssh/watched.rs"]
mod watched;

/// Nodes that are asked.
const SIZES: [u32; 3] = [10, 50, 200];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == watched::WORD) {
        watched::main(&words[1..]);
    }
    let number = |name: &str| {
        words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok())
    };
    let rounds = number("rounds").map_or(5, |n| n as usize);
    let sizes = number("nodes").map_or(SIZES.to_vec(), |n| vec![n]);
    let only: Vec<&String> = words.iter().filter(|w| !w.starts_with('-') && !w.contains('=')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| *word == name);
    if wanted("ask") {
        ask::ask(&sizes, rounds);
    }
    if wanted("parse") {
        parse::parse(rounds);
    }
}
