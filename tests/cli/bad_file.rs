//! Plans and inventories that are not read at all: not there, no files, no text, or somebody else's to change.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use expect_test::expect;

use crate::bad_plan::{INVENTORY, PLAN};
use crate::program::Place;

#[test]
fn a_plan_that_is_not_there() {
    let place = Place::new();
    place.run("check renew-everything").is(&expect![[r#"
        exit 2
        --- stderr
        error: there is no plan `renew-everything`: neither a shipped plan nor a file
          `certwright check` lists the shipped plans
    "#]]);
    place.run("check ./renew.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `./renew.toml`: no such file or directory
          paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory
    "#]]);
    place.run("run renew-control-plane -i nowhere.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `nowhere.toml`: no such file or directory
          paths start in the folder you are in; examples/inventory.toml in certwright's source is an inventory
    "#]]);
}

#[test]
fn what_is_no_file() {
    let place = Place::new();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path("fifo.toml"), rustix::fs::Mode::RUSR).unwrap();
    // Nobody ever writes to it.
    place.run("check fifo.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `fifo.toml`: a pipe, not a regular file
          name a file: what it says runs as root, so it is read from one that only you can change
    "#]]);
    place.run("check ./ --output json").is(&expect![[r#"
        exit 2
        --- stdout
        {"code":"unreadable","diagnostics":null,"exit":2,"hints":["name a file: what it says runs as root, so it is read from one that only you can change"],"message":"read `./`: a folder, not a regular file","schema":1,"type":"error"}
    "#]]);
    let mut piped =
        place.command("check /dev/stdin").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have gone already.
    let _read = piped.stdin.take().unwrap().write_all(PLAN.as_bytes());
    place.ran(piped.wait_with_output().unwrap()).is(&expect![[r#"
        exit 2
        --- stderr
        error: read `/dev/stdin`: a pipe, not a regular file
          name a file: what it says runs as root, so it is read from one that only you can change
    "#]]);
}

#[test]
fn a_file_that_is_no_text_has_a_code_and_a_place() {
    let place = Place::new();
    let latin = PLAN.replace("name = \"touch\"", "name = \"touch\" # f\u{fc}r alle");
    let latin: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let wide: Vec<u8> = PLAN.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(place.path("latin.toml"), latin).unwrap();
    fs::write(place.path("wide.toml"), wide).unwrap();
    place.write("large.toml", format!("{PLAN}#{}", "x".repeat(3 << 20)));
    place.run("check latin.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error[P009]: the file is not UTF-8: it has a byte 0xfc
         --> latin.toml:2:19
          |
        2 | name = "touch" # f�r alle
          |                   ^ is no character here
          |
          = help: save it as UTF-8, for example by `iconv -f LATIN1 -t UTF-8`

        1 mistake; nothing was run
    "#]]);
    place.run("check wide.toml --output json").is(&expect![[r#"
        exit 2
        --- stdout
        {"code":"mistakes","diagnostics":[{"code":"P009","column":1,"file":"wide.toml","help":"save it as UTF-8, for example by `iconv -f UTF-16LE -t UTF-8`","label":"","line":1,"message":"the file is UTF-16, and not UTF-8"}],"exit":2,"hints":[],"message":"1 mistake; nothing was run","schema":1,"type":"error"}
    "#]]);
    place.run("check large.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error[P001]: the file has 314SIZE; at most 1048576 are read
         --> large.toml:1:1
          |
        1 |
          | ^
          |
          = help: plans and inventories are small files: look whether this is the right one

        1 mistake; nothing was run
    "#]]);
}

#[test]
fn a_file_that_may_not_be_read() {
    let place = Place::new();
    place.write("plan.toml", PLAN);
    fs::set_permissions(place.path("plan.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    place.run_as_nobody("check plan.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: read `plan.toml`: permission denied
    "#]]);
}

#[test]
fn a_plan_that_everyone_may_change() {
    let place = Place::new();
    place.write("plan.toml", PLAN).write("inventory.toml", INVENTORY);
    fs::set_permissions(place.path("plan.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    place.run("run plan.toml -i inventory.toml --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: `plan.toml` is not trusted: it is writable by everyone
          a plan or an inventory is code that runs as root; only you may be able to change it
          mend it: chmod o-w ROOT/plan.toml
    "#]]);
    assert!(place.tree("home").is_empty());
}

#[test]
fn an_inventory_in_a_folder_that_everyone_may_change() {
    let place = Place::new();
    place.write("open/inventory.toml", INVENTORY);
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run("run renew-control-plane -i open/inventory.toml --yes=prod-1").is(&expect![[r#"
        exit 14
        --- stderr
        error: `open/inventory.toml` is not trusted: its folder is writable by everyone
          a plan or an inventory is code that runs as root; only you may be able to change it
          mend it: chmod o-w ROOT/open
    "#]]);
    assert!(place.tree("home").is_empty());
}
