//! What a rehearsal says of itself: what the lab has not, what vanishes, and what a second one will do.

use crate::program::Place;

#[test]
fn what_the_lab_has_not_is_taken_as_done_and_named_and_the_rest_is_rehearsed() {
    let place = Place::new();
    let step =
        |id: &str, with: &str| format!("\n[[stage.step]]\nid = \"{id}\"\nkind = \"command\"\n{with}\n");
    let on = |id: &str, group: &str| format!("\n[[stage]]\nid = \"{id}\"\non = \"{group}\"\n");
    let plan = [
        "version = 1\nname = \"own\"\n".to_owned(),
        on("own", "cp-1"),
        step("touch", "with.argv = [\"touch\", \"/etc/x\"]\nwith.creates = \"/etc/x\""),
        step("unless", "with.argv = [\"date\", \"+%s\"]\nwith.unless = [\"cat\", \"/etc/x\"]"),
        step("restart", "with.argv = [\"systemctl\", \"restart\", \"haproxy\"]\nwith.creates = \"/etc/x\""),
        step(
            "kubelet",
            "with.argv = [\"systemctl\", \"restart\", \"kubelet\"]\nwith.unless = [\"systemctl\", \"is-active\", \"kubelet\"]",
        ),
        on("ws", "workstation"),
        step("systemctl", "with.argv = [\"systemctl\", \"restart\", \"kubelet\"]\nwith.creates = \"/etc/x\""),
    ];
    place.write("plan.toml", plan.concat());
    let said = place.run("rehearse plan.toml --fault none").exits(0).stdout;
    for line in [
        "own/touch     unchanged  not rehearsed: cp-1 of the lab has no program touch; taken as done",
        "own/unless    unchanged  not rehearsed: the lab does not have `cat /etc/x`; taken as done",
        "own/restart   changed    not rehearsed: the lab does not have `systemctl restart haproxy`; taken as done",
        "own/kubelet   unchanged  the effect of systemctl is there",
        "ws/systemctl  unchanged  not rehearsed: workstation of the lab has no program systemctl; taken as done",
        "  not rehearsed, for the lab has no such program, and taken as done: own/restart, own/touch, own/unless, ws/systemctl\n",
        ", gone with its simulated nodes: `--lab DIR` keeps both\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let json = place.run("rehearse plan.toml --fault none --output json").exits(0).json();
    let named = serde_json::json!([
        "own/touch@cp-1",
        "own/unless@cp-1",
        "own/restart@cp-1",
        "ws/systemctl@workstation"
    ]);
    assert_eq!(json.last().unwrap()["not_rehearsed"], named);
}

#[test]
fn the_document_of_the_plan_language_lists_the_programs_of_a_lab() {
    let document = include_str!("../../docs/plan-language.md");
    for (place, host) in [("a node", "cp-1"), ("`workstation`", "workstation")] {
        let programs: Vec<String> =
            certwright_steps::lab::programs_of(host).into_iter().map(|name| format!("`{name}`")).collect();
        let row = format!("| {place} | {} |\n", programs.join(", "));
        assert!(document.contains(&row), "{row}");
    }
}

#[test]
fn what_vanishes_is_not_said_to_stay_and_what_is_forced_not_to_be_unchanged() {
    let place = Place::new();
    let failed = place.run("rehearse --fault renew-dies@cp-2").exits(10).stdout;
    assert!(failed.contains("FAILED  nothing more was started\n"), "{failed}");
    assert!(!failed.contains("resumed"), "{failed}");
    let forced = place.run("rehearse --lab lab --fault none --set force=true").exits(0).stdout;
    assert!(forced.contains("  # again: renews once more: force is set\n"), "{forced}");
}
