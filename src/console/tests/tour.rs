//! Tests the tour of the demo environment: it follows the operator's actions, and ends when asked
//! to.

use super::world::{answer, console, press, screen, setting, type_in};
use crate::console::actions::Key;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::tour::{self, Step};
use crate::console::update::update;
use crate::console::{Model, Msg};

/// Returns a console of the demo environment with its tour.
fn demo(size: (u16, u16)) -> Model {
    let mut model = console(size, false);
    model.setting.demo = true;
    model.set_tour(Some(Step::FIRST));
    model
}

/// Presses a key; returns the effects other than requests.
fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let effects = update(model, Msg::Key(key));
    answer(model, effects)
}

fn hint(model: &Model) -> String {
    screen(model)
        .0
        .lines()
        .rev()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn every_step_is_done_by_doing_it() {
    let mut model = demo((80, 24));
    let mut all = Vec::new();
    let mut told = |model: &Model, step: Option<Step>| {
        assert_eq!(model.tour(), step);
        all.push(hint(model));
    };
    told(&model, Some(Step::Plan));
    press(&mut model, Key::Char('p'));
    told(&model, Some(Step::Confirm));
    press(&mut model, Key::Enter);
    told(&model, Some(Step::Start));
    type_in(&mut model, "2025-01-27");
    let effects = key(&mut model, Key::Enter);
    let [Effect::Start { id, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let (id, run) = (*id, crate::journal::RunId("a-run".into()));
    assert_eq!(model.tour(), Some(Step::Start), "until it has begun");
    let effects = update(&mut model, Msg::Started(id, Ok(run)));
    answer(&mut model, effects);
    told(&model, Some(Step::Back));
    press(&mut model, Key::Esc);
    told(&model, Some(Step::Channels));
    press(&mut model, Key::Char('2'));
    told(&model, Some(Step::Help));
    assert_eq!(key(&mut model, Key::Char('?')), [Effect::EndTour]);
    assert_eq!(model.tour(), None);
    let said = [
        "1/6  press p to plan publishing 2025-01-27; nothing changes yet",
        "2/6  nothing has changed; press enter to confirm it",
        "3/6  type 2025-01-27 and press enter: only the demo environment changes",
        "4/6  press esc to return; the run continues in Activity",
        "5/6  press 2 to see what every channel serves now",
        "6/6  press ? to find every other action",
    ];
    assert_eq!(all.len(), said.len());
    for (line, text) in all.iter().zip(said) {
        // In the confirmation field a T would be a letter of the word.
        let typed = text.starts_with("3/6");
        assert!(
            line.contains(text) && line.contains("T: end tour") != typed,
            "{line}"
        );
    }
}

#[test]
fn over_a_dialog_that_it_does_not_speak_of_it_is_silent() {
    let mut model = demo((80, 24));
    for open in [Key::Char(':'), Key::Char('?'), Key::Enter] {
        let mut model = model.clone();
        assert!(hint(&model).contains("T: end tour"));
        press(&mut model, open);
        assert!(model.modal.is_some());
        assert!(!hint(&model).contains("end tour"), "{}", hint(&model));
    }
    // A confirmation for something else is not a step of the tour.
    press(&mut model, Key::Char('R'));
    press(&mut model, Key::Enter);
    assert!(model.modal.is_some() && model.tour() != Some(Step::Start));
    assert!(!hint(&model).contains("6  "), "{}", hint(&model));
}

#[test]
fn who_turns_back_meets_the_step_again() {
    let mut model = demo((120, 40));
    for keys in [&[Key::Char('p')][..], &[Key::Char('p'), Key::Enter]] {
        for one in keys {
            press(&mut model, *one);
        }
        assert!(model.tour() > Some(Step::Plan));
        for _ in keys {
            press(&mut model, Key::Esc);
        }
        assert_eq!(model.tour(), Some(Step::Plan));
    }
    // Another review is not the one of the tour.
    press(&mut model, Key::Char('R'));
    assert_eq!(model.tour(), Some(Step::Plan));
}

#[test]
fn a_key_drops_it_and_the_shell_is_told_to_remember() {
    let mut model = demo((80, 24));
    assert_eq!(key(&mut model, Key::Char('T')), [Effect::EndTour]);
    assert_eq!(model.tour(), None);
    assert!(
        model
            .notice
            .as_ref()
            .unwrap()
            .text
            .contains("press T to start it again")
    );
    assert_eq!(key(&mut model, Key::Char('j')), []);
    assert!(!screen(&model).0.contains("1/6"));
    assert_eq!(key(&mut model, Key::Char('T')), []);
    assert_eq!(model.tour(), Some(Step::FIRST));
    assert!(hint(&model).contains("1/6"));
}

#[test]
fn it_is_the_demo_worlds_alone_and_needs_room() {
    for size in [(79, 24), (80, 23), (44, 10)] {
        let model = demo(size);
        assert!(!layout::has_hint(&model), "{size:?}");
        assert!(!screen(&model).0.contains("1/6"), "{size:?}");
    }
    let mut real = demo((120, 40));
    real.setting.demo = false;
    assert!(!screen(&real).0.contains("1/6"));
    let mut plain = console((120, 40), false);
    assert_eq!(key(&mut plain, Key::Char('T')), []);
    assert_eq!(plain.tour(), None);
    let mut looking = demo((120, 40));
    looking.setting = setting(true);
    looking.setting.demo = true;
    assert!(!tour::offered(&looking));
    assert!(!screen(&looking).0.contains("1/6"));
}

#[test]
fn its_line_hides_nothing() {
    let mut model = demo((120, 40));
    let with = screen(&model).0;
    update(&mut model, Msg::Key(Key::Char('T')));
    update(&mut model, Msg::Key(Key::Char('j')));
    let without = screen(&model).0;
    for text in ["5 Activity", "q quit"] {
        assert!(with.contains(text) && without.contains(text), "{text}\n{with}");
    }
    // Borders stay intact: as many corners below as above.
    for corner in ['└', '┘'] {
        assert_eq!(with.matches(corner).count(), without.matches(corner).count());
    }
}
