//! The examples below `examples/monitoring/`: what they run is a command line that this program takes.

use std::fs;
use std::path::Path;

use certwright_steps::certs::IDS;

use crate::program::Place;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/monitoring").join(name);
    fs::read_to_string(path).expect(name)
}

/// The arguments behind `certwright ` in a line, up to what ends a command.
fn arguments(line: &str) -> String {
    let from = line.split("certwright certs ").nth(1).expect("it runs certs");
    format!("certs {}", from.split([')', '|', '&', ';']).next().unwrap_or_default().replace(" 2>", ""))
}

#[test]
fn what_a_timer_and_a_crontab_run_is_a_command_line_that_is_taken() {
    let service = example("certwright-certs.service");
    let start = service.lines().find(|line| line.starts_with("ExecStart=")).expect("it starts something");
    let crontab = example("certwright-certs.cron");
    let job = crontab.lines().find(|line| line.contains("certwright certs")).expect("it runs something");
    for line in [start, job] {
        let place = Place::new();
        // Its inventory is not there: everything before it was taken.
        let ran = place.run(&arguments(line)).exits(2);
        assert!(ran.stderr.contains("/etc/certwright/prod-1.toml"), "{line}\n{}", ran.stderr);
        assert!(ran.stderr.contains("no such file"), "{}", ran.stderr);
    }
}

#[test]
fn a_crontab_prints_only_when_there_is_something_to_say() {
    let crontab = example("certwright-certs.cron");
    let job = crontab.lines().find(|line| line.contains("certwright certs")).expect("a job");
    let mut fields = job.split_whitespace();
    let when: Vec<&str> = fields.by_ref().take(5).collect();
    assert!(
        when.iter().all(|field| field.chars().all(|c| c.is_ascii_digit() || "*,/-".contains(c))),
        "{when:?}"
    );
    assert_eq!(fields.next(), Some("certwright"), "the user");
    let command =
        job.split(" certwright told=").nth(1).map(|rest| format!("told={rest}")).expect("a command");
    let place = Place::new();
    for (code, said, printed) in
        [(0, "all well", ""), (3, "one ends", "one ends\n"), (4, "one ended", "one ended\n")]
    {
        place.write("bin/certwright", format!("#!/bin/sh\necho '{said}'\nexit {code}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(place.path("bin/certwright"), mode).expect("its mode");
        let mut shell = place.under("sh", "-c");
        shell.arg(&command).env("PATH", format!("{}:/usr/bin:/bin", place.path("bin").display()));
        let ran = place.ran(shell.output().expect("a shell")).exits(0);
        assert_eq!(ran.stdout, printed);
    }
}

/// systemd's own judgement, where it is on this machine; else the shape of what it reads.
#[test]
fn the_units_are_ones_that_systemd_reads() {
    let place = Place::new();
    for name in ["certwright-certs.service", "certwright-certs.timer"] {
        let text = example(name);
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let section = line.starts_with('[') && line.ends_with(']');
            assert!(
                section || line.split_once('=').is_some_and(|(key, _)| !key.contains(' ')),
                "{name}: {line}"
            );
        }
        // The program is not where the example has it.
        place.write(name, text.replace("/usr/local/bin/certwright", "/bin/true"));
    }
    let timer = example("certwright-certs.timer");
    assert!(timer.contains("\nOnCalendar=") && timer.contains("\nWantedBy=timers.target\n"));
    let verify =
        place.under("systemd-analyze", "verify ./certwright-certs.service ./certwright-certs.timer").output();
    match verify {
        Ok(verify) => {
            let said = String::from_utf8_lossy(&verify.stderr).into_owned();
            let ours: Vec<&str> = said.lines().filter(|line| line.contains("certwright-certs")).collect();
            assert!(ours.is_empty(), "{ours:?}");
            println!("systemd-analyze verified both units");
        }
        Err(_) => println!("no systemd-analyze here: the shape of both units was looked at"),
    }
}

#[test]
fn every_finding_stands_in_the_documents() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/certs.md");
    let text = fs::read_to_string(path).expect("docs/certs.md");
    for (id, _) in IDS {
        assert!(text.contains(&format!("`{id}`")), "{id}");
    }
}
