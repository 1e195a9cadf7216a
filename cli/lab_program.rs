//! The lab's programs on PATH of a host that is a machine: `kubeadm`, `crictl`, `kubectl`, `systemctl`, `curl`, `openssl`.
//!
//! One binary under many names. Which node it plays stands in CERTWRIGHT_LAB_DIR and CERTWRIGHT_LAB_NODE, or in the marker
//! file `/etc/certwright-lab` (sudo drops the environment). Everything else is `certwright_steps::lab::program`.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_steps::lab::{LabError, Played, Seat, program, program_names};

/// The binary's own name; called so it takes the program's name as its first argument.
const OWN: &str = "certwright-lab";
/// Where a host says which node it is.
const MARKER: &str = "/etc/certwright-lab";
/// Status of a call that cannot be played.
const BROKEN: u8 = 125;

/// Why nothing was played.
#[derive(Debug, thiserror::Error)]
enum ProgramError {
    /// Nobody says which node this is.
    #[error("neither CERTWRIGHT_LAB_DIR and CERTWRIGHT_LAB_NODE nor {MARKER} say which node this is")]
    NoSeat,
    /// Called by its own name without a program.
    #[error("say which program: {}", program_names().collect::<Vec<_>>().join(", "))]
    NoProgram,
    /// An argument is not text.
    #[error("an argument is not UTF-8")]
    NotText,
    /// The lab failed.
    #[error("the lab failed")]
    Lab(#[from] LabError),
    /// The machine's own program could not be run.
    #[error("run the machine's own {name}")]
    Elsewhere {
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What it has to say could not be written.
    #[error("write the output")]
    Output(#[source] std::io::Error),
}

fn main() -> ExitCode {
    play().unwrap_or_else(|error| {
        let mut text = format!("{OWN}: {error}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text.extend([": ", &error.to_string()]);
            cause = error.source();
        }
        // With stderr gone there is nobody left to tell.
        let _told = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(BROKEN)
    })
}

fn play() -> Result<ExitCode, ProgramError> {
    let argv = std::env::args_os()
        .map(|a| a.into_string().map_err(|_| ProgramError::NotText))
        .collect::<Result<Vec<_>, _>>()?;
    let own = argv.first().is_none_or(|a| Path::new(a).file_name().is_some_and(|name| name == OWN));
    let argv = if own { argv.get(1..).unwrap_or_default() } else { &argv[..] };
    if argv.is_empty() {
        return Err(ProgramError::NoProgram);
    }
    match program(&seat()?, argv, Clock::real().wall_ms())? {
        Played::Elsewhere => elsewhere(argv),
        Played::Ended { status, stdout, stderr, takes_ms } => {
            std::thread::sleep(Duration::from_millis(takes_ms));
            std::io::stdout().write_all(&stdout).map_err(ProgramError::Output)?;
            std::io::stderr().write_all(&stderr).map_err(ProgramError::Output)?;
            Ok(ExitCode::from(u8::try_from(status).unwrap_or(BROKEN)))
        }
    }
}

fn seat() -> Result<Seat, ProgramError> {
    let of_environment = || {
        let dir = std::env::var_os("CERTWRIGHT_LAB_DIR")?;
        let host = std::env::var("CERTWRIGHT_LAB_NODE").ok()?;
        Some(Seat { dir: PathBuf::from(dir), host })
    };
    let of_marker = || Seat::parse(&std::fs::read_to_string(MARKER).ok()?);
    of_environment().or_else(of_marker).ok_or(ProgramError::NoSeat)
}

/// Becomes the machine's own program of that name: the first on PATH that is not this binary.
#[expect(clippy::disallowed_methods, reason = "it replaces this process; no computer is acted upon")]
fn elsewhere(argv: &[String]) -> Result<ExitCode, ProgramError> {
    let name = argv[0].rsplit('/').next().unwrap_or_default().to_owned();
    let this = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    let real = std::env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file() && std::fs::canonicalize(file).ok() != this);
    let not_found = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let source = match real {
        Some(real) => std::process::Command::new(real).args(&argv[1..]).exec(),
        None => not_found(),
    };
    Err(ProgramError::Elsewhere { name, source })
}
