//! N nodes asked, cold and over kept connections, against one `ssh NODE true` each.

use std::fs;

use crate::costs::Rounds;
use crate::look::{self, Kept};
use crate::nodes::{Login, Nodes};
use crate::watched::watch;

/// Ratios that are aimed at: cold, kept; and memory, KiB.
const AIMS: (f64, f64, f64) = (1.02, 0.1, 32.0 * 1024.0);

#[derive(Default)]
struct Row {
    ssh: Rounds,
    sudo: Rounds,
    cold: Rounds,
    kept: Rounds,
    ssh_cpu: Rounds,
    cold_cpu: Rounds,
    peak: Rounds,
}

/// Measures and prints.
pub(crate) fn ask(sizes: &[u32], rounds: usize) {
    let nodes = Nodes::new(sizes.iter().copied().max().unwrap_or(1));
    // Everything is in the page cache.
    round(&nodes, Login::Sudo, 2);
    println!(
        "N nodes, 32 at a time, wall ms, least / median of {rounds} rounds; CPU of the whole machine, ms a node:\n"
    );
    println!(
        "| login | N | ssh NODE true | certwright, cold | : ssh | ssh NODE sudo -n true : ssh | kept | : ssh | \
         CPU ssh | CPU certwright | peak memory, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for login in Login::ALL {
        for many in sizes {
            let mut row = Row::default();
            for _round in 0..rounds {
                row.push(&round(&nodes, login, *many), *many);
            }
            row.print(login, *many);
        }
    }
    let (cold, kept, peak) = AIMS;
    println!("\nAims: cold {cold}, kept {kept}, {} MiB.\n", peak / 1024.0);
}

/// What one round took.
struct Round {
    ssh: (f64, f64),
    sudo: f64,
    cold: (f64, f64),
    kept: Kept,
}

fn round(nodes: &Nodes, login: Login, many: u32) -> Round {
    let log = nodes.path("log");
    let plain = |words: &str| {
        let usage = watch(&nodes.xargs(login, many, words), &log);
        assert!(usage.success, "{}", fs::read_to_string(&log).unwrap_or_default());
        (usage.wall_ms, usage.machine_ms)
    };
    let ssh = plain("true");
    let usage = watch(&nodes.certs(login, many, &[]), &log);
    look::check(&fs::read_to_string(&log).expect("its words"), many);
    let sudo = plain("sudo -n true").0;
    let kept = look::kept(&mut nodes.certs(login, many, &[look::WATCH]), many);
    Round { ssh, sudo, cold: (usage.wall_ms, usage.machine_ms), kept }
}

impl Row {
    fn push(&mut self, round: &Round, many: u32) {
        self.ssh.push(round.ssh.0);
        self.sudo.push(round.sudo);
        self.cold.push(round.cold.0);
        self.kept.push(round.kept.wall_ms);
        self.ssh_cpu.push(round.ssh.1 / f64::from(many));
        self.cold_cpu.push(round.cold.1 / f64::from(many));
        self.peak.push(f64::from(round.kept.peak_kib) / 1024.0);
    }

    fn print(&self, login: Login, many: u32) {
        let to_ssh = |rounds: &Rounds| rounds.by(&self.ssh, |ours, theirs| ours / theirs).text(2);
        println!(
            "| {} | {many} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            login.name(),
            self.ssh.text(0),
            self.cold.text(0),
            to_ssh(&self.cold),
            to_ssh(&self.sudo),
            self.kept.text(0),
            to_ssh(&self.kept),
            self.ssh_cpu.text(0),
            self.cold_cpu.text(0),
            self.peak.text(1),
        );
    }
}
