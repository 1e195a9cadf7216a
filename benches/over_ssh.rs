//! What certwright costs over real sshd and sudo, against what people do instead.
//!
//! `cargo bench --bench over_ssh`, as root; `-- commands` or `-- renewal` runs one half, `rounds=N` sets how many
//! rounds of it. The second half needs Debian's `ansible-core` (`apt-get install ansible-core`); without it the
//! playbook does not take part, and the table says so.
//!
//! `commands`: one warm command, what is above the command's own time on the node (the same program in a shell loop
//! there), against `ssh -S SOCKET host sudo -n ...`. `renewal`: the shipped plan on three nodes of a lab behind three
//! sshd, probes and journal on, against the same changes by a bash script with ControlMaster and by an ansible-core
//! playbook; what each must have done is checked after every round, by openssl too, and the benchmark fails where it
//! is not. In every round all take their turn; the least and the median of the rounds are told.
//!
//! A plain program and not a harness: what is measured are processes, their children and their connections.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

#[path = "../tests/over_ssh/cluster.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod cluster;
#[path = "over_ssh/commands.rs"]
mod commands;
#[path = "over_ssh/contestant.rs"]
mod contestant;
#[path = "over_ssh/costs.rs"]
mod costs;
#[path = "../tests/over_ssh/kept.rs"]
mod kept;
#[path = "../tests/support/openssl.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod openssl;
#[path = "over_ssh/renewal.rs"]
mod renewal;
#[path = "../tests/support/sshd.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod sshd;
#[path = "over_ssh/watched.rs"]
mod watched;

/// By how much the lab's delays are shorter than a real machine's, unless `pace=N` says otherwise.
const PACE: u32 = 4;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == watched::WORD) {
        watched::main(&words[1..]);
    }
    let number = |name: &str| {
        words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok())
    };
    let rounds = number("rounds").map(|n| n as usize);
    let only: Vec<&String> = words.iter().filter(|w| !w.starts_with('-') && !w.contains('=')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| *word == name);
    if wanted("commands") {
        commands::commands(rounds.unwrap_or(20));
    }
    if wanted("renewal") {
        renewal::renewal(rounds.unwrap_or(5), number("pace").unwrap_or(PACE));
    }
}
