//! Certificates and kubeconfigs that were cut everywhere or blown up: never a panic, never long, never much memory. What was
//! changed in other ways is the fuzz targets' (`fuzz.rs`).

use std::fs;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{Lab, LabSpec, Validity};
use certwright_steps::pki::{Certificate, Kubeconfig};
use rustix::time::{ClockId, clock_gettime};

/// The most of a processor that one reading may take.
const WITHIN: Duration = Duration::from_millis(100);

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

/// Time of this thread on a processor: a machine that is busy is no failure.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
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
        // Of three the best: the first one pays for pages.
        let took = (0..3).map(|_| {
            let start = cpu();
            assert!(Kubeconfig::parse(text.as_bytes()).is_err(), "{name}");
            cpu().saturating_sub(start)
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
