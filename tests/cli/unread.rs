//! Output that does not get where it should: a full disk, a reader that has had enough.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::program::Place;

/// A place with a lab that was renewed.
fn renewed() -> Place {
    let place = Place::new();
    drop(place.run("rehearse --lab lab --fault none").exits(0));
    place
}

#[test]
fn what_only_tells_ends_with_an_error_where_its_words_cannot_be_written() {
    let place = renewed();
    for verb in ["certs --lab lab --output csv", "doctor --lab lab", "show", "runs", "report", "check"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(verb).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(14), "{verb}");
        let expected = "error: write to standard output: no space left on device\n";
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected, "{verb}");
    }
}

#[test]
fn a_rehearsal_whose_words_cannot_be_written_says_where_they_are() {
    let place = renewed();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place.command("rehearse --lab lab").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    expect![[r#"
        error: write to standard output: no space left on device
          `certwright show` tells what was not written
    "#]]
    .assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a wait of a test has an end")]
fn a_watch_ends_when_nobody_reads_it_any_more() {
    let place = renewed();
    let mut command = place.command("certs --root lab/cp-1 --watch=1s");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains(" UTC, again every 1s"), "{first}");
    let until = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it watches for nobody");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_watch_needs_time_that_passes() {
    let place = renewed();
    place.run("certs --root lab/cp-1 --watch=0s").is(&expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0s' for '--watch[=<DURATION>]': it must be 1s or more

        For more information, try '--help'.
    "#]]);
    place.run("certs --lab lab --watch").is(&expect![[r#"
        exit 2
        --- stderr
        error: the argument '--lab <DIR>' cannot be used with '--watch[=<DURATION>]'

        Usage: certwright certs <--inventory <FILE>|[USER@]HOST[:PORT]|--local|--root <DIR>|--lab <DIR>>

        For more information, try '--help'.
    "#]]);
}

#[test]
fn the_csv_is_read_back_with_its_line_ends() {
    let place = renewed();
    let csv = place.run("certs --lab lab --output csv").exits(0).stdout;
    assert!(
        csv.lines().count() > 30 && csv.split_inclusive('\n').all(|line| line.ends_with("\r\n")),
        "{csv}"
    );
    assert!(!csv.contains("\\u{"), "{csv}");
}
