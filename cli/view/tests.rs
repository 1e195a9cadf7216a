//! The fold against stories.

use certwright_engine::machine::{Event, Op, Outcome, Stop, Verdict};
use certwright_engine::plan::TaskId;

use super::Phase;
use crate::story::{Story, ends};

const OLD: i64 = 1_000;
const NEW: i64 = 2_000;

#[test]
fn a_task_that_an_earlier_attempt_changed_is_changed_and_not_unchanged() {
    let mut story = Story::begin();
    story.starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD)).retries(1, 1);
    story.starts(1, 2).probed(1, 2, Verdict::Satisfied, ends(NEW));
    assert_eq!(story.view().tasks[1].phase, Phase::Running(Op::Verify));
    story.push(Event::Verified { task: TaskId(1), attempt: 2, facts: ends(NEW), summary: "there".into() });
    assert_eq!(story.view().tasks[1].phase, Phase::Changed);
}

#[test]
fn before_is_what_the_first_attempt_saw_and_now_what_was_seen_last() {
    let mut story = Story::begin();
    story.starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD)).retries(1, 1);
    story.starts(1, 2).probed(1, 2, Verdict::Satisfied, ends(NEW));
    let changes = story.view().changes();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].before_ms, changes[0].after_ms), (Some(1_000_000), Some(2_000_000)));
    assert_eq!((&*changes[0].host, &*changes[0].certificate), ("cp-1", "apiserver"));
}

#[test]
fn a_run_that_is_taken_up_again_has_no_failure_and_nothing_in_flight() {
    let mut story = Story::begin();
    story.starts(0, 1).starts(1, 1).fails(1, 1).push(Event::RunFinished { outcome: Outcome::Failed });
    assert!(story.view().is_resumable());
    story.push(Event::Resumed { operator: "ops@ws".into() });
    let view = story.view();
    assert_eq!(view.outcome, None);
    assert_eq!(view.counts().unfinished, 2);
    assert_eq!(view.troubles().count(), 0);
}

#[test]
fn a_look_that_ends_in_a_run_that_stops_acts_on_nothing() {
    let stops: [fn(&mut Story); 2] = [
        |story| _ = story.push(Event::Interrupted { stop: Stop::Drain }),
        |story| _ = story.starts(0, 1).fails(0, 1),
    ];
    for stop in stops {
        let mut story = Story::begin();
        story.starts(1, 1);
        stop(&mut story);
        story.probed(1, 1, Verdict::Drifted, ends(OLD));
        let view = story.view();
        assert_eq!((view.tasks[1].phase, view.tasks[1].acted), (Phase::Unfinished, false));
        assert_eq!(view.to_undo().count(), 0);
    }
}

#[test]
fn a_cancel_leaves_an_apply_that_must_finish_and_drops_a_probe() {
    let mut story = Story::begin();
    story.starts(0, 1).starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD));
    story.push(Event::Interrupted { stop: Stop::Cancel });
    let view = story.view();
    assert_eq!(view.tasks[0].phase, Phase::Unfinished);
    assert_eq!(view.tasks[1].phase, Phase::Running(Op::Apply));
}

#[test]
fn the_pause_between_two_processes_is_not_working_time() {
    let mut story = Story::begin();
    story.starts(0, 1);
    story.push(Event::Resumed { operator: "ops@ws".into() });
    story.starts(0, 2);
    assert_eq!(story.view().worked_ms(), 2_000, "one second before the resume and one after it");
}

#[test]
fn after_an_undo_the_old_dates_are_shown_whoever_looked_last() {
    let mut story = Story::begin();
    story.starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD)).changes(1, 1, ends(NEW));
    story.starts(2, 1).probed(2, 1, Verdict::Satisfied, ends(NEW));
    story.push(Event::UndoStarted { operator: "ops@ws".into() });
    story.push(Event::Undone { task: TaskId(1), attempt: 2, summary: "restored".into() });
    assert_eq!(story.view().changes()[0].after_ms, Some(1_000_000));
}

#[test]
fn dates_are_not_claimed_after_a_change_that_nobody_saw_end() {
    let mut story = Story::begin();
    story.starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD)).fails(1, 1);
    assert!(story.view().changes()[0].unsure);
    story.push(Event::Resumed { operator: "ops@ws".into() });
    story.starts(1, 2).probed(1, 2, Verdict::Satisfied, ends(NEW));
    assert!(!story.view().changes()[0].unsure);
}
