//! Snapshots of the screens at the two usual sizes.

use super::world::{console, press, record, screen, type_in};
use crate::console::Model;
use crate::console::actions::Key;
use crate::console::live::Live;
use crate::domain::SanitizedText;
use crate::journal::{Outcome, StepOutcome};
use crate::run::progress::{Phase, RunProgress, StepProgress};

fn shown(model: &Model) -> String {
    screen(model).0
}

#[test]
fn panes_side_by_side() {
    insta::assert_snapshot!(shown(&console((120, 40), false)));
}

#[test]
fn one_pane_at_a_time() {
    let mut model = console((80, 24), true);
    let mut all = String::new();
    for pane in "12345".chars() {
        press(&mut model, Key::Char(pane));
        all.push_str(&shown(&model));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_review_and_its_confirmation() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    let mut all = shown(&model);
    press(&mut model, Key::Enter);
    type_in(&mut model, "2025");
    all.push_str(&shown(&model));
    insta::assert_snapshot!(all);
}

#[test]
fn the_review_on_a_small_screen() {
    let mut model = console((80, 24), false);
    press(&mut model, Key::Char('p'));
    let mut all = shown(&model);
    press(&mut model, Key::PageDown);
    press(&mut model, Key::PageDown);
    all.push_str(&shown(&model));
    insta::assert_snapshot!(all);
}

#[test]
fn the_review_of_a_rotation_and_its_sign_in() {
    let mut model = console((80, 24), false);
    model.setting.demo = true;
    press(&mut model, Key::Char('R'));
    let mut all = shown(&model);
    press(&mut model, Key::End);
    press(&mut model, Key::End);
    all.push_str(&shown(&model));
    press(&mut model, Key::Enter);
    type_in(&mut model, "CHARMHUB_TOKEN");
    press(&mut model, Key::Enter);
    type_in(&mut model, "releaser@legend.example");
    press(&mut model, Key::Enter);
    type_in(&mut model, "sesame");
    all.push_str(&shown(&model));
    insta::assert_snapshot!(all);
}

#[test]
fn a_run_under_way_and_its_end() {
    let mut model = console((120, 40), false);
    let mut record = record(None);
    let run = record.id.clone();
    let plan = record.plan.clone();
    let mut steps = std::collections::BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let mut progress = StepProgress::default();
        match at {
            0 | 1 => progress.outcome = Some(StepOutcome::Done),
            2 => {
                progress.phase = Phase::Sending;
                progress.bytes_done = 160_000_000;
                progress.bytes_total = Some(335_000_000);
                progress.rate = Some(12_300_000.0);
                progress.retries = 1;
            }
            3 => {
                progress.phase = Phase::Processing;
                progress.bytes_done = 335_000_000;
                progress.bytes_total = Some(335_000_000);
                progress.note = Some(SanitizedText::new("review"));
            }
            _ => {}
        }
        steps.insert(step.id.clone(), progress);
    }
    let mut live = Live::new(plan);
    live.progress = Some(RunProgress::new(run.clone(), steps, super::world::now()));
    record.running = true;
    model.live_mut().insert(run.clone(), live);
    model.runs = vec![record];
    crate::console::panes::rebuild_activity(&mut model);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    let mut all = shown(&model);
    assert!(!all.contains("100%"));
    press(&mut model, Key::Char('c'));
    all.push_str(&shown(&model));
    press(&mut model, Key::Esc);
    let ended = super::world::record(Some(Outcome::Unknown));
    let msg = crate::console::Msg::Ended(run, super::world::now(), Box::new(Ok(ended)));
    crate::console::update::update(&mut model, msg);
    all.push_str(&shown(&model));
    insta::assert_snapshot!(all);
}

#[test]
fn names_from_outside_cannot_break_the_frame() {
    let mut model = console((80, 24), false);
    let mut snapshot = super::world::snapshot();
    if let Some(facts) = &mut snapshot.credential.value {
        facts.source = SanitizedText::new(
            "日本語\u{1b}[2J 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語",
        );
    }
    model.snapshot = std::sync::Arc::new(snapshot);
    crate::console::panes::rebuild(&mut model);
    press(&mut model, Key::Char('4'));
    let text = shown(&model);
    assert!(!text.contains('\u{1b}'));
    let framed = text.lines().filter(|line| line.starts_with('│'));
    for line in framed {
        assert!(line.ends_with('│'), "{line}");
    }
}
