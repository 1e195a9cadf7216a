//! What leaves a node of a file: the script's two filters again, for labs that answer natively.
//!
//! Invariant: byte for byte what `certificates` and `redacted` of the script print; a test compares them.

/// Complete CERTIFICATE blocks of a text; every other byte is dropped.
pub(super) fn certificates(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut block: Option<Vec<u8>> = None;
    for line in lines(text) {
        let line = trim_end(line, b" \t\r");
        match (line, &mut block) {
            (b"-----BEGIN CERTIFICATE-----", _) => block = Some([line, b"\n"].concat()),
            (b"-----END CERTIFICATE-----", Some(lines)) => {
                out.append(lines);
                out.extend_from_slice(line);
                out.push(b'\n');
                block = None;
            }
            (_, Some(lines)) if !line.is_empty() && line.iter().all(|b| is_base64(*b)) => {
                lines.extend_from_slice(line);
                lines.push(b'\n');
            }
            (_, _) => block = None,
        }
    }
    out
}

/// True where a private key is in a text.
pub(super) fn holds_key(text: &[u8]) -> bool {
    let mark = b"PRIVATE KEY-----";
    text.windows(mark.len()).any(|window| window == mark)
}

/// True where a line begins a certificate.
pub(super) fn holds_certificate(text: &[u8]) -> bool {
    lines(text).any(|line| line.starts_with(b"-----BEGIN CERTIFICATE-----"))
}

/// True for what the script treats as a kubeconfig in YAML.
pub(super) fn is_kubeconfig(text: &[u8]) -> bool {
    lines(text).any(|line| {
        let kind = line.strip_prefix(b"kind:").map(|rest| trim_end(trim_start(rest), b" "));
        matches!(kind, Some(b"Config" | b"\"Config\"" | b"\"Config" | b"Config\""))
            || line.starts_with(b"clusters:")
            || line.starts_with(b"current-context:")
    })
}

/// True for what the script treats as a kubeconfig in JSON.
pub(super) fn is_json_kubeconfig(text: &[u8]) -> bool {
    let holds = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    holds(b"\"clusters\"") || holds(b"\"current-context\"")
}

/// Fields whose values may leave the node.
const KEPT: &[&[u8]] = &[
    b"apiVersion",
    b"kind",
    b"preferences",
    b"clusters",
    b"cluster",
    b"certificate-authority-data",
    b"certificate-authority",
    b"server",
    b"tls-server-name",
    b"insecure-skip-tls-verify",
    b"contexts",
    b"context",
    b"user",
    b"users",
    b"name",
    b"namespace",
    b"current-context",
    b"client-certificate",
    b"client-certificate-data",
    b"client-key",
];

/// `PRIVATE KEY` in base64 at each of the three places it can have, and as it is.
const KEY_MARKS: &[&[u8]] = &[b"UFJJVkFURSBLRV", b"BSSVZBVEUgS0VZ", b"QUklWQVRFIEtFW", b"PRIVATE KEY"];

/// A kubeconfig with every value replaced but those of [`KEPT`]; None when a line leaves doubt.
pub(super) fn redacted(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for line in lines(text) {
        let line = trim_end(line, b" \r");
        if line.is_empty() || trim_start(line).starts_with(b"#") {
            continue;
        }
        if line == b"---" {
            out.extend_from_slice(b"---\n");
            continue;
        }
        out.extend_from_slice(&redacted_line(line)?);
        out.push(b'\n');
    }
    Some(out)
}

fn redacted_line(line: &[u8]) -> Option<Vec<u8>> {
    let Some((field, name, value)) = split_field(line) else {
        return item(line);
    };
    if value.is_empty() {
        return Some(line.to_vec());
    }
    let value = trim_start(value.strip_prefix(b" ")?);
    if matches!(value, b"{}" | b"[]") {
        return Some(line.to_vec());
    }
    let (first, last) = (*value.first()?, *value.last()?);
    let quoted = first == b'"' || first == b'\'';
    if b"|>&*!{[%@`?".contains(&first) || (quoted && (value.len() < 2 || last != first)) {
        return None;
    }
    if !KEPT.contains(&name) {
        return Some([field, b" REDACTED"].concat());
    }
    let marked = KEY_MARKS.iter().any(|mark| value.windows(mark.len()).any(|window| window == *mark));
    (!marked).then(|| line.to_vec())
}

/// Splits `  - name: value` into `  - name:`, `name` and ` value`.
fn split_field(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut rest = trim_start(line);
    while let Some(after) = rest.strip_prefix(b"- ") {
        rest = trim_start(after);
    }
    let colon = rest.iter().position(|b| *b == b':')?;
    let name = &rest[..colon];
    let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    if !name.first()?.is_ascii_alphabetic() || !name.iter().all(plain) {
        return None;
    }
    let end = line.len() - rest.len() + colon + 1;
    Some((&line[..end], name, &line[end..]))
}

/// A list item that is no field: its value goes.
fn item(line: &[u8]) -> Option<Vec<u8>> {
    let value = trim_start(trim_start(line).strip_prefix(b"- ")?);
    Some([&line[..line.len() - value.len()], b"REDACTED"].concat())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|b| *b == b'\n')
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"+/=".contains(&b)
}

fn trim_start(line: &[u8]) -> &[u8] {
    &line[line.iter().position(|b| *b != b' ').unwrap_or(line.len())..]
}

fn trim_end<'a>(line: &'a [u8], set: &[u8]) -> &'a [u8] {
    &line[..line.iter().rposition(|b| !set.contains(b)).map_or(0, |at| at + 1)]
}
