//! The same question by `openssl s_client` and `curl` on the host itself.
//!
//! The way that works everywhere: for hosts whose ssh forwards nothing, and for whatever a forward could not answer
//! for certain (its refusals look like a closed port).

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Answer, Ask, BODY_KEPT, Dial, DialError, Dialled, Served, Way};
use crate::host::{Command, Host, HostError, Output};
use crate::text::Untrusted;

/// What curl prints after the body.
const CODE: &str = "\nhttp_code=";

/// Statuses of whoever should have started a program: it is not there, or may not be started.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// Asks on the host, within `within`.
pub(in crate::host) async fn ask<H>(host: &H, dial: &Dial, within: Duration) -> Result<Dialled, HostError>
where
    H: Host + ?Sized,
{
    dial.check(host.name())?;
    let outcome = match host.run(&command(dial).deadline(within)).await {
        Ok(output) if NO_PROGRAM.contains(&output.status) => Err(DialError::NotAsked(last_words(&output))),
        Ok(output) => match &dial.ask {
            Ask::Certificate => chain(&output).map(|chain| Served { chain, answer: None }),
            Ask::Http(_) | Ask::Https(_) => {
                answer(&output).map(|answer| Served { chain: Vec::new(), answer: Some(answer) })
            }
        },
        // Both programs wait for as long as the port lets them.
        Err(HostError::Deadline { .. }) => Err(DialError::TimedOut),
        Err(error) => return Err(error),
    };
    Ok(Dialled { way: Way::OnHost, outcome })
}

/// The command that asks: `-k` because 127.0.0.1 is in no SAN and two components serve certificates of their own,
/// `--noproxy` because a proxy of the host's knows nothing of its loopback.
pub(super) fn command(dial: &Dial) -> Command {
    let curl = |flags| Command::reads(["curl", flags, "--noproxy", "*", "-w", r"\nhttp_code=%{http_code}\n"]);
    let mut command = match &dial.ask {
        Ask::Certificate => Command::reads(["openssl", "s_client", "-showcerts", "-connect"]),
        Ask::Http(_) => curl("-sS"),
        Ask::Https(_) => curl("-sSk"),
    };
    command.argv.push(dial.to_string());
    command
}

/// The certificates in what `openssl s_client` printed; they are there even where the server demanded one of the
/// client and aborted, so the exit status alone tells nothing.
pub(super) fn chain(output: &Output) -> Result<Vec<Vec<u8>>, DialError> {
    let (stdout, stderr) = (output.stdout.bytes(), output.stderr.lossy());
    let says = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(stdout).collect();
    match found {
        // What openssl itself did not like (a bad signature has many words) is shown and not proven; an alert comes
        // from a server, which sends it when it does not like us: after the proof.
        Ok(found) if !found.is_empty() && !output.success() && !says(&["SSL alert number"]) => {
            Err(DialError::Unproven)
        }
        Ok(found) if !found.is_empty() => Ok(found.iter().map(|one| one.to_vec()).collect()),
        Err(error) => Err(DialError::Handshake(format!("what openssl printed is cut: {error}"))),
        Ok(_) if says(&["errno=111", "Connection refused"]) => Err(DialError::Refused),
        Ok(_) if says(&["errno=110", "Connection timed out"]) => Err(DialError::TimedOut),
        Ok(_) => Err(DialError::Handshake(last_words(output))),
    }
}

/// The answer in what curl printed.
pub(super) fn answer(output: &Output) -> Result<Answer, DialError> {
    let stdout = output.stdout.bytes();
    let end = stdout.trim_ascii_end();
    let at = end.windows(CODE.len()).rposition(|part| part == CODE.as_bytes());
    let code = at.and_then(|at| std::str::from_utf8(&end[at + CODE.len()..]).ok()?.parse().ok());
    match (output.status, at, code) {
        (0, Some(at), Some(code)) if code != 0 => {
            let kept = stdout[..at.min(BODY_KEPT)].to_vec();
            Ok(Answer { code, body: Untrusted::capped(kept, at as u64) })
        }
        (0, _, _) if output.stdout.is_cut() => {
            Err(DialError::Other("the answer is too long for curl's status to be seen".to_owned()))
        }
        (7, _, _) => Err(DialError::Refused),
        (28, _, _) => Err(DialError::TimedOut),
        (35 | 52 | 55 | 56, _, _) => Err(DialError::Closed),
        (status, _, _) => {
            Err(DialError::Other(format!("curl failed with status {status}: {}", last_words(output))))
        }
    }
}

fn last_words(output: &Output) -> String {
    let last = output.stderr.last_lines(1).pop();
    last.unwrap_or_else(|| "it said nothing".to_owned())
}
