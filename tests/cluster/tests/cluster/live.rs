//! A live cluster under load while it is renewed, beside the page by hand on a cluster of its own.

use certwright_cluster::gaps::{Case, Measured, State, Way, table};
use certwright_cluster::host::Balancing;
use certwright_cluster::load::report::{OWN, QUORUM, SOME_API, WRITE_NEW};

use crate::support::programs;

/// No write gap is longer, s.
const WRITE_GAP: f64 = 5.0;

/// A look at an API server or member that succeeds at each sample leaves no longer gap, s.
const SAMPLE: f64 = 1.0;

fn measure(way: Way) -> Measured {
    let case = Case { state: State::Live, way, balancer: Balancing::Tcp };
    case.measure(&programs()).unwrap_or_else(|error| panic!("{}", certwright_cluster::said::chain(&error)))
}

/// A machine that stalls takes its time from everything that is measured on it.
#[test]
fn a_client_of_a_live_cluster_loses_no_write_and_waits_no_longer_than_beside_the_page_by_hand() {
    let (page, run) = (measure(Way::Page), measure(Way::All));
    println!("{}", table(&[page.clone(), run.clone()]));
    assert!(run.report.written >= 500, "{} writes were acknowledged", run.report.written);
    assert_eq!(run.report.lost, [""; 0], "acknowledged writes are lost");
    let stalled = 2.0 * run.report.longest(OWN);
    let longest = |name| run.report.longest(name) - stalled;
    assert!(longest(WRITE_NEW) < WRITE_GAP, "{}", run.report.table());
    assert!(longest(SOME_API) < SAMPLE, "no API server answered for a while: {}", run.report.table());
    // An election where the run stops the leader is a gap of its own; two members down at once would be a longer one.
    assert!(longest(QUORUM) < 2.5, "{}", run.report.table());
    assert!(longest(WRITE_NEW) < page.report.longest(WRITE_NEW).max(SAMPLE), "{}", page.report.table());
}
