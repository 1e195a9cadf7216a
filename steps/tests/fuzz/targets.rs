//! What reads bytes that others wrote, and what was promised of each reading.

use certwright_engine::host::Output;
use certwright_engine::journal::{Entry, Scan};
use certwright_engine::plan::{Base, Choices, Color, Diagnostics, Source, inventory_at, resolve};
use certwright_engine::text::{Untrusted, harmless};
use certwright_steps::pki::kubeconfig::{Authorities, splice};
use certwright_steps::pki::{Certificate, CertificateRequest, Kubeconfig};
use certwright_steps::tools::collect::{self, Request};

use crate::numbers::Numbers;
use crate::{bytes, der, lines, pem};

/// Nothing of a text does anything to a terminal.
pub(crate) fn shown(text: &str) {
    assert_eq!(harmless(text), text, "a terminal would obey it");
    assert!(!text.contains('\n'), "it is one line: {text:?}");
}

/// What was read of a certificate is harmless, and its bytes read back as it.
fn certificate(read: &Certificate) {
    let names = [&read.subject, &read.issuer, &read.common_name, &read.serial];
    for text in names.into_iter().chain(&read.organizations).chain(&read.sans).chain(&read.usages) {
        shown(text);
    }
    assert_eq!(Certificate::from_der(read.der()).as_ref(), Ok(read));
    let _covered = read.covers("apiserver.example") || read.covers("10.0.0.1") || read.signed_by(read);
}

pub(crate) fn read_der(der: &[u8]) -> String {
    match Certificate::from_der(der) {
        Ok(read) => format!("ok, {} names, {} usages, ca {}", read.sans.len(), read.usages.len(), read.is_ca),
        Err(error) => said(&error),
    }
}

pub(crate) fn check_der(der: &[u8]) {
    Certificate::from_der(der).iter().for_each(certificate);
}

pub(crate) fn read_pem(pem: &[u8]) -> String {
    let each = Certificate::each_from_pem(pem);
    let request = CertificateRequest::from_pem(pem);
    let request = request.map_or_else(|error| said(&error), |_| "a request".to_owned());
    match each.into_iter().find_map(Result::err) {
        None => format!("ok; {request}"),
        Some(error) => format!("{}; {request}", said(&error)),
    }
}

/// The other ways of reading PEM say the same.
pub(crate) fn check_pem(pem: &[u8]) {
    let each = Certificate::each_from_pem(pem);
    each.iter().flatten().for_each(certificate);
    let all = Certificate::all_from_pem(pem);
    assert_eq!(all.is_ok(), each.iter().all(Result::is_ok), "the one reads what the other does");
    let only = all.is_ok_and(|all| all.len() == 1);
    assert_eq!(Certificate::from_pem(pem).is_ok(), only);
}

fn said(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    shown(&text);
    text
}

/// Changes DER as a tree most of the time, then its bytes.
pub(crate) fn change_der(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut der = one.to_vec();
    loop {
        match numbers.next(6) {
            0 => bytes::change(&mut der, other, numbers),
            1 => der::lie(&mut der, numbers),
            _ => drop(der::change(&mut der, other, numbers)),
        }
        if !numbers.once_in(2) {
            return der;
        }
    }
}

/// The same in PEM: what the corpus has is DER or PEM.
pub(crate) fn change_pem(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    if one.starts_with(b"0") {
        let der = if numbers.once_in(2) { one.to_vec() } else { change_der(one, other, numbers) };
        return pem::file(&der, other, numbers);
    }
    let mut pem = one.to_vec();
    while {
        bytes::change(&mut pem, other, numbers);
        numbers.once_in(2)
    } {}
    pem
}

pub(crate) fn change_yaml(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    change_lines(one, other, lines::yaml, numbers)
}

pub(crate) fn change_toml(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    change_lines(one, other, lines::toml, numbers)
}

pub(crate) fn change_frame(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    change_lines(one, other, lines::words, numbers)
}

fn change_lines(one: &[u8], other: &[u8], values: lines::Values, numbers: &mut Numbers) -> Vec<u8> {
    let mut text = one.to_vec();
    loop {
        lines::change(&mut text, other, values, numbers);
        if !numbers.once_in(2) {
            return text;
        }
    }
}

/// Reads a kubeconfig as a look does.
pub(crate) fn read_kubeconfig(text: &[u8]) -> String {
    let conf = match Kubeconfig::parse_in_place(text) {
        Ok(conf) => conf,
        Err(error) => return said(&error),
    };
    let parts = [
        conf.client_certificate().map_or_else(|error| said(&error), |_| "certificate".to_owned()),
        conf.certificate_authorities().map_or_else(|error| said(&error), |_| "authorities".to_owned()),
        conf.client_key_digest().map_or_else(|error| said(&error), |_| "key".to_owned()),
    ];
    format!("ok: {}", parts.join("; "))
}

/// What is rendered reads back as it was, and of what `fresh` is put into nothing else changes.
pub(crate) fn check_kubeconfig(text: &[u8], fresh: &Kubeconfig) {
    let in_place = Kubeconfig::parse_in_place(text);
    if let Ok(conf) = Kubeconfig::parse(text) {
        assert_eq!(Kubeconfig::parse(conf.render().reveal()).as_ref(), Ok(&conf), "rendered");
        assert_eq!(in_place.as_ref(), Ok(&conf), "what may be used may stay");
        let _redacted = conf.redacted();
    }
    let (Ok(made), Ok(old)) = (splice(text, fresh, Authorities::Same), &in_place) else { return };
    let new = Kubeconfig::parse_in_place(made.reveal()).expect("what was made is a kubeconfig");
    let entry = |conf: &Kubeconfig| conf.current().expect("its entry").1.clone();
    let (own, wanted) = (entry(&new), entry(fresh));
    assert_eq!(own.entry.client_certificate, wanted.entry.client_certificate);
    assert_eq!(own.entry.client_key, wanted.entry.client_key);
    let others = |conf: &Kubeconfig| {
        conf.users.iter().filter(|user| user.name != own.name).cloned().collect::<Vec<_>>()
    };
    assert_eq!((others(&new), &new.clusters, &new.contexts), (others(old), &old.clusters, &old.contexts));
}

/// The file that a mistake is looked for in.
const FILE: &str = "hostile.toml";

/// The first line of the mistakes of a file; each names it.
fn mistakes(mistakes: &Diagnostics) -> String {
    let text = mistakes.render(Color::Plain);
    assert!(text.contains(FILE), "it does not name the file: {text}");
    text.lines().next().unwrap_or_default().to_owned()
}

/// Reads a plan, for the hosts of a good inventory. What is no UTF-8 is refused before.
pub(crate) fn read_plan(text: &[u8], good: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let (registry, choices) = (certwright_steps::registry(), Choices::default());
    let inventory = Source { name: "inventory", text: good };
    match resolve(Source { name: FILE, text: &text }, inventory, &choices, &registry) {
        Ok(_) => "a plan".to_owned(),
        Err(error) => mistakes(&error),
    }
}

/// The same as an inventory.
pub(crate) fn check_inventory(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let base = Base { folder: "/work".to_owned(), home: Some("/home/ops".to_owned()) };
    let _named = inventory_at(&base, Source { name: FILE, text: &text }).map_err(|error| mistakes(&error));
    crate::sources::check_merge(&text, FILE);
}

/// Reads what the collect script prints; what is read is printed and read again.
pub(crate) fn read_frame(text: &[u8]) -> String {
    let output = |bytes: Vec<u8>| Output { stdout: Untrusted::new(bytes), ..Output::default() };
    match collect::parse(&Request::usual(), &output(text.to_vec())) {
        Ok(collected) => {
            for facts in collected.files.values() {
                let _certificate = facts.certificate();
                let _kubeconfig = facts.parsed_kubeconfig();
            }
            format!("ok, {} texts, {} files", collected.texts.len(), collected.files.len())
        }
        Err(error) => said(&error),
    }
}

/// Reads a journal; what is wrong with it names the file, and what was read is in order.
pub(crate) fn read_journal(bytes: &[u8]) -> String {
    let file = std::path::Path::new("/state/hostile/journal");
    let mut scan = Scan::new(file, bytes);
    let (mut records, mut unknown) = (0, 0);
    loop {
        match scan.next() {
            Some(Ok(Entry::Record(record))) => {
                records += 1;
                assert_eq!(record.seq, records + unknown, "in order");
            }
            Some(Ok(Entry::Unknown(entry))) => {
                unknown += 1;
                shown(&entry.event);
            }
            Some(Err(error)) => {
                let text = said(&error);
                assert!(text.contains("/state/hostile/journal"), "it does not name the file: {text}");
                return text;
            }
            None => break,
        }
    }
    assert!(scan.position().offset() <= bytes.len() as u64);
    match scan.tail() {
        Some(tail) => format!("cut: {}", tail.why),
        None => format!("whole, {} unknown", unknown.min(1)),
    }
}

/// Changes a journal; the lengths and checksums of its lines are true again afterwards, most of the time.
pub(crate) fn change_journal(one: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    if numbers.once_in(4) {
        let mut bytes = one.to_vec();
        bytes::change(&mut bytes, other, numbers);
        return bytes;
    }
    let json = |journal: &[u8]| -> Vec<Vec<u8>> {
        let lines = journal.split(|byte| *byte == b'\n');
        lines.filter_map(|line| Some(line.splitn(3, |byte| *byte == b' ').nth(2)?.to_vec())).collect()
    };
    let (mut own, theirs) = (json(one), json(other));
    for _ in 0..=numbers.next(2) {
        if own.is_empty() {
            break;
        }
        let at = numbers.next(own.len());
        match numbers.next(6) {
            0 => drop(own.remove(at)),
            1 => own.insert(at, own[at].clone()),
            2 if !theirs.is_empty() => own[at].clone_from(numbers.one(&theirs)),
            3 => {
                // A value gives way to a deep, a long or another one.
                let value = match numbers.next(6) {
                    0 => "[".repeat(1 + numbers.next(3_000)),
                    1 => format!("\"{}\"", "x".repeat(numbers.next(20_000))),
                    2 => (*numbers.one(&[
                        "18446744073709551615",
                        "-1",
                        "1e400",
                        "null",
                        "true",
                        "{}",
                        "\"\\ud800\"",
                    ]))
                    .to_owned(),
                    3 => "{\"a\":".repeat(1 + numbers.next(3_000)),
                    4 => format!("{}", numbers.next(10)),
                    _ => "\"\\u001b[2J\"".to_owned(),
                };
                let line = String::from_utf8_lossy(&own[at]).into_owned();
                let colons: Vec<usize> = line.match_indices(':').map(|(at, _)| at + 1).collect();
                if !colons.is_empty() {
                    let from = *numbers.one(&colons);
                    let to = line[from..].find([',', '}', ']']).map_or(line.len(), |to| from + to);
                    own[at] = format!("{}{value}{}", &line[..from], &line[to..]).into_bytes();
                }
            }
            _ => {
                let other = theirs.first().map(Vec::as_slice).unwrap_or_default();
                bytes::change(&mut own[at], other, numbers);
                own[at].retain(|byte| *byte != b'\n');
            }
        }
    }
    let (mut journal, mut crc) = (Vec::new(), 0);
    for json in own {
        crc = crc32c::crc32c_append(crc, &json);
        journal.extend(format!("{} {crc:08x} ", json.len()).into_bytes());
        journal.extend(json);
        journal.push(b'\n');
    }
    journal
}
