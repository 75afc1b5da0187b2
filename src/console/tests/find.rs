//! Tests the search in long texts and in the log of a run.

use super::world::{console, press, record, screen, type_in};
use crate::console::actions::Key;
use crate::console::components::Text;
use crate::console::panes::screen::PanesScreen;
use crate::console::running::Running;
use crate::console::{Model, panes};
use crate::journal::Outcome;

fn offset(model: &Model) -> usize {
    model.dialog::<Text>().unwrap().offset
}

#[test]
fn words_are_searched_in_details_and_n_goes_on() {
    let mut model = console((80, 12), false);
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('n'));
    assert!(model.dialog::<Text>().is_some(), "n means nothing yet");
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "SHA256:");
    let shown = screen(&model).0;
    assert!(shown.contains("/SHA256: (1 of 2)"), "{shown}");
    assert!(shown.contains("  sha256:"), "{shown}");
    let first = offset(&model);
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('n'));
    let second = screen(&model).0;
    assert!(second.contains("(2 of 2)"), "{second}");
    press(&mut model, Key::Char('N'));
    assert!(screen(&model).0.contains("(1 of "));
    press(&mut model, Key::Char('N'));
    assert!(screen(&model).0.contains("(2 of 2)"), "round and round");
    assert!(offset(&model) > 0 && first > 0, "the text follows");
    // Typed characters are search words: keys of the text have no effect.
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "qyom");
    assert!(screen(&model).0.contains("/qyom (no match)"));
    press(&mut model, Key::Esc);
    assert!(!screen(&model).0.contains("/qyom"));
    assert!(model.dialog::<Text>().is_some());
    press(&mut model, Key::Esc);
    assert!(model.modal.is_none());
}

#[test]
fn the_log_of_a_run_is_searched_and_moved_to_the_match() {
    let mut model = console((100, 24), false);
    model.runs = vec![record(Some(Outcome::Failed))];
    panes::rebuild_activity(&mut model);
    press(&mut model, Key::Char('5'));
    press(&mut model, Key::Enter);
    assert!(model.on::<Running>().is_some());
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "started by someone");
    let shown = screen(&model).0;
    assert!(shown.contains("/started by someone (1 of 1)"), "{shown}");
    assert!(shown.contains("run: started by someone@here"), "{shown}");
    press(&mut model, Key::Enter);
    press(&mut model, Key::Char('n'));
    assert!(screen(&model).0.contains("(1 of 1)"));
    press(&mut model, Key::Char('/'));
    press(&mut model, Key::Esc);
    assert!(!screen(&model).0.contains("(1 of 1)"));
    press(&mut model, Key::Esc);
    assert!(model.on::<PanesScreen>().is_some());
}
