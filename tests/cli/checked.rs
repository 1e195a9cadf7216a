//! What `check` shows of a plan, and what it wants beside one.

use expect_test::expect;

use crate::program::Place;

#[test]
fn what_is_set_is_judged_and_shown_without_an_inventory_too() {
    let place = Place::new();
    place.run("check renew-control-plane --set force=maybe --set nope=1").is(&expect![[r#"
        exit 2
        --- stderr
        error[P005]: param `force` must be true or false, not `maybe`
         --> --set:1:7
          |
        1 | force=maybe
          |       ^^^^^

        error[P031]: the plan has no param `nope`
         --> --set:1:1
          |
        1 | nope=1
          | ^^^^
          |
          = help: known here: `renew-before`, `force`, `restart`, `balancer-time`

        2 mistakes; nothing was run
    "#]]);
    let shown = place.run("check renew-control-plane --set renew-before=60d").exits(0).stdout;
    let param = |name: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{shown}")).split_whitespace().take(4).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(param("PARAMETER"), "PARAMETER TYPE DEFAULT SET");
    assert_eq!(param("renew-before"), "renew-before duration \"30d\" 60d");
    assert_eq!(param("force"), "force bool false Renew");
}

#[test]
fn choices_without_what_they_are_for() {
    let place = Place::new();
    place.run("check renew-control-plane --limit nohost").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--limit nohost` names a host, and no inventory is given
          the hosts are in the inventory: add --inventory FILE, or leave --limit out
    "#]]);
    place.run("check --set force=true").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--set force=true` is for a param of a plan, and none is named
          certwright check renew-control-plane --set force=true
    "#]]);
    place.run("check --limit cp-1").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--limit cp-1` is for a plan and an inventory, and none is named
          certwright check renew-control-plane --inventory FILE --limit cp-1
    "#]]);
}

#[test]
fn what_waits_for_something_else_than_what_stands_above_it_is_shown() {
    let place = Place::new();
    let step =
        |id: &str, more: &str| format!("[[stage.step]]\nid = \"{id}\"\nkind = \"pods-healthy\"\n{more}\n");
    let plan = format!(
        "version = 1\nname = \"diamond\"\n[[stage]]\nid = \"first\"\non = \"workstation\"\n{}{}{}{}\
         [[stage]]\nid = \"beside\"\non = \"control-plane\"\nrolling = [1, \"rest\"]\nafter = []\n{}\
         [[stage]]\nid = \"last\"\non = \"workstation\"\nafter = [\"first\", \"beside\"]\n{}",
        step("top", ""),
        step("left", "retry = { attempts = 60, within = \"6m\" }"),
        step("right", "after = [\"top\"]\ntimeout = \"90s\""),
        step("bottom", "after = [\"left\", \"right\"]\nretry = { attempts = 3 }"),
        step("a", ""),
        step("b", ""),
    );
    place.write("plan.toml", plan);
    place.run("check plan.toml").is(&expect![[r#"
        exit 0
        --- stdout
        plan.toml: no mistakes

          STAGE, STEP  KIND          TRIES     TIMEOUT
          first: on workstation, rolling 1
            top        pods-healthy  1         1m
            left       pods-healthy  60 in 6m  1m
            right      pods-healthy  1         1m 30s
              after step top
            bottom     pods-healthy  3         1m
              after steps left, right
          beside: on control-plane, rolling [1, "rest"]
              after no other stage
            a          pods-healthy  1         1m
          last: on workstation, rolling 1
              after stages first, beside
            b          pods-healthy  1         1m
    "#]]);
    let shipped = place.run("check renew-control-plane").exits(0).stdout;
    let listing = shipped.split("\n\n").nth(1).unwrap();
    assert!(listing.lines().all(|line| line.chars().count() <= 80), "{listing}");
}
