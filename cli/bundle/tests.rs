//! That no secret of a node gets into a bundle, and that the search for them would find one.

use certwright_engine::text::Untrusted;
use certwright_steps::checkup::{About as Whose, Answer, Checkup};

use super::*;

#[path = "../../tests/support/planted.rs"]
mod planted;

fn answer(name: &str, text: &str) -> Answer {
    Answer {
        name: name.to_owned(),
        asked: format!("crictl logs {name}"),
        about: Whose::Log("etcd"),
        status: Some(0),
        text: Untrusted::new(text.as_bytes().to_vec()),
    }
}

#[test]
fn two_hundred_secrets_are_in_no_bundle_and_a_bundle_without_the_redactor_has_them_all() {
    let secrets = planted::secrets();
    assert!(secrets.len() >= 200, "{}", secrets.len());
    let mut checkup = Checkup::ended("cp-1".to_owned(), "for the test".to_owned());
    checkup.answers = secrets.iter().map(|planted| answer("log-etcd", &planted.text)).collect();
    let all: Vec<&str> = secrets.iter().map(|planted| planted.text.as_str()).collect();
    checkup.answers.extend(all.chunks(20).map(|some| answer("log-many", &some.join("\n"))));
    let about = About::Findings("none".to_owned());
    let made = |shown: Shown| render(&about, std::slice::from_ref(&checkup), 0, shown);
    let raw: Shown = |text| text.lossy().into_owned();
    let without = made(raw);
    assert_eq!(planted::found(&secrets, &without).len(), secrets.len(), "the search finds what is there");
    let with = made(Untrusted::escaped);
    assert_eq!(planted::found(&secrets, &with), Vec::<&str>::new());
    assert!(with.contains("[redacted]") && with.contains("===== cp-1: log-many ====="));
}

#[test]
fn an_endless_answer_is_kept_from_its_end() {
    let long = format!("first\n{}last", "x\n".repeat(LONGEST));
    assert!(end(&long).ends_with("\nlast") && end(&long).len() <= LONGEST && !end(&long).contains("first"));
    assert_eq!(end("short"), "short");
}
