//! What a worker's pipes bring from a node: marks, noise and data in any order and any pieces.

use async_trait::async_trait;
use certwright_engine::host::Command;
use certwright_engine::host::worker::{Answer, Ended, Job, Limit, Line, Nonce, Owner, Pipes, Worker};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex};

use crate::targets::shown;

/// Stands between what is sent on standard output and on standard error.
const BETWEEN: &[u8] = b"\n@STDERR@\n";

/// Answers of workers, the request's nonce as `@NONCE@`.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let mark = |rest: &str| format!("\u{1e}@NONCE@ {rest}\n");
    let ended = mark("end 0 - -");
    let owner = "20261128-225649-qbk0 7 nonce boot ops@desk";
    [
        (format!("motd\n{}hello\n{ended}", mark("begin")), format!("{}oh\n{ended}", mark("begin"))),
        (
            format!("{}{}", mark("begin"), mark("end 1 + -")),
            format!("noise{}{}", mark("begin"), mark("end 1 + -")),
        ),
        (mark("busy crictl stop"), mark("busy crictl stop")),
        (mark(&format!("owned {owner}")), mark(&format!("owned {owner}"))),
        (mark("fail no flock"), mark("fail no flock")),
        ("killed".to_owned(), String::new()),
    ]
    .into_iter()
    .map(|(stdout, stderr)| [stdout.as_bytes(), BETWEEN, stderr.as_bytes()].concat())
    .collect()
}

/// A line that has ended when its pipes have.
struct Over;

#[async_trait]
impl Line for Over {
    async fn ended(&mut self) -> Ended {
        Ended::Status(0)
    }

    fn is_usable(&self) -> bool {
        true
    }

    fn abandon(&mut self) {}
}

/// Asks a worker that answers with these bytes.
pub(crate) fn read(input: &[u8]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    match runtime.block_on(ask(input)) {
        Some(Answer::Ran(output)) => {
            let cut = output.stdout.is_cut() || output.stderr.is_cut();
            shown(&output.stdout.escaped().replace('\n', ""));
            format!("ran, status {}, cut {cut}", output.status.signum())
        }
        Some(Answer::Busy(what)) => {
            shown(&what);
            "busy".to_owned()
        }
        Some(Answer::Owned(line)) => match Owner::parse(&line) {
            Some(owner) => {
                shown(&owner.shown());
                "owned".to_owned()
            }
            None => "owned by nobody that is known".to_owned(),
        },
        Some(Answer::Failed(why)) => {
            shown(&why);
            // Its words are the node's own, but for these.
            if why.starts_with("sent ") { "failed: what was sent is none" } else { "failed" }.to_owned()
        }
        None => "lost".to_owned(),
    }
}

async fn ask(input: &[u8]) -> Option<Answer> {
    let at = input.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (out, err) = at.map_or((input, input), |at| (&input[..at], &input[at + BETWEEN.len()..]));
    let (stdin, theirs) = duplex(64 << 10);
    let ((mut to_stdout, stdout), (mut to_stderr, stderr)) = (duplex(64 << 10), duplex(64 << 10));
    let start = Nonce::random();
    let ready = format!("\u{1e}{} ready boot\n", start.as_str());
    let node = async {
        let _gone = to_stdout.write_all(ready.as_bytes()).await;
        let _gone = to_stderr.write_all(ready.as_bytes()).await;
        let mut request = String::new();
        let _gone = BufReader::new(theirs).read_line(&mut request).await;
        let nonce = request.split(' ').next().unwrap_or_default();
        let (out, err) = (with(out, nonce), with(err, nonce));
        let _gone = tokio::join!(
            async {
                let _gone = to_stdout.write_all(&out).await;
                drop(to_stdout);
            },
            async {
                let _gone = to_stderr.write_all(&err).await;
                drop(to_stderr);
            }
        );
        std::future::pending::<()>().await;
    };
    let command = Command::reads(["true"]);
    let operator = async {
        let pipes = Pipes {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            line: Box::new(Over),
        };
        let mut worker = Worker::start(pipes, &start).await.ok()?;
        worker.request(Job::Reads { command: &command, limit: Limit::Ours }).await.ok()
    };
    tokio::select! {
        answer = operator => answer,
        () = node => None,
    }
}

/// The bytes with the request's nonce in them.
fn with(bytes: &[u8], nonce: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"@NONCE@";
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(PLACE.len()).position(|window| window == PLACE) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(nonce.as_bytes());
        rest = &rest[at + PLACE.len()..];
    }
    out.extend_from_slice(rest);
    out
}
