//! The aims of a renewal, and which of them a measurement meets.
//!
//! A sample is taken five times a second and may wait for its turn on a busy machine: what is said to have no gap has none
//! longer than [`NONE`].

use super::{Measured, State, Way};
use crate::host::Balancing;
use crate::load::report::{LEASE_SCHEDULER, QUORUM, SOME_API, WRITE_NEW};

/// The longest gap that is none, s.
const NONE: f64 = 0.6;

/// What should hold, and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    /// In words.
    pub what: String,
    /// The measured value.
    pub measured: f64,
    /// The largest that meets the aim.
    pub limit: f64,
}

impl Aim {
    /// Whether it is met.
    pub fn is_met(&self) -> bool {
        self.measured <= self.limit
    }

    fn line(&self) -> String {
        let verdict = if self.is_met() { "met   " } else { "missed" };
        format!("{verdict}  {}: {:.1}, at most {:.1}\n", self.what, self.measured, self.limit)
    }
}

/// The aims that these measurements speak of.
pub fn aims(all: &[Measured]) -> Vec<Aim> {
    all.iter().flat_map(|measured| of(measured, all)).collect()
}

/// One line an aim.
pub(super) fn lines(all: &[Measured]) -> String {
    aims(all).iter().map(Aim::line).collect()
}

fn of(measured: &Measured, all: &[Measured]) -> Vec<Aim> {
    let Measured { case, total_s, report, .. } = measured;
    let aim = |what: &str, measured: f64, limit: f64| {
        let what = format!("{}, {}, {}: {what}", case.way.word(), case.balancer.word(), case.state.word());
        Aim { what, measured, limit }
    };
    let lost = u32::try_from(report.lost.len()).unwrap_or(u32::MAX);
    let lost = aim("acknowledged writes lost", lost.into(), 0.0);
    let page = all.iter().find(|other| {
        let same = (other.case.state, other.case.balancer) == (case.state, case.balancer);
        other.case.way == Way::Page && same
    });
    match (case.state, case.way) {
        (_, Way::Page) => Vec::new(),
        (State::Dead, Way::All | Way::Needed) => {
            let first = report.first(WRITE_NEW).unwrap_or(f64::INFINITY);
            vec![lost, aim("from quorum lost to the first write, s", first, 10.0)]
        }
        (State::Live, Way::Needed) => vec![
            lost,
            aim("no gap of the API, s", report.longest(SOME_API), NONE),
            aim("no gap of the quorum, s", report.longest(QUORUM), NONE),
        ],
        (State::Live, Way::All) => {
            let mut found = vec![
                lost,
                aim("no gap of the quorum, s", report.longest(QUORUM), NONE),
                aim("gap of the scheduler's lease, s", report.longest(LEASE_SCHEDULER), 6.0),
            ];
            match (case.balancer, page) {
                (Balancing::Readyz, _) => found.push(aim("write gap, s", report.longest(WRITE_NEW), 0.5)),
                (Balancing::Tcp, Some(page)) => {
                    let limit = page.report.longest(WRITE_NEW);
                    found.push(aim("write gap beside the page's, s", report.longest(WRITE_NEW), limit));
                }
                (Balancing::Tcp, None) => {}
            }
            if let Some(page) = page {
                found.push(aim("total beside 1.5 times the page's, s", *total_s, 1.5 * page.total_s));
            }
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Measured, State, Way, aims};
    use crate::gaps::Case;
    use crate::host::Balancing;
    use crate::load::report::{Gap, LEASE_SCHEDULER, QUORUM, Report, WRITE_NEW};

    fn measured(way: Way, total_s: f64, gaps: [(&str, f64); 3]) -> Measured {
        let gap = |(name, longest_s): (&str, f64)| Gap {
            name: name.to_owned(),
            tries: 1,
            failures: 0,
            longest_s,
            first_s: None,
            first_failure: None,
        };
        let report = Report { seconds: 1.0, gaps: gaps.map(gap).into(), written: 1, lost: Vec::new() };
        let case = Case { state: State::Live, way, balancer: Balancing::Tcp };
        Measured { case, total_s, settled_s: 0.0, said: String::new(), report }
    }

    #[test]
    fn a_run_is_held_against_the_page_beside_it() {
        let page = measured(Way::Page, 24.0, [(WRITE_NEW, 1.2), (QUORUM, 1.2), (LEASE_SCHEDULER, 19.0)]);
        let run = measured(Way::All, 37.0, [(WRITE_NEW, 1.1), (QUORUM, 0.3), (LEASE_SCHEDULER, 6.5)]);
        let missed: Vec<String> =
            aims(&[page, run]).into_iter().filter(|aim| !aim.is_met()).map(|aim| aim.what).collect();
        let of = |what: &str| format!("all, tcp, live: {what}");
        assert_eq!(
            missed,
            [of("gap of the scheduler's lease, s"), of("total beside 1.5 times the page's, s")]
        );
    }
}
