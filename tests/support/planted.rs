//! Secrets for tests: many, of every form, in every encoding, and the search for whatever is left of one.

use std::fmt::Write as _;

/// A secret that was planted.
pub(crate) struct Planted {
    /// What it is, for the report of a leak.
    pub(crate) name: String,
    /// The text as it is planted; one line, or the lines of a PEM block.
    pub(crate) text: String,
    /// Texts that must be found nowhere.
    pub(crate) needles: Vec<String>,
}

/// A generator without a library: the same secrets each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn word(&mut self, length: usize, letters: &[u8]) -> String {
        (0..length)
            .map(|_| char::from(letters[usize::try_from(self.next()).expect("31 bits") % letters.len()]))
            .collect()
    }
}

/// Wraps a text in an encoding, or a secret in what usually stands around it.
type Encode = fn(&str) -> String;

const PLAIN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOW: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        write!(out, "{b:02x}").expect("a String takes any text");
        out
    })
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        match b {
            b if b.is_ascii_alphanumeric() => out.push(char::from(b)),
            b => write!(out, "%{b:02X}").expect("a String takes any text"),
        }
        out
    })
}

/// What a piece of a secret looks like in every encoding, wherever it stands in a longer text.
fn encodings(piece: &str) -> Vec<String> {
    let mut all =
        vec![piece.to_owned(), hex(piece.as_bytes()), hex(piece.as_bytes()).to_uppercase(), percent(piece)];
    for offset in 0..3 {
        let shifted = base64(format!("{}{piece}", &"xxx"[..offset]).as_bytes());
        // Its ends depend on what stands around it.
        all.push(shifted[4..shifted.len() - 4].to_owned());
    }
    all
}

fn planted(name: String, text: String, secret: &str) -> Planted {
    let lines: Vec<&str> = secret.lines().filter(|line| line.len() >= 16).collect();
    let mut needles: Vec<String> =
        lines.iter().flat_map(|line| encodings(&line[..line.len().min(40)])).collect();
    // The encoded form as it was planted, whatever it holds.
    needles.extend(
        text.lines()
            .filter(|line| line.len() >= 48 && !line.contains(' '))
            .map(|line| line[12..40].to_owned()),
    );
    Planted { name, text, needles }
}

/// Every secret: private keys and tokens, each in every encoding.
pub(crate) fn secrets() -> Vec<Planted> {
    let mut chance = Chance(7);
    let mut all = Vec::new();
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        for copy in 0..2 {
            keys(&mut all, &format!("{kind}key {copy}"), kind, &mut chance);
        }
    }
    for copy in 0..3 {
        fields(&mut all, copy, &mut chance);
    }
    all
}

fn keys(all: &mut Vec<Planted>, name: &str, kind: &str, chance: &mut Chance) {
    let forms: [(&str, Encode); 9] = [
        ("as it is", str::to_owned),
        ("in JSON", |pem| format!("{{\"tls.key\":\"{}\"}}", pem.replace('\n', "\\n"))),
        ("in a log", |pem| pem.replace('\n', "\n2026-11-24T21:05:28.584386093Z stderr F ")),
        ("in base64", |pem| base64(pem.as_bytes())),
        ("in base64 in JSON", |pem| format!("{{\"data\":{{\"tls.key\":\"{}\"}}}}", base64(pem.as_bytes()))),
        ("in base64 over lines", |pem| {
            let text = base64(pem.as_bytes());
            text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
        }),
        ("in base64 twice", |pem| base64(base64(pem.as_bytes()).as_bytes())),
        ("percent-encoded", percent),
        ("in hex", |pem| hex(pem.as_bytes())),
    ];
    for (form, encode) in forms {
        let body: Vec<String> = (0..6).map(|n| chance.word(if n == 5 { 40 } else { 64 }, LETTERS)).collect();
        let body = body.join("\n");
        let pem = format!("-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----");
        all.push(planted(format!("{name} {form}"), encode(&pem), &body));
    }
}

fn fields(all: &mut Vec<Planted>, copy: usize, chance: &mut Chance) {
    let forms: [(&str, Encode); 8] = [
        ("token", |s| format!("token: {s}")),
        ("password in JSON", |s| format!("{{\"password\":\"{s}\"}}")),
        ("bearer", |s| format!("Authorization: Bearer {s}")),
        ("basic", |s| format!("Authorization: Basic {}", base64(format!("admin:{s}").as_bytes()))),
        ("login in a URL", |s| format!("https://admin:{s}@registry.example/v2/")),
        ("client-key-data", |s| {
            format!("client-key-data: {}", base64(format!("-----BEGIN EC PRIVATE KEY-----\n{s}").as_bytes()))
        }),
        ("JWT", |s| {
            let part = |text: &str| {
                base64(text.as_bytes()).trim_end_matches('=').replace('+', "-").replace('/', "_")
            };
            format!(
                "{}.{}.{s}",
                part("{\"alg\":\"RS256\",\"kid\":\"x\"}"),
                part(&format!("{{\"sub\":\"admin\",\"jti\":\"{s}\"}}"))
            )
        }),
        ("flag", |s| format!("--token={s}")),
    ];
    let encodings: [(&str, Encode); 5] = [
        ("plain", str::to_owned),
        ("in base64", |text| base64(text.as_bytes())),
        ("in base64 in JSON", |text| format!("{{\"value\":\"{}\"}}", base64(text.as_bytes()))),
        ("percent-encoded", percent),
        ("in hex", |text| hex(text.as_bytes())),
    ];
    for (form, make) in forms {
        for (encoding, encode) in encodings {
            let secret = chance.word(32, PLAIN);
            all.push(planted(format!("{form} {copy} {encoding}"), encode(&make(&secret)), &secret));
        }
    }
    let token = format!("{}.a1{}", chance.word(6, LOW), chance.word(14, LOW));
    all.push(planted(format!("bootstrap token {copy}"), token.clone(), &token));
}

/// The names of the secrets of which something is left in a text.
pub(crate) fn found<'p>(secrets: &'p [Planted], text: &str) -> Vec<&'p str> {
    let is_left = |planted: &&Planted| planted.needles.iter().any(|needle| text.contains(needle.as_str()));
    secrets.iter().filter(is_left).map(|planted| planted.name.as_str()).collect()
}
