//! The runner finds what it is there for, and leaves the input behind.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::run::{Plan, Target, run};
use crate::targets;

/// What a runner says that was given a reader with this fault; the input that it left.
fn found(name: &'static str, fault: &mut dyn FnMut(&[u8]) -> String) -> (String, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan::of_cases(20_000, folder.path().to_owned());
    let corpus = vec![b"users:\n- name: u\n".to_vec()];
    let target = Target { name, corpus, change: targets::change_yaml, read: fault, check: &|_| {} };
    let panicked = catch_unwind(AssertUnwindSafe(|| run(&plan, target))).err().expect("the fault is found");
    let said = panicked.downcast_ref::<String>().expect("words").clone();
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.path()).collect();
    let [file] = left.as_slice() else { panic!("one input is left: {left:?}") };
    assert!(said.contains(&file.display().to_string()), "{said}");
    (said, fs::read(file).expect("an input"))
}

#[test]
fn a_panic_a_slow_reading_and_a_large_one_are_found_and_the_input_is_left() {
    let has = |input: &[u8], word: &[u8]| input.windows(word.len()).any(|window| window == word);
    let (said, input) = found("panics", &mut |input| {
        assert!(!has(input, b"!!binary"), "a tag");
        String::new()
    });
    assert!(said.contains("it panicked: a tag") && has(&input, b"!!binary"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let (corpus, change) = (vec![b"a: b\n".to_vec()], targets::change_yaml as crate::run::Change);
    let check = |input: &[u8]| assert!(!has(input, b"*a1"), "an alias");
    let target = Target { name: "checks", corpus, change, read: &mut |_| String::new(), check: &check };
    let plan = Plan::of_cases(20_000, folder.path().to_owned());
    assert!(
        catch_unwind(AssertUnwindSafe(|| run(&plan, target))).is_err(),
        "a check counts as a reading does"
    );
    let (said, input) = found("slow", &mut |input| {
        let mut sum = 0_u64;
        if has(input, b"*b3") {
            (0..40_000_000_u64).for_each(|n| sum = std::hint::black_box(sum ^ n));
        }
        sum.to_string()
    });
    assert!(said.contains("of a processor") && has(&input, b"*b3"), "{said}");
    let (said, input) = found("large", &mut |input| {
        let size = if has(input, b"&b1") { 80 << 20 } else { 0 };
        vec![1_u8; size].len().to_string()
    });
    assert!(said.contains("KiB of memory") && has(&input, b"&b1"), "{said}");
}

#[test]
fn a_seed_gives_the_same_inputs_again() {
    let inputs = || {
        let folder = tempfile::tempdir().expect("a folder");
        let mut all = Vec::new();
        let mut read = |input: &[u8]| {
            all.push(input.to_vec());
            // Answers that depend on the input: the corpus grows by them.
            format!("{:?}", input.get(3).map(|byte| byte / 16))
        };
        let corpus = vec![b"users:\n- name: u\n".to_vec(), b"contexts: []\n".to_vec()];
        let target =
            Target { name: "same", corpus, change: targets::change_yaml, read: &mut read, check: &|_| {} };
        assert_eq!(run(&Plan::of_cases(300, folder.path().to_owned()), target).cases, 300);
        all
    };
    let (one, other) = (inputs(), inputs());
    assert!(one == other && one.iter().collect::<std::collections::BTreeSet<_>>().len() > 200);
}
