//! The one sanitiser under hostile bytes: whatever goes in, nothing that a terminal obeys comes out.
//!
//! Without a fuzzer's instrumentation: texts are put together from what is known to matter (pieces), and then broken
//! at random (mutations), each from a seed that a failure names.

#![expect(clippy::print_stdout, reason = "suites say how many cases they ran")]

#[path = "driver/random.rs"]
mod random;

#[path = "sanitiser/texts.rs"]
mod texts;

#[path = "sanitiser/properties.rs"]
mod properties;

use certwright_engine::clock::Clock;
use random::Random;

/// One hostile text, broken or not, through every property.
fn check(seed: u64) {
    let mut random = Random(seed);
    let bytes = texts::hostile(&mut random);
    let broken = properties::broken(&bytes);
    assert_eq!(broken, Vec::<String>::new(), "seed {seed}: {}", bytes.escape_ascii());
}

#[test]
fn nothing_that_a_terminal_obeys_comes_out_of_thousands_of_hostile_texts() {
    let cases = 2_000;
    for seed in 0..cases {
        check(seed);
    }
    println!("{cases} hostile texts");
}

#[test]
fn every_byte_and_every_character_alone_and_between_others() {
    for byte in 0..=u8::MAX {
        for bytes in
            [vec![byte], vec![b'a', byte, b'b'], vec![0xc2, byte], vec![byte, 0x9b, 0x80], vec![byte; 40]]
        {
            assert_eq!(properties::broken(&bytes), Vec::<String>::new(), "{}", bytes.escape_ascii());
        }
    }
    let all: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
    let left = certwright_engine::text::harmless(&all);
    assert_eq!(left.chars().find(|c| properties::acts(*c)), None);
    let visible = all.chars().filter(|c| !properties::acts(*c)).count();
    let escapes = left.matches("\\u{").count();
    println!("{escapes} of {} characters are escaped", visible + escapes);
    assert!((200..10_000).contains(&escapes), "{escapes}: letters are shown as they are");
}

#[test]
#[ignore = "a campaign of a minute: cargo nextest run -p certwright-engine --test sanitiser --run-ignored only"]
fn campaign_of_a_minute_with_new_texts_each_time() {
    let clock = Clock::real();
    let first = clock.wall_ms();
    let mut cases = 0;
    while clock.wall_ms() < first + 60_000 {
        check(first.wrapping_mul(1_000_003).wrapping_add(cases));
        cases += 1;
    }
    println!("{cases} hostile texts, from seed {first} * 1000003 on");
}

/// Bytes of the shorter one of two texts that are compared.
const SHORT: usize = 32 << 10;

/// CPU time that one look at a text takes, ns: not the clock's, which other programs take part of.
fn cost(text: &str) -> u128 {
    let now = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        u128::try_from(now.tv_sec).expect("not negative") * 1_000_000_000
            + u128::try_from(now.tv_nsec).expect("ns")
    };
    let before = now();
    let shown = certwright_engine::text::escape(text);
    assert!(!shown.is_empty());
    now() - before
}

/// A host may print a megabyte of what the redactor looks at twice: four times the text is about four times the work.
#[test]
fn work_grows_with_the_text_and_not_with_its_square() {
    let units = [
        "Authorization: Bearer ",
        "[redacted]Authorization:",
        "token:",
        "token:{",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "\u{1b}]0;",
    ];
    for unit in units {
        let (short, long) = (unit.repeat(SHORT / unit.len()), unit.repeat(4 * SHORT / unit.len()));
        // Linear is four, quadratic sixteen. The best of some: what else the processor does only adds.
        let linear = (0..4).any(|_| cost(&long) < 9 * cost(&short));
        assert!(linear, "{unit:?}: the work grows faster than the text");
    }
    println!("{} texts of {} and {} bytes", units.len(), SHORT, 4 * SHORT);
}
