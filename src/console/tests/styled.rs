//! Snapshots of screens with colours and weight: a moved highlight or a changed tone fails here,
//! where text alone would pass.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier, Style};

use super::pane_states::{State, in_state};
use super::world::{console, press};
use crate::config::{Colors, ThemeName};
use crate::console::actions::Key;
use crate::console::panes::PaneId;
use crate::console::registry;
use crate::console::view::theme::{Depth, Palette};
use crate::console::view::{self, Drawn};
use crate::console::{Model, words};

/// The sizes tested.
pub(super) const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (200, 60)];

/// Returns a frame: its cells, its hit map, and the cursor if it is shown.
pub(super) fn frame(model: &Model) -> (Buffer, Drawn, Option<Position>) {
    let mut terminal = Terminal::new(TestBackend::new(model.columns, model.lines)).unwrap();
    let mut drawn = Drawn::default();
    terminal.draw(|frame| drawn = view::draw(model, frame)).unwrap();
    let backend = terminal.backend();
    let cursor = backend.cursor_visible().then(|| backend.cursor_position());
    (backend.buffer().clone(), drawn, cursor)
}

/// Returns one line of a frame, without the cells that a wide character hides.
pub(super) fn line(buffer: &Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut x = 0;
    while x < buffer.area.width {
        let symbol = buffer.cell((x, y)).unwrap().symbol();
        text.push_str(symbol);
        x += words::width(symbol).max(1) as u16;
    }
    text
}

pub(super) fn text(buffer: &Buffer) -> String {
    (0..buffer.area.height)
        .map(|y| format!("{}\n", line(buffer, y).trim_end()))
        .collect()
}

fn style_words(style: Style) -> String {
    let mut words = Vec::new();
    for (name, color) in [("on", style.bg), ("in", style.fg)] {
        match color {
            None | Some(Color::Reset) => {}
            Some(color) => words.push(format!("{name} {color}")),
        }
    }
    for (name, modifier) in [
        ("bold", Modifier::BOLD),
        ("dim", Modifier::DIM),
        ("reversed", Modifier::REVERSED),
    ] {
        if style.add_modifier.contains(modifier) {
            words.push(name.to_owned());
        }
    }
    words.join(" ")
}

/// Returns one letter for the style of every column, and the legend. A blank without a visible
/// style has no letter.
fn styles(buffer: &Buffer) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut grid = String::new();
    for y in 0..buffer.area.height {
        let mut letters = String::new();
        let mut under = ' ';
        let mut covered = 0;
        for x in 0..buffer.area.width {
            let cell = buffer.cell((x, y)).unwrap();
            if covered > 0 {
                covered -= 1;
                letters.push(under);
                continue;
            }
            covered = words::width(cell.symbol()).saturating_sub(1);
            let style = cell.style();
            let shows = cell.symbol() != " "
                || style.add_modifier.contains(Modifier::REVERSED)
                || style.bg.is_some_and(|color| color != Color::Reset);
            let words = style_words(style);
            under = match (shows, words.is_empty()) {
                (false, _) => ' ',
                (true, true) => '.',
                (true, false) => {
                    let at = known.iter().position(|other| *other == words).unwrap_or_else(|| {
                        known.push(words);
                        known.len() - 1
                    });
                    char::from(b'a' + at as u8)
                }
            };
            letters.push(under);
        }
        grid.push_str(letters.trim_end());
        grid.push('\n');
    }
    let legend: String = known
        .iter()
        .zip('a'..)
        .map(|(words, letter)| format!("{letter} {words}\n"))
        .collect();
    format!("{grid}\n{legend}")
}

/// Returns a frame in three parts: the text, one letter for the style of every column, and the
/// legend.
pub(super) fn styled(buffer: &Buffer) -> String {
    format!("{}\n{}", text(buffer), styles(buffer))
}

/// Returns `model` in `theme`, on a terminal that supports everything.
pub(super) fn themed(mut model: Model, theme: ThemeName) -> Model {
    model.setting.look.palette = Palette::of(theme, &Colors::default(), Depth::True);
    model
}

fn states_of(pane: PaneId) -> String {
    let mut all = String::new();
    for state in State::ALL {
        let model = in_state(pane, state, (80, 24));
        all.push_str(&format!("=== {state:?}\n{}\n", styled(&frame(&model).0)));
    }
    all
}

#[test]
fn releases_in_every_state() {
    insta::assert_snapshot!(states_of(PaneId::RELEASES));
}

#[test]
fn channels_in_every_state() {
    insta::assert_snapshot!(states_of(PaneId::CHANNELS));
}

#[test]
fn charms_in_every_state() {
    insta::assert_snapshot!(states_of(PaneId::CHARMS));
}

#[test]
fn credentials_in_every_state() {
    insta::assert_snapshot!(states_of(PaneId::CREDENTIALS));
}

#[test]
fn activity_in_every_state() {
    insta::assert_snapshot!(states_of(PaneId::ACTIVITY));
}

/// Returns the whole screen in two themes; the text is equal in both, so it is included once.
fn at_size(size: (u16, u16)) -> String {
    let model = console(size, false);
    let (own, ..) = frame(&model);
    let (dark, ..) = frame(&themed(model, ThemeName::Dark));
    assert_eq!(text(&own), text(&dark));
    format!("{}=== dark\n{}", styled(&own), styles(&dark))
}

#[test]
fn the_whole_screen_at_40x10() {
    insta::assert_snapshot!(at_size(SIZES[0]));
}

#[test]
fn the_whole_screen_at_80x24() {
    insta::assert_snapshot!(at_size(SIZES[1]));
}

#[test]
fn the_whole_screen_at_120x40() {
    insta::assert_snapshot!(at_size(SIZES[2]));
}

#[test]
fn the_whole_screen_at_200x60() {
    insta::assert_snapshot!(at_size(SIZES[3]));
}

#[test]
fn no_two_themes_render_alike() {
    for size in SIZES {
        let mut seen: Vec<(ThemeName, Buffer)> = Vec::new();
        for (_, theme) in ThemeName::ALL {
            let buffer = frame(&themed(console(size, false), theme)).0;
            for (other, drawn) in &seen {
                assert_ne!(styled(drawn), styled(&buffer), "{theme:?} {other:?} {size:?}");
                assert_eq!(text(drawn), text(&buffer), "{theme:?} {other:?} {size:?}");
            }
            seen.push((theme, buffer));
        }
    }
}

#[test]
fn a_highlight_that_moved_is_seen() {
    let mut model = console((80, 24), false);
    let before = frame(&model).0;
    press(&mut model, Key::Down);
    let mut after = frame(&model).0;
    assert_ne!(styled(&before), styled(&after));
    // The sign of the selected row must not be the only difference.
    for y in 0..after.area.height {
        for x in 0..after.area.width {
            let symbol = before.cell((x, y)).unwrap().symbol().to_owned();
            after.cell_mut((x, y)).unwrap().set_symbol(&symbol);
        }
    }
    assert_eq!(text(&before), text(&after));
    assert_ne!(styled(&before), styled(&after));
}

#[test]
fn without_colour_nothing_is_coloured() {
    for pane in registry::PANES.iter().map(|spec| spec.id) {
        for state in State::ALL {
            let mut model = in_state(pane, state, (120, 40));
            model.setting.look.palette = Palette::MONO;
            let (buffer, ..) = frame(&model);
            for cell in &buffer.content {
                assert!([cell.fg, cell.bg].iter().all(|color| *color == Color::Reset));
            }
        }
    }
}

#[test]
fn a_background_is_painted_everywhere_or_nowhere() {
    for wish in [None, Some(crate::config::Paint::Rgb(1, 2, 3))] {
        let mut model = console((120, 40), false);
        let colors = Colors {
            background: wish,
            ..Colors::default()
        };
        model.setting.look.palette = Palette::of(ThemeName::Dark, &colors, Depth::True);
        press(&mut model, Key::Char('?'));
        let (buffer, ..) = frame(&model);
        let bare = buffer
            .content
            .iter()
            .filter(|cell| cell.bg == Color::Reset)
            .count();
        assert_eq!(bare == 0, wish.is_some(), "{bare}");
    }
}

#[test]
fn only_visible_rows_are_built() {
    for size in SIZES.into_iter().chain([(400, 120)]) {
        for pane in registry::PANES.iter().map(|spec| spec.id) {
            let model = in_state(pane, State::Many, size);
            let (_, drawn, _) = frame(&model);
            assert!(drawn.rows_built <= 5 * usize::from(size.1), "{pane:?} {size:?}");
        }
    }
}
