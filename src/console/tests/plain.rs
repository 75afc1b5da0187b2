//! Tests the output for screen readers: text without boxes and bars, and the cursor on the current
//! row.

use super::pane_states::{State, in_state};
use super::styled::{frame, line, text};
use super::world::{console, press, type_in};
use crate::console::actions::Key;
use crate::console::registry;
use crate::console::view::look::Look;
use crate::console::{Model, layout};

const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (120, 40)];

fn plain(mut model: Model) -> Model {
    model.setting.look = Look::PLAIN;
    crate::console::update::fit(&mut model);
    model
}

fn assert_words_only(model: &Model, what: &str) {
    let (buffer, ..) = frame(model);
    let shown = text(&buffer);
    let odd: Vec<char> = shown.chars().filter(|c| !c.is_ascii()).collect();
    assert!(odd.is_empty(), "{what} {odd:?}\n{shown}");
    for drawn in ["|", "+-", "---", "##", "...."] {
        assert!(!shown.contains(drawn), "{what}: {drawn}\n{shown}");
    }
    for cell in &buffer.content {
        assert_eq!((cell.fg, cell.bg), Default::default(), "{what}");
    }
}

#[test]
fn plain_text_has_neither_boxes_nor_signs() {
    for size in SIZES {
        for pane in registry::PANES.iter().map(|spec| spec.id) {
            for state in [
                State::Empty,
                State::NotAsked,
                State::Stale,
                State::Error,
                State::Many,
            ] {
                let model = plain(in_state(pane, state, size));
                assert_words_only(&model, &format!("{pane:?} {state:?} {size:?}"));
            }
        }
        let mut model = plain(console(size, false));
        for keys in ["?", "p", "y", "n"] {
            type_in(&mut model, keys);
            assert_words_only(&model, &format!("after {keys} {size:?}"));
            press(&mut model, Key::Esc);
        }
    }
}

#[test]
fn one_pane_at_a_time_whatever_the_size() {
    let model = plain(console((200, 60), false));
    let shown = text(&frame(&model).0);
    assert!(shown.contains("[1 Releases]"), "{shown}");
    assert_eq!(layout::layout(&model).panes.len(), 1);
}

#[test]
fn the_cursor_stands_on_the_selected_row_and_nowhere_else() {
    for size in SIZES {
        for pane in registry::PANES.iter().map(|spec| spec.id) {
            let mut model = plain(in_state(pane, State::Stale, size));
            for step in 0..3 {
                let (buffer, _, cursor) = frame(&model);
                let cursor = cursor.unwrap_or_else(|| panic!("{pane:?} {size:?}: no cursor"));
                let marked: Vec<u16> = (0..buffer.area.height)
                    .filter(|y| line(&buffer, *y).starts_with(" >") || line(&buffer, *y).starts_with('>'))
                    .collect();
                assert_eq!(marked, [cursor.y], "{pane:?} {size:?} {step}\n{}", text(&buffer));
                press(&mut model, Key::Down);
            }
        }
    }
}

#[test]
fn without_rows_the_cursor_stands_where_the_pane_begins() {
    for pane in registry::PANES.iter().map(|spec| spec.id) {
        let model = plain(in_state(pane, State::NotAsked, (80, 24)));
        let (.., cursor) = frame(&model);
        assert!(cursor.is_some(), "{pane:?}");
    }
}

#[test]
fn the_cursor_goes_into_a_field_while_one_is_typed() {
    let mut model = plain(console((80, 24), false));
    press(&mut model, Key::Char('/'));
    type_in(&mut model, "20");
    let (buffer, _, cursor) = frame(&model);
    let cursor = cursor.unwrap();
    assert_eq!(cursor.y, buffer.area.height - 1);
    assert!(line(&buffer, cursor.y).starts_with(" /20"));
}

#[test]
fn elsewhere_the_cursor_is_hidden_unless_a_field_is_typed() {
    for size in SIZES {
        let mut model = console(size, false);
        for pane in "12345".chars() {
            press(&mut model, Key::Char(pane));
            assert_eq!(frame(&model).2, None, "{pane} {size:?}");
        }
        press(&mut model, Key::Char('/'));
        assert!(frame(&model).2.is_some());
    }
}

#[test]
fn the_selected_row_has_a_sign_in_every_dialog() {
    let mut model = console((80, 24), false);
    press(&mut model, Key::Char('?'));
    let shown = text(&frame(&model).0);
    assert!(shown.contains('▸'), "{shown}");
}
