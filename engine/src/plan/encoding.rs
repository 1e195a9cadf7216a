//! Bytes of a plan or an inventory as text: UTF-8, or a mistake with its place.
//!
//! Deliberately absent: other encodings. A plan that means something else to another reader must not run.

use super::diagnostic::{Diagnostics, Source};
use super::findings::{Findings, Found};
use super::{Code, limits};

/// The text of a file's bytes; `size` is how many the file has, of which not all need be there where it is too large.
pub fn decode(name: &str, size: u64, bytes: Vec<u8>) -> Result<String, Diagnostics> {
    if size.max(bytes.len() as u64) > limits::FILE_BYTES as u64 {
        return Err(alone(Source { name, text: "" }, too_large(size)));
    }
    if let Some(encoding) = utf16(&bytes) {
        let found = Found::new(Code::Encoding, 0..0, "the file is UTF-16, and not UTF-8");
        return Err(alone(Source { name, text: "" }, found.help(save_as(encoding))));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[at];
        let text = String::from_utf8_lossy(error.as_bytes());
        let message = format!("the file is not UTF-8: it has a byte 0x{byte:02x}");
        let found = Found::new(Code::Encoding, at..at + char::REPLACEMENT_CHARACTER.len_utf8(), message)
            .label("is no character here")
            .help(save_as("LATIN1"));
        alone(Source { name, text: &text }, found)
    })
}

/// The finding of a file that is too large.
pub(super) fn too_large(size: u64) -> Found {
    let message = format!("the file has {size} bytes; at most {} are read", limits::FILE_BYTES);
    Found::new(Code::TooLarge, 0..0, message).help(Code::TooLarge.remedy())
}

fn alone(source: Source, found: Found) -> Diagnostics {
    let mut findings = Findings::new(source);
    findings.report(found);
    Diagnostics::gather(&[&findings]).expect_err("a finding was reported")
}

fn save_as(from: &str) -> String {
    format!("save it as UTF-8, for example by `iconv -f {from} -t UTF-8`")
}

/// What iconv calls this UTF-16: known by its mark, or by the zeros that every second byte of its ASCII is.
fn utf16(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [one, 0, two, 0, ..] if *one != 0 && *two != 0 => Some("UTF-16LE"),
        [0, one, 0, two, ..] if *one != 0 && *two != 0 => Some("UTF-16BE"),
        _ => None,
    }
}
