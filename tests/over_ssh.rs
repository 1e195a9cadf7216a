//! The shipped plan over three real sshd instances: sudo-only login, private mount namespaces, the lab's programs.
//!
//! The same binary and plan as an operator's, with real ssh, real sudo, real tar, real openssl on real folders. Needs
//! root, and fails without it.

#![expect(clippy::print_stdout, reason = "suites say how many cases they ran")]

#[path = "support/sshd.rs"]
#[expect(dead_code, reason = "other suites use the rest of it")]
mod sshd;

#[path = "support/openssl.rs"]
#[expect(dead_code, reason = "other suites use the rest of it")]
mod openssl;

#[path = "support/chaos.rs"]
mod chaos;

#[path = "../engine/tests/driver/random.rs"]
#[expect(dead_code, reason = "other suites use the rest of it")]
mod random;

#[path = "over_ssh/cluster.rs"]
mod cluster;

#[path = "over_ssh/kept.rs"]
mod kept;

#[path = "over_ssh/renewal.rs"]
mod renewal;

#[path = "over_ssh/refused.rs"]
mod refused;

#[path = "over_ssh/config.rs"]
mod config;

#[path = "over_ssh/doctor.rs"]
mod doctor;

#[path = "over_ssh/certs.rs"]
mod certs;
#[path = "over_ssh/machines.rs"]
mod machines;

#[path = "over_ssh/operators.rs"]
mod operators;

#[path = "over_ssh/trap.rs"]
mod trap;

#[path = "over_ssh/killed.rs"]
mod killed;

#[path = "over_ssh/struck.rs"]
mod struck;

#[path = "over_ssh/seen.rs"]
mod seen;

#[path = "over_ssh/requests.rs"]
mod requests;

#[path = "over_ssh/frames.rs"]
mod frames;

#[path = "support/visible.rs"]
#[expect(dead_code, reason = "other suites use the rest of it")]
mod visible;

#[path = "over_ssh/hostile.rs"]
mod hostile;

#[path = "over_ssh/terminal.rs"]
mod terminal;

#[path = "over_ssh/sockets.rs"]
mod sockets;
