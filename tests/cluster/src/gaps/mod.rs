//! What a renewal costs a live cluster: each way on a cluster of its own, under load, as a table.
//!
//! Invariant: the ways are measured alike: same cluster, same load, and the load goes on until the cluster is whole again.
//! Which aims are met is said beside it.

mod aims;

mod case;

mod load;

mod table;

mod way;

use std::process::ExitCode;

use crate::host::{Balancing, HostError, Programs};
use crate::load::report::Report;
use crate::said;

pub use aims::{Aim, aims};
pub use table::table;
pub use way::Way;

/// What the cluster is when the way begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Healthy, and its certificates end soon.
    Live,
    /// Every certificate has expired under it, etcd was restarted since, and quorum is lost.
    Dead,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Dead => "dead",
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// What the cluster is.
    pub state: State,
    /// How the certificates are renewed.
    pub way: Way,
    /// What stands in front of the API servers.
    pub balancer: Balancing,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Of what.
    pub case: Case,
    /// How long the way took, s.
    pub total_s: f64,
    /// From its end until the cluster was whole: every API server ready, both leases renewed, s.
    pub settled_s: f64,
    /// What the way wrote to its standard output; below that of a run, when it did what.
    pub said: String,
    /// What the load saw.
    pub report: Report,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum GapsError {
    /// The cluster.
    #[error("start a cluster")]
    Cluster(#[from] HostError),
    /// A file or process of the measurement.
    #[error("{action}")]
    Process {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The way failed.
    #[error("{way} failed: {said}")]
    Way {
        /// Which.
        way: &'static str,
        /// Its last words.
        said: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s: {said}")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
        /// What is known.
        said: String,
    },
    /// The load is not let in.
    #[error("a credential for the load")]
    Credential(#[from] load::CredentialError),
    /// The load's report is none.
    #[error("the load's report: {0}")]
    Report(String),
}

impl Case {
    /// All of them, the page first. With quorum lost there is nothing that a restart could spare.
    pub fn all() -> Vec<Self> {
        let balancers = [Balancing::Tcp, Balancing::Readyz];
        let of = |balancer| Way::ALL.map(|way| Self { state: State::Live, way, balancer });
        let dead = |way| Self { state: State::Dead, way, balancer: Balancing::Tcp };
        balancers.into_iter().flat_map(of).chain([Way::Page, Way::All].map(dead)).collect()
    }

    /// Measures it on a new cluster.
    pub fn measure(self, programs: &Programs) -> Result<Measured, GapsError> {
        case::measure(self, programs)
    }
}

/// The word for what the ways wrote.
const SAID: &str = "said";

/// Runs with the arguments after the name: words of ways, balancers and states to be measured; without any, all of them.
/// `said`: shows what each way wrote, too.
pub fn main(args: &[String]) -> ExitCode {
    let Ok(own) = std::env::current_exe() else {
        said::line("gaps: this program does not know where it lies");
        return ExitCode::FAILURE;
    };
    let programs = Programs { certwright: own.with_file_name("certwright"), hosts: own };
    let is_asked = |word: &str, all: &[&str]| {
        let asked: Vec<&String> = args.iter().filter(|arg| all.contains(&arg.as_str())).collect();
        asked.is_empty() || asked.iter().any(|arg| *arg == word)
    };
    let ways = Way::ALL.map(Way::word);
    let balancers = ["tcp", "readyz"];
    let states = [State::Live, State::Dead].map(State::word);
    let is_known = |arg: &&String| {
        arg.as_str() == SAID || [&ways[..], &balancers, &states].concat().contains(&arg.as_str())
    };
    if let Some(unknown) = args.iter().find(|arg| !is_known(arg)) {
        let known = [&ways[..], &balancers, &states, &[SAID]].concat().join(", ");
        said::line(&format!("gaps: `{unknown}` is none of {known}"));
        return ExitCode::from(2);
    }
    let wants_words = args.iter().any(|arg| arg == SAID);
    let mut all = Vec::new();
    for case in Case::all() {
        let words =
            [(case.way.word(), &ways[..]), (case.balancer.word(), &balancers), (case.state.word(), &states)];
        if !words.iter().all(|(word, all)| is_asked(word, all)) {
            continue;
        }
        said::line(&format!("gaps: {}", words.map(|(word, _)| word).join(", ")));
        match case.measure(&programs) {
            Ok(measured) => {
                if wants_words {
                    said::line(&measured.said);
                }
                said::line(&measured.report.table());
                all.push(measured);
            }
            Err(error) => {
                said::line(&format!("gaps: {}", said::chain(&error)));
                return ExitCode::FAILURE;
            }
        }
    }
    said::line(&table(&all));
    said::line(&aims::lines(&all));
    ExitCode::SUCCESS
}
