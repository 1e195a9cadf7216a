//! For tests: the fixtures of a real node, certificates, and a host that runs real programs below a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use certwright_engine::host::{Command, Host, HostError, Output, Settled, Stat};
use certwright_engine::text::Untrusted;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// A recorded command of a real node.
pub(crate) struct Fixture {
    /// `healthy/crictl-ps-json`.
    pub(crate) name: String,
    /// The command line as it was typed.
    pub(crate) command: String,
    /// What it printed.
    pub(crate) output: Output,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real-node")
}

/// The recorded output of one fixture.
pub(crate) fn fixture(name: &str) -> Output {
    let part = |extension: &str| std::fs::read(folder().join(format!("{name}.{extension}")));
    let status = part("exit").map_or(0, |text| String::from_utf8(text).unwrap().trim().parse().unwrap());
    Output {
        status,
        stdout: Untrusted::new(part("stdout").unwrap_or_else(|error| panic!("fixture {name}: {error}"))),
        stderr: Untrusted::new(part("stderr").unwrap_or_default()),
    }
}

/// All fixtures whose command line satisfies `wanted`, one a name.
pub(crate) fn fixtures(wanted: impl Fn(&str, &str) -> bool) -> Vec<Fixture> {
    let index = std::fs::read_to_string(folder().join("index.tsv")).expect("the fixtures' index");
    let mut by_name = BTreeMap::new();
    for line in index.lines() {
        let columns: Vec<&str> = line.splitn(4, '\t').collect();
        let [name, _, _, command] = columns[..] else { panic!("line of index.tsv: {line}") };
        if wanted(name, command) && folder().join(format!("{name}.stdout")).exists() {
            by_name.insert(name.to_owned(), command.to_owned());
        }
    }
    by_name.into_iter().map(|(name, command)| Fixture { output: fixture(&name), name, command }).collect()
}

/// An output with this stdout and status 0.
pub(crate) fn printed(stdout: impl Into<Vec<u8>>) -> Output {
    Output { stdout: Untrusted::new(stdout.into()), ..Output::default() }
}

/// A failed output with this stderr.
pub(crate) fn failed(status: i32, stderr: &str) -> Output {
    Output { status, stderr: Untrusted::new(stderr.into()), ..Output::default() }
}

/// A CA for tests.
pub(crate) struct TestCa {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, key_pem: key.serialize_pem(), issuer: Issuer::new(params, key) }
    }

    /// A leaf that is valid from 2026 to `year`, and its key.
    pub(crate) fn leaf(&self, name: &str, year: i32) -> (String, String) {
        self.leaf_of("system:masters", name, year)
    }

    /// The same for another group.
    pub(crate) fn leaf_of(&self, group: &str, name: &str, year: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec![format!("{name}.example"), "10.0.0.2".into()]).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        (pem, key.serialize_pem())
    }
}

/// Runs real programs; the ROOT of a constant script is the host's folder.
pub(crate) struct FolderHost {
    pub(crate) root: PathBuf,
    /// A folder of programs that go before the real ones.
    pub(crate) shims: Option<PathBuf>,
}

#[async_trait]
impl Host for FolderHost {
    fn name(&self) -> &'static str {
        "folder"
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mut argv = command.argv.clone();
        if argv[..2] == ["/bin/sh", "-c"] {
            argv[4] = self.root.to_str().unwrap().to_owned();
        }
        Ok(run_with(&argv, self.shims.as_deref()))
    }

    async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, HostError> {
        unreachable!("tools only run commands")
    }

    async fn write(&self, _: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        unreachable!("tools only run commands")
    }

    async fn stat(&self, _: &str) -> Result<Option<Stat>, HostError> {
        unreachable!("tools only run commands")
    }

    async fn list(&self, _: &str) -> Result<Option<Vec<String>>, HostError> {
        unreachable!("tools only run commands")
    }

    async fn settle(&self, _: Duration) -> Result<Settled, HostError> {
        Ok(Settled::Quiet)
    }

    async fn close(&self) {}
}

/// Runs a program of this machine.
pub(crate) fn run(argv: &[String]) -> Output {
    run_with(argv, None)
}

#[expect(clippy::disallowed_methods, reason = "these tests prove the scripts with the real programs")]
fn run_with(argv: &[String], shims: Option<&Path>) -> Output {
    use std::os::unix::process::ExitStatusExt as _;

    let mut command = std::process::Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(std::process::Stdio::null());
    if let Some(shims) = shims {
        command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", shims.display()));
    }
    let done = command.output().unwrap_or_else(|error| panic!("{}: {error}", argv[0]));
    Output {
        status: done.status.code().unwrap_or_else(|| 128 + done.status.signal().unwrap_or_default()),
        stdout: Untrusted::new(done.stdout),
        stderr: Untrusted::new(done.stderr),
    }
}

/// Says how many cases a test ran.
#[expect(clippy::print_stdout, reason = "a suite prints how many cases it ran")]
pub(crate) fn tell(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}
