//! Whether certificates were renewed: compared one by one, before with after. Pure.

use crate::kinds::facts::CertificateFacts;

/// What speaks against every certificate of `before` having been renewed into one of `after`; one line each.
///
/// A renewed certificate has a new serial number and fingerprint, ends no earlier, and is otherwise the same:
/// issuer, subject, SANs and extended key usages. NotBefore tells nothing (kubeadm sets it back).
pub(super) fn differences(before: &[CertificateFacts], after: &[CertificateFacts]) -> Vec<String> {
    before
        .iter()
        .filter_map(|old| match after.iter().find(|new| new.name == old.name) {
            None => Some(format!("{} is gone", old.name)),
            Some(new) => difference(old, new),
        })
        .collect()
}

/// All that is wrong, each certificate counted once: of `due`, lines that begin with its name or its path, those
/// about a certificate that `differences` name already are left out.
pub(super) fn once(
    mut differences: Vec<String>,
    due: Vec<String>,
    known: &[CertificateFacts],
) -> Vec<String> {
    let about =
        |line: &str, subject: &str| line.strip_prefix(subject).is_some_and(|rest| rest.starts_with(' '));
    let named: Vec<&CertificateFacts> =
        known.iter().filter(|c| differences.iter().any(|line| about(line, &c.name))).collect();
    let is_new = |line: &String| !named.iter().any(|c| about(line, &c.name) || about(line, &c.path));
    differences.extend(due.into_iter().filter(is_new));
    differences
}

fn difference(old: &CertificateFacts, new: &CertificateFacts) -> Option<String> {
    let name = &old.name;
    if new.fingerprint == old.fingerprint {
        return Some(format!("{name} is unchanged ({})", old.path));
    }
    if new.serial == old.serial {
        return Some(format!("{name} still has serial number {}", old.serial));
    }
    if new.not_after < old.not_after {
        return Some(format!("{name} ends earlier than before"));
    }
    let same = [
        ("issuer", old.issuer == new.issuer),
        ("subject", old.subject == new.subject),
        ("SANs", sorted(&old.sans) == sorted(&new.sans)),
        ("extended key usages", sorted(&old.usages) == sorted(&new.usages)),
    ];
    same.iter().find(|(_, same)| !same).map(|(what, _)| format!("{name} has other {what} than before"))
}

fn sorted(list: &[String]) -> Vec<&String> {
    let mut list: Vec<&String> = list.iter().collect();
    list.sort();
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Digest;

    fn facts(name: &str, seed: &str) -> CertificateFacts {
        CertificateFacts {
            name: name.to_owned(),
            path: format!("/pki/{name}.crt"),
            subject: "CN=x".to_owned(),
            issuer: "CN=kubernetes".to_owned(),
            serial: seed.to_owned(),
            not_before: 0,
            not_after: 1000,
            sans: vec!["DNS:a".to_owned(), "DNS:b".to_owned()],
            usages: vec!["serverAuth".to_owned()],
            fingerprint: Digest::of(seed.as_bytes()),
            key_matches: true,
            signed: true,
            written_ns: 0,
        }
    }

    #[test]
    fn a_renewal_is_a_new_serial_of_the_same_identity() {
        let old = facts("apiserver", "1");
        let mut new = facts("apiserver", "2");
        new.sans.reverse();
        new.not_before = 5;
        assert_eq!(differences(std::slice::from_ref(&old), &[new]), Vec::<String>::new());
    }

    #[test]
    fn everything_that_is_no_renewal_is_named() {
        let old = facts("apiserver", "1");
        let change = |change: fn(&mut CertificateFacts)| {
            let mut new = facts("apiserver", "2");
            change(&mut new);
            differences(std::slice::from_ref(&old), &[new]).join("")
        };
        assert_eq!(
            change(|new| *new = facts("apiserver", "1")),
            "apiserver is unchanged (/pki/apiserver.crt)"
        );
        assert_eq!(change(|new| new.serial = "1".to_owned()), "apiserver still has serial number 1");
        assert_eq!(change(|new| new.not_after = 999), "apiserver ends earlier than before");
        assert_eq!(
            change(|new| new.issuer = "CN=other".to_owned()),
            "apiserver has other issuer than before"
        );
        assert_eq!(change(|new| drop(new.sans.pop())), "apiserver has other SANs than before");
        assert_eq!(change(|new| new.usages.clear()), "apiserver has other extended key usages than before");
        assert_eq!(change(|new| new.name = "other".to_owned()), "apiserver is gone");
    }

    #[test]
    fn a_certificate_that_is_unchanged_and_due_is_counted_once() {
        let known = [facts("apiserver", "1"), facts("apiserver-etcd-client", "2"), facts("admin.conf", "3")];
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let unchanged = lines(&["apiserver is unchanged (/pki/apiserver.crt)", "admin.conf is gone"]);
        let due = lines(&[
            "apiserver expired 3 days ago",
            "apiserver-etcd-client expired 3 days ago",
            "/pki/admin.conf.crt is as before this run, and renewal is forced",
            "renewal is forced",
        ]);
        let rest = [&due[1], &due[3]].map(Clone::clone);
        assert_eq!(once(unchanged.clone(), due, &known), [unchanged, rest.to_vec()].concat());
    }
}
