//! One file a remote program: its command lines and its output.
//!
//! Builders return a [`Command`](certwright_engine::host::Command) with its effect and deadline; parsers are pure
//! and take what the program printed as untrusted bytes. Values reach programs as argv; the few constant scripts
//! ([`survey`], [`archive`], ...) are run by [`script`]. Deliberately absent: what to do with an answer (kinds decide).

pub(crate) mod output;

#[cfg(test)]
pub(crate) mod testing;

pub mod kubeadm;

pub mod crictl;

pub mod kubectl;

pub mod etcd;

pub mod systemctl;

pub mod date;

pub mod df;

pub mod programs;

pub mod manifest;

pub mod kubelet;

pub mod survey;

pub mod wanted;

pub mod collect;

pub mod schedules;

pub mod folders;

pub mod archive;

pub use output::OutputError;

/// The argv of a constant script: `/bin/sh -c SCRIPT certwright ROOT ARGS...`.
///
/// `root` is prefixed to every path the script touches: empty on real hosts, a node's folder in the lab.
pub fn script(script: &'static str, root: &str, words: &[String]) -> Vec<String> {
    let mut argv: Vec<String> =
        ["/bin/sh", "-c", script, "certwright", root].into_iter().map(str::to_owned).collect();
    argv.extend_from_slice(words);
    argv
}
