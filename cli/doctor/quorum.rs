//! What all etcd members together say: a quorum is no node's own.

use certwright_steps::checkup::{Checkup, Member};
use certwright_steps::diagnosis::Grade;

use super::Finding;

/// Whether the members that answer are enough; `dark` nodes do not answer, and `run` is the command that renews.
///
/// Members are counted by the nodes that run one, those that are dark among them: a node whose peers have etcd has it
/// too.
pub(super) fn quorum(checkups: &[Checkup], dark: &[&str], run: &str) -> Option<Finding> {
    let has_etcd = |checkup: &&Checkup| checkup.answers.iter().any(|answer| answer.name == "etcd-image");
    let with_etcd: Vec<&Checkup> = checkups.iter().filter(has_etcd).collect();
    if with_etcd.is_empty() {
        return None;
    }
    let all = with_etcd.len() + dark.len();
    let healthy = with_etcd.iter().filter(|c| c.member.is_some_and(|member| member.healthy)).count();
    if healthy == all {
        return None;
    }
    let lost = healthy < all / 2 + 1;
    let words = match (lost, healthy == all / 2 + 1) {
        (true, _) => "their quorum is lost: nothing can be written",
        (false, true) => "one more lost would cost the quorum",
        (false, false) => "the quorum holds",
    };
    let mut evidence: Vec<String> = with_etcd.iter().map(|checkup| say(checkup)).collect();
    evidence.extend(dark.iter().map(|host| format!("{host}: does not answer")));
    let cure = if lost {
        vec![format!("{run}   # where certificates have expired: new ones on all nodes bring it back")]
    } else {
        let look =
            "crictl ps -a --name '^etcd$'; curl -s http://127.0.0.1:2381/health   # on the one that is not";
        vec![look.to_owned()]
    };
    let (id, grade) = if lost { ("etcd-quorum", Grade::Broken) } else { ("etcd-member", Grade::Endangered) };
    let cause = format!("{healthy} of {all} etcd members are healthy: {words}");
    Some(Finding { evidence, cure, ..Finding::new(id, grade, "etcd".to_owned(), cause) })
}

fn say(checkup: &Checkup) -> String {
    let word = match checkup.member {
        Some(Member { healthy: true, leads: true }) => "healthy, leads",
        Some(Member { healthy: true, leads: false }) => "healthy",
        Some(Member { healthy: false, .. }) => "not healthy",
        None => "its port says nothing",
    };
    format!("{}: {word}", checkup.host)
}

#[cfg(test)]
mod tests {
    use certwright_engine::text::Untrusted;
    use certwright_steps::checkup::{About, Answer};

    use super::*;

    /// A node with etcd that is so; None: its port says nothing.
    fn node(n: usize, healthy: Option<bool>) -> Checkup {
        let mut checkup = Checkup::ended(format!("cp-{n}"), String::new());
        checkup.member = healthy.map(|healthy| Member { healthy, leads: n == 1 });
        checkup.answers.push(Answer {
            name: "etcd-image".to_owned(),
            asked: String::new(),
            about: About::Plain,
            status: None,
            text: Untrusted::default(),
        });
        checkup
    }

    fn judged(members: &[Option<bool>], dark: &[&str]) -> Option<(&'static str, String)> {
        let all: Vec<Checkup> = members.iter().enumerate().map(|(n, m)| node(n + 1, *m)).collect();
        quorum(&all, dark, "run").map(|finding| (finding.id, finding.cause))
    }

    #[test]
    fn a_node_that_does_not_answer_counts_as_a_member_that_is_lost() {
        let (up, down) = (Some(true), Some(false));
        for (members, dark, expected) in [
            (&[up, up, up][..], &[][..], None),
            (
                &[up, up, down],
                &[],
                Some(("etcd-member", "2 of 3 etcd members are healthy: one more lost would cost the quorum")),
            ),
            (
                &[up, up],
                &["cp-3"],
                Some(("etcd-member", "2 of 3 etcd members are healthy: one more lost would cost the quorum")),
            ),
            (
                &[up, None],
                &["cp-3"],
                Some((
                    "etcd-quorum",
                    "1 of 3 etcd members are healthy: their quorum is lost: nothing can be written",
                )),
            ),
            (
                &[up, up, up, up],
                &["cp-5"],
                Some(("etcd-member", "4 of 5 etcd members are healthy: the quorum holds")),
            ),
            (
                &[down],
                &[],
                Some((
                    "etcd-quorum",
                    "0 of 1 etcd members are healthy: their quorum is lost: nothing can be written",
                )),
            ),
            (&[], &["cp-1"], None),
        ] {
            let expected = expected.map(|(id, cause): (&'static str, &str)| (id, cause.to_owned()));
            assert_eq!(judged(members, dark), expected, "{members:?} {dark:?}");
        }
    }
}
