//! The program as its users meet it: standard output, standard error, exit code, and what is left on disk.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![expect(clippy::print_stdout, reason = "suites print how many cases they ran")]

#[path = "cli/program.rs"]
mod program;

#[path = "cli/redact.rs"]
mod redact;

#[path = "cli/usage.rs"]
mod usage;

#[path = "cli/checked.rs"]
mod checked;

#[path = "cli/bad_plan.rs"]
mod bad_plan;

#[path = "cli/bad_file.rs"]
mod bad_file;

#[path = "cli/two_files.rs"]
mod two_files;

#[path = "cli/local.rs"]
mod local;

#[path = "cli/ended.rs"]
mod ended;

#[path = "cli/meant.rs"]
mod meant;

#[path = "cli/unread.rs"]
mod unread;

#[path = "cli/beside.rs"]
mod beside;

#[path = "cli/places.rs"]
mod places;

#[path = "support/openssl.rs"]
mod openssl;

#[path = "cli/rehearse.rs"]
mod rehearse;

#[path = "cli/trap.rs"]
mod trap;

#[path = "cli/interrupted.rs"]
mod interrupted;

#[path = "cli/kept_lab.rs"]
mod kept_lab;

#[path = "cli/killed.rs"]
mod killed;

#[path = "../engine/tests/driver/random.rs"]
#[expect(dead_code, reason = "other suites use the rest of it")]
mod random;

#[path = "cli/not_rehearsed.rs"]
mod not_rehearsed;

#[path = "cli/undone.rs"]
mod undone;

#[path = "cli/worse.rs"]
mod worse;

#[path = "cli/strace.rs"]
mod strace;

#[path = "cli/struck.rs"]
mod struck;

#[path = "cli/workstation.rs"]
mod workstation;

#[path = "cli/journal.rs"]
mod journal;

#[path = "cli/pruned.rs"]
mod pruned;

#[path = "cli/older.rs"]
mod older;

#[path = "cli/golden/mod.rs"]
mod golden;

#[path = "cli/doctor.rs"]
mod doctor;

#[path = "cli/inventory.rs"]
mod inventory;

#[path = "cli/browser.rs"]
mod browser;

#[path = "cli/certs.rs"]
mod certs;

#[path = "cli/names.rs"]
mod names;

#[path = "cli/report.rs"]
mod report;

#[path = "cli/monitoring.rs"]
mod monitoring;

#[path = "support/planted.rs"]
mod planted;

#[path = "cli/screen.rs"]
mod screen;

#[path = "cli/secrets.rs"]
mod secrets;

#[path = "support/visible.rs"]
mod visible;

#[path = "cli/hostile.rs"]
mod hostile;

#[path = "cli/unreachable.rs"]
mod unreachable;
