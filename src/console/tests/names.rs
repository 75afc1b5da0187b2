//! Tests names that are wide, accented or right-to-left: columns stay aligned, borders intact, and
//! no character is cut in two.

use ratatui::buffer::Buffer;

use super::pane_states::{NAME, State, in_state};
use super::styled::{SIZES, frame, line, text};
use super::world::{console, press};
use crate::console::actions::Key;
use crate::console::components::{Line, Text};
use crate::console::panes::PaneId;
use crate::console::registry;
use crate::console::update::update;
use crate::console::view::look::{Look, Tone};
use crate::console::{Model, Msg, words};
use crate::domain::SanitizedText;

/// Returns the errors of a frame: a wide character without its second column, a line longer or
/// shorter than the screen, an overwritten border.
fn faults(buffer: &Buffer, edges: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let (width, height) = (buffer.area.width, buffer.area.height);
    for y in 0..height {
        for x in 0..width {
            let symbol = buffer.cell((x, y)).unwrap().symbol();
            let columns = words::width(symbol) as u16;
            if columns == 0 {
                wrong.push(format!("nothing to see at {x},{y}: {symbol:?}"));
            }
            for hidden in x + 1..x + columns {
                if hidden >= width || buffer.cell((hidden, y)).unwrap().symbol() != " " {
                    wrong.push(format!("{symbol:?} is cut at {x},{y}"));
                }
            }
        }
        let own = words::width(&line(buffer, y));
        if own != usize::from(width) {
            wrong.push(format!("line {y} takes {own} columns"));
        }
    }
    for x in (0..width).filter(|_| edges) {
        let at = |y: u16| buffer.cell((x, y)).unwrap().symbol();
        for y in 0..height {
            if !["┌", "┐"].contains(&at(y)) {
                continue;
            }
            let below = (y + 1..height).find(|y| at(*y) != "│");
            if below.is_none_or(|y| !["└", "┘"].contains(&at(y))) {
                wrong.push(format!("the edge from {x},{y} down is broken"));
            }
        }
    }
    wrong
}

fn assert_whole(model: &Model, what: &str) {
    let (buffer, ..) = frame(model);
    // A dialog covers the borders below it.
    let wrong = faults(&buffer, model.modal.is_none());
    assert!(
        wrong.is_empty(),
        "{what}\n{}\n{}",
        wrong.join("\n"),
        text(&buffer)
    );
}

#[test]
fn no_state_breaks_a_frame_at_any_size() {
    for pane in registry::PANES.iter().map(|spec| spec.id) {
        for state in [
            State::Empty,
            State::NotAsked,
            State::Stale,
            State::Error,
            State::Names,
        ] {
            let mut model = in_state(pane, state, (80, 24));
            for size in SIZES
                .into_iter()
                .chain([(41, 11), (99, 21), (100, 20), (101, 23), (400, 120)])
            {
                update(&mut model, Msg::Resize(size.0, size.1));
                assert_whole(&model, &format!("{pane:?} {state:?} {size:?}"));
                press(&mut model, Key::Char('z'));
                assert_whole(&model, &format!("{pane:?} {state:?} {size:?} zoomed"));
                press(&mut model, Key::Char('z'));
            }
        }
    }
}

#[test]
fn that_check_sees_a_cut_character_and_a_broken_edge() {
    let (sound, ..) = frame(&console((80, 24), false));
    assert!(faults(&sound, true).is_empty());
    let mut cut = sound.clone();
    cut.cell_mut((10, 8)).unwrap().set_symbol("日");
    cut.cell_mut((11, 8)).unwrap().set_symbol("x");
    assert!(!faults(&cut, true).is_empty());
    let mut broken = sound;
    broken.cell_mut((79, 8)).unwrap().set_symbol("x");
    assert!(!faults(&broken, true).is_empty());
}

#[test]
fn dialogs_and_titles_bear_any_name() {
    for size in SIZES {
        for cut in 0..12 {
            let mut model = console(size, false);
            let name: String = "x".repeat(cut) + NAME;
            let lines = vec![
                Line::of("name", name.clone(), Tone::Plain),
                Line::text(name.repeat(4), Tone::Warn),
            ];
            model.open(Text::new(name.clone(), lines));
            assert_whole(&model, &format!("dialog {size:?} {cut}"));
            model.modal = None;
            model.refuse(name.clone());
            assert_whole(&model, &format!("notice {size:?} {cut}"));
            model.notice = None;
            model.setting.workspace.name = name;
            assert_whole(&model, &format!("header {size:?} {cut}"));
        }
    }
}

#[test]
fn what_is_typed_may_be_wide() {
    for size in SIZES {
        let mut model = console(size, false);
        press(&mut model, Key::Char('/'));
        for c in NAME.chars() {
            press(&mut model, Key::Char(c));
            assert_whole(&model, &format!("filter {size:?}"));
        }
    }
}

#[test]
fn columns_after_a_wide_name_stand_under_each_other() {
    let model = in_state(PaneId::CHANNELS, State::Names, (80, 24));
    let (buffer, ..) = frame(&model);
    let rows: Vec<String> = (0..buffer.area.height).map(|y| line(&buffer, y)).collect();
    let columns: Vec<usize> = rows
        .iter()
        .filter_map(|row| row.find(" r50 ").map(|at| words::width(row.split_at(at).0)))
        .collect();
    assert!(columns.len() >= 2, "{rows:?}");
    assert!(columns.iter().all(|column| *column == columns[0]), "{columns:?}");
}

#[test]
fn a_terminal_without_unicode_gets_none_and_the_columns_stay() {
    for pane in registry::PANES.iter().map(|spec| spec.id) {
        for state in [State::Names, State::NotAsked, State::Error] {
            let mut model = in_state(pane, state, (80, 24));
            model.setting.look = Look {
                unicode: false,
                ascii_only: true,
                ..Look::FULL
            };
            let (buffer, ..) = frame(&model);
            let odd: Vec<&str> = buffer
                .content
                .iter()
                .map(ratatui::buffer::Cell::symbol)
                .filter(|symbol| !symbol.is_ascii())
                .collect();
            assert!(odd.is_empty(), "{pane:?} {state:?} {odd:?}");
            for y in 2..buffer.area.height - 1 {
                let edge = buffer.cell((79, y)).unwrap().symbol();
                assert!(["|", "+"].contains(&edge), "{pane:?} {state:?} line {y}");
            }
        }
    }
}

#[test]
fn marks_of_direction_never_reach_the_screen() {
    let mut model = console((80, 24), false);
    let mut world = super::world::snapshot();
    if let Some(facts) = &mut world.credential.value {
        facts.name = SanitizedText::new("evil\u{202e}txt.exe\u{2066}שלום\u{2069}\u{200d}");
    }
    model.snapshot = std::sync::Arc::new(world);
    crate::console::panes::rebuild(&mut model);
    press(&mut model, Key::Char('4'));
    let (buffer, ..) = frame(&model);
    let shown = text(&buffer);
    assert!(shown.contains("evil\u{fffd}"), "{shown}");
    assert!(!shown.contains(['\u{202e}', '\u{2066}', '\u{2069}', '\u{200d}']));
}
