//! The certificate reader against OpenSSL, over certificates that this project did not make.
//!
//! Both agree on subject, issuer, serial number, dates, SANs, extended key usages and fingerprint, or both refuse; each
//! difference is listed with its reason ([`differences`]), and one that does not occur any more is a failure, too.

#![expect(clippy::print_stdout, reason = "suites print how many cases they ran")]

#[path = "reader/openssl.rs"]
mod openssl;

#[path = "reader/corpus.rs"]
mod corpus;

#[path = "reader/differences.rs"]
mod differences;

#[path = "reader/hostile.rs"]
mod hostile;

use std::path::Path;

use corpus::Sample;
use differences::{Known, of_debian, of_vectors};

/// What the two say of each, four at a time: a process is what it costs.
fn asked(samples: &[Sample]) -> Vec<Option<Vec<String>>> {
    let quarter = samples.len().div_ceil(4).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = samples
            .chunks(quarter)
            .map(|some| scope.spawn(|| some.iter().map(openssl::differences).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread of a test")).collect()
    })
}

/// Compares every certificate of a corpus; what is not listed fails.
fn compare(samples: &[Sample], known: &[Known]) {
    let (mut agreed, mut refused, mut differ) = (0, 0, 0);
    let mut unlisted = Vec::new();
    let mut used = vec![false; known.len()];
    for (sample, differences) in samples.iter().zip(asked(samples)) {
        match differences {
            None => refused += 1,
            Some(list) if list.is_empty() => agreed += 1,
            Some(list) => {
                differ += 1;
                for difference in list {
                    let at = known.iter().position(|known| known.is(&sample.name, &difference));
                    match at {
                        Some(at) => used[at] = true,
                        None => unlisted.push(format!("{}: {difference}", sample.name)),
                    }
                }
            }
        }
    }
    println!(
        "{} certificates: {agreed} agree with OpenSSL, both refuse {refused}, {differ} differ for reasons that are listed",
        samples.len()
    );
    assert!(unlisted.is_empty(), "{} differences are not listed:\n{}", unlisted.len(), unlisted.join("\n"));
    let unused: Vec<&str> =
        known.iter().zip(used).filter(|(_, used)| !used).map(|(known, _)| known.reason).collect();
    assert!(unused.is_empty(), "listed, and not there any more: {unused:#?}");
}

#[test]
fn the_reader_agrees_with_openssl_on_every_authority_that_debian_trusts() {
    let samples = corpus::read(Path::new("/usr/share/ca-certificates"));
    assert!(samples.len() > 100, "{} certificates: is ca-certificates installed?", samples.len());
    compare(&samples, of_debian());
}

/// PyPI's `cryptography-vectors`: PKITS and many oddities.
#[test]
#[ignore = "campaign: pip download --no-deps cryptography-vectors && unzip -d V *.whl, then VECTORS=V cargo nextest run \
            -p certwright-steps --test reader --run-ignored only --no-capture"]
fn the_reader_agrees_with_openssl_on_the_vectors_of_the_package_cryptography() {
    let folder = std::env::var_os("VECTORS").expect("VECTORS names the unpacked package");
    let samples = corpus::read(Path::new(&folder));
    assert!(samples.len() > 500, "{} certificates", samples.len());
    compare(&samples, of_vectors());
}
