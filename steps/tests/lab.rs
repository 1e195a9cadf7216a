//! The lab against the real thing: replay of a real node's commands, real openssl, every trap and every fault.

#![expect(clippy::print_stdout, reason = "suites print how many cases they ran")]

#[path = "lab/bench.rs"]
mod bench;

#[path = "lab/mask.rs"]
mod mask;

#[path = "lab/certificates.rs"]
mod certificates;

#[path = "lab/replay.rs"]
mod replay;

#[path = "lab/traps.rs"]
mod traps;

#[path = "lab/cluster.rs"]
mod cluster;

#[path = "lab/faults.rs"]
mod faults;

#[path = "lab/doors.rs"]
mod doors;

#[path = "lab/speed.rs"]
mod speed;
