//! Certificates and kubeconfigs that were cut, turned over or blown up: never a panic, never long, never much memory,
//! and what is told of a node's tree names the file.

use std::fs;
use std::time::{Duration, Instant};

use certwright_engine::clock::Clock;
use certwright_steps::certs::{Report, tree};
use certwright_steps::lab::{Lab, LabSpec, Validity};
use certwright_steps::pki::{Certificate, Kubeconfig};
use certwright_steps::tools::collect::{Keys, Tree};

/// The most that one reading may take. It takes about a thousandth of it; the bound is for machines that are busy.
const WITHIN: Duration = Duration::from_millis(100);

/// A generator of numbers that are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(number % below.max(1) as u64).expect("it is below")
    }
}

/// One change to some bytes.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.next(bytes.len());
    match numbers.next(6) {
        0 => bytes.truncate(at),
        1 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.next(8),
        2 if !bytes.is_empty() => bytes[at] = [0, 0x7f, 0x80, 0x84, 0xff, b'-', b'\n', b':'][numbers.next(8)],
        3 => {
            let end = (at + numbers.next(64)).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let end = (at + numbers.next(64)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = numbers.next(bytes.len());
            bytes.splice(to..to, piece);
        }
        _ => bytes.splice(at..at, std::iter::repeat_n(b' ', numbers.next(300))).for_each(drop),
    }
}

/// A node in a lab.
struct Bench {
    _dir: tempfile::TempDir,
    root: std::path::PathBuf,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let spec = LabSpec::default().certificates(Validity::Valid);
        let lab = Lab::create(dir.path().join("lab"), &spec, &Clock::virtual_from(1_795_555_800_000));
        drop(lab.expect("a lab"));
        Self { root: dir.path().join("lab/cp-1"), _dir: dir }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.root.join(path)).expect("a file of a node")
    }

    fn look(&self) -> Report {
        tree("cp-1", &Tree::open(&self.root).expect("a folder"), Keys::Asked).0
    }
}

/// Reads as often as there are seeds; the longest reading, and how many were refused.
fn read_all(original: &[u8], seeds: u64, read: impl Fn(&[u8]) -> bool) -> (Duration, u64) {
    let (mut longest, mut refused) = (Duration::ZERO, 0);
    for seed in 1..=seeds {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = original.to_vec();
        for _ in 0..=numbers.next(4) {
            mutate(&mut bytes, &mut numbers);
        }
        // The second time counts where the first was interrupted by something else that the machine does.
        let mut took = WITHIN;
        for _ in 0..3 {
            let start = now();
            refused += u64::from(!read(&bytes));
            took = took.min(start.elapsed());
            if took < WITHIN / 4 {
                break;
            }
        }
        assert!(took < WITHIN, "seed {seed} takes {took:?}");
        longest = longest.max(took);
    }
    (longest, refused)
}

/// Fails where this process has ever held more memory than one reading may, with all that a test itself holds.
fn within_memory() {
    const MOST_KIB: u64 = 64 * 1024;
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    println!("at most {} MiB of memory", kib / 1024);
    assert!(kib < MOST_KIB, "{kib} KiB");
}

#[expect(clippy::disallowed_methods, reason = "how long a reading takes is what is measured")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn mutated_certificates_and_kubeconfigs_are_refused_or_read_and_nothing_else() {
    let bench = Bench::new();
    let pem = bench.read("etc/kubernetes/pki/apiserver.crt");
    let der = Certificate::from_pem(&pem).expect("a certificate").der().to_vec();
    let conf = bench.read("etc/kubernetes/admin.conf");
    for (name, original, read) in [
        ("PEM", &pem, (|bytes| Certificate::from_pem(bytes).is_ok()) as fn(&[u8]) -> bool),
        ("PEM, each", &pem, |bytes| Certificate::each_from_pem(bytes).iter().all(Result::is_ok)),
        ("DER", &der, |bytes| Certificate::from_der(bytes).is_ok()),
        ("kubeconfig", &conf, |bytes| {
            Kubeconfig::parse(bytes).is_ok_and(|conf| conf.client_certificate().is_ok())
        }),
    ] {
        let (longest, refused) = read_all(original, 2_000, read);
        println!("{name}: 2000 seeds, {refused} refused, the longest reading took {longest:?}");
        assert!(refused > 500, "{name}: {refused} refused: mutations reach what is read");
    }
    within_memory();
}

#[test]
fn every_prefix_of_a_certificate_and_of_a_kubeconfig_is_refused_or_read() {
    let bench = Bench::new();
    let pem = bench.read("etc/kubernetes/pki/apiserver.crt");
    let der = Certificate::from_pem(&pem).expect("a certificate").der().to_vec();
    for end in 0..der.len() {
        assert!(Certificate::from_der(&der[..end]).is_err(), "cut at {end}");
    }
    let conf = bench.read("etc/kubernetes/admin.conf");
    let users = conf.windows(6).position(|window| window == b"users:").expect("users");
    for end in 0..users {
        let read = Kubeconfig::parse(&conf[..end]).and_then(|conf| conf.client_certificate());
        assert!(read.is_err(), "cut at {end}");
    }
    println!("{} prefixes refused", der.len() + users);
}

#[test]
fn a_file_that_is_blown_up_is_refused_at_once() {
    let deep = format!("a: {}", "[".repeat(200_000));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d \
                [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g \
                [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nclusters: *g\n";
    let large = format!("clusters: []\n# {}", "x".repeat(300_000));
    for (name, text) in [("deep", deep.as_str()), ("aliases", bomb), ("large", &large)] {
        // Of three the best: a machine that is busy interrupts.
        let took = (0..3).map(|_| {
            let start = now();
            assert!(Kubeconfig::parse(text.as_bytes()).is_err(), "{name}");
            start.elapsed()
        });
        let took = took.min().expect("three");
        assert!(took < WITHIN, "{name} takes {took:?}");
    }
    // Lengths that claim more than there is, nested as deep as bytes allow.
    for der in
        [[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff].to_vec(), [0x30, 0x80].repeat(100_000), vec![0xff; 262_144]]
    {
        assert!(Certificate::from_der(&der).is_err());
    }
    assert!(Certificate::all_from_pem("-----BEGIN CERTIFICATE-----\n".repeat(9_000).as_bytes()).is_err());
    within_memory();
}

#[test]
fn whatever_is_done_to_a_file_of_a_node_it_is_named_and_the_others_are_told() {
    let bench = Bench::new();
    let mut told = 0;
    for (path, name) in [
        ("etc/kubernetes/pki/apiserver.crt", "apiserver"),
        ("etc/kubernetes/pki/etcd/ca.crt", "etcd-ca"),
        ("etc/kubernetes/admin.conf", "admin.conf"),
        ("etc/kubernetes/manifests/etcd.yaml", "etcd.yaml"),
        ("var/lib/kubelet/config.yaml", "config.yaml"),
    ] {
        let original = bench.read(path);
        for seed in 1..=12u64 {
            let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut bytes = original.clone();
            for _ in 0..4 {
                mutate(&mut bytes, &mut numbers);
            }
            fs::write(bench.root.join(path), &bytes).expect("a file of a node");
            let report = bench.look();
            assert!(report.rows.len() > 10, "{path}, seed {seed}: {report:?}");
            let row = report.rows.iter().find(|row| row.name == name);
            if row.is_some_and(|row| row.certificate.is_err()) || !report.troubles.is_empty() {
                let path = format!("/{path}");
                let names = row.is_some_and(|row| row.path == path)
                    || report.troubles.iter().any(|line| line.contains(&path));
                assert!(names, "{path}, seed {seed}: {:?}", report.troubles);
                told += 1;
            }
        }
        fs::write(bench.root.join(path), original).expect("a file of a node");
    }
    println!("60 damaged files, {told} of them told by name");
    assert!(told > 20, "{told}");
}
