//! Hosts that belong to another run: said before anything is started, whatever the plan is made of, and once.

use std::fs;
use std::path::Path;

use certwright_engine::host::Hosts;
use certwright_steps::lab::Validity;
use expect_test::expect;

use super::{looked_at_by, looked_at_over};

/// Nothing in it looks at whose a node is.
const COMMANDS: &str = r#"version = 1
name = "commands"

[[stage]]
id = "files"
on = "control-plane"

[[stage.step]]
id = "there"
kind = "command"
with.argv = ["touch", "/etc/kubernetes"]
with.creates = "/etc/kubernetes"

[[stage.step]]
id = "first"
kind = "command"
with.argv = ["touch", "/etc/first"]
with.creates = "/etc/first"

[[stage.step]]
id = "second"
kind = "command"
with.argv = ["touch", "/etc/second"]
with.creates = "/etc/second"
"#;

/// Another run has claimed cp-2 of a lab.
fn claim(lab: &Path) {
    let folder = lab.join("cp-2/var/lib/certwright");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("owner"), "20261124-224500-abcd 1 nonce boot kim@desk\n").unwrap();
}

#[test]
fn a_plan_of_commands_alone_says_it_at_the_first_that_would_change_the_node() {
    let text = looked_at_by(COMMANDS, Validity::Valid, Hosts::clone, claim);
    expect![[r#"
        plan     commands
        digest   DIGEST
        cluster  lab
        hosts    workstation (this machine), cp-1 (10.200.0.2), cp-2 (10.200.0.3), cp-3 (10.200.0.4)

        cp-1
          files/there   unchanged      the effect of touch is there
          files/first   will change    /etc/first is not there [cannot be undone]
              $ touch /etc/first
          files/second  will run       after files/first@cp-1: /etc/second is not there [cannot be undone]
              $ touch /etc/second

        cp-2
          files/there   unchanged      the effect of touch is there
          files/first   FAILS          cp-2 belongs to run `20261124-224500-abcd` of kim@desk
              remedy: on that operator's workstation, `certwright resume 20261124-224500-abcd` goes on with that run,
              and `certwright abandon 20261124-224500-abcd` gives it up and frees its hosts; where that workstation is
              gone, `certwright abandon --inventory FILE 20261124-224500-abcd` frees them from here
          files/second  will run       after files/first@cp-2: /etc/second is not there [cannot be undone]
              $ touch /etc/second

        cp-3
          files/there   unchanged      the effect of touch is there
          files/first   will change    /etc/first is not there [cannot be undone]
              $ touch /etc/first
          files/second  will run       after files/first@cp-3: /etc/second is not there [cannot be undone]
              $ touch /etc/second

        A run would stop at files/first@cp-2: nothing after it would be begun.
    "#]].assert_eq(&text);
}

#[test]
fn a_plan_that_changes_nothing_there_does_not_care() {
    let nothing = |folder: &Path| {
        claim(folder);
        for host in ["cp-1", "cp-2", "cp-3"] {
            for file in ["first", "second"] {
                fs::write(folder.join(host).join("etc").join(file), "").unwrap();
            }
        }
    };
    let text = looked_at_by(COMMANDS, Validity::Valid, Hosts::clone, nothing);
    assert!(!text.contains("kim@desk"), "{text}");
}

#[test]
fn where_preflight_says_it_nobody_else_does() {
    let text = looked_at_over(Validity::Expired, Hosts::clone, claim);
    assert_eq!(text.matches("kim@desk").count(), 1, "{text}");
    assert!(text.contains("run `20261124-224500-abcd` of kim@desk has claimed it, last at"), "{text}");
}
