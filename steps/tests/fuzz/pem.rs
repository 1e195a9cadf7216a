//! PEM around bytes, as tools write it and as none should.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::numbers::Numbers;

/// A block as openssl writes it.
pub(crate) fn block(label: &str, der: &[u8]) -> Vec<u8> {
    framed(label, der, 64, "\n").into_bytes()
}

fn framed(label: &str, der: &[u8], width: usize, end: &str) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----{end}");
    for line in text.as_bytes().chunks(width.max(1)) {
        pem.push_str(std::str::from_utf8(line).expect("base64"));
        pem.push_str(end);
    }
    pem + &format!("-----END {label}-----{end}")
}

/// A file around some bytes: one block or many, framed in one way or another.
pub(crate) fn file(der: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let label = *numbers.one(&[
        "CERTIFICATE",
        "CERTIFICATE",
        "CERTIFICATE",
        "TRUSTED CERTIFICATE",
        "X509 CRL",
        "",
        "certificate",
    ]);
    let width = *numbers.one(&[64, 64, 64, 1, 76, 10_000]);
    let end = *numbers.one(&["\n", "\n", "\r\n", "\r", " \n", "\n\n"]);
    let one = framed(label, der, width, end).into_bytes();
    let mut file = match numbers.next(8) {
        0 => [b"subject=CN = x\nissuer=CN = y\n".as_slice(), &one, b"\ntrailing"].concat(),
        1 => [block("PRIVATE KEY", other), one].concat(),
        2 => one.repeat(1 + numbers.next(40)),
        3 => [one.clone(), block("CERTIFICATE", other), one].concat(),
        4 => [b"-----BEGIN CERTIFICATE-----\n".as_slice(), &one].concat(),
        5 => [b"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n".as_slice(), &one]
            .concat(),
        6 => [b"\xef\xbb\xbf".as_slice(), &one].concat(),
        _ => one,
    };
    while numbers.once_in(3) {
        crate::bytes::change(&mut file, other, numbers);
    }
    file
}
