//! The journal on damaged, full and foreign disks, and under two owners.

#[path = "journal/memory.rs"]
mod memory;

#[path = "journal/sample.rs"]
mod sample;

#[path = "journal/damage.rs"]
mod damage;

#[path = "journal/files.rs"]
mod files;

#[path = "journal/failing.rs"]
mod failing;

#[path = "journal/versions.rs"]
mod versions;
