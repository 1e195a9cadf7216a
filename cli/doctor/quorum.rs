//! What all etcd members together say: a quorum is no node's own.

use certwright_steps::checkup::{Checkup, Member};
use certwright_steps::diagnosis::Grade;

use super::Finding;

/// Whether the members that answer are enough; `dark` nodes do not answer, and `run` is the command that renews.
///
/// Members are counted by the nodes that run one, those that are dark among them: a node whose peers have etcd has it
/// too.
pub(super) fn quorum(checkups: &[Checkup], dark: &[&str], run: &str) -> Option<Finding> {
    let Counted { with_etcd, healthy, all } = count(checkups, dark);
    if with_etcd.is_empty() || healthy == all {
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

/// A member that finds no leader is no quorum that is lost: what one node's texts say fits what all members say together.
pub(super) fn beside_the_others(finding: Finding, checkups: &[Checkup], dark: &[&str]) -> Finding {
    let Counted { healthy, all, .. } = count(checkups, dark);
    if finding.id != "etcd-no-leader" || healthy < all / 2 + 1 {
        return finding;
    }
    let of_host = checkups.iter().find(|checkup| checkup.host == finding.host);
    let (host, most) = (&finding.host, format!("{healthy} of {all} members have one"));
    if of_host.and_then(|checkup| checkup.member).is_some_and(|member| member.healthy) {
        let cause = format!("{host}: etcd had no leader a while ago; now {most}, the one here among them");
        return Finding { grade: Grade::Note, cause, cure: Vec::new(), ..finding };
    }
    let (cause, cure) = match of_host {
        Some(_) => (
            format!("{host}: the etcd member here has no leader, though {most}: it is cut off from them"),
            format!(
                "crictl ps -a --name '^etcd$'; curl -s http://127.0.0.1:2381/health   # on {host}; see its log, too"
            ),
        ),
        None => (
            format!("{host}: an API server was met whose etcd member has no leader, though {most}"),
            "curl -s http://127.0.0.1:2381/health   # on every node: which member is not healthy?".to_owned(),
        ),
    };
    Finding { cause, cure: vec![cure], ..finding }
}

/// The members of a cluster.
struct Counted<'a> {
    /// The nodes that answer and run one.
    with_etcd: Vec<&'a Checkup>,
    /// How many say that they are healthy.
    healthy: usize,
    /// How many there are.
    all: usize,
}

fn count<'a>(checkups: &'a [Checkup], dark: &[&str]) -> Counted<'a> {
    let has_etcd = |checkup: &&Checkup| checkup.answers.iter().any(|answer| answer.name == "etcd-image");
    let with_etcd: Vec<&Checkup> = checkups.iter().filter(has_etcd).collect();
    let healthy = with_etcd.iter().filter(|c| c.member.is_some_and(|member| member.healthy)).count();
    let all = with_etcd.len() + dark.len();
    Counted { with_etcd, healthy, all }
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

    /// What becomes of a text of `host` that says that there is no leader.
    fn leaderless(members: &[Option<bool>], dark: &[&str], host: &str) -> (Grade, String, usize) {
        let all: Vec<Checkup> = members.iter().enumerate().map(|(n, member)| node(n + 1, *member)).collect();
        let told = Finding {
            cure: vec!["look".to_owned(), "renew".to_owned()],
            ..Finding::new(
                "etcd-no-leader",
                Grade::Broken,
                host.to_owned(),
                "no leader, so no quorum".to_owned(),
            )
        };
        let told = beside_the_others(told, &all, dark);
        (told.grade, told.cause, told.cure.len())
    }

    #[test]
    fn a_member_without_a_leader_is_told_as_the_others_have_one_or_have_none() {
        let (up, down, silent) = (Some(true), Some(false), None);
        let broken = |cause: &str, cure: usize| (Grade::Broken, cause.to_owned(), cure);
        let lost = broken("no leader, so no quorum", 2);
        assert_eq!(leaderless(&[down, down, down], &[], "cp-1"), lost);
        assert_eq!(leaderless(&[up], &["cp-2", "cp-3"], "cp-1"), lost);
        let cut_off = "cp-3: the etcd member here has no leader, though 2 of 3 members have one: it is cut off from them";
        assert_eq!(leaderless(&[up, up, down], &[], "cp-3"), broken(cut_off, 1));
        assert_eq!(leaderless(&[up, up, silent], &[], "cp-3"), broken(cut_off, 1));
        let met = "workstation: an API server was met whose etcd member has no leader, though 2 of 3 members have one";
        assert_eq!(leaderless(&[up, up], &["cp-3"], "workstation"), broken(met, 1));
        let past =
            "cp-1: etcd had no leader a while ago; now 3 of 3 members have one, the one here among them";
        assert_eq!(leaderless(&[up, up, up], &[], "cp-1"), (Grade::Note, past.to_owned(), 0));
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
