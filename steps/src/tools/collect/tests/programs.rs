//! By which shells and programs of a node a look is taken, how many it starts, and what it does without some.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use certwright_engine::clock::Clock;

use super::super::*;
use super::Bench;
use crate::tools::survey::KeyFacts;
use crate::tools::testing::tell;

/// The programs that a look needs beside awk, and those that it needs for keys.
const PROGRAMS: [&str; 2] = ["readlink", "stat"];
const FOR_KEYS: [&str; 3] = ["base64", "openssl", "sha256sum"];

fn installed(program: &str) -> Option<std::path::PathBuf> {
    let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
    real.into_iter().find_map(|path| fs::canonicalize(path).ok())
}

/// A folder of these programs and no others.
fn only(programs: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for program in programs {
        symlink(installed(program).expect(program), folder.path().join(program)).unwrap();
    }
    folder
}

#[test]
fn every_shell_and_every_awk_tells_the_same() {
    let bench = Bench::new();
    let tree = Tree::open(&bench.root).unwrap();
    let pairs = [
        ("awk", "awk"),
        ("mawk", "awk"),
        ("gawk", "awk"),
        ("original-awk", "awk"),
        ("busybox", "awk"),
        // All of its own.
        ("busybox", "all"),
    ];
    let mut told = Vec::new();
    for (program, name) in pairs {
        let Some(real) = installed(program) else { continue };
        let folder = only(&FOR_KEYS);
        for applet in
            if name == "all" { &["awk", "base64", "readlink", "stat", "sha256sum"][..] } else { &["awk"] }
        {
            let _there = fs::remove_file(folder.path().join(applet));
            symlink(&real, folder.path().join(applet)).unwrap();
        }
        for program in PROGRAMS {
            if !folder.path().join(program).exists() {
                symlink(installed(program).unwrap(), folder.path().join(program)).unwrap();
            }
        }
        for shell in [&["/bin/dash"][..], &["/bin/bash"], &["/bin/busybox", "sh"]] {
            if !Path::new(shell[0]).exists() {
                continue;
            }
            // Each openssl takes its time, and no shell.
            let keys = if shell[0] == "/bin/dash" { Keys::Asked } else { Keys::NotAsked };
            let look = bench.usual(keys, shell, Some(folder.path()));
            let native = Look { clock_ns: look.clock_ns, ..tree.look(keys, &Request::usual()) };
            assert!(look == native, "{shell:?} with {program} as {name}: {look:?}");
            told.push(format!("{} with {program} ({name})", shell.join(" ")));
        }
    }
    assert!(told.len() >= 2, "{told:?}");
    tell(format_args!("the same by {}", told.join(", ")));
}

/// Each process is a good half of a millisecond on the node: 145 of them were a tenth of a second.
#[test]
fn a_look_without_keys_starts_three_programs() {
    let bench = Bench::new();
    let counted = tempfile::tempdir().unwrap();
    let log = counted.path().join("log");
    for program in
        PROGRAMS.iter().chain(&FOR_KEYS).chain(&["awk", "cat", "date", "find", "grep", "head", "sed", "sort"])
    {
        let wrapper =
            format!("#!/bin/sh\necho {program} >>{}\nexec /usr/bin/{program} \"$@\"\n", log.display());
        let place = counted.path().join(program);
        fs::write(&place, wrapper).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let look = bench.usual(Keys::NotAsked, &["/bin/sh"], Some(counted.path()));
    let mut started: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    started.sort();
    // A symlink below a folder is followed by a program; on a node itself the system does that.
    let current = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    assert!(look.files[current].certificate().is_ok());
    assert_eq!(started, ["awk", "readlink", "stat"]);
    fs::write(&log, "").unwrap();
    let look = bench.usual(Keys::Asked, &["/bin/sh"], Some(counted.path()));
    let keys = look.files.values().filter(|facts| facts.key != KeyFacts::Absent).count();
    let started = fs::read_to_string(&log).unwrap();
    assert_eq!(started.lines().filter(|program| *program == "openssl").count(), keys);
    tell(format_args!("3 programs without keys, {} with {keys} keys", started.lines().count()));
}

#[test]
fn the_clock_of_a_look_is_that_of_the_machine() {
    let bench = Bench::new();
    let before = Clock::real().wall_ms();
    let look = bench.usual(Keys::NotAsked, &["/bin/sh"], None);
    let after = Clock::real().wall_ms();
    let told = u64::try_from(look.clock_ns.unwrap() / 1_000_000).unwrap();
    // The kernel stamps with the time of its last tick.
    assert!((before - 20..=after).contains(&told), "{told} is not between {before} and {after}");
}

#[test]
fn a_node_without_openssl_tells_everything_but_its_keys() {
    let bench = Bench::new();
    let programs = only(&["awk", "readlink", "stat"]);
    let mut look = bench.usual(Keys::Asked, &["/bin/sh"], Some(programs.path()));
    assert!(look.no_openssl);
    (look.no_openssl, look.clock_ns) = (false, None);
    assert_eq!(look, Tree::open(&bench.root).unwrap().look(Keys::NotAsked, &Request::usual()));
    let mut search = Search::new(Keys::Asked);
    let request = search.next().unwrap();
    search.take(request, Look { no_openssl: true, ..look });
    assert_eq!(search.done().keys, Keys::NoOpenssl);
}
