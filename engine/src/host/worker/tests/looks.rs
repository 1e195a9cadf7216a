//! The owner file comes while the worker looks at it: one look decides.

#![expect(clippy::disallowed_methods, reason = "the worker's functions are called by a shell of the test")]

use super::*;

/// The owner that comes.
const LINE: &str = "two 1 two-operator@ws boot";

/// Calls the worker's `owned_by -` while the owner file comes `when` the shell asks whether it is there: before its first
/// answer, or right after; what the worker said, and whether nobody owns the node.
fn owned_by_nobody(node: &Node, when: &str) -> (String, bool) {
    std::fs::create_dir_all(node.base()).expect("a folder");
    let functions = PROGRAM.split_once("fenced() {").expect("a function behind it").0;
    // A function goes before a builtin of that name; `[` is the builtin still.
    let script = format!(
        r#"{functions}
        come() {{ printf '%s\n' '{LINE}' >"$base/owner"; }}
        asked=0
        test() {{
            case "$*" in
            "-e $base/owner")
                asked=$((asked + 1))
                [ "$asked-{when}" != 1-before ] || come
                [ "$@" ]
                set -- $?
                [ "$asked-{when}" != 1-after ] || come
                return "$1"
                ;;
            esac
            [ "$@" ]
        }}
        owned_by -"#
    );
    let mut shell = std::process::Command::new(node.shell[0]);
    shell.args(&node.shell[1..]).args(["-c", &script, "worker", "nonce"]).arg(node.base()).arg("quiet");
    let output = shell.output().expect("the shell starts");
    assert!(node.base().join("owner").exists(), "it came");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.success())
}

#[test]
fn an_owner_that_comes_right_after_a_look_for_it_was_nobody_and_is_not_half_seen() {
    for shell in shells() {
        let (said, is_nobody) = owned_by_nobody(&Node::new(shell), "after");
        assert_eq!((said.as_str(), is_nobody), ("", true), "{shell:?}");
    }
}

#[test]
fn an_owner_that_comes_between_opening_its_file_and_asking_for_it_is_looked_at_again() {
    for shell in shells() {
        let (said, is_nobody) = owned_by_nobody(&Node::new(shell), "before");
        assert_eq!((said, is_nobody), (format!("\u{1e}nonce owned {LINE}\n"), false), "{shell:?}");
    }
}
