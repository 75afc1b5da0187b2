//! Tests rolling back, and resuming runs that ended partly.

use super::*;
use crate::console::dialogs::Prompt;
use crate::console::panes::screen::PanesScreen;
use crate::domain::Remedy;

#[test]
fn a_channel_is_rolled_back_where_a_run_changed_it() {
    let mut model = stands((120, 40));
    press(&mut model, Key::Char('2'));
    assert!(matches!(
        can(&model, ActionId::ROLL_BACK_CHANNEL),
        Availability::Disabled(why) if why.contains("no run")
    ));
    with_runs(&mut model, vec![half_released()]);
    let charm = model.channel_rows().selected().unwrap().charm.clone();
    assert_eq!(charm.as_str(), ENGINE);
    assert!(
        wish(&mut model, Key::Char('b')).is_none(),
        "it asks which channel"
    );
    let text = screen(&model).0;
    assert!(
        text.contains("latest/edge         changed just now by someone@here"),
        "{text}"
    );
    assert!(!text.contains("2025-01/edge  "), "of another row: {text}");
    let (_, intent) = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(
        intent.command(),
        format!("windlass rollback {ENGINE} latest/edge")
    );
    press(&mut model, Key::Esc);
    press(&mut model, Key::Down);
    let (_, intent) = wish(&mut model, Key::Enter).unwrap();
    assert_eq!(intent.command(), format!("windlass rollback {ENGINE}"));
    press(&mut model, Key::Esc);
    assert!(
        screen(&model).0.contains("Choose a channel"),
        "back to the question"
    );
    press(&mut model, Key::Esc);
    // The release of studio was refused.
    press(&mut model, Key::End);
    assert!(matches!(
        can(&model, ActionId::ROLL_BACK_CHANNEL),
        Availability::Disabled(_)
    ));
}

#[test]
fn a_run_is_rolled_back_once_and_where_it_changed_something() {
    let mut model = stands((120, 40));
    let mut before = half_released();
    before.rolled_back_by = Some(crate::journal::RunId("20250202T120000Z-cd34".into()));
    for (run, reason) in [
        (before, "already rolled back"),
        (
            ran(Outcome::Done, &[StepOutcome::Done, StepOutcome::Skipped]),
            "changed no channel",
        ),
    ] {
        with_runs(&mut model, vec![run]);
        press(&mut model, Key::Char('5'));
        assert!(wish(&mut model, Key::Char('b')).is_none());
        let text = screen(&model).0;
        assert!(text.contains(reason), "{text}");
    }
    // The rollback of an unfinished run that changed nothing gives it up.
    let unfinished = ran(Outcome::Failed, &[StepOutcome::Done, StepOutcome::Failed]);
    with_runs(&mut model, vec![unfinished]);
    assert!(wish(&mut model, Key::Char('b')).is_some());
    press(&mut model, Key::Esc);
    with_runs(&mut model, vec![half_released()]);
    let (_, intent) = wish(&mut model, Key::Char('b')).unwrap();
    assert_eq!(intent.command(), "windlass rollback --run 20250201T120000Z-ab12");
    press(&mut model, Key::Esc);
    let mut died = half_released();
    died.outcome = None;
    with_runs(&mut model, vec![died]);
    assert!(wish(&mut model, Key::Char('b')).is_some(), "that settles it too");
}

#[test]
fn going_over_later_changes_is_offered_only_where_they_were_refused() {
    let mut model = stands((120, 40));
    with_runs(&mut model, vec![half_released()]);
    press(&mut model, Key::Char('5'));
    let (id, _) = wish(&mut model, Key::Char('b')).unwrap();
    planned(&mut model, id, Ok(rolling_back(LaterChanges::Refuse)));
    assert_eq!(can(&model, ActionId::ROLL_BACK_OVER), Availability::Hidden);
    assert!(wish(&mut model, Key::Char('a')).is_none());
    let (id, _) = wish(&mut model, Key::Char('g')).unwrap();
    let refused = Problem::new(ProblemKind::Refused, "latest/edge was changed since")
        .remedy(&[Remedy::OverLaterChanges], "--over rolls it back all the same")
        .remedy(&[Remedy::KeepLaterChanges], "--keep-changed keeps it");
    planned(&mut model, id, Err(refused.clone()));
    assert!(
        screen(&model)
            .0
            .contains("press a to overwrite the later changes")
    );
    assert!(screen(&model).0.contains("press w to keep the later changes"));
    let (id, intent) = wish(&mut model, Key::Char('a')).unwrap();
    assert!(intent.command().ends_with(" --over"));
    planned(&mut model, id, Ok(rolling_back(LaterChanges::Overwrite)));
    assert!(screen(&model).0.contains("[overwrites later changes]"));
    let (id, intent) = wish(&mut model, Key::Char('a')).unwrap();
    assert!(!intent.command().ends_with(" --over"), "it can be taken back");
    planned(&mut model, id, Err(refused));
    let (id, intent) = wish(&mut model, Key::Char('w')).unwrap();
    assert!(intent.command().ends_with(" --keep-changed"));
    planned(&mut model, id, Ok(rolling_back(LaterChanges::Keep)));
    assert!(screen(&model).0.contains("[keeps later changes]"));
}

#[test]
fn the_review_of_a_rollback() {
    for size in [(120, 40), (80, 24)] {
        let mut model = stands(size);
        with_runs(&mut model, vec![half_released()]);
        press(&mut model, Key::Char('5'));
        press(&mut model, Key::Enter);
        let mut all = screen(&model).0;
        press(&mut model, Key::End);
        all.push_str(&screen(&model).0);
        let (id, _) = wish(&mut model, Key::Char('b')).unwrap();
        planned(&mut model, id, Ok(rolling_back(LaterChanges::Refuse)));
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("failed_run_and_rollback_at_{}", size.0), all);
    }
}

// ---- results

#[test]
fn a_run_that_ended_partly_says_what_is_missing() {
    let mut model = stands((120, 40));
    let mut run = done(Outcome::Partly);
    run.plan.left_out = vec![SanitizedText::new(
        "branch release-2025-01-27: left out by --without branch,bundle",
    )];
    let at = run.plan.steps.iter().position(|step| step.optional).unwrap();
    run.steps[at].outcome = Some(StepOutcome::Failed);
    run.steps[at].made.no_longer_accepted = true;
    with_runs(&mut model, vec![run]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert!(
        text.contains("– branch release-2025-01-27: left out by --without"),
        "{text}"
    );
    assert!(text.contains("the service no longer accepts it"), "{text}");
    assert!(!text.contains("What to do"));
}

#[test]
fn a_failed_publish_offers_both_ways() {
    let mut model = stands((120, 40));
    with_runs(&mut model, vec![half_released()]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert!(text.contains("press r to resume it: "), "{text}");
    assert!(text.contains("press b to roll it back: "), "{text}");
    assert!(
        text.contains("the 2 channels that it changed return to the earlier state"),
        "{text}"
    );
    let (_, intent) = wish(&mut model, Key::Char('b')).unwrap();
    assert!(matches!(intent, Intent::Rollback(_)));
    press(&mut model, Key::Esc);
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('r'));
    assert!(model.dialog::<Prompt>().is_some());
}

#[test]
fn a_run_that_was_rolled_back_is_not_taken_up_again() {
    let mut model = stands((120, 40));
    let mut run = half_released();
    run.rolled_back_by = Some(crate::journal::RunId("20250202T120000Z-cd34".into()));
    with_runs(&mut model, vec![run]);
    press(&mut model, Key::Char('5'));
    assert!(screen(&model).0.contains("rolled back"));
    press(&mut model, Key::Enter);
    let text = screen(&model).0;
    assert!(text.contains("by run 20250202T120000Z-cd34"), "{text}");
    assert!(!text.contains("What to do"));
    press(&mut model, Key::Char('r'));
    assert!(model.modal.is_none());
}

// ---- publish

#[test]
fn a_review_opened_from_a_run_leads_back_to_it() {
    let mut model = stands((120, 40));
    with_runs(&mut model, vec![half_released()]);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let run = crate::console::running::shown(&model);
    assert!(run.is_some());
    assert!(wish(&mut model, Key::Char('b')).is_some());
    press(&mut model, Key::Esc);
    assert_eq!(crate::console::running::shown(&model), run);
    press(&mut model, Key::Esc);
    assert!(model.on::<PanesScreen>().is_some());
}
