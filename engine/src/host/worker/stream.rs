//! What one request brings back on one stream of a worker: noise, a begin mark, data, a final mark.
//!
//! Pure. Invariant: only bytes between marks with our nonce are data, whatever a login shell, a banner or the
//! command itself prints; a stream without a final mark has no result.

use crate::text::{KEPT, Untrusted};

/// How much of the noise before the begin mark is kept for error messages, bytes.
const NOISE_KEPT: usize = 8 << 10;

/// Longest line of a mark, bytes; the worker's own are shorter.
const MARK_MAX: usize = 1024;

/// 128 random bits in hex: what the other side cannot guess.
#[derive(Debug, Clone)]
pub struct Nonce(String);

impl Nonce {
    /// A fresh one from the kernel.
    ///
    /// # Panics
    /// When the kernel has no randomness to give, which it never refuses after boot.
    pub fn random() -> Self {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
        Self(format!("{:032x}", u128::from_ne_bytes(bytes)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How the worker says a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not a request: the worker has started, on a host whose kernel has this boot id.
    Ready(String),
    /// The job was done.
    End {
        /// Exit status of its command.
        status: i32,
        /// What was sent of its standard output.
        stdout: Extent,
        /// What was sent of its standard error.
        stderr: Extent,
    },
    /// The lock was not free in time; nothing was started. What runs, in the holder's own words.
    Busy(String),
    /// Another line is in the owner file, this one; nothing was started.
    Owned(String),
    /// The worker could not do it, and why; nothing was started.
    Fail(String),
}

/// How much of what a command printed was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// More came, or may still come, than was kept on the host.
    Cut,
}

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// What every mark starts with: an ASCII record separator, the nonce, a space.
    prefix: Vec<u8>,
    /// Bytes not yet known to be data or a mark.
    pending: Vec<u8>,
    noise: Vec<u8>,
    data: Vec<u8>,
    total: u64,
    begun: bool,
    verdict: Option<Verdict>,
}

impl Stream {
    /// A stream whose marks carry `nonce`.
    pub(super) fn new(nonce: &Nonce) -> Self {
        Self {
            prefix: format!("\u{1e}{} ", nonce.as_str()).into_bytes(),
            pending: Vec::new(),
            noise: Vec::new(),
            data: Vec::new(),
            total: 0,
            begun: false,
            verdict: None,
        }
    }

    /// Takes the next bytes; those after the final mark are ignored.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        while self.verdict.is_none() {
            let Some(start) = find(&self.pending, &self.prefix) else {
                let safe = self.pending.len().saturating_sub(self.prefix.len() - 1);
                self.pass(safe);
                return;
            };
            self.pass(start);
            let Some(length) = self.pending.iter().take(MARK_MAX).position(|&b| b == b'\n') else {
                if self.pending.len() >= MARK_MAX {
                    self.verdict = Some(Verdict::Fail("sent a mark without an end".to_owned()));
                }
                return;
            };
            let line = self.pending[self.prefix.len()..length].to_vec();
            self.pending.drain(..=length);
            self.mark(&String::from_utf8_lossy(&line));
        }
        self.pending.clear();
    }

    /// Counts the first `n` pending bytes as data (or noise) and keeps what fits.
    fn pass(&mut self, n: usize) {
        let (kept, cap) = if self.begun { (&mut self.data, KEPT) } else { (&mut self.noise, NOISE_KEPT) };
        let room = cap.saturating_sub(kept.len());
        kept.extend_from_slice(&self.pending[..n.min(room)]);
        if self.begun {
            self.total += n as u64;
        }
        self.pending.drain(..n);
    }

    fn mark(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ready" => self.verdict = Some(Verdict::Ready(rest.to_owned())),
            "begin" => self.begun = true,
            "busy" => self.verdict = Some(Verdict::Busy(rest.to_owned())),
            "owned" => self.verdict = Some(Verdict::Owned(rest.to_owned())),
            "fail" => self.verdict = Some(Verdict::Fail(rest.to_owned())),
            _ => {
                self.verdict =
                    Some(parse_end(line).unwrap_or_else(|| Verdict::Fail(format!("sent the mark `{line}`"))));
            }
        }
    }

    /// The final mark, once it was seen.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// What came before the begin mark.
    pub(super) fn noise(&self) -> Vec<u8> {
        if self.begun { self.noise.clone() } else { [&self.noise[..], &self.pending[..]].concat() }
    }

    /// The data.
    pub(super) fn into_data(self, extent: Extent) -> Untrusted {
        let total = match extent {
            Extent::Whole => self.total,
            Extent::Cut => self.total + 1,
        };
        Untrusted::capped(self.data, total)
    }
}

fn parse_end(line: &str) -> Option<Verdict> {
    let mut words = line.split(' ');
    let (Some("end"), Some(status), Some(stdout), Some(stderr), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let extent = |word: &str| match word {
        "-" => Some(Extent::Whole),
        "+" => Some(Extent::Cut),
        _ => None,
    };
    Some(Verdict::End { status: status.parse().ok()?, stdout: extent(stdout)?, stderr: extent(stderr)? })
}

/// Where `needle` starts in `hay`; its first byte is rare.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = hay[from..].iter().position(|&b| b == needle[0]) {
        if hay[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce() -> Nonce {
        Nonce("00112233445566778899aabbccddeeff".to_owned())
    }

    fn whole(data: &[u8]) -> Vec<u8> {
        let mark = |text: &str| format!("\u{1e}{} {text}\n", nonce().as_str()).into_bytes();
        [&b"Welcome!\n\x1e not a mark\n"[..], &mark("begin"), data, &mark("end 137 - +"), b"later noise"]
            .concat()
    }

    #[test]
    fn data_is_found_wherever_the_stream_is_cut_into_pieces() {
        let data = b"\x1e\x1e00112233445566778899aabbccddeef\x1e\nno final line end";
        let bytes = whole(data);
        for cut in 0..=bytes.len() {
            let mut stream = Stream::new(&nonce());
            stream.feed(&bytes[..cut]);
            stream.feed(&bytes[cut..]);
            assert_eq!(
                stream.verdict(),
                Some(&Verdict::End { status: 137, stdout: Extent::Whole, stderr: Extent::Cut })
            );
            assert_eq!(stream.noise(), b"Welcome!\n\x1e not a mark\n");
            assert_eq!(stream.into_data(Extent::Whole).bytes(), data, "cut at {cut}");
        }
        let mut stream = Stream::new(&nonce());
        for byte in &bytes {
            stream.feed(&[*byte]);
        }
        assert_eq!(stream.into_data(Extent::Whole).bytes(), data, "byte by byte");
    }

    #[test]
    fn a_stream_cut_anywhere_before_the_end_of_its_final_mark_has_no_result() {
        let bytes = whole(b"data");
        let end = bytes.len() - b"later noise".len();
        for cut in 0..end {
            let mut stream = Stream::new(&nonce());
            stream.feed(&bytes[..cut]);
            assert_eq!(stream.verdict(), None, "cut at {cut}");
        }
    }

    #[test]
    fn output_over_the_cap_is_counted_and_not_kept() {
        let mut stream = Stream::new(&nonce());
        stream.feed(&whole(&vec![b'x'; 3 * KEPT]));
        let data = stream.into_data(Extent::Whole);
        assert!(data.is_cut());
        assert_eq!(data.bytes().len(), KEPT);
    }

    #[test]
    fn a_mark_that_makes_no_sense_is_not_a_success() {
        for line in ["end", "end 0", "end x - -", "end 0 - 9", "end 0 - - -", "ended 0 - -", ""] {
            let mut stream = Stream::new(&nonce());
            stream.feed(format!("\u{1e}{} {line}\n", nonce().as_str()).as_bytes());
            assert!(matches!(stream.verdict(), Some(Verdict::Fail(_))), "{line:?}");
        }
        let mut stream = Stream::new(&nonce());
        stream.feed(format!("\u{1e}{} {}", nonce().as_str(), "x".repeat(MARK_MAX)).as_bytes());
        assert!(matches!(stream.verdict(), Some(Verdict::Fail(_))));
    }
}
