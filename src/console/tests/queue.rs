//! Tests the queue of confirmed plans: what they wait for, when they start, and when they need
//! confirmation again.

use std::sync::Arc;

use super::world::{answer, console, now, press, record, screen, type_in};
use crate::config::UserConfig;
use crate::console::actions::{Key, Keymap};
use crate::console::components::Text;
use crate::console::dialogs::Leave;
use crate::console::effect::{Effect, RequestId};
use crate::console::live::State;
use crate::console::queue::{Stands, Why};
use crate::console::review::Review;
use crate::console::update::update;
use crate::console::{Model, Msg, running};
use crate::domain::{Problem, ProblemKind};
use crate::journal::{Outcome, RunId};
use crate::plan::Plan;

/// Confirms the plan under review, typing the required word.
fn confirm(model: &mut Model) -> Vec<Effect> {
    let Some(review) = model.on::<Review>() else {
        panic!("no review");
    };
    let word = review.plan.as_ref().unwrap().confirm.clone();
    press(model, Key::Enter);
    type_in(model, &word);
    press(model, Key::Enter)
}

fn one_start(effects: &[Effect]) -> (RequestId, Plan) {
    let [Effect::Start { id, plan, .. }] = effects else {
        panic!("{effects:?}");
    };
    (*id, plan.get().clone())
}

fn hears(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let effects = update(model, msg);
    answer(model, effects)
}

/// Returns a running publish, and a confirmed closing of a channel queued behind it.
pub(super) fn queued(size: (u16, u16)) -> (Model, RunId) {
    let mut model = console(size, false);
    press(&mut model, Key::Char('p'));
    let effects = confirm(&mut model);
    let (id, _) = one_start(&effects);
    let run = record(None).id;
    hears(&mut model, Msg::Started(id, Ok(run.clone())));
    press(&mut model, Key::Esc);
    close(&mut model);
    (model, run)
}

fn close(model: &mut Model) {
    press(model, Key::Char('2'));
    press(model, Key::Char('x'));
    assert!(confirm(model).is_empty(), "nothing starts beside a run");
}

pub(super) fn ended(model: &mut Model, run: &RunId, outcome: Outcome) -> Vec<Effect> {
    let mut record = record(Some(outcome));
    record.id = run.clone();
    hears(model, Msg::Ended(run.clone(), now(), Box::new(Ok(record))))
}

fn stands(model: &Model) -> &Stands {
    &model.queue().waiting()[0].stands
}

#[test]
fn a_plan_waits_behind_a_run_and_starts_when_it_ended_well() {
    let (mut model, run) = queued((120, 40));
    assert_eq!(stands(&model), &Stands::Behind);
    let text = screen(&model).0;
    assert!(text.contains("queued behind Publish 2025-01-27"), "{text}");
    assert!(text.contains("press x to remove it from the queue"), "{text}");
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('5'));
    assert_eq!(model.run_rows().rows()[0].state, State::Queued);
    press(&mut model, Key::Home);
    press(&mut model, Key::Enter);
    let place = running::shown(&model).unwrap();
    let effects = ended(&mut model, &run, Outcome::Done);
    let (id, plan) = one_start(&effects);
    assert_eq!(plan.command, "windlass close finos-legend-engine-k8s latest/edge");
    let second = RunId("20250201T130000Z-cd34".into());
    hears(&mut model, Msg::Started(id, Ok(second.clone())));
    assert_eq!(running::shown(&model), Some(second.clone()));
    assert!(model.queue().is_empty() && model.queue().find(&place).is_none());
    assert_eq!(running::state(&model, &second), State::Running);
}

#[test]
fn a_plan_that_the_run_before_it_blocks_is_not_started() {
    let (mut model, run) = queued((120, 40));
    ended(&mut model, &run, Outcome::Unknown);
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.modal.is_none(), "no confirmation is asked for");
    let text = screen(&model).0;
    assert!(text.contains("another run must be finished first"), "{text}");
}

#[test]
fn where_the_run_before_it_did_not_end_well_it_asks_again() {
    for outcome in [Outcome::Failed, Outcome::Cancelled] {
        let (mut model, run) = queued((120, 40));
        let effects = ended(&mut model, &run, outcome);
        assert!(effects.iter().all(|effect| !effect.writes()), "{effects:?}");
        assert!(matches!(stands(&model), Stands::Asks(Why::Before { .. })));
        let text = screen(&model).0;
        assert!(text.contains("needs review"), "{text}");
        assert!(text.contains("Not started"), "{text}");
        // Enter plans again and confirms nothing.
        assert!(press(&mut model, Key::Enter).is_empty());
        assert!(model.queue().is_empty());
        let (id, plan) = one_start(&confirm(&mut model));
        assert_eq!(plan.command, "windlass close finos-legend-engine-k8s latest/edge");
        hears(
            &mut model,
            Msg::Started(id, Err(Problem::new(ProblemKind::Conflict, "no"))),
        );
        assert!(model.dialog::<Text>().is_some());
    }
}

#[test]
fn a_plan_that_is_no_longer_the_same_is_not_started() {
    let (mut model, run) = queued((120, 40));
    let mut snapshot = (*model.snapshot).clone();
    let charm = "finos-legend-engine-k8s".parse().unwrap();
    let facts = snapshot.charms.get_mut(&charm).unwrap().value.as_mut().unwrap();
    for row in &mut facts.rows {
        row.revision.0 -= 1;
    }
    model.snapshot = std::sync::Arc::new(snapshot);
    let effects = ended(&mut model, &run, Outcome::Done);
    assert!(effects.iter().all(|effect| !effect.writes()), "{effects:?}");
    assert!(matches!(stands(&model), Stands::Asks(Why::Changed(list)) if !list.is_empty()));
    let text = screen(&model).0;
    assert!(text.contains("differs from the one you confirmed"), "{text}");
    assert!(
        text.contains("was r50 + engine-image r32 at confirmation"),
        "{text}"
    );
}

#[test]
fn what_the_runner_refuses_at_the_start_is_shown_with_the_difference() {
    let (mut model, run) = queued((120, 40));
    let (id, _) = one_start(&ended(&mut model, &run, Outcome::Done));
    let problem = Problem::new(ProblemKind::Refused, "the charm has changed since the preview")
        .cause("latest/edge was r50 at the preview and is r51 now");
    assert!(hears(&mut model, Msg::Started(id, Err(problem))).is_empty());
    let text = screen(&model).0;
    assert!(text.contains("is r51 now"), "{text}");
    assert!(matches!(stands(&model), Stands::Asks(Why::Refused(_))));
}

#[test]
fn those_behind_one_that_asks_do_not_start_either() {
    let (mut model, run) = queued((120, 40));
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('2'));
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('x'));
    assert!(confirm(&mut model).is_empty());
    assert_eq!(model.queue().waiting().len(), 2);
    assert!(
        screen(&model).0.contains("queued behind Close"),
        "{}",
        screen(&model).0
    );
    let (id, _) = one_start(&ended(&mut model, &run, Outcome::Done));
    hears(
        &mut model,
        Msg::Started(id, Err(Problem::new(ProblemKind::Refused, "it moved"))),
    );
    let asks = |one: &crate::console::queue::Waiting| matches!(one.stands, Stands::Asks(_));
    assert!(model.queue().waiting().iter().all(asks));
}

#[test]
fn it_can_be_taken_out_and_a_quit_asks() {
    let (mut model, run) = queued((120, 40));
    press(&mut model, Key::Char('q'));
    assert!(model.dialog::<Leave>().is_some());
    assert!(screen(&model).0.contains("1 confirmed plan is queued"));
    press(&mut model, Key::Esc);
    press(&mut model, Key::Char('x'));
    assert!(model.queue().is_empty());
    assert!(
        ended(&mut model, &run, Outcome::Done)
            .iter()
            .all(|effect| !effect.writes())
    );
    assert_eq!(press(&mut model, Key::Char('q')), [Effect::Quit]);
}

#[test]
fn leaving_stops_the_run_and_drops_what_waits() {
    let (mut model, run) = queued((120, 40));
    press(&mut model, Key::Char('q'));
    assert_eq!(press(&mut model, Key::Char('x')), [Effect::Cancel(run.clone())]);
    assert!(model.queue().is_empty());
    assert_eq!(ended(&mut model, &run, Outcome::Cancelled), [Effect::Quit]);
}

#[test]
fn what_asks_again_is_asked_about_at_the_quit_too() {
    let (mut model, run) = queued((120, 40));
    ended(&mut model, &run, Outcome::Failed);
    assert!(press(&mut model, Key::Char('q')).is_empty());
    assert!(screen(&model).0.contains("Plans are queued. Leave?"));
    assert_eq!(press(&mut model, Key::Char('x')), [Effect::Quit]);
}

#[test]
fn a_queue() {
    for size in [(120, 40), (80, 24), (44, 10), (40, 10)] {
        let (mut model, run) = queued(size);
        let mut all = screen(&model).0;
        press(&mut model, Key::Esc);
        press(&mut model, Key::Char('5'));
        all.push_str(&screen(&model).0);
        press(&mut model, Key::Home);
        press(&mut model, Key::Enter);
        ended(&mut model, &run, Outcome::Failed);
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("queue_at_{}", size.0), all);
    }
}

#[test]
fn the_queue_names_the_keys_of_the_operator() {
    let (mut model, _) = queued((120, 40));
    let user = UserConfig::parse("[keys]\nrun-take-out = \"f9\"\n", "config.toml").unwrap();
    model.setting.keymap = Arc::new(Keymap::with(&user.key_wishes).unwrap());
    let text = screen(&model).0;
    assert!(text.contains("press f9 to remove it from the queue"), "{text}");
}
