//! What an operator reads, word for word.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use certwright_engine::machine::{Event, Outcome, Stop, Verdict};
use certwright_engine::plan::TaskId;
use expect_test::{Expect, expect};

use super::lines::{self, Columns};
use super::report::{Next, report};
use super::{live, report};
use crate::story::{Story, ends};
use crate::terminal::{Paint, Terminal};
use crate::view::RunView;

const OLD: i64 = 1_795_473_900;
const NEW: i64 = 1_827_096_300;

fn terminal(width: Option<usize>) -> Terminal {
    Terminal { width, paint: Paint::Plain, live: false }
}

fn transcript(story: &Story, width: Option<usize>) -> String {
    let mut view = RunView::begin(&story.records[0]).unwrap();
    let columns = Columns::of(view.plan());
    let mut out = String::new();
    for record in &story.records[1..] {
        view.apply(record);
        if let Some(line) = lines::line(&view, record) {
            out.push_str(&columns.lay(&line, view.plan(), terminal(width)).join("\n"));
            out.push('\n');
        }
    }
    out
}

fn check(actual: &str, expected: &Expect) {
    expected.assert_eq(actual);
}

fn kept() -> Next {
    Next { kept: true, ..Next::default() }
}

fn renewed_after_a_deadline() -> Story {
    let mut story = Story::begin();
    story.starts(0, 1).probed(0, 1, Verdict::Satisfied, ends(OLD));
    story.starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD)).retries(1, 1);
    story.starts(1, 2).probed(1, 2, Verdict::Drifted, ends(OLD)).changes(1, 2, ends(NEW));
    story
}

fn failed_on_the_second_node() -> Story {
    let mut story = renewed_after_a_deadline();
    story.starts(2, 1).probed(2, 1, Verdict::Satisfied, ends(NEW));
    story.starts(3, 1).probed(3, 1, Verdict::Drifted, ends(OLD)).fails(3, 1);
    story.push(Event::RunFinished { outcome: Outcome::Failed });
    story
}

#[test]
fn a_retry_says_why_and_when_the_next_attempt_is() {
    check(
        &transcript(&renewed_after_a_deadline(), None),
        &expect![[r#"
        22:45:02  cp-1         prepare/preflight  unchanged  all is well
        22:45:04  cp-1         renew/renew        changing   10 certificates are due
        22:45:05  cp-1         renew/renew        retry      apply of attempt 1 failed (deadline-exceeded): kubeadm certs renew all did not end within its deadline; attempt 2 of 3 in 2.5 s, at 22:45:07
                  | W1124 22:45:03.1 one
                  | rpc error: code = DeadlineExceeded desc = context deadline exceeded
        22:45:07  cp-1         renew/renew        changing   10 certificates are due
        22:45:09  cp-1         renew/renew        changed    10 certificates renewed
    "#]],
    );
}

#[test]
fn a_narrow_terminal_gets_the_same_words_below_their_columns() {
    let text = transcript(&renewed_after_a_deadline(), Some(60));
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    check(
        &text,
        &expect![[r#"
        22:45:02  cp-1         prepare/preflight  unchanged
                  all is well
        22:45:04  cp-1         renew/renew        changing
                  10 certificates are due
        22:45:05  cp-1         renew/renew        retry
                  apply of attempt 1 failed (deadline-exceeded):
                  kubeadm certs renew all did not end within its
                  deadline; attempt 2 of 3 in 2.5 s, at 22:45:07
                  | W1124 22:45:03.1 one
                  | rpc error: code = DeadlineExceeded desc =
                  | context deadline exceeded
        22:45:07  cp-1         renew/renew        changing
                  10 certificates are due
        22:45:09  cp-1         renew/renew        changed
                  10 certificates renewed
    "#]],
    );
}

#[test]
fn a_failure_names_cause_host_step_attempt_command_remedy_and_the_next_two_commands() {
    let view = failed_on_the_second_node().view();
    check(
        &report(&view, &kept(), terminal(None)),
        &expect![[r#"
            FAILED  kubeadm certs renew all did not end within its deadline
              host      cp-2 (10.200.0.3)
              step      renew/renew (kubeadm-renew)
              attempt   1 of 3, in its apply; class deadline-exceeded
              command   kubeadm certs renew all
              status    1
                        | W1124 22:45:03.1 one
                        | rpc error: code = DeadlineExceeded desc = context deadline exceeded
              remedy    look whether containerd answers on the node: crictl info

            Hosts
              cp-1         1 changed, 2 unchanged
              cp-2         FAILED at renew/renew, 1 not begun

            HOST  CERTIFICATE  ENDED BEFORE      ENDS NOW (UTC)
            cp-1  apiserver    2026-11-23 22:45  2027-11-24 22:45
            cp-2  apiserver    2026-11-23 22:45  not known (change unfinished)
            `certwright certs --inventory FILE` looks at how they stand now.

            FAILED  nothing more was started; it can be resumed
              at renew/renew@cp-2: kubeadm certs renew all did not end within its deadline
              5 tasks: 1 failed, 1 changed, 2 unchanged, 1 not begun; 1 attempt failed and was retried; 15 s
              run 20261124-224500-abcd

            Next
              certwright resume 20261124-224500-abcd  # goes on from here, once the cause is mended
              certwright undo 20261124-224500-abcd    # restores what was changed
        "#]],
    );
}

#[test]
fn a_failed_rehearsal_whose_nodes_are_gone_does_not_offer_a_resume() {
    let view = failed_on_the_second_node().view();
    let text = report(&view, &Next::default(), terminal(None));
    assert!(text.contains("--lab DIR") && !text.contains("certwright resume"), "{text}");
}

#[test]
fn an_undone_run_shows_the_old_dates_again_and_offers_nothing() {
    let mut story = failed_on_the_second_node();
    story.push(Event::UndoStarted { operator: "ops@ws".into() });
    for task in [3, 1] {
        story.push(Event::StepUndoStarted { task: TaskId(task), attempt: 9 });
        story.push(Event::Undone { task: TaskId(task), attempt: 9, summary: "restored".into() });
    }
    story.push(Event::RunFinished { outcome: Outcome::Undone });
    check(
        &report(&story.view(), &kept(), terminal(None)),
        &expect![[r#"
            Hosts
              cp-1         2 unchanged, 1 undone
              cp-2         1 undone, 1 not begun

            HOST  CERTIFICATE  ENDED BEFORE      ENDS NOW (UTC)
            cp-1  apiserver    2026-11-23 22:45  restored
            cp-2  apiserver    2026-11-23 22:45  restored

            UNDONE  what the run had changed is restored
              5 tasks: 2 unchanged, 2 undone, 1 not begun; 1 attempt failed and was retried; 20 s
              run 20261124-224500-abcd
        "#]],
    );
}

#[test]
fn interrupting_names_what_is_waited_for() {
    let mut story = Story::begin();
    story.starts(0, 1).push(Event::Interrupted { stop: Stop::Drain });
    story.push(Event::Interrupted { stop: Stop::Cancel });
    story.push(Event::RunFinished { outcome: Outcome::Interrupted });
    check(
        &transcript(&story, Some(100)),
        &expect![[r#"
            22:45:02  stopping
                      Ctrl-C once more cancels what may be cancelled. Nothing more is started; waiting for
                      prepare/preflight@cp-1
            22:45:03  stopping   nothing more is started; nothing is in flight
            22:45:04  interrupted  nothing more was started; it can be resumed
        "#]],
    );
}

#[test]
fn the_live_lines_fit_the_terminal_and_show_what_runs_and_what_waits() {
    let mut story = Story::begin();
    story.starts(0, 1).starts(1, 1).probed(1, 1, Verdict::Drifted, ends(OLD)).retries(1, 1);
    let view = story.view();
    let news = |task: TaskId| (task == TaskId(0)).then(|| "asking for kubeadm's version ".repeat(3));
    let lines = live::lines(&view, view.latest_ms + 500, &news, 60, Paint::Plain);
    assert!(lines.iter().all(|line| line.chars().count() <= 60), "{lines:?}");
    check(
        &(lines.join("\n") + "\n"),
        &expect![[r#"
        > prepare/preflight@cp-1  probe, 3.5 s: asking for kubeadm'…
        > renew/renew@cp-1  deadline-exceeded: attempt 2 in 2.0 s
        0 of 5 tasks, 4.5 s
    "#]],
    );
}

#[test]
fn counts_leave_out_what_is_zero() {
    let view = failed_on_the_second_node().view();
    assert_eq!(report::counts_words(view.counts()), "1 failed, 1 changed, 2 unchanged, 1 not begun");
}

#[test]
fn a_script_in_a_command_is_named_and_not_shown() {
    let command = "/bin/sh -c 'set -e\nprintf '\\''%s\\n'\\'' \"$1\"' certwright '' /etc/kubernetes";
    assert_eq!(lines::one_line(command), "/bin/sh -c '(script)' certwright '' /etc/kubernetes");
    assert_eq!(lines::one_line("crictl stop 'a b'"), "crictl stop 'a b'");
}

#[test]
fn a_run_that_was_only_stopped_has_no_cause_to_mend() {
    let mut story = Story::begin();
    story.starts(0, 1).push(Event::Interrupted { stop: Stop::Drain });
    story.push(Event::RunFinished { outcome: Outcome::Interrupted });
    let text = report(&story.view(), &kept(), terminal(None));
    assert!(text.contains("# goes on from here\n") && !text.contains("mended"), "{text}");
}
