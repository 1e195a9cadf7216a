//! Certificates that are read a second, against PyPI's cryptography.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};
use certwright_steps::pki::Certificate;

use crate::costs::{Rounds, timed};
use crate::sshd::Folder;

/// Every authority that Debian trusts.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Measures and prints.
pub(crate) fn parse(rounds: usize) {
    let folder = Folder::new("parse");
    let python = Python::new();
    println!("certificates a second and processor, least / median of {rounds} rounds:\n");
    println!(
        "| of | certificates | certwright | cryptography, the same facts | certwright : it (aim 1.7) | the same but for the \
         public key | certwright : it | only loading | certwright : it |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, file) in corpora(folder.path()) {
        let pem = fs::read(&file).expect("a file of certificates");
        let [mut ours, mut all, mut some, mut loading] = [(); 4].map(|()| Rounds::default());
        let mut count = 0;
        for _round in 0..rounds {
            let (seen, rate) = rate(&pem);
            let told = python.rates(&file);
            assert_eq!(told.count, seen, "both read every certificate of {name}");
            count = seen;
            ours.push(rate);
            loading.push(told.loading);
            some.push(told.some);
            all.push(told.all);
        }
        let by = |theirs: &Rounds| ours.by(theirs, |ours, theirs| ours / theirs).text(2);
        println!(
            "| {name} | {count} | {} | {} | {} | {} | {} | {} | {} |",
            ours.text(0),
            all.text(0),
            by(&all),
            some.text(0),
            by(&some),
            loading.text(0),
            by(&loading)
        );
    }
    println!();
}

/// Certificates of authorities, and those of a node.
fn corpora(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let spec = LabSpec::default().certificates(Validity::Valid);
    let lab = Lab::create(folder.join("lab"), &spec, &Clock::real()).expect("a lab");
    let node = lab.spec().expect("its spec").nodes.remove(0).name;
    let pki = folder.join("lab").join(node).join("etc/kubernetes/pki");
    let mut of_node = Vec::new();
    for name in
        ["ca", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd/server", "etcd/peer"]
    {
        of_node.extend(fs::read(pki.join(format!("{name}.crt"))).expect("a certificate of the lab"));
    }
    let file = folder.join("node.pem");
    fs::write(&file, of_node).expect("a file of the benchmark");
    vec![("Debian's authorities", PathBuf::from(BUNDLE)), ("a node of the lab", file)]
}

/// How many there are, and how many are read a second.
fn rate(pem: &[u8]) -> (usize, f64) {
    let (mut count, mut took, mut looks) = (0, Duration::ZERO, 0.0);
    while took < Duration::from_millis(500) {
        let (once, all) = timed(|| Certificate::all_from_pem(std::hint::black_box(pem)));
        count = all.expect("they can be read").len();
        took += once;
        looks += 1.0;
    }
    let seen = f64::from(u32::try_from(count).expect("few"));
    (count, seen * looks / took.as_secs_f64())
}

/// A python with cryptography.
struct Python(PathBuf);

/// Certificates a second by cryptography.
struct Told {
    count: usize,
    loading: f64,
    /// With the facts but for the public key.
    some: f64,
    all: f64,
}

impl Python {
    fn new() -> Self {
        let python = Self(PathBuf::from("python3"));
        let output =
            python.command().args(["-c", "import cryptography; print(cryptography.__version__)"]).output();
        let version = output.ok().filter(|output| output.status.success());
        let version = version.and_then(|output| String::from_utf8(output.stdout).ok());
        let Some(version) = version else {
            panic!(
                "this benchmark compares with PyPI's cryptography: `python3 -m pip install cryptography` first"
            );
        };
        println!("cryptography {}", version.trim());
        python
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
    fn command(&self) -> Command {
        Command::new(&self.0)
    }

    fn rates(&self, file: &Path) -> Told {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fleet/parse.py");
        let output = self.command().arg(script).arg(file).output().expect("python3 starts");
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<f64> = words.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [count, loading, some, all] = numbers[..] else {
            panic!("{words}{}", String::from_utf8_lossy(&output.stderr));
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small count")]
        let count = count as usize;
        Told { count, loading, some, all }
    }
}
