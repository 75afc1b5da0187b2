//! Tests the main flows, key by key.

use std::sync::Arc;

use chrono::TimeDelta;

use super::world::{answer, console, now, press, record, screen, snapshot, type_in};
use crate::console::actions::{self, ActionId, Key};
use crate::console::dialogs::Prompt;
use crate::console::effect::Effect;
use crate::console::review::Review;
use crate::console::running::Running;
use crate::console::update::update;
use crate::console::{Msg, wake};
use crate::domain::{Problem, ProblemKind, Snapshot};
use crate::journal::{Outcome, RunId};
use crate::plan::Plan;

fn reviewed(model: &crate::console::Model) -> Option<Plan> {
    model.on::<Review>().and_then(|review| review.plan.clone())
}

#[test]
fn a_publish_takes_three_keys_and_the_name() {
    let mut model = console((120, 40), false);
    assert_eq!(
        model.release_rows().selected().unwrap().name.as_str(),
        "2025-01-27"
    );
    assert!(press(&mut model, Key::Char('p')).is_empty());
    assert!(reviewed(&model).is_some());
    press(&mut model, Key::Enter);
    type_in(&mut model, "2025-01-27");
    let effects = press(&mut model, Key::Enter);
    let [Effect::Start { id, plan, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(plan.get().confirm, "2025-01-27");
    let run = RunId("run-1".into());
    let effects = update(&mut model, Msg::Started(*id, Ok(run.clone())));
    answer(&mut model, effects);
    assert!(model.on::<Running>().is_some_and(|running| running.run == run));
    assert!(crate::console::queue::busy(&model));
}

#[test]
fn a_wrong_word_or_a_paste_starts_nothing() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    press(&mut model, Key::Enter);
    type_in(&mut model, "yes");
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(update(&mut model, Msg::Paste("2025-01-27".into())).is_empty());
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(screen(&model).0.contains("that is not 2025-01-27"));
    assert!(model.on::<Review>().is_some());
}

#[test]
fn read_only_shows_the_plan_and_starts_nothing() {
    let mut model = console((120, 40), true);
    press(&mut model, Key::Char('p'));
    assert!(reviewed(&model).is_some());
    press(&mut model, Key::Enter);
    assert!(model.modal.is_none());
    assert!(screen(&model).0.contains("read-only"));
}

#[test]
fn an_image_can_be_left_out_taken_back_and_replaced() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    let whole = reviewed(&model).unwrap();
    press(&mut model, Key::Char(' '));
    let narrower = reviewed(&model).unwrap();
    assert_eq!(narrower.charms().len(), 1);
    assert!(narrower.command.contains("--charm finos-legend-studio-k8s"));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('x'));
    assert_eq!(reviewed(&model).unwrap(), narrower, "one image has to stay");
    press(&mut model, Key::Char('i'));
    type_in(&mut model, "13.36.0");
    press(&mut model, Key::Enter);
    let replaced = reviewed(&model).unwrap();
    assert!(replaced.command.contains("--image finos/legend-studio=13.36.0"));
    press(&mut model, Key::Char('i'));
    press(&mut model, Key::Enter);
    press(&mut model, Key::Up);
    press(&mut model, Key::Char(' '));
    assert_eq!(reviewed(&model).unwrap(), whole);
}

#[test]
fn a_refusal_names_its_remedy_and_the_key_for_it() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::End);
    press(&mut model, Key::Char('p'));
    assert!(reviewed(&model).is_none());
    assert!(screen(&model).0.contains("press t to publish only to the track"));
    press(&mut model, Key::Char('t'));
    let plan = reviewed(&model);
    assert!(plan.is_some_and(|plan| plan.command.contains("--track-only")));
}

#[test]
fn a_late_plan_is_dropped() {
    let mut model = console((120, 40), false);
    let old = update(&mut model, Msg::Key(Key::Char('p')));
    let new = update(&mut model, Msg::Key(Key::Char('t')));
    answer(&mut model, new);
    let shown = reviewed(&model).unwrap();
    answer(&mut model, old);
    assert_eq!(reviewed(&model).unwrap(), shown);
}

#[test]
fn a_failed_refresh_keeps_the_old_value_and_says_so() {
    let mut model = console((120, 40), false);
    let effects = update(&mut model, Msg::Key(Key::Ctrl('r')));
    let mut failed = snapshot();
    failed.releases.problem = Some(Problem::new(ProblemKind::Network, "GitHub did not answer"));
    failed.taken_at = now() + TimeDelta::minutes(3);
    let id = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Refresh { id, .. } => Some(*id),
            _ => None,
        })
        .unwrap();
    let at = now() + TimeDelta::minutes(3);
    update(&mut model, Msg::Observed(id, at, Arc::new(failed)));
    let text = screen(&model).0;
    assert!(text.contains("stale 3 min"), "{text}");
    assert!(text.contains("2025-01-27"));
    assert!(text.contains("GitHub ◐ stale"));
}

#[test]
fn refresh_falls_due_with_the_focus_only() {
    let mut model = console((120, 40), false);
    let due = wake::refresh_due(&model).unwrap();
    assert_eq!(due, now() + TimeDelta::minutes(5));
    assert_eq!(wake::next(&model).unwrap(), now() + TimeDelta::minutes(1));
    update(&mut model, Msg::Focus(false));
    assert!(update(&mut model, Msg::Clock(due)).is_empty());
    let effects = update(&mut model, Msg::Focus(true));
    assert!(matches!(effects.as_slice(), [Effect::Refresh { .. }]));
}

#[test]
fn an_open_run_is_taken_up_by_typing() {
    let mut model = console((120, 40), false);
    model.runs = vec![record(None)];
    let effects = press(&mut model, Key::Ctrl('r'));
    assert!(effects.is_empty());
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Char('r'));
    assert!(model.dialog::<Prompt>().is_some());
    type_in(&mut model, "2025-01-27");
    let effects = press(&mut model, Key::Enter);
    assert!(
        matches!(effects.as_slice(), [Effect::Resume { .. }]),
        "{effects:?}"
    );
}

#[test]
fn stopping_asks_first_and_leaving_waits_for_the_run() {
    let mut model = console((120, 40), false);
    press(&mut model, Key::Char('p'));
    press(&mut model, Key::Enter);
    type_in(&mut model, "2025-01-27");
    let effects = press(&mut model, Key::Enter);
    let Some(Effect::Start { id, .. }) = effects.first() else {
        panic!("{effects:?}");
    };
    let run = record(None).id;
    let effects = update(&mut model, Msg::Started(*id, Ok(run.clone())));
    answer(&mut model, effects);
    assert!(press(&mut model, Key::Char('c')).is_empty());
    assert!(press(&mut model, Key::Esc).is_empty());
    assert!(press(&mut model, Key::Char('q')).is_empty());
    let effects = press(&mut model, Key::Char('x'));
    assert_eq!(effects, [Effect::Cancel(run.clone())]);
    let ended = record(Some(Outcome::Cancelled));
    let effects = update(&mut model, Msg::Ended(run, now(), Box::new(Ok(ended))));
    assert_eq!(effects, [Effect::Quit]);
}

#[test]
fn the_footer_and_help_come_from_the_table_and_can_be_clicked() {
    let mut model = console((180, 40), false);
    let (text, drawn) = screen(&model);
    let last = text.lines().last().unwrap();
    for spec in actions::footer(&model) {
        assert!(last.contains(spec.title), "{} in {last}", spec.title);
    }
    let x = last.find("publish").unwrap() as u16;
    assert_eq!(drawn.click(x, 39), Some(Msg::Act(ActionId::PUBLISH)));
    press(&mut model, Key::Char('?'));
    type_in(&mut model, "zoom");
    assert!(!model.zoomed);
    press(&mut model, Key::Enter);
    assert!(model.zoomed && model.modal.is_none());
}

#[test]
fn an_empty_world_is_calm() {
    let mut model = console((80, 24), false);
    model.snapshot = Arc::new(Snapshot::default());
    crate::console::panes::rebuild(&mut model);
    for key in "12345?".chars() {
        press(&mut model, Key::Char(key));
        screen(&model);
    }
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('1'));
    assert!(press(&mut model, Key::Char('p')).is_empty());
    assert!(screen(&model).0.contains("no release is selected"));
}
