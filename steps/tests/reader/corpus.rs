//! Certificates in the files of a folder.

use std::fs;
use std::path::Path;

use x509_parser::pem::Pem;

/// One certificate of a corpus, or what claims to be one.
pub(crate) struct Sample {
    /// The file below the folder; with `[2]` behind it for a second one.
    pub(crate) name: String,
    /// Its DER bytes.
    pub(crate) der: Vec<u8>,
}

/// Every certificate below a folder, by the names of the files.
pub(crate) fn read(folder: &Path) -> Vec<Sample> {
    let mut samples = Vec::new();
    walk(folder, folder, &mut samples);
    samples.sort_by(|one, other| one.name.cmp(&other.name));
    samples
}

fn walk(folder: &Path, root: &Path, into: &mut Vec<Sample>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, root, into);
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !["crt", "pem", "der", "cer"].contains(&extension) {
            continue;
        }
        let name = path.strip_prefix(root).expect("it is below").display().to_string();
        let bytes = fs::read(&path).expect("a file of a corpus");
        let certificates = of_file(&bytes, &name);
        for (at, der) in certificates.into_iter().enumerate() {
            let name = if at == 0 { name.clone() } else { format!("{name}[{}]", at + 1) };
            into.push(Sample { name, der });
        }
    }
}

/// The certificates of a file: its PEM blocks, or, where it is one DER value of a folder of certificates, that.
fn of_file(bytes: &[u8], name: &str) -> Vec<Vec<u8>> {
    let mark = b"-----BEGIN CERTIFICATE-----";
    if bytes.windows(mark.len()).any(|window| window == mark) {
        let blocks = Pem::iter_from_buffer(bytes).map_while(Result::ok);
        return blocks.filter(|block| block.label == "CERTIFICATE").map(|block| block.contents).collect();
    }
    let is_certificate = bytes.first() == Some(&0x30) && (name.contains("x509") || name.ends_with("crt"));
    if is_certificate { vec![bytes.to_vec()] } else { Vec::new() }
}
