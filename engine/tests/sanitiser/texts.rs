//! Hostile texts from a seed.

use super::random::Random;

/// What terminals obey, what parsers of it trip over, and what the redactor looks for.
const PIECES: &[&[u8]] = &[
    b"\x1b[2J",
    b"\x1b[31;1m",
    b"\x1b[8m",
    b"\x1b]0;title\x07",
    b"\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b]52;c;cm0gLXJmIC8=\x07",
    b"\x1bP1$r0m\x1b\\",
    b"\x1bP+q544e\x1b\\",
    b"\x1b_APC\x1b\\",
    b"\x1b^PM\x1b\\",
    b"\x1bX SOS \x1b\\",
    b"\x1bc",
    b"\x1b[6n",
    b"\x1b[?1049h",
    b"\x1b(0",
    b"\x1b",
    b"\r",
    b"\x08\x08\x08",
    b"\x07",
    b"\x0b\x0c",
    b"\x0e\x0f",
    b"\x00",
    b"\x7f",
    b"\x9b2J",
    b"\x9d0;t\x9c",
    b"\xc2\x9b2J",
    b"\xc2\x9d0;t\xc2\x9c",
    b"\xc2\x90q\xc2\x9c",
    b"\xc2\x85",
    "\u{202e}".as_bytes(),
    "\u{2066}\u{2069}".as_bytes(),
    "\u{200b}\u{200d}\u{feff}".as_bytes(),
    "\u{061c}\u{00ad}".as_bytes(),
    "\u{2028}\u{2029}".as_bytes(),
    "\u{e0041}\u{e0100}".as_bytes(),
    "\u{fff9}x\u{fffa}y\u{fffb}".as_bytes(),
    "e\u{301}\u{301}\u{301}".as_bytes(),
    "日本語 \u{1f512}".as_bytes(),
    // Not UTF-8: overlong, surrogates, cut, beyond the last character.
    b"\xc0\x9b",
    b"\xe0\x80\x9b",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\xe2\x80",
    b"\xf0\x9f",
    b"\xff\xfe",
    b"\n",
    b"\n\n",
    b"\t",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"\\u{1b}",
    b"\\u001b",
    b"\\n",
    b"$(reboot)",
    b"; rm -rf / #",
    b"`id`",
    b"%s%n%1b",
    b"{\"a\":\"",
    b"\"}",
    b"-----BEGIN CERTIFICATE-----",
    b"-----END CERTIFICATE-----",
    b"-----BEGIN PRIVATE KEY-----",
    b"-----END RSA PRIVATE KEY-----",
    b"PRIVATE KEY-----",
    b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    b"token: ",
    b"--password ",
    b"Authorization: Bearer ",
    b"client-key-data: |\n",
    b"https://admin:hunter2@",
    b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
    b"abcdef.0123456789abcdef",
    b"[redacted]",
    b"dG9rZW46IGh1bnRlcjI=",
    b"746f6b656e3a2068756e74657232",
    b"token%3A%20hunter2",
    b"kube-apiserver",
];

/// Bytes as a hostile host may print them.
pub(super) fn hostile(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(24) {
        let piece = PIECES[pick(random, PIECES.len())];
        // Most pieces once, some so often that a line gets long.
        let times = if random.percent(3) { random.below(60) } else { 1 };
        for _ in 0..times {
            bytes.extend_from_slice(piece);
        }
    }
    if random.percent(50) {
        for _ in 0..=random.below(6) {
            mutate(&mut bytes, random);
        }
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let any = u8::try_from(random.below(256)).expect("a byte");
    if bytes.is_empty() {
        bytes.push(any);
        return;
    }
    let at = pick(random, bytes.len());
    match random.below(6) {
        0 => bytes[at] = any,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes.insert(at, any),
        3 => drop(bytes.remove(at)),
        4 => bytes.truncate(at),
        _ => {
            let end = at + pick(random, bytes.len() - at);
            let copy = bytes[at..end].to_vec();
            let to = pick(random, bytes.len());
            drop(bytes.splice(to..to, copy));
        }
    }
}

fn pick(random: &mut Random, length: usize) -> usize {
    usize::try_from(random.below(length as u64)).expect("less than a length")
}
