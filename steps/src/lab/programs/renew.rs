//! `kubeadm certs renew all`, with everything that can go wrong in it.
//!
//! A new key each time; subject, names and usages copied from the existing certificate; key written before
//! certificate, both in place; a missing certificate or CA key is passed over with status 0; the first real error stops
//! it half-way.

use super::config::Config;
use super::expiration::{HINT, existing, is_external};
use crate::lab::LabError;
use crate::lab::build::EARLY;
use crate::lab::exec::{Answer, Shell};
use crate::lab::fault::FaultKind;
use crate::lab::kubeconf;
use crate::lab::mint::{self, Dates, Minted};
use crate::pki::layout::{Form, Leaf};

const DONE: &str = "\nDone renewing certificates. You must restart the kube-apiserver, kube-controller-manager, \
                    kube-scheduler and etcd, so that they can use the new certificates.\n";

/// What a fault makes of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Honest,
    /// Prints and does nothing.
    Lies,
    /// Ends after so many certificates.
    Dies(usize),
    /// Reports a passed deadline before it has done anything.
    Late,
    /// Reports one after it has done everything.
    LateAfter,
}

/// How a certificate's renewal went.
enum Step {
    Said(String),
    Failed(String),
}

/// Answers `certs renew all`.
pub(super) fn all(shell: &mut Shell<'_>, config: &Config) -> Result<Answer, LabError> {
    let mood = mood(shell);
    let warning = config.warning(shell.now());
    let late = format!("{warning}error: failed to renew certificates: context deadline exceeded\n{HINT}");
    let mut stdout = config.preamble("renew");
    if mood == Mood::Late {
        return Ok(Answer::fail(1, late).stdout(stdout));
    }
    for (done, leaf) in config.leaves().enumerate() {
        if mood == Mood::Dies(done) {
            let why = die(shell, config, leaf)?;
            return Ok(Answer::fail(1, format!("{warning}error: {why}\n{HINT}")).stdout(stdout));
        }
        match renew(shell, config, leaf, mood)? {
            Step::Said(line) => stdout.extend([line.as_str(), "\n"]),
            Step::Failed(why) => {
                return Ok(Answer::fail(1, format!("{warning}error: {why}\n{HINT}")).stdout(stdout));
            }
        }
    }
    if mood == Mood::LateAfter {
        return Ok(Answer::fail(1, late).stdout(stdout));
    }
    Ok(Answer::ok(stdout).stdout(DONE).stderr(warning))
}

fn mood(shell: &mut Shell<'_>) -> Mood {
    let renew = |argument: Option<&str>| argument == Some("renew");
    if shell.fault(FaultKind::DeadlineExceeded, renew).is_some() {
        Mood::Late
    } else if shell.fault(FaultKind::DeadlineExceededAfter, renew).is_some() {
        Mood::LateAfter
    } else if shell.fault(FaultKind::RenewLies, |_| true).is_some() {
        Mood::Lies
    } else if let Some(fault) = shell.fault(FaultKind::RenewDies, |_| true) {
        Mood::Dies(fault.argument.and_then(|a| a.parse().ok()).unwrap_or(5))
    } else {
        Mood::Honest
    }
}

fn renew(shell: &mut Shell<'_>, config: &Config, leaf: &Leaf, mood: Mood) -> Result<Step, LabError> {
    let old = match existing(shell, config, leaf) {
        Err(why) => return Ok(Step::Failed(why)),
        Ok(None) => return Ok(Step::Said(format!("MISSING! {}", leaf.description))),
        Ok(Some(old)) => old,
    };
    if is_external(shell, config, leaf.authority) {
        let authority = leaf.authority.base_name();
        return Ok(Step::Said(format!(
            "Detected external {authority}, {} can't be renewed",
            leaf.description
        )));
    }
    let said = Step::Said(format!("{} renewed", leaf.description));
    if mood == Mood::Lies {
        return Ok(said);
    }
    let pair = match successor(shell, config, leaf, &old)? {
        Ok(pair) => pair,
        Err(why) => return Ok(Step::Failed(why)),
    };
    Ok(match write(shell, config, leaf, &pair) {
        Ok(()) => said,
        Err(why) => Step::Failed(why),
    })
}

/// The next certificate's key is written, its certificate not any more.
fn die(shell: &mut Shell<'_>, config: &Config, leaf: &Leaf) -> Result<String, LabError> {
    if let (Ok(Some(old)), Form::Pem) = (existing(shell, config, leaf), leaf.form)
        && let Ok(pair) = successor(shell, config, leaf, &old)?
    {
        let path = leaf.key_file(&config.cert_dir);
        if let Err(why) = put(shell, &path, pair.key.as_bytes(), 0o600) {
            return Ok(failed_key(leaf, &path, &why));
        }
    }
    let path = leaf.file(&config.cert_dir);
    Ok(format!(
        "failed to write new certificate {}: unable to write certificate to file {path}: open {path}: input/output \
         error",
        base(leaf)
    ))
}

fn successor(
    shell: &mut Shell<'_>,
    config: &Config,
    leaf: &Leaf,
    old: &str,
) -> Result<Result<Minted, String>, LabError> {
    let text = |path: String| shell.text(&path).unwrap_or_default();
    let ca = Minted {
        certificate: text(leaf.authority.certificate(&config.cert_dir)),
        key: text(leaf.authority.key(&config.cert_dir)),
    };
    let now = (shell.now() / 1000).cast_signed();
    let dates = Dates { from: now - EARLY, to: now + config.validity };
    let subject = mint::subject_of(old).map_err(LabError::mint)?;
    let serial = shell.change().state.serial();
    let why = |e| format!("failed to renew certificate {}: unable to sign certificate: {e}", leaf.name);
    Ok(mint::leaf(&ca, &subject, dates, serial).map_err(why))
}

fn write(shell: &mut Shell<'_>, config: &Config, leaf: &Leaf, pair: &Minted) -> Result<(), String> {
    let file = leaf.file(&config.cert_dir);
    match leaf.form {
        Form::Pem => {
            let key = leaf.key_file(&config.cert_dir);
            put(shell, &key, pair.key.as_bytes(), 0o600).map_err(|why| failed_key(leaf, &key, &why))?;
            put(shell, &file, pair.certificate.as_bytes(), 0o644).map_err(|why| {
                format!(
                    "failed to write new certificate {}: unable to write certificate to file {file}: open {file}: {why}",
                    base(leaf)
                )
            })
        }
        Form::Kubeconfig => {
            let text = kubeconf::with_pair(&shell.text(&file).unwrap_or_default(), pair);
            put(shell, &file, text.as_bytes(), 0o600)
                .map_err(|why| format!("failed to write new certificate {}: open {file}: {why}", base(leaf)))
        }
    }
}

fn failed_key(leaf: &Leaf, path: &str, why: &str) -> String {
    format!(
        "failed to write new certificate {}: couldn't write key: unable to write private key to file {path}: open \
         {path}: {why}",
        base(leaf)
    )
}

/// The name kubeadm writes by: `etcd/peer`, not `etcd-peer`.
fn base(leaf: &Leaf) -> &'static str {
    leaf.path
}

/// Writes in place, or says why not in Go's words.
fn put(shell: &mut Shell<'_>, path: &str, bytes: &[u8], mode: u32) -> Result<(), String> {
    let below = |argument: Option<&str>| argument.is_none_or(|folder| path.starts_with(folder));
    if shell.fault(FaultKind::DiskFull, below).is_some() {
        return Err("no space left on device".into());
    }
    let now = shell.now();
    shell.files().write(shell.call.host, path, bytes, mode, now).map_err(|e| {
        // Rust's `Operation not permitted (os error 1)` is Go's `operation not permitted`.
        let text = e.to_string().to_lowercase();
        text.split(" (os error").next().unwrap_or_default().to_owned()
    })
}
