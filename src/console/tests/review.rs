//! Tests the review as an outline: folding, the cursor, the age of its assumptions.

use chrono::TimeDelta;

use super::world::{console, press, screen, type_in};
use crate::console::actions::Key;
use crate::console::review;
use crate::console::review::Review;
use crate::console::update::update;
use crate::console::{Model, Msg};

fn opened(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    press(&mut model, Key::Char('p'));
    model
}

fn key(model: &Model) -> String {
    review::selected(model).unwrap().key
}

#[test]
fn headings_fold_and_stay_folded_when_the_plan_is_made_anew() {
    let mut model = opened((120, 60));
    assert_eq!(key(&model), "charm/finos-legend-engine-k8s");
    assert!(screen(&model).0.contains("2025-01/edge"));
    press(&mut model, Key::Down);
    assert!(key(&model).ends_with("/2025-01/edge"));
    // From inside a section, the first fold moves to its heading.
    press(&mut model, Key::Left);
    press(&mut model, Key::Left);
    assert_eq!(key(&model), "charm/finos-legend-engine-k8s");
    let folded = |model: &Model| !screen(model).0.contains("opens with 4.68.0");
    press(&mut model, Key::Left);
    assert!(folded(&model));
    press(&mut model, Key::Char('g'));
    assert!(folded(&model), "the same wish planned anew");
    press(&mut model, Key::Right);
    assert!(!folded(&model));
    press(&mut model, Key::Char('-'));
    assert!(folded(&model));
    assert!(!screen(&model).0.contains("create-branch"));
    press(&mut model, Key::Char('+'));
    assert!(!folded(&model) && screen(&model).0.contains("create-branch"));
}

#[test]
fn keys_of_images_act_on_the_charm_around_the_cursor() {
    let mut model = opened((120, 60));
    press(&mut model, Key::Down);
    assert!(key(&model).contains("engine"));
    press(&mut model, Key::Char(' '));
    let Some(review) = model.on::<Review>() else {
        panic!("no review");
    };
    assert_eq!(review.plan.as_ref().unwrap().charms().len(), 1);
    assert_eq!(
        key(&model),
        "charm/finos-legend-engine-k8s",
        "its channels are gone"
    );
    press(&mut model, Key::End);
    for _ in 0..20 {
        press(&mut model, Key::Down);
    }
    press(&mut model, Key::Char('i'));
    assert!(model.modal.is_none());
    assert!(screen(&model).0.contains("belongs to no image"));
}

/// Returns the line of the selected heading, which must be on screen.
fn in_sight(model: &Model) -> bool {
    screen(model).0.contains('▸')
}

#[test]
fn no_key_acts_on_an_image_that_is_not_on_the_screen() {
    let mut model = opened((80, 24));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..12 {
        press(&mut model, Key::PageDown);
        // In a section longer than the screen its heading is off screen, and it is the section
        // being read.
        if in_sight(&model) {
            seen.insert(key(&model));
        }
    }
    assert!(seen.len() >= 3, "the cursor comes along: {seen:?}");
    press(&mut model, Key::Home);
    assert!(in_sight(&model) && key(&model).starts_with("charm/finos-legend-engine"));
    press(&mut model, Key::End);
    let shown = screen(&model).0;
    assert!(shown.contains("windlass publish 2025-01-27"), "{shown}");
    let last = key(&model);
    assert!(last != "charm/finos-legend-engine-k8s", "{last}");
    // One wheel step up keeps the cursor, or moves it to a visible heading.
    update(&mut model, Msg::Wheel(None, -3));
    press(&mut model, Key::Up);
    assert!(in_sight(&model));
    // A heading scrolled off screen is shown first, and nothing changes.
    press(&mut model, Key::Home);
    let charms = |model: &Model| {
        model
            .on::<Review>()
            .map(|review| review.plan.as_ref().unwrap().charms().len())
            .unwrap()
    };
    let all = charms(&model);
    let Some(review) = model.on_mut::<Review>() else {
        panic!("no review");
    };
    (review.offset, review.follow) = (30, false);
    assert!(press(&mut model, Key::Char(' ')).is_empty());
    assert_eq!(charms(&model), all);
    assert!(in_sight(&model) && screen(&model).0.contains("press again"));
    press(&mut model, Key::Char(' '));
    assert!(charms(&model) < all);
}

#[test]
fn what_is_assumed_says_how_old_it_is() {
    let mut model = opened((120, 60));
    press(&mut model, Key::Char('+'));
    let at = super::world::now() + TimeDelta::minutes(7);
    // Another refresh does not make the plan's own facts younger.
    update(&mut model, Msg::Clock(at));
    let mut snapshot = (*model.snapshot).clone();
    for observed in snapshot.charms.values_mut() {
        observed.read_at = Some(at);
    }
    model.snapshot = std::sync::Arc::new(snapshot);
    for _ in 0..30 {
        press(&mut model, Key::Down);
    }
    let text = screen(&model).0;
    assert!(text.contains("oldest read 7 min ago"), "{text}");
    let seen = text.matches("read 7 min ago").count();
    assert!(seen > 3, "{text}");
}

#[test]
fn a_click_selects_a_heading_and_a_second_one_folds_it() {
    let mut model = opened((120, 100));
    let at = |model: &Model| {
        model
            .on::<Review>()
            .map(|review| {
                review::outline(model, review, 118)
                    .entries
                    .iter()
                    .position(|entry| entry.key == "steps")
                    .unwrap()
            })
            .unwrap()
    };
    let here = at(&model);
    update(&mut model, Msg::Pick(here));
    assert_eq!(key(&model), "steps");
    assert!(screen(&model).0.contains("create-branch"));
    update(&mut model, Msg::Pick(here));
    assert!(!screen(&model).0.contains("create-branch"));
}

#[test]
fn a_publish_review_unfolded_and_folded() {
    for size in [(120, 40), (80, 24), (44, 10), (40, 10)] {
        let mut model = opened(size);
        let mut all = screen(&model).0;
        press(&mut model, Key::Char('-'));
        all.push_str(&screen(&model).0);
        insta::assert_snapshot!(format!("publish_review_at_{}", size.0), all);
    }
}

#[test]
fn what_is_asked_is_seen_in_the_smallest_terminal() {
    let mut model = opened((40, 10));
    press(&mut model, Key::Enter);
    let shown = |model: &Model| {
        let (text, drawn) = screen(model);
        (text.split_whitespace().collect::<Vec<_>>().join(" "), drawn)
    };
    assert!(
        shown(&model).0.contains("Type 2025-01-27 to start"),
        "{}",
        screen(&model).0
    );
    type_in(&mut model, "2025-01-28");
    assert!(shown(&model).0.contains("> 2025-01-28"), "{}", screen(&model).0);
    press(&mut model, Key::Enter);
    let text = shown(&model).0;
    assert!(text.contains("││ > ││"), "{}", screen(&model).0);
    assert!(text.contains("that is not 2025-01-27"), "{}", screen(&model).0);
}

#[test]
fn a_plan_that_must_wait_for_another_run_is_not_confirmed_and_says_how_to_finish_that_run() {
    use super::standing::{half_released, with_runs};
    use crate::console::dialogs::Prompt;
    use crate::journal::Outcome;
    use crate::plan::Intent;

    let mut model = console((120, 60), false);
    let mut run = half_released();
    if let Intent::Publish(intent) = &mut run.plan.intent {
        intent.release = "2024-10-24".parse().unwrap();
    }
    with_runs(&mut model, vec![run]);
    press(&mut model, Key::Char('p'));
    let text = screen(&model).0;
    let between = |c: char| c.is_whitespace() || c == '│';
    let text: Vec<&str> = text.split(between).filter(|word| !word.is_empty()).collect();
    let text = text.join(" ");
    for words in [
        "This plan cannot start",
        "Press esc to leave this review, press 5 to go to Activity",
        "press r to resume it or press b to roll it back",
    ] {
        assert!(text.contains(words), "no '{words}' in\n{text}");
    }
    press(&mut model, Key::Enter);
    assert!(model.modal.is_none(), "nothing is asked for");
    assert!(screen(&model).0.contains("another run must be finished first"));
    model.runs[0].outcome = Some(Outcome::Done);
    press(&mut model, Key::Enter);
    assert!(model.dialog::<Prompt>().is_some());
    assert!(!screen(&model).0.contains("This plan cannot start"));
}
